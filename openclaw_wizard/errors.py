"""Every error that reaches a person, with its exit code and what it leaves behind.

WizardError
├── UsageError
├── HostError
│   ├── HostUnreachable        could not connect at all
│   ├── HostKeyUnknown         known_hosts has no entry for it
│   ├── HostKeyChanged         known_hosts has another key for it
│   ├── LoginRefused           the server did not accept any login
│   ├── LinkLost               an open connection broke (retryable)
│   ├── CommandFailed          a remote command exited with something else than 0
│   └── CommandTimedOut        a remote command did not end in time
├── NothingToMove              OLD holds no OpenClaw (or not the one that was named)
├── Blocked                    a pitfall holds the step
├── NeedsAnswer                a question needs a person
├── Declined                   it was answered, but not with yes
├── StepFailed                 an action could not make its effect true
│   └── NoRoom                 NEW has too little room; a person can make some
├── MoveInUse                  another wizard holds this migration
└── JournalCorrupt, FormatUnknown, ContextChanged

The class docstring is the message; its fields are filled from keyword arguments.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process ends with; an interface, documented in the README."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PROBLEMS = 3
    BLOCKED = 4
    NEEDS_ANSWER = 5
    UNREACHABLE = 6
    BUG = 70
    HANGUP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class WizardError(Exception):
    """{what}"""

    exit_code = ExitCode.FAILED
    retryable = False
    """True where trying the same again, without a person, may help."""
    safe = "Nothing was changed on either machine."
    """What a person can rely on when they read this error; steps overwrite it with what they know."""
    next = "Run the same command again when the cause is gone."
    """The one next step."""
    shown = False
    """True once a face has told it, so that it is not said twice."""

    def __init__(self, *, safe: str | None = None, next: str | None = None, **fields: object) -> None:
        self.fields = fields
        self.what = (type(self).__doc__ or "").split("\n\n")[0].format(**fields)
        if safe is not None:
            self.safe = safe
        if next is not None:
            self.next = next
        super().__init__(self.what)

    @property
    def code(self) -> str:
        """A stable name for programs, such as `HostKeyChanged`."""
        return type(self).__name__


class UsageError(WizardError):
    """{what}"""

    exit_code = ExitCode.USAGE


class HostError(WizardError):
    """{host}: {what}"""

    exit_code = ExitCode.UNREACHABLE


class HostUnreachable(HostError):
    """{host} cannot be reached: {why}"""

    retryable = True
    next = "Check the name, the network and that its SSH server runs; then try again."


class HostKeyUnknown(HostError):
    """{host} shows the host key {fingerprint}, which known_hosts does not know."""

    next = (
        "Check the fingerprint on that machine (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), "
        "connect once with ssh to remember it, then try again."
    )


class HostKeyChanged(HostError):
    """{host} shows the host key {fingerprint}, but known_hosts has another one for it."""

    next = (
        "Do not go on until you know why. If the machine was really set up anew: ssh-keygen -R {host}, "
        "connect once with ssh, then try again."
    )

    def __init__(self, *, safe: str | None = None, next: str | None = None, **fields: object) -> None:
        super().__init__(safe=safe, next=next or type(self).next.format(**fields), **fields)


class LoginRefused(HostError):
    """{host} refused the login of {user}: {why}"""

    next = (
        "Check the user name and the key (ssh-add -l, ~/.ssh/config): `ssh` must get in without a question."
    )


class LinkLost(HostError):
    """The connection to {host} was lost while {doing}."""

    retryable = True
    next = "Resume; what is already there is not sent again."


class CommandFailed(HostError):
    """{host}: `{command}` failed ({status}): {output}"""

    exit_code = ExitCode.FAILED


class CommandTimedOut(HostError):
    """{host}: `{command}` did not end within {seconds} s and was killed."""

    exit_code = ExitCode.FAILED


class NothingToMove(WizardError):
    """{host} holds no OpenClaw to move: {why}"""

    next = "Check that this is the right machine and the right user, or name the profile with --profile."


class Blocked(WizardError):
    """The pitfall `{pitfall}` holds the move: {why}"""

    exit_code = ExitCode.BLOCKED
    next = "{remedy}"

    def __init__(self, *, safe: str | None = None, next: str | None = None, **fields: object) -> None:
        super().__init__(safe=safe, next=next or str(fields.get("remedy", "")), **fields)


class NeedsAnswer(WizardError):
    """A question needs a person: {question} ({prompt})"""

    exit_code = ExitCode.NEEDS_ANSWER


class Declined(WizardError):
    """The question {question} was answered with {answer}, so it goes no further."""

    exit_code = ExitCode.NEEDS_ANSWER


class StepFailed(WizardError):
    """{what}"""


class NoRoom(StepFailed):
    """{what}"""


class PlanUnreadable(WizardError):
    """The plan {path} cannot be used: {why}"""

    exit_code = ExitCode.USAGE
    next = "Make a new one with `openclaw-wizard plan`."


class MoveInUse(WizardError):
    """Another wizard (process {pid}) works on the move {move}."""

    next = "Go on in that one, or end it first."


class NoSuchMove(WizardError):
    """There is no move {move} here."""

    exit_code = ExitCode.USAGE
    next = "`openclaw-wizard status` lists the moves that this machine knows."


class JournalCorrupt(WizardError):
    """The journal {path} is damaged at line {line}: {why}"""

    next = "Keep the file as it is and report it; nothing was guessed from it."


class FormatUnknown(WizardError):
    """{path} was written by another version of the wizard (format {found}; this one reads {known})."""

    exit_code = ExitCode.USAGE
    next = "Use the version that wrote it to finish or undo that move, or start a new one."


class ContextChanged(WizardError):
    """{role} is not what it was when this move began: {field} was {was}, is {now}."""

    next = "If that is meant, undo this move and start a new one."
