"""The bytes, the text and the JSON of a file that a user named, with clear errors.

Nothing in a file is trusted: it may be huge, cut off, of another encoding or nested without end.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lianju.corpus.sentences import say
from lianju.errors import UserError
from lianju.verse import Bilingual

# A thousand times the homework's file.
_MOST_BYTES = 2**30
_GUESSES = ("utf-16", "big5", "gb18030")
_LONGEST_NAME = 300
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands in the list of records for a line of JSONL that is not JSON."""

    reason: str


class Repeated(dict[str, Any]):
    """An object of JSON in which `name` stands twice."""

    name: str


def shown(name: Path | str) -> str:
    """The name of a file as it can be printed: its beginning if it is long, odd signs escaped."""
    text = str(name)
    text = text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}…"
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def read_bytes(path: Path) -> bytes:
    """The bytes of a file the user named. Raises `UserError`, also for a huge one."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except IsADirectoryError:
        raise UserError(say("folder", path=shown(path))) from None
    except (FileNotFoundError, ValueError):  # ValueError: the name has a null byte
        raise UserError(say("missing", path=shown(path))) from None
    except OSError as error:
        reason = error.strerror or error
        raise UserError(say("unreadable", path=shown(path), error=reason)) from None
    if len(data) > _MOST_BYTES:
        raise UserError(say("huge", path=shown(path)))
    return data


def decode(data: bytes, path: Path) -> str:
    """The text of a file's bytes, which are UTF-8. Raises `UserError` naming the line if not."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Counted in the file: a byte order mark is not part of what the error counts.
        start = error.start + len(data) - len(error.object)
        line = data.count(b"\n", 0, start) + 1
        place = {"byte": f"{data[start]:02X}", "start": start, "line": line}
        advice = _advice(data)
        raise UserError(say("not_utf_8", path=shown(path), **place, advice=advice)) from None


def _advice(data: bytes) -> Bilingual:
    for encoding in _GUESSES:
        if encoding == "utf-16" and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
            continue
        try:
            data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return say("other_encoding", name=encoding.upper())
    return say("right_file")


def parse_json(text: str, path: Path) -> Any:
    """The value of a file's JSON, or the list of values of its JSONL.

    A line of JSONL that is not JSON becomes `Unreadable`, an object with a name twice `Repeated`.
    Raises `UserError` when the text is neither; `path` is only named in messages.
    """
    try:
        value = _value(text)
    except RecursionError:
        raise UserError(say("too_deep", path=shown(path))) from None
    except ValueError as error:  # JSONDecodeError, or a number of too many digits
        return _parse_lines(text, path, error)
    return [value] if path.suffix == ".jsonl" and isinstance(value, dict) else value


def _value(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeated = Repeated(found)
    repeated.name = Counter(name for name, _ in pairs).most_common(1)[0][0]
    return repeated


def _parse_lines(text: str, path: Path, error: ValueError) -> list[Any]:
    """Read JSONL; `error` is why the whole is not JSON, for a file that is no JSONL either."""
    # Not str.splitlines: it also splits at U+2028, which JSON allows inside a string.
    lines = [(number, line) for number, line in enumerate(_LINE_END.split(text), 1) if line.strip()]
    records = [parse_line(number, line) for number, line in lines]
    is_jsonl = path.suffix == ".jsonl" and not all(isinstance(r, Unreadable) for r in records)
    if is_jsonl or isinstance(records[0], dict):
        return records
    raise UserError(say("not_json", path=shown(path), place=_place(error))) from None


def parse_line(number: int, line: str) -> Any:
    """The value of a line of JSONL; `Unreadable` or `Repeated` as in `parse_json`."""
    try:
        return _value(line)
    except RecursionError:
        return Unreadable(f"line {number} is nested too deeply")
    except ValueError as error:
        return Unreadable(f"line {number} is not JSON: {_place(error)}")


def _place(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    return "a number has too many digits"


def kind_of(value: Any) -> str:
    """What a value of JSON is, in words."""
    names = ((bool, "true or false"), (dict, "an object"), (list, "a list"), (str, "text"))
    if value is None:
        return "null"
    return next((name for kind, name in names if isinstance(value, kind)), "a number")
