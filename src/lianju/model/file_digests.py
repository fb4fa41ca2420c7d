"""SHA-256 of large files, each of which is read once as long as it does not change."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lianju.errors import UserError
from lianju.files import cache_dir, locked, read_json, write_json
from lianju.progress import Reporter, Task

_CHUNK = 10**6


def digests(files: Sequence[Path], reporter: Reporter) -> list[str]:
    """The SHA-256 of each file, in hex.

    They are remembered in the cache with all that tells of a change: size, both times, inode.
    """
    places = [file.resolve() for file in files]
    states = {str(place): _state(place) for place in places}
    known = _remembered()
    found = {p: known[p][1] for p, state in states.items() if p in known and known[p][0] == state}
    if new := [place for place in states if place not in found]:
        size = sum(-(-Path(place).stat().st_size // _CHUNK) for place in new)
        with reporter.task("Reading the base model (MB, once)", size) as task:
            found |= {place: _sha256(Path(place), task) for place in new}
        _remember({place: [states[place], found[place]] for place in new})
    return [found[str(place)] for place in places]


def _state(file: Path) -> str:
    stat = file.stat()
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}"


def _sha256(file: Path, task: Task) -> str:
    total = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            total.update(chunk)
            task.advance()
    return total.hexdigest()


def _book() -> Path:
    return cache_dir() / "digests.json"


def _remembered() -> dict[str, Any]:
    """State and digest by path. A damaged book has forgotten all, which costs time and no more."""
    with suppress(UserError):
        if isinstance(known := read_json(_book()), dict):
            return {path: entry for path, entry in known.items() if _is_entry(entry)}
    return {}


def _is_entry(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(v, str) for v in value)


def _remember(new: dict[str, list[str]]) -> None:
    # A cache that cannot be written can still be read.
    with suppress(UserError), locked(_book()):
        write_json(_book(), _remembered() | new)
