"""The Python side of the host's helper: one script for the host's own Node, sent over standard input.

Nothing stays on disk there, and nothing but the fixed boot line is in the process arguments: script,
command name and parameters come through standard input. `helper.mjs` says what the script holds.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Final

from openclaw_wizard.errors import CommandFailed, CommandTimedOut
from openclaw_wizard.hosts import Completed, Host
from openclaw_wizard.hosts.running import RAW_DEFLATE

HEAD: Final = 96
"""Bytes of the first record on its standard input: three lengths and names, padded with spaces."""
BOOT: Final = (
    "const i=process.stdin[Symbol.asyncIterator]();let b=Buffer.alloc(0);"
    "const g=async n=>{const c=[b];for(let l=b.length;l<n;l+=c.at(-1).length){"
    "const x=await i.next();if(x.done)process.exit(1);c.push(x.value)}"
    "b=Buffer.concat(c);const a=b.subarray(0,n);b=b.subarray(n);return a};"
    "const r=async function*(){yield b;for(let x;!(x=await i.next()).done;)yield x.value};"
    f"const h=JSON.parse(await g({HEAD})),c=await g(h.script),p=JSON.parse(await g(h.params));"
    "const s=(await import('node:zlib')).inflateRawSync(c).toString('base64');"
    "const m=await import('data:text/javascript;base64,'+s);"
    "await m.main(h.command,p,h.packed,r())"
)
CORE: Final = ("helper.mjs", "files.mjs", "sqlite.mjs")
ITEM: Final = b'{"item":'
"""How the line of an item begins."""
BAD_OPTION: Final = 9
"""Node's exit status for an option that it does not know."""
NO_SUCH_PROGRAM: Final = 127


class HelperFailed(CommandFailed):
    """{host}: {command}: {output}"""

    error_code: str
    """Node's word for it (ENOENT, EACCES, ENOSPC, ERR_SQLITE_ERROR), NO_NODE or NODE_TOO_OLD where the
    helper could not run, or empty where its process failed as a whole."""

    def __init__(
        self, *, error_code: str = "", safe: str | None = None, next: str | None = None, **fields: object
    ) -> None:
        super().__init__(safe=safe, next=next, **fields)
        self.error_code = error_code


@cache
def source(package: str, name: str) -> str:
    """The text of a script that lies in `package`."""
    return (resources.files(package) / name).read_text(encoding="utf-8")


@cache
def _script(parts: tuple[str, ...]) -> bytes:
    core = (source("openclaw_wizard.hosts", name) for name in CORE)
    # Every call sends it, and on a thin line that counts.
    return zlib.compress("\n".join((*core, *parts)).encode(), 9, wbits=RAW_DEFLATE)


class Helper:
    """Runs the helper's commands on one host; every call is one process.

    `path` is a PATH that has `node` on it (`HostFacts.path`), `parts` are more sources whose commands
    are then known too. Parameters are JSON; a path in them is text or `{"base64": ...}` for raw bytes
    (see `raw`).
    """

    def __init__(self, host: Host, path: str, parts: Sequence[str] = ()) -> None:
        self.host = host
        self.path = path
        self._script = _script(tuple(parts))

    def request(
        self, command: str, params: Mapping[str, object] | None = None, *, packed: bool = False
    ) -> tuple[list[str], bytes]:
        """The argv of one call, and how its standard input begins; with `packed` it answers deflated."""
        argv = ["env", f"PATH={self.path}", "node", "--no-warnings"]
        # Without it node:sqlite is hidden before Node 22.13; later versions take it and do nothing.
        argv += ["--experimental-sqlite", "--input-type=module", "-e", BOOT]
        asked = json.dumps(dict(params or {})).encode()
        lengths = {"script": len(self._script), "params": len(asked)}
        header = json.dumps({**lengths, "command": command, "packed": packed}).encode()
        return argv, header.ljust(HEAD) + self._script + asked

    async def call(
        self, command: str, params: Mapping[str, object] | None = None, *, timeout: float = 60
    ) -> Any:
        """The command's value (JSON). Raises HelperFailed, CommandTimedOut, LinkLost."""
        argv, input = self.request(command, params)
        try:
            completed = await self.host.run(argv, input=input, timeout=timeout)
        except CommandTimedOut as late:
            raise self._late(command, timeout) from late
        if completed.status != 0:
            raise self.failure(command, completed)
        record = _last_record(completed)
        if "ok" not in record:
            raise self.refusal(command, record.get("error"))
        return record["ok"]

    async def stream(
        self,
        command: str,
        params: Mapping[str, object] | None = None,
        *,
        more: AsyncIterable[bytes] | None = None,
        timeout: float = 60,
    ) -> AsyncIterator[dict[str, Any]]:
        """The items that the command emits, read as JSON; otherwise as `items`."""
        items = self.items(command, params, more=more, timeout=timeout)
        try:
            async for item in items:
                yield json.loads(item)
        finally:
            await items.aclose()

    async def items(
        self,
        command: str,
        params: Mapping[str, object] | None = None,
        *,
        more: AsyncIterable[bytes] | None = None,
        timeout: float = 60,
    ) -> AsyncGenerator[bytes]:
        """The items that the command emits, each as its JSON, as they come.

        Ends only where the command itself ended well. `more` is what the command reads besides its
        parameters; `timeout` is for the whole.
        Raises HelperFailed, CommandTimedOut, LinkLost.
        """
        argv, begin = self.request(command, params, packed=True)
        input = begin if more is None else _joined(begin, more)
        lines = self.host.lines(argv, input=input, timeout=timeout, inflate=True)
        ended = False
        try:
            async for line in lines:
                # Only what this script printed as {"item": ...}, so its JSON stands between these two.
                if line.startswith(ITEM):
                    yield line.rstrip()[len(ITEM) : -1]
                    continue
                record = json.loads(line)
                if "error" in record:
                    raise self.refusal(command, record["error"])
                ended = "ok" in record
        except CommandFailed as failed:
            if isinstance(failed, HelperFailed):
                raise
            raise self._translated(command, failed) from failed
        except zlib.error as garbled:
            raise self.refusal(command, None) from garbled
        except CommandTimedOut as late:
            raise self._late(command, timeout) from late
        finally:
            if isinstance(lines, AsyncGenerator):
                await lines.aclose()
        if not ended:
            raise self.refusal(command, None)

    def refusal(self, command: str, error: Mapping[str, str] | None) -> HelperFailed:
        """The error that the script itself reported; None where it ended without a last word."""
        said = error or {"code": "", "message": "it ended before it was done"}
        return HelperFailed(
            host=self.host.label, command=command, status=1, output=said["message"], error_code=said["code"]
        )

    def failure(self, command: str, completed: Completed) -> HelperFailed:
        """The error of a process that failed as a whole."""
        try:
            completed.check()
        except CommandFailed as failed:
            return self._translated(command, failed)
        return self.refusal(command, None)

    def _late(self, command: str, seconds: float) -> CommandTimedOut:
        """A person knows the command by the helper's name for it, not by Node's argv."""
        return CommandTimedOut(host=self.host.label, command=command, seconds=f"{seconds:g}")

    def _translated(self, command: str, failed: CommandFailed) -> HelperFailed:
        status, output = failed.fields.get("status"), str(failed.fields.get("output", ""))
        code = ""
        if status == NO_SUCH_PROGRAM:
            code, output = "NO_NODE", "there is no Node on its PATH"
        elif status == BAD_OPTION and "bad option" in output:
            code, output = "NODE_TOO_OLD", "its Node is too old; 22.12 or later is needed"
        elif not output.strip():
            output = f"it ended with {status} before it was done"
        return HelperFailed(
            host=self.host.label, command=command, status=status, output=output, error_code=code
        )


async def _joined(begin: bytes, more: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    yield begin
    async for part in more:
        yield part


def raw(path: bytes) -> dict[str, str]:
    """A path of any bytes, as the parameter that the helper takes."""
    return {"base64": b64encode(path).decode("ascii")}


def _last_record(completed: Completed) -> dict[str, Any]:
    lines = completed.stdout.splitlines()
    record = json.loads(lines[-1]) if lines else {}
    return record if isinstance(record, dict) else {}
