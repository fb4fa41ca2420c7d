"""Files of poems, in the formats that people have them in, to be judged or trained on.

JSON or JSONL: see `records`. CSV and TSV with named columns: see `tables`. Any other file is text:
see `plain_text`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lianju.corpus.csv_tables import table_records
from lianju.corpus.file_reading import decode, kind_of, parse_json, read_bytes, shown
from lianju.corpus.plain_text import text_records
from lianju.corpus.records import Record, RecordPart, records_of
from lianju.corpus.sentences import say
from lianju.corpus.verse_text import has_verse, split_heading, verse_only
from lianju.errors import UserError
from lianju.verse import Bilingual, in_language, is_plain, lines_of, normal

_JSON = re.compile(r"\s*(?:\{|\[\s*[\[{\"])")
_JSON_SUFFIXES = (".json", ".jsonl")
_TABLE_SUFFIXES = (".csv", ".tsv")
# The number before a line of a text.
_COUNTED = re.compile(r"^\d{1,6}[.．、)）:：][ \u3000]{0,4}")


@dataclass(frozen=True, slots=True)
class VerseRecord:
    """One poem of a file: its number in it, from 1, its text, and title and author if given."""

    number: int
    text: str
    title: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True)
class VerseFile:
    """The poems of a file; and what is wrong with its other records, each with its place."""

    poems: list[VerseRecord]
    bad: list[Bilingual]


def read_records(path: Path, data: bytes | None = None) -> list[Record]:
    """The records of a file, or of its bytes where they were read already.

    Raises `UserError` when there is none.
    """
    text = decode(read_bytes(path) if data is None else data, path)
    records = _named_records(text, path)
    return _some(text_records(text) if records is None else records, path)


def _named_records(text: str, path: Path) -> list[Record] | None:
    """The records of JSON, JSONL or a table, whose fields have names; None for plain text."""
    if not text.strip():
        raise UserError(say("empty_file", path=shown(path)))
    if path.suffix in _JSON_SUFFIXES or _JSON.match(text):
        value = parse_json(text, path)
        if value == {} or not isinstance(value, list | dict):
            raise UserError(say("no_list", path=shown(path), kind=kind_of(value)))
        return records_of(value)
    try:
        records = table_records(text)
    except UserError as error:
        raise UserError(say("in_file", path=shown(path), fault=error.words)) from None
    if records is None and path.suffix in _TABLE_SUFFIXES:
        raise UserError(say("no_columns", path=shown(path)))
    return records


def _some(records: list[Record], path: Path) -> list[Record]:
    if not records:
        raise UserError(say("no_records", path=shown(path)))
    return records


def read_couplets(path: Path) -> list[str]:
    """The couplets of a file that are to be completed, as they stand there.

    In JSON, JSONL or a table that is the first field of each record, such as the homework's
    input, whatever follows it; a text has one a line. Raises `UserError` naming a record
    without one.
    """
    text = decode(read_bytes(path), path)
    records = _named_records(text, path)
    if records is None:
        return [counted_line(line) for line in text.splitlines() if line.strip()]
    for record in _some(records, path):
        if not record.parts:
            field, fault = record.faults[0]
            raise UserError(_prefixed(path, _bad(record.place, field, fault)))
    return [record.parts[0].text for record in records]


def counted_line(line: str) -> str:
    """A line of a text without the number before it."""
    return _COUNTED.sub("", line.strip())


def read_verse(path: Path) -> VerseFile:
    """The poems of a file, in any of the formats. Raises `UserError` when there is none."""
    file = verse_of(read_records(path))
    if not file.poems:
        raise UserError(_nothing(path, file.bad))
    return file


def spoken_verse(text: str) -> VerseFile:
    """The poems of a text that was given in place of a file.

    It is one poem, as a whole, unless it holds several of four lines or more.
    """
    file = verse_of(text_records(text))
    if file.poems and all(len(lines_of(poem.text)) >= 4 for poem in file.poems):
        return file
    return verse_of([Record("", (RecordPart("", text),))])


def verse_of(records: Sequence[Record]) -> VerseFile:
    """The poems of records as they are to be judged: without notes and the like."""
    poems: list[VerseRecord] = []
    bad: list[Bilingual] = []
    for number, record in enumerate(records, 1):
        texts = [part.text for part in record.parts]
        whole = ("" if is_plain(texts[0]) else "\n").join(texts) if texts else ""
        title, author, text = split_heading(whole)
        poem = normal(verse_only(text))
        faults = record.faults
        if not faults and not has_verse(poem):
            faults = ((record.parts[0].field, Bilingual("no Chinese character", "沒有漢字")),)
        bad += [_bad(record.place, field, fault) for field, fault in faults[:1]]
        if not faults:
            poems.append(VerseRecord(number, poem, record.title or title, record.author or author))
    return VerseFile(poems, bad)


def _bad(place: str, field: str, fault: str) -> Bilingual:
    """What is wrong with a record, and where it stands."""
    where = f"{'.' * bool(field)}{field}"
    chinese = f"{in_language(place, 'zh')}{where}：{in_language(fault, 'zh')}"
    return Bilingual(f"{place}{where}: {fault}", chinese)


def _prefixed(path: Path, fault: Bilingual) -> Bilingual:
    return Bilingual(f"{shown(path)}{fault}", f"{shown(path)}{fault.zh}")


def _nothing(path: Path, bad: list[Bilingual]) -> Bilingual:
    """Why a file has no poem at all."""
    if all(line.endswith(".output: missing") for line in bad):
        return Bilingual(
            f"{shown(path)} has no outputs, so it is a test file: half a poem cannot be judged. "
            "Complete its couplets first, and check the results",
            f"{shown(path)} 沒有 output，是測試檔：半首詩無從檢查。請先續寫，再檢查結果",
        )
    more = f", and {len(bad) - 1:,} more" if len(bad) > 1 else ""
    rest = f"，另有 {len(bad) - 1:,} 筆" if len(bad) > 1 else ""
    first = _prefixed(path, bad[0])
    return Bilingual(
        f"{shown(path)} has no poem to check: {first}{more}",
        f"{shown(path)} 裡沒有可檢查的詩：{first.zh}{rest}",
    )
