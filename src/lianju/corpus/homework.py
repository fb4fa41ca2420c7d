"""The homework's format and its 5,001 poems.

A file is a JSON list of objects with `instruction`, `input` (the couplet) and `output` (the
rest of the poem); or JSONL, one such object a line. The homework's own file is not shipped:
`data/hw5_ids.txt` names the poem behind each of its items, in order, and `rebuild` writes the
file from them byte for byte. Its 15 test couplets, the benchmark, are shipped with their
ground truths as `data/hw5_test.json`.
"""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from lianju.corpus.poems import Example, Poem
from lianju.errors import UserError

TRAINING_FILE = "Tang_training_data.json"
# Of the official file; see `lianju.corpus.sources` for where it is published.
TRAINING_SHA256 = "b464f5acf5a0443f1cebb60604b4cc28dd4deb1d6e7edc1583283c1d9fc2783c"
INSTRUCTION = "以下是一首唐詩的第一句話，請用你的知識判斷並完成整首詩。"
FIELDS = ("instruction", "input", "output")

_DATA = resources.files("lianju.corpus") / "data"
_TEST_FILE = "hw5_test.json"
_GUESSES = ("utf-16", "big5", "gb18030")
_NO_BRACKETS = str.maketrans("", "", "[]")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands in the list of records for a line of JSONL that is not JSON."""

    reason: str


def read_records(path: Path) -> list[Any]:
    """The records of a file in the homework's format, as they stand in it, unchecked.

    A byte order mark is ignored. Raises `UserError` when no list of records can be read.
    """
    return parse_records(read_bytes(path), path)


def read_bytes(path: Path) -> bytes:
    """The bytes of a file the user named."""
    try:
        return path.read_bytes()
    except IsADirectoryError:
        raise UserError(f"{path} is a folder: name the file in it") from None
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None


def parse_records(data: bytes, path: Path) -> list[Any]:
    """The records in the bytes of a file; `path` is only named in messages."""
    text = decode(data, path)
    if not text.strip():
        raise UserError(f"{path} is empty")
    try:
        value = json.loads(text)
    except RecursionError:
        raise UserError(f"{path} is nested too deeply to be a list of records") from None
    except ValueError as error:  # JSONDecodeError, or a number of too many digits
        return _parse_lines(text, path, error)
    if path.suffix == ".jsonl" and isinstance(value, dict):
        return [value]
    if not isinstance(value, list):
        raise UserError(f"{path} holds {kind_of(value)}, not a list of records")
    if not value:
        raise UserError(f"{path} holds no records")
    return value


def _parse_lines(text: str, path: Path, error: ValueError) -> list[Any]:
    """Read JSONL; `error` is why the whole is not JSON, for a file that is no JSONL either."""
    # Not str.splitlines: it also splits at U+2028, which JSON allows inside a string.
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    records = [_parse_line(number, line) for number, line in lines]
    is_jsonl = path.suffix == ".jsonl" and not all(isinstance(r, Unreadable) for r in records)
    if is_jsonl or isinstance(records[0], dict):
        return records
    raise UserError(f"{path} is not JSON: {_place(error)}") from None


def _parse_line(number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except RecursionError:
        return Unreadable(f"line {number} is nested too deeply")
    except ValueError as error:
        return Unreadable(f"line {number} is not JSON: {_place(error)}")


def _place(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    return "a number has too many digits"


def decode(data: bytes, path: Path) -> str:
    """The text of a file's bytes, which are UTF-8. Raises `UserError` naming the line if not."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Counted in the file: a byte order mark is not part of what the error counts.
        start = error.start + len(data) - len(error.object)
        line = data.count(b"\n", 0, start) + 1
        raise UserError(
            f"{path} is not UTF-8: byte 0x{data[start]:02X} at offset {start} (line {line})"
            f"{_advice(data)}"
        ) from None


def _advice(data: bytes) -> str:
    for encoding in _GUESSES:
        if encoding == "utf-16" and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
            continue
        try:
            data.decode(encoding)
        except UnicodeDecodeError:
            continue
        name = encoding.upper()
        return f". It may be {name}: convert it with `iconv -f {name} -t UTF-8`"
    return ". Is it the right file?"


def kind_of(value: Any) -> str:
    """What a value of JSON is, in words."""
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    return "null" if value is None else names.get(type(value), "a number")


@functools.cache
def homework_ids() -> tuple[str, ...]:
    """The poem ids of the homework's 5,001 training items, in their order.

    Where the large corpus has a text more than once, the poem nearest to its neighbours in
    the file was taken; two ids stand twice.
    """
    return tuple((_DATA / "hw5_ids.txt").read_text("ascii").split())


def rebuild(poems: Sequence[Poem]) -> bytes:
    """The homework's training file from the large corpus.

    The couplet is the poem's first paragraph, and the editors' square brackets are dropped.
    """
    by_id = {poem.id: poem for poem in poems}
    texts = [
        [paragraph.translate(_NO_BRACKETS) for paragraph in by_id[name].paragraphs]
        for name in homework_ids()
    ]
    records = [
        dict(zip(FIELDS, (INSTRUCTION, text[0], "".join(text[1:])), strict=True)) for text in texts
    ]
    return json.dumps(records, ensure_ascii=False, indent=2).encode()


@functools.cache
def _test_records() -> tuple[dict[str, str], ...]:
    return tuple(json.loads((_DATA / _TEST_FILE).read_text("utf-8")))


def test_set() -> list[Example]:
    """The homework's 15 test couplets with their ground truths, punctuated as poems are."""
    return [
        Example(record["input"], record["output"], f"{_TEST_FILE}[{index}]")
        for index, record in enumerate(_test_records())
    ]
