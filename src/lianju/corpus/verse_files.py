"""Files of whole poems to be judged: the homework's records, our results, chinese-poetry, text.

>>> verse_only("空山不見人，（「見」一作「是」。）但聞[人]語響。")
'空山不見人，但聞人語響。'
>>> text_poems("1. 白日依山盡，黃河入海流。欲窮千里目，更上一層樓。")
['白日依山盡，黃河入海流。欲窮千里目，更上一層樓。']
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lianju.corpus.check import text_fault
from lianju.corpus.homework import Unreadable, decode, kind_of, parse_records, read_bytes
from lianju.errors import UserError
from lianju.verse import is_han, lines_of

# Editors' notes, which stand in parentheses; and what prints around or within the words of a
# poem without being one: brackets, quotation marks, control characters and invisible ones.
_NOTE = re.compile(r"（[^（）]*）|\([^()]*\)")
_SIGNS = re.compile(
    "[「」『』《》〈〉〖〗【】\\[\\]［］\"'“”‘’\x00-\x08\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2060\ufeff]"
)
_NUMBER = re.compile(r"\s*\d+\s*[.．、)）:：]\s*")
_JSON = re.compile(r"\s*(?:\{|\[\s*\{)")
_JSON_SUFFIXES = (".json", ".jsonl")
# A line of text with fewer lines of verse than this is part of a poem.
_LEAST_LINES = 4
# The fields of each format that together are the poem; the second may be empty only in results,
# where it is what a model wrote.
_FORMATS = (("input", "output"), ("couplet", "completion"), ("couplet", "text"))


@dataclass(frozen=True, slots=True)
class Verse:
    """One poem of a file: its number in it, from 1, its text, and title and author if given."""

    number: int
    text: str
    title: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True)
class VerseFile:
    """The poems of a file; and what is wrong with its other records, each with its place."""

    poems: list[Verse]
    bad: list[str]


def read_verse(path: Path) -> VerseFile:
    """The poems of a file, in any of the formats.

    JSON or JSONL: objects with input and output (the homework's), couplet and completion (our
    results.jsonl), couplet and text (`lianju complete --json`) or paragraphs (chinese-poetry); or
    a list of texts. Any other file is text: see `text_poems`. Raises `UserError` when there is
    no poem in it.
    """
    data = read_bytes(path)
    text = "" if path.suffix in _JSON_SUFFIXES else decode(data, path)
    poems: list[Verse] = []
    bad = []
    is_json = path.suffix in _JSON_SUFFIXES or not text.strip() or _JSON.match(text)
    records: Sequence[Any] = parse_records(data, path) if is_json else text_poems(text)
    for index, record in enumerate(records):
        poem, field, fault = _poem(record)
        if fault:
            bad.append(f"[{index}]{'.' * bool(field)}{field}: {fault}")
        else:
            poems.append(Verse(index + 1, poem, _label(record, "title"), _label(record, "author")))
    if not poems:
        raise UserError(_nothing(path, bad))
    return VerseFile(poems, bad)


def text_poems(text: str) -> list[str]:
    """The poems of a plain text, without the numbers before them.

    One poem a line if every line is numbered or has four lines of verse or more, as in our
    results.txt; else the poems are parted by blank lines.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if all(_NUMBER.match(line) or len(lines_of(line)) >= _LEAST_LINES for line in lines):
        return [_NUMBER.sub("", line, count=1) for line in lines]
    blocks = re.split(r"\n[ \t\r\u3000]*\n", text)
    return [_NUMBER.sub("", block, count=1) for block in blocks if block.strip()]


def verse_only(text: str) -> str:
    """`text` without notes in parentheses, brackets, quotation marks and invisible signs."""
    before = None
    while text != before:
        before, text = text, _NOTE.sub("", text)
    return _SIGNS.sub("", text)


def has_verse(text: str) -> bool:
    """Whether there is any Han character in `text`."""
    return any(is_han(character) for character in text)


def _poem(record: Any) -> tuple[str, str, str]:
    """The poem of a record; else the field that is at fault, if it is one, and the fault."""
    if isinstance(record, str):
        fault = text_fault({"text": record}, "text")
        return ("", "", fault) if fault else _whole(record, "")
    if isinstance(record, Unreadable):
        return "", "", record.reason
    if not isinstance(record, dict):
        return "", "", f"{kind_of(record)}, not an object"
    if "paragraphs" in record:
        return _paragraphs(record["paragraphs"])
    for first, rest in _FORMATS:
        # `text` and `completion` both follow a couplet: the one that is there decides.
        if first in record and (rest in record or rest != "completion"):
            return _two_parts(record, first, rest)
    return "", "", "none of the fields input, couplet and paragraphs"


def _two_parts(record: dict[str, Any], first: str, rest: str) -> tuple[str, str, str]:
    for field in (first, rest):
        written = field == rest and first == "couplet" and record.get(field) == ""
        if not written and (fault := text_fault(record, field)):
            return "", field, fault
    return _whole(record[first] + record[rest], first)


def _paragraphs(value: Any) -> tuple[str, str, str]:
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        return "", "paragraphs", f"{kind_of(value)}, not a list of texts"
    text = "\n".join(value)
    fault = text_fault({"paragraphs": text}, "paragraphs")
    return ("", "paragraphs", fault) if fault else _whole(text, "paragraphs")


def _whole(text: str, field: str) -> tuple[str, str, str]:
    poem = verse_only(text)
    return (poem, "", "") if has_verse(poem) else ("", field, "no Chinese character")


def _nothing(path: Path, bad: list[str]) -> str:
    """Why a file has no poem at all."""
    if all(line.endswith(".output: missing") for line in bad):
        return (
            f"{path} has no outputs, so it is a test file: half a poem cannot be judged. Complete "
            "its couplets first, and check the results"
        )
    more = f", and {len(bad) - 1:,} more" if len(bad) > 1 else ""
    return f"{path} has no poem to check: {path}{bad[0]}{more}"


def _label(record: Any, field: str) -> str:
    value = record.get(field) if isinstance(record, dict) else None
    return _SIGNS.sub("", value).strip() if isinstance(value, str) else ""
