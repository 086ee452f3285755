"""The helper on a real Node: its wire, the walk, single files, the local port."""

from __future__ import annotations

import os
import threading
import time
from base64 import b64decode, b64encode
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from openclaw_wizard.errors import CommandFailed, CommandTimedOut
from openclaw_wizard.hosts.helper import Helper, HelperFailed, raw
from openclaw_wizard.hosts.local import LocalHost
from tests.odd_trees import NAMES, build, local_helper, names_in, put, seen

pytestmark = pytest.mark.node


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder; the test's own HOME lies beside it."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


async def items(helper: Helper, command: str, **params: Any) -> list[dict[str, Any]]:
    return [item async for item in helper.stream(command, params, timeout=60)]


async def code_of(command: str, **params: Any) -> str:
    with pytest.raises(HelperFailed) as caught:
        await local_helper().call(command, params)
    return caught.value.error_code


# ------------------------------------------------------------------ the wire


async def test_the_error_of_the_script_is_an_error_here_with_its_code() -> None:
    with pytest.raises(CommandFailed) as caught:
        await local_helper().call("read", {"path": "/nowhere/at all"})
    assert isinstance(caught.value, HelperFailed)
    assert caught.value.error_code == "ENOENT"
    assert "/nowhere/at all" in caught.value.what
    assert caught.value.fields["command"] == "read"


async def test_an_unknown_command_is_refused() -> None:
    assert await code_of("fly") == "ENOSYS"


def test_parameters_never_stand_in_the_process_arguments() -> None:
    argv, input = local_helper().request("write", {"content": "c2VjcmV0"})
    assert b"c2VjcmV0" in input
    assert not any("c2VjcmV0" in word for word in argv)


async def test_a_host_without_node_is_told_apart(place: Path) -> None:
    with pytest.raises(HelperFailed) as caught:
        await Helper(LocalHost(), str(place)).call("exists", {"paths": []})
    assert caught.value.error_code == "NO_NODE"


async def test_a_node_that_is_too_old_is_told_apart(place: Path) -> None:
    put(place, b"node", b"#!/bin/sh\necho 'node: bad option: --experimental-sqlite' >&2\nexit 9\n", 0o755)
    helper = Helper(LocalHost(), f"{place}:/usr/bin:/bin")
    with pytest.raises(HelperFailed) as called:
        await helper.call("exists", {"paths": []})
    with pytest.raises(HelperFailed) as streamed:
        await items(helper, "tree", root="/")
    assert [called.value.error_code, streamed.value.error_code] == ["NODE_TOO_OLD"] * 2


async def test_parts_add_commands_that_use_what_the_core_offers() -> None:
    part = """
    import { Readable } from "node:stream";
    command("shout", async ({ word }, emit) => {
      for await (const letter of Readable.from([...word])) await emit({ letter });
      return { length: word.length, name: base64(pathOf({ base64: base64(Buffer.from([255])) })) };
    });
    """
    helper = local_helper(parts=[part, 'command("other", async () => 2);'])
    assert await items(helper, "shout", word="hé") == [{"letter": "h"}, {"letter": "é"}]
    assert await helper.call("shout", {"word": "ab"}) == {"length": 2, "name": b64encode(b"\xff").decode()}
    assert await helper.call("other") == 2


@pytest.mark.parametrize(
    ("ending", "code"),
    [("process.exit(0)", ""), ("process.exit(3)", ""), ("throw fail('EWHY', 'because')", "EWHY")],
)
async def test_a_stream_without_its_end_is_an_error_after_its_items(ending: str, code: str) -> None:
    part = f'command("halfway", async (_, emit) => {{ await emit(1); await flush(); {ending}; }});'
    got: list[object] = []
    with pytest.raises(HelperFailed) as caught:
        async for item in local_helper(parts=[part]).stream("halfway", timeout=60):
            got.append(item)
    assert (got, caught.value.error_code) == ([1], code)


async def test_a_helper_that_is_killed_says_so(place: Path) -> None:
    put(place, b"node", b"#!/bin/sh\nkill -9 $$\n")
    (place / "node").chmod(0o755)
    helper = Helper(LocalHost(), f"{place}:/usr/bin:/bin")
    with pytest.raises(HelperFailed, match="tree: it ended with -9 before it was done"):
        await items(helper, "tree", root=str(place), rules=[], hash=False)
    with pytest.raises(HelperFailed, match="exists: it ended with -9 before it was done"):
        await helper.call("exists", {"paths": ["/"]})


async def test_a_call_that_lasts_too_long_is_killed() -> None:
    part = 'command("wait", async () => new Promise((done) => setTimeout(done, 1e6)));'
    with pytest.raises(CommandTimedOut, match=r"`wait` did not end within 0\.5 s"):
        await local_helper(parts=[part]).call("wait", timeout=0.5)
    with pytest.raises(CommandTimedOut, match=r"`wait` did not end within 0\.5 s"):
        async for _ in local_helper(parts=[part]).stream("wait", timeout=0.5):
            pass


async def test_a_million_bytes_of_items_arrive_whole() -> None:
    part = """
    command("many", async (_, emit) => {
      for (let i = 0; i < 50000; i++) await emit({ i, pad: "x".repeat(40) });
    });
    """
    got = await items(local_helper(parts=[part]), "many")
    assert [item["i"] for item in got] == list(range(50000))


# ------------------------------------------------------------------ the walk


async def test_the_walk_sees_what_python_sees(place: Path) -> None:
    root = build(place / "tree")
    *found, end = await items(local_helper(), "tree", root=str(root), hash=True)
    entries = {b64decode(item["p"]): item for item in found if "p" in item}
    expected = seen(root)
    assert entries.keys() == expected.keys()
    for path, facts in expected.items():
        item = entries[path]
        shown = (
            ("l", b64decode(item["n"]))
            if item["k"] == "l"
            else (item["k"], item["m"], int(item["t"]), *([item["h"]] if item["k"] == "f" else []))
        )
        assert shown == facts, path
    assert entries[b"folder/inside"]["g"] == entries[b"second name"]["g"]
    once = sum(i["s"] for p, i in entries.items() if p != b"second name")
    # Its clock is the host's own; here that is ours.
    assert abs(int(end.pop("now")) / 1e9 - time.time()) < 60
    assert end.pop("boot") == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert end == {
        "end": True,
        "files": sum(f[0] == "f" for f in expected.values()),
        "dirs": sum(f[0] == "d" for f in expected.values()),
        "links": 4,
        "bytes": once,
    }


async def test_what_cannot_move_is_excluded_by_name(place: Path) -> None:
    root = build(place / "tree")
    found = await items(local_helper(), "tree", root=str(root))
    assert {b64decode(i["x"]): i["r"] for i in found if "x" in i} == {b"pipe": "pipe", b"socket": "socket"}


@pytest.mark.parametrize(
    ("pattern", "name", "excluded"),
    [
        ("tmp/", "tmp/a", True),
        ("tmp/", "tmp", False),
        ("tmp/", "deep/tmp/a", False),
        ("**/tmp/", "deep/er/tmp/a", True),
        ("**/tmp/", "tmp/a", True),
        ("logs/*.log", "logs/a.log", True),
        ("logs/*.log", "logs/deep/a.log", False),
        ("logs/*.log", "logs/axlog", False),
        ("**/*.sock", "x.sock", True),
        ("**/*.sock", "a/b/x.sock", True),
        ("**/*.pid", "robot.pid/inside", False),
        ("a/**/z", "a/z", True),
        ("a/**/z", "a/b/c/z", True),
        ("a/**/z", "b/a/z", False),
        ("extensions/*/node_modules/", "extensions/x/node_modules/y", True),
        ("extensions/*/node_modules/", "extensions/x/src/node_modules/y", False),
        ("Code Cache/", "Code Cache/x", True),
        ("a+(b)[c].{d}^$|", "a+(b)[c].{d}^$|", True),
        ("ünï*", "ünïque", True),
        ("*", "a\nb", True),
    ],
)
async def test_patterns(place: Path, pattern: str, name: str, excluded: bool) -> None:
    put(place, name.encode())
    rules = [{"pattern": pattern, "reason": "why"}]
    found = await items(local_helper(), "tree", root=str(place), rules=rules)
    paths = {b64decode(item["p"]) for item in found if "p" in item}
    assert (name.encode() not in paths) is excluded
    assert any(item.get("r") == "why" for item in found) is excluded


async def test_an_excluded_folder_is_told_once_and_a_file_with_its_size(place: Path) -> None:
    put(place, b"tmp/a/b")
    put(place, b"x.log", b"12345")
    put(place, b"own", b"1")
    rules = [{"pattern": "tmp/", "reason": "scratch"}, {"pattern": "*.log", "reason": "log"}]
    found = await items(local_helper(), "tree", root=str(place), rules=rules, ignore=["own"])
    told = [(b64decode(i["x"]), i["r"], i["b"]) for i in found if "x" in i]
    assert told == [(b"tmp", "scratch", None), (b"x.log", "log", 5)]
    assert [b64decode(i["p"]) for i in found if "p" in i] == [b""]


async def test_a_root_that_is_a_link_is_followed_and_links_below_are_not(place: Path) -> None:
    put(place, b"real/file")
    put(place, b"outside/secret")
    (place / "real" / "way out").symlink_to(place / "outside")
    (place / "link").symlink_to("real")
    found = await items(local_helper(), "tree", root=str(place / "link"))
    kinds = {b64decode(i["p"]): i["k"] for i in found if "p" in i}
    assert kinds == {b"": "d", b"file": "f", b"way out": "l"}


@pytest.mark.parametrize(("root", "code"), [("nowhere", "ENOENT"), ("file", "ENOTDIR")])
async def test_a_root_that_is_no_folder(place: Path, root: str, code: str) -> None:
    put(place, b"file")
    with pytest.raises(HelperFailed) as caught:
        await items(local_helper(), "tree", root=str(place / root))
    assert caught.value.error_code == code


async def test_what_vanishes_while_reading_is_told(place: Path) -> None:
    put(place, b"stays")
    put(place, b"goes")
    part = """
    const list = fs.readdirSync, open = fs.openSync;
    fs.readdirSync = (...args) => [...list(...args), Buffer.from("gone at once")];
    fs.openSync = (name, ...rest) => {
      if (String(name).endsWith("/goes")) fs.rmSync(name);
      return open(name, ...rest);
    };
    """
    found = await items(local_helper(parts=[part]), "tree", root=str(place), hash=True)
    told = {b64decode(i["x"]): i["r"] for i in found if "x" in i}
    assert told == dict.fromkeys((b"goes", b"gone at once"), "vanished while reading")
    assert [b64decode(i["p"]) for i in found if "p" in i] == [b"", b"stays"]


@pytest.mark.parametrize("size", [10, 1 << 20])
async def test_what_changes_while_reading_is_marked(place: Path, size: int) -> None:
    put(place, b"quiet", b"1" * size)
    growing = put(place, b"growing", b"1" * size)
    part = f"""
    const grow = () => fs.appendFileSync({str(growing)!r}, "more");
    const read = fs.readSync, post = Worker.prototype.postMessage;
    fs.readSync = (...args) => (grow(), read(...args));
    Worker.prototype.postMessage = function (...args) {{
      grow();
      return post.apply(this, args);
    }};
    """
    found = await items(local_helper(parts=[part]), "tree", root=str(place), hash=True)
    changed = {b64decode(i["p"]): i.get("changed", False) for i in found if "p" in i}
    assert changed[b"growing"] is True
    assert changed[b"quiet"] is False


async def test_sizes_agree_with_the_walk(place: Path) -> None:
    root = build(place / "tree")
    *_, end = await items(local_helper(), "tree", root=str(root))
    sizes = await local_helper().call("sizes", {"root": str(root)})
    assert {k: sizes[k] for k in ("files", "dirs", "links", "bytes")} == {
        k: end[k] for k in end if k not in ("end", "now", "boot")
    }
    top = {b64decode(each["name"]): each for each in sizes["top"]}
    assert top[b"closed"]["files"] == 1
    assert top[b"closed"]["dirs"] == 2
    assert sum(each["files"] for each in top.values()) == sizes["files"]
    assert len(sizes["excluded"]) == 2


# ------------------------------------------------------------------ single files


async def test_write_is_whole_private_and_leaves_nothing_else(place: Path) -> None:
    target = place / "mark"
    target.write_text("before")
    target.chmod(0o644)
    content = bytes(range(256))
    await local_helper().call("write", {"path": str(target), "content": b64encode(content).decode()})
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (content, 0o600)
    assert names_in(place) == ["mark"]
    got = await local_helper().call("read", {"path": str(target)})
    assert (b64decode(got["content"]), got["mode"], got["truncated"]) == (content, 0o600, False)
    got = await local_helper().call("read", {"path": str(target), "limit": 3})
    assert (b64decode(got["content"]), got["size"], got["truncated"]) == (content[:3], 256, True)


async def test_a_write_that_fails_leaves_what_was_there(place: Path) -> None:
    (place / "folder").mkdir()
    assert await code_of("write", path=str(place / "folder"), content="") == "EISDIR"
    assert names_in(place) == ["folder"]


async def test_stat_and_list_speak_of_names_as_bytes(place: Path) -> None:
    for name in NAMES[:8]:
        put(place, name)
    (place / "link").symlink_to("gone")
    listed = await local_helper().call("list", {"path": str(place)})
    assert {b64decode(each["name"]) for each in listed} == {*NAMES[:8], b"link"}
    odd = raw(os.fsencode(place) + b"/" + NAMES[2])
    file, link, none = await local_helper().call("stat", {"paths": [odd, f"{place}/link", f"{place}/no"]})
    assert (file["kind"], file["mode"], file["uid"]) == ("f", 0o600, os.getuid())
    assert (link["kind"], b64decode(link["target"]), none) == ("l", b"gone", None)
    assert await local_helper().call("exists", {"paths": [odd, f"{place}/link", f"{place}/no"]}) == [
        True,
        True,
        False,
    ]


async def test_mkdir_makes_private_parents_and_can_be_repeated(place: Path) -> None:
    deep = place / "a" / "b"
    made = await local_helper().call("mkdir", {"path": str(deep)})
    assert made["created"] is True and made["room"]["bytes"] > 0
    assert [p.stat().st_mode & 0o777 for p in (deep, deep.parent)] == [0o700, 0o700]
    deep.chmod(0o750)
    assert (await local_helper().call("mkdir", {"path": str(deep)}))["created"] is False
    assert deep.stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize("standing", ["file", "empty folder", "dangling link"])
async def test_rename_never_takes_the_place_of_something(place: Path, standing: str) -> None:
    (place / "from").mkdir()
    target = place / "to"
    if standing == "file":
        target.touch()
    elif standing == "empty folder":
        target.mkdir()
    else:
        target.symlink_to("gone")
    assert await code_of("rename", **{"from": str(place / "from"), "to": str(target)}) == "EEXIST"
    assert names_in(place) == ["from", "to"]


async def test_chmod_stays_below_its_root_and_off_links(place: Path) -> None:
    root = place / "root"
    put(root, b"a/file", mode=0o644)
    outside = put(place, b"outside/file", mode=0o644)
    (root / "link").symlink_to(outside)
    (root / "way out").symlink_to(outside.parent)
    await local_helper().call("chmod", {"root": str(root), "ops": [{"path": "a/file", "mode": 0o600}]})
    assert (root / "a" / "file").stat().st_mode & 0o777 == 0o600
    for path, code in (
        ("link", "ELOOP"),
        ("way out/file", "ENOTDIR"),
        ("../outside/file", "EINVAL"),
        (str(outside), "EINVAL"),
    ):
        assert await code_of("chmod", root=str(root), ops=[{"path": path, "mode": 0o600}]) == code
    assert outside.stat().st_mode & 0o777 == 0o644


async def test_remove_tree_removes_only_what_bears_the_mark(place: Path) -> None:
    root = build(place / "state.incoming-7")
    keep = put(place, b"keep/file")
    (root / "out").symlink_to(keep.parent)
    for path, mark in (
        (str(place / "keep"), ".incoming-7"),
        (str(root), ""),
        (f"{root}/folder", ".incoming-7"),
    ):
        assert await code_of("remove_tree", path=path, mustContain=mark) == "EPERM"
    params = {"path": str(root), "mustContain": ".incoming-7"}
    assert await local_helper().call("remove_tree", params) == {"removed": True}
    assert await local_helper().call("remove_tree", params) == {"removed": False}
    assert (root.exists(), keep.exists()) == (False, True)
    root.symlink_to(keep.parent)
    assert await code_of("remove_tree", **params) == "ENOTDIR"


async def test_free_room_is_that_of_the_nearest_folder(place: Path) -> None:
    free = await local_helper().call("free", {"path": str(place / "not" / "yet" / "there")})
    disk = os.statvfs(place)
    assert abs(free - disk.f_bavail * disk.f_frsize) < disk.f_blocks * disk.f_frsize / 10


async def test_the_local_port_answers_or_is_told_closed() -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503 if self.path == "/readyz" else 200)
            self.end_headers()
            self.wfile.write(b"y" * (1 << 17))

        def log_message(self, format: str, *args: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    answer = await local_helper().call("http", {"port": port, "path": "/readyz"})
    assert (answer["status"], len(answer["body"])) == (503, 1 << 16)
    server.shutdown()
    server.server_close()
    closed = await local_helper().call("http", {"port": port, "path": "/readyz"})
    assert closed == {"status": 0, "error": "ECONNREFUSED"}
