"""The sentences that a person reads in the terminal: what each step does, and what it never does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from openclaw_wizard.model import StepId

PRODUCT: Final = "OpenClaw wizard"
TAGLINE: Final = "Moves an OpenClaw to another machine, without onboarding again."


@dataclass(frozen=True, slots=True)
class Words:
    """What one screen says of itself."""

    title: str
    will: str
    """What happens here, in one sentence."""
    never: str
    """What does not happen here, in one sentence."""
    help: str
    """A longer text for F1."""


STEPS: Final[Mapping[StepId, Words]] = {
    StepId.IDENTIFY: Words(
        "Identify",
        "Reads both machines and finds what there is to move.",
        "Nothing is written, stopped or installed on either machine.",
        "OpenClaw keeps its config, sign-ins, sessions and channel state in one state directory, "
        "usually ~/.openclaw. A profile, or the variable OPENCLAW_STATE_DIR, puts it elsewhere; a "
        "workspace can lie outside of it. The wizard finds all of that by reading, and asks nothing "
        "that it can find out.",
    ),
    StepId.BACK_UP: Words(
        "Back up",
        "Copies ahead, counts, stops OLD's gateway and makes a safety archive.",
        "OLD is not changed; NEW gets a folder beside the target, nothing else.",
        "Most of the copy is made while the gateway still works, so that it is down for a short time. "
        "A gateway that still writes would leave a copy that does not fit together, so it is stopped, "
        "and the wizard waits until its process is really gone. The archive stays on OLD and only you "
        "can read it: it holds keys and sign-ins, so treat it as a secret.",
    ),
    StepId.INSTALL: Words(
        "Install",
        "Puts the same OpenClaw as on OLD on NEW, and Node where it lacks.",
        "It takes no newer version, and runs no onboarding.",
        "Moving and upgrading at once is the riskiest way, so NEW gets exactly the version that OLD "
        "runs. Update after the move, with `openclaw update`.",
    ),
    StepId.COPY: Words(
        "Copy",
        "Sends what is not there yet, and compares every file with OLD's.",
        "What stands on NEW is moved aside, never merged; OLD is only read.",
        "openclaw.json alone is not enough: sign-ins, sessions and channel state are files of their "
        "own. All of it travels as one stream. Only when the hash of every file agrees does the copy "
        "take its place, by being renamed. Paths that contain the old home are changed on NEW.",
    ),
    StepId.DOCTOR: Words(
        "Doctor",
        "OpenClaw checks and repairs its config on NEW; the service is prepared.",
        "The gateway on NEW does not start in this step.",
        "`openclaw doctor` is the safe and boring command: it applies config migrations, repairs the "
        "service and warns where something does not fit. It is run for every profile that moves.",
    ),
    StepId.VERIFY: Words(
        "Verify",
        "Starts the gateway on NEW and counts again; then OLD is switched off.",
        "Nothing on OLD is deleted, and all of it can still be put back.",
        "Two gateways with the same sign-ins throw each other out, so OLD stays stopped and is "
        "disabled once NEW is ready. What both machines hold is counted and shown side by side.",
    ),
}

WELCOME: Final = Words(
    "Welcome",
    TAGLINE,
    "Both machines are only read until you have confirmed the plan.",
    "The wizard moves one OpenClaw from the machine where it runs now (OLD) to another one (NEW), over "
    "SSH. Every step is written down here, on this machine, before it is done: when the terminal closes "
    "in the middle, start the wizard again and resume.",
)
MACHINES: Final = Words(
    "Machines",
    "Name the machine that OpenClaw runs on now, and the one it goes to.",
    "The wizard signs in with your own SSH keys and never asks for a password.",
    "Write `local` for this machine, an alias from ~/.ssh/config, or user@host:port. Use the user that "
    "runs the gateway. `ssh` must get in without a question: keys in an agent or in ~/.ssh, and the "
    "host key known. If you are not sure, try `ssh user@host true` first.",
)
REVIEW: Final = Words(
    "Review",
    "This is the whole plan. Nothing has been written yet on either machine.",
    "The move begins when you press S, and not before.",
    "Read what moves, where it goes, and what is left out and why. Up to here both machines were only "
    "read. Findings marked `blocks` hold the move until they are fixed; findings marked `look` want "
    "your eye.",
)
PUT_BACK: Final = Words(
    "Put back",
    "Undoes the move in reverse, until OLD's gateway runs again as before.",
    "Nothing is deleted: the moved copy stays on NEW under another name.",
    "What was moved aside on NEW takes its place again, and the gateway on OLD is enabled and started. "
    "What happened on NEW since the move is in the copy that is kept beside it.",
)
DONE: Final = Words(
    "Done",
    "What both machines hold, counted and side by side.",
    "OLD keeps everything it had; nothing was deleted there.",
    "Keep the old machine until you have used the new one for some days: then delete its state "
    "directory and the safety archive, which hold secrets. Until then the move can be put back.",
)

SCREENS: Final[Mapping[str, Words]] = {
    "welcome": WELCOME,
    "machines": MACHINES,
    "review": REVIEW,
    "put_back": PUT_BACK,
    "done": DONE,
    **{step.value: words for step, words in STEPS.items()},
}

NEVER: Final = (
    "OLD is read, stopped and in the end disabled; nothing on it is deleted or changed.",
    "What stands on NEW is moved aside, never merged and never deleted.",
    "Nothing goes anywhere but between these two machines and this one.",
)

NO_RETURN: Final = (
    "The first start of the gateway on NEW, in the last step: from then on NEW answers in your "
    "channels, and its history grows apart from OLD's. The wizard asks before it."
)

TOO_SMALL: Final = (
    "There is too little room here.\n"
    "This terminal is {width} by {height}; the wizard needs 60 by 20 and likes 80 by 24.\n"
    "Make it larger to go on looking. What runs goes on meanwhile; ctrl+q leaves."
)
