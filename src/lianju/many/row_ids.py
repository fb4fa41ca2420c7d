"""The ids of a file of couplets, which are checked in one pass before anything is written."""

import hashlib
from array import array
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lianju.corpus import FileRow, check_text_file, read_rows, shown
from lianju.errors import UserError
from lianju.progress import UNSEEN, Reporter
from lianju.verse import Bilingual

# Bytes read at once, and from how many of them on it is told.
_CHUNK, _LONG = 2**20, 500
_TOGETHER = 1000
# An id is quoted in every line that is written.
_LONGEST = 200
# Columns that are named where they are left aside.
_NAMED = 20


def row_id(row: FileRow) -> str | int:
    """The id of a row: its own, else its number. Raises `UserError` where it can be none."""
    own = row.fields.get("id")
    if own in (None, ""):
        return row.number
    if isinstance(own, bool) or not isinstance(own, str | int):
        raise UserError(Bilingual("an id is a text or a whole number", "id 須為文字或整數"), "id")
    if len(str(own)) > _LONGEST or not str(own).isprintable():
        raise UserError(
            Bilingual(
                f"an id has at most {_LONGEST} characters, all of them visible",
                f"id 至多 {_LONGEST} 字，且須是看得見的字",
            ),
            "id",
        )
    return own


@dataclass(frozen=True)
class FileContent:
    """The digest of a file and how many lines end in it."""

    digest: str
    lines: int


def content_of(path: Path, reporter: Reporter) -> FileContent:
    """Read a file through once. Raises `UserError` where it is none."""
    if path.exists() and not path.is_file():
        raise UserError(
            Bilingual(f"{shown(path)} is no file: it is read twice", f"{shown(path)} 不是檔案")
        )
    found, lines = hashlib.sha256(), 0
    try:
        size = path.stat().st_size // _CHUNK
        long = reporter.task("Reading MB", size) if size > _LONG else nullcontext(UNSEEN)
        with path.open("rb") as file, long as task:
            while data := file.read(_CHUNK):
                found.update(data)
                lines += data.count(b"\n")
                task.advance()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read {shown(path)}: {reason}") from None
    return FileContent(found.hexdigest(), lines)


@dataclass(frozen=True)
class CountedRows:
    """How many rows a file has, and the names of its columns that are not among `known` ones."""

    rows: int
    other: tuple[str, ...]


def count_rows(path: Path, lines: int, known: frozenset[str], reporter: Reporter) -> CountedRows:
    """Count the rows and compare their ids, holding 8 bytes of each.

    `lines`: about how many there are. Raises `UserError` where two rows have one id, and where no
    row at all can be read.
    """
    digests, other = array("Q"), dict[str, None]()
    first, rows, good = "", 0, 0
    with reporter.task("Checking ids", lines) as task:
        for row in read_rows(path):
            rows = row.number
            if _has_couplet(row):
                good += 1
            else:
                first = first or f"row {row.number}: {row.fault or 'no couplet'}"
            if len(other) < _NAMED:
                other |= dict.fromkeys(name for name in row.fields if name not in known)
            if (digest := _digest(row)) is not None:
                digests.append(digest)
            if rows % _TOGETHER == 0:
                task.advance(_TOGETHER)
        task.advance(rows % _TOGETHER)
    if not good:
        check_text_file(path)
        raise UserError(
            Bilingual(
                f"{shown(path)} has no row with a couplet: {first or 'it is empty'}",
                f"{shown(path)} 沒有一列有首聯：{first or '是空檔'}",
            )
        )
    _refuse_twice(path, digests)
    return CountedRows(rows, tuple(other)[:_NAMED])


def _has_couplet(row: FileRow) -> bool:
    couplet = row.fields.get("couplet")
    if not isinstance(couplet, str) or not couplet:
        return False
    # What could not be decoded stands as halves of surrogate pairs.
    return couplet.isprintable() or not any("\ud800" <= sign <= "\udfff" for sign in couplet)


def _digest(row: FileRow) -> int | None:
    try:
        name = str(row_id(row))
    except UserError:  # which is told when the row's turn comes
        return None
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")


def _refuse_twice(path: Path, digests: "array[int]") -> None:
    found = np.frombuffer(digests, dtype=np.uint64)
    found.sort()
    twice = set(found[1:][found[1:] == found[:-1]].tolist())
    if not twice:
        return
    # Two ids may have one digest: only the ids themselves tell.
    seen: dict[str, int] = {}
    for row in read_rows(path):
        if _digest(row) in twice:
            name = str(row_id(row))
            if name in seen:
                raise UserError(
                    Bilingual(
                        f"{shown(path)}: rows {seen[name]} and {row.number} have the same id "
                        f"{name!r}: every row needs an id of its own, or none",
                        f"{shown(path)}：第 {seen[name]} 列與第 {row.number} 列的 id "
                        f"同為 {name!r}，每列的 id 須不同，或都不給",
                    )
                )
            seen[name] = row.number
