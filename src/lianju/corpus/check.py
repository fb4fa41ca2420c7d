"""What is wrong with the records of a file in the homework's format."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lianju.corpus.characters import foreign, is_latin, placeholders, simplified
from lianju.corpus.homework import FIELDS, Unreadable, kind_of, read_records
from lianju.verse import couplet_fault, normal

# The longest Tang poem has 2,980 characters.
LONGEST = 4000
_QUOTED = 20


@dataclass(frozen=True, slots=True)
class BadRecord:
    """One fault: the record's index in the file, the field, and what is wrong with it.

    `field` is empty where the record as a whole is at fault.
    """

    index: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class FileReport:
    """How many records a file has, and all that is wrong with them."""

    total: int
    bad: list[BadRecord]


def check_file(path: Path, test: bool = False) -> FileReport:
    """Check every record of a file in the homework's format; at most one fault a field.

    In a test file (`test`) the `output` may be absent or empty. Raises `UserError` when the
    file cannot be read as a list of records at all.
    """
    records = read_records(path)
    bad = [
        BadRecord(index, field, reason)
        for index, record in enumerate(records)
        for field, reason in _record_faults(record, test)
    ]
    return FileReport(len(records), bad)


def text_fault(record: dict[str, Any], field: str) -> str | None:
    """Why `record[field]` is no text that could be part of a poem, or None."""
    if field not in record:
        return "missing"
    value = record[field]
    if not isinstance(value, str):
        return f"{kind_of(value)}, not text"
    if not value.strip():
        return "empty"
    if len(value) > LONGEST:
        return f"{len(value):,} characters: no Tang poem has more than {LONGEST:,}"
    if any("\ud800" <= character <= "\udfff" for character in value):
        return "a broken character: half of a surrogate pair"
    if not any(character.isalnum() for character in value):
        return "no word, only signs"
    return None


def _record_faults(record: Any, test: bool) -> list[tuple[str, str]]:
    if isinstance(record, Unreadable):
        return [("", record.reason)]
    if not isinstance(record, dict):
        return [("", f"{kind_of(record)}, not an object")]
    fields = [field for field in FIELDS if not (test and field == "output" and _no(record))]
    faults = [(field, _field_fault(record, field)) for field in fields]
    return [(field, fault) for field, fault in faults if fault]


def _no(record: dict[str, Any]) -> bool:
    return record.get("output") in (None, "")


def _field_fault(record: dict[str, Any], field: str) -> str | None:
    fault = text_fault(record, field)
    if fault or field == "instruction":
        return fault
    value = record[field]
    if lost := placeholders(value):
        return f"a placeholder for a lost character: {_quote(lost)}"
    if other := foreign(value):
        kind = "Latin text" if is_latin(other) else "text that is not Chinese"
        return f"{kind}: {_quote(other)}"
    if short := simplified(value):
        return f"simplified characters: {_quote(short)} (convert with OpenCC s2t)"
    return couplet_fault(normal(value)) if field == "input" else None


def _quote(characters: str) -> str:
    """The first few of `characters`, each once; what has no glyph as U+XXXX."""
    some = list(itertools.islice(dict.fromkeys(characters), _QUOTED + 1))
    shown = "".join(c if c.isprintable() else f" U+{ord(c):04X} " for c in some[:_QUOTED])
    return shown.strip() + ("…" if len(some) > _QUOTED else "")
