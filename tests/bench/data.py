"""What a person's OpenClaw holds after a year, made in seconds: issue 4's 600 MB in 15,000 entries."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

MB: Final = 1 << 20
WORDS: Final = (
    "the boiler was serviced in october and again when heat pumps came up with mira who asked for "
    "three sources on a saturday morning before the meeting about invoices taxes gardens trains"
)
NOTES: Final = 8000
PLUGIN_FILES: Final = 6000
DATABASES_MB: Final = (50, 100, 150)
MEDIA_MB: Final = 100


def make(root: Path, *, scale: float = 1.0) -> Path:
    """A tree of about `scale` times 600 MB. The same for the same scale, but for times and inodes."""
    chance = random.Random(4)
    root.mkdir(parents=True)
    _notes(root, chance, int(NOTES * scale))
    _plugins(root / "plugins", chance, int(PLUGIN_FILES * scale))
    (root / "memory").mkdir()
    for size in DATABASES_MB:
        database(root / "memory" / f"{size}.sqlite", chance, int(size * scale * MB))
    _media(root / "media", chance, int(MEDIA_MB * scale))
    _odd(root / "odd")
    return root


def _text(chance: random.Random, size: int) -> str:
    vocabulary = WORDS.split()
    words: list[str] = []
    length = 0
    while length < size:
        word = chance.choice(vocabulary) if chance.random() < 0.7 else f"{chance.getrandbits(40):x}"
        words.append(word)
        length += len(word) + 1
    return " ".join(words)


def _notes(root: Path, chance: random.Random, count: int) -> None:
    """Transcripts, notes and settings: 1 to 60 KB each, about 190 MB in all."""
    pieces = [_text(chance, 1500) for _ in range(400)]
    for number in range(count):
        folder = root / "agents" / f"agent-{number % 7}" / f"sessions-{number % 90}"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [
            json.dumps({"id": f"{chance.getrandbits(64):x}", "text": chance.choice(pieces)})
            for _ in range(chance.randint(1, 30))
        ]
        suffix = ("jsonl", "md", "json")[number % 3]
        (folder / f"{number}.{suffix}").write_text("\n".join(lines))


def _plugins(root: Path, chance: random.Random, count: int) -> None:
    for number in range(count):
        folder = root / f"package-{number % 300}" / "lib"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"module-{number}.js").write_text(f"export default {chance.getrandbits(2000)}n;\n")


def database(file: Path, chance: random.Random, size: int) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE chunks (id INTEGER PRIMARY KEY, path TEXT, text TEXT, vector BLOB)")
        pieces = [_text(chance, 1200) for _ in range(200)]
        rows = (
            (f"memory/{n}.md", chance.choice(pieces), chance.randbytes(1200)) for n in range(size // 4300)
        )
        db.executemany("INSERT INTO chunks (path, text, vector) VALUES (?, ?, ?)", rows)
        db.commit()


def _media(root: Path, chance: random.Random, megabytes: int) -> None:
    root.mkdir()
    for number in range(max(megabytes // 5, 1)):
        (root / f"voice-{number}.ogg").write_bytes(chance.randbytes(5 * MB))


def _odd(root: Path) -> None:
    root.mkdir()
    for name in (b"with a\nnewline", b"latin-1 \xe9", "snow ☃".encode(), b" spaces "):
        (root / os.fsdecode(name)).write_text("odd")
    (root / "link").symlink_to("nowhere")
    (root / "one name").write_text("two names")
    (root / "another name").hardlink_to(root / "one name")
    with (root / "sparse").open("wb") as file:
        file.truncate(64 * MB)
        file.seek(30 * MB)
        file.write(b"in the middle")


def many(root: Path, count: int) -> Path:
    """`count` files of 50 to 200 bytes, 500 to a folder."""
    chance = random.Random(count)
    for number in range(count):
        folder = root / f"{number // 50_000:02}" / f"{number // 500:05}"
        if number % 500 == 0:
            folder.mkdir(parents=True)
        content = b'{"message": %d, "text": "%x"}' % (number, chance.getrandbits(chance.randint(100, 600)))
        (folder / f"{number:07}.json").write_bytes(content)
    return root


def large(root: Path, size: int) -> Path:
    """`size` bytes in ten files, of which each tenth megabyte holds something and the rest are holes."""
    root.mkdir(parents=True)
    chance = random.Random(size)
    each = size // 10
    for number in range(10):
        with (root / f"{number}.bin").open("wb") as file:
            file.truncate(each)
            for at in range(0, each - MB, 10 * MB):
                file.seek(at)
                file.write(chance.randbytes(MB))
    return root


def change(root: Path) -> None:
    """A day of use: two in a hundred of the files, and 1 MB of rows in the middle of the big database."""
    chance = random.Random(5)
    files = sorted(path for path in (root / "agents").rglob("*") if path.is_file())
    files += sorted((root / "plugins").rglob("*.js"))
    for file in chance.sample(files, len(files) // 50):
        with file.open("a") as opened:
            opened.write(_text(chance, 300))
    with closing(sqlite3.connect(root / "memory" / f"{max(DATABASES_MB)}.sqlite")) as db:
        (count,) = db.execute("SELECT count(*) FROM chunks").fetchone()
        first = count // 3
        for row in range(first, first + MB // 4300):
            db.execute("UPDATE chunks SET vector = ? WHERE id = ?", (chance.randbytes(1200), row))
        db.commit()
