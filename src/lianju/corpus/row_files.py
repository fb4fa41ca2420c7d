"""Files of couplets that are too long to be held: JSONL, CSV, Parquet and text, row by row.

A row is a line of JSONL or of text, which may be empty between two rows, or a row of a table. What
is wrong with a row is told in its place, and the next one is read.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from lianju.corpus.csv_tables import SEPARATORS
from lianju.corpus.file_reading import Repeated, Unreadable, decode, kind_of, parse_line, shown
from lianju.corpus.records import printable
from lianju.corpus.sentences import say
from lianju.corpus.verse_files import counted_line
from lianju.errors import UserError
from lianju.extras import require
from lianju.verse import Bilingual, visible

# Names of the field with the couplet; the first that is there counts.
COUPLET_FIELDS = ("couplet", "input", "首聯", "首联")
_TABLES = (".csv", ".tsv")
ROW_FILES = (".jsonl", *_TABLES, ".parquet", ".txt")
# A longer line is cut, and so is no row.
_LONGEST = 1_000_000
_HEAD = 2**16
_BATCH = 1024


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row of a file: its number from 1 and its fields by name, or what is wrong with it.

    Names are in small letters; the couplet is called "couplet" whatever it is called there.
    """

    number: int
    fields: dict[str, Any] = field(default_factory=dict)
    fault: str = ""


def read_rows(path: Path, after: int = 0) -> Iterator[FileRow]:
    """The rows of a file, those after the first `after`, as far as the reader asks for them.

    Raises `UserError` where it cannot be read at all, or names no column with couplets.
    """
    if path.suffix == ".parquet":
        require("parquet")
        yield from _parquet(path, after)
        return
    readers = {".jsonl": _jsonl, ".txt": _text, ".csv": _table, ".tsv": _table}
    if path.suffix not in readers:
        names = ", ".join(ROW_FILES)
        raise UserError(
            Bilingual(
                f"{shown(path)}: couplets are read from files of these kinds: {names}",
                f"{shown(path)}：可讀的檔案種類為 {names}",
            )
        )
    with _opened(path) as file:
        yield from readers[path.suffix](file, path, after)


def check_text_file(path: Path) -> None:
    """Raise `UserError`, with the encoding that it may have, where a file's head is not UTF-8."""
    if path.suffix != ".parquet":
        with path.open("rb") as file:
            head = file.read(_HEAD)
        decode(head if len(head) < _HEAD else head[: head.rfind(b"\n") + 1], path)


def _opened(path: Path) -> TextIO:
    try:
        # Bytes that are no UTF-8 become what no text has, and so a fault of their row.
        return path.open(encoding="utf-8-sig", errors="surrogateescape")
    except IsADirectoryError:
        raise UserError(say("folder", path=shown(path))) from None
    except (FileNotFoundError, ValueError):
        raise UserError(say("missing", path=shown(path))) from None
    except OSError as error:
        reason = error.strerror or error
        raise UserError(say("unreadable", path=shown(path), error=reason)) from None


def _lines(file: TextIO) -> Iterator[tuple[int, str]]:
    """The lines with anything in them, each with its number; of a huge one the beginning."""
    number = 0
    while line := file.readline(_LONGEST):
        number += 1
        rest = line
        while len(rest) == _LONGEST and rest[-1] != "\n":
            rest = file.readline(_LONGEST)
        if line.strip():
            yield number, line


def _text(file: TextIO, path: Path, after: int) -> Iterator[FileRow]:
    for number, (_, line) in enumerate(_lines(file), 1):
        if number > after:
            yield FileRow(number, {"couplet": counted_line(line)})


def _jsonl(file: TextIO, path: Path, after: int) -> Iterator[FileRow]:
    for number, (at, line) in enumerate(_lines(file), 1):
        if number <= after:
            continue
        value = parse_line(at, line)
        if isinstance(value, Unreadable):
            yield FileRow(number, fault=value.reason)
        elif isinstance(value, Repeated):
            yield FileRow(number, fault=f"{printable(value.name)} stands twice in the row")
        elif isinstance(value, dict):
            yield FileRow(number, _named(value))
        else:
            yield FileRow(number, fault=f"{kind_of(value)}, not an object")


def _table(file: TextIO, path: Path, after: int) -> Iterator[FileRow]:
    lines = (line for _, line in _lines(file))
    head = next(lines, "").encode("utf-8", "surrogateescape")
    separator, names = _columns(decode(head, path), path)
    reader = csv.reader(lines, delimiter=separator)
    number = 0
    while True:
        fault, cells = "", []
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            fault = f"no row of a table: {error}"
        if not (fault or any(cells)):
            continue
        number += 1
        if number > after:
            yield FileRow(number, fault=fault) if fault else _cells(number, names, cells, separator)


def _columns(head: str, path: Path) -> tuple[str, list[str]]:
    """What parts the columns, and their names as they stand in the first line."""
    for separator in SEPARATORS:
        names = next(csv.reader([head], delimiter=separator), [])
        names = [_name(name) for name in names]
        if set(names) & {*COUPLET_FIELDS}:
            if len(set(names)) < len(names):
                raise UserError(f"{shown(path)}: a column stands twice in the first line")
            return separator, names
    wanted = " / ".join(COUPLET_FIELDS[:3])
    raise UserError(
        Bilingual(
            f"{shown(path)}: the first line names no column with couplets: {wanted}",
            f"{shown(path)}：第一行沒有首聯的欄名（{wanted}）",
        )
    )


def _cells(number: int, names: Sequence[str], cells: list[str], separator: str) -> FileRow:
    if len(cells) > len(names) and names[-1] in COUPLET_FIELDS:
        # A couplet in the last column whose own comma no quotation marks protect.
        last = len(names) - 1
        cells = [*cells[:last], separator.join(cells[last:])]
    if len(cells) != len(names):
        return FileRow(number, fault=f"{len(cells)} cells, and the first line has {len(names)}")
    return FileRow(number, _named(dict(zip(names, cells, strict=True))))


def _parquet(path: Path, after: int) -> Iterator[FileRow]:
    from pyarrow import ArrowException, parquet

    try:
        with parquet.ParquetFile(path) as file:
            if not {_name(name) for name in file.schema_arrow.names} & {*COUPLET_FIELDS}:
                wanted = " / ".join(COUPLET_FIELDS[:3])
                raise UserError(f"{shown(path)} has no column with couplets: {wanted}")
            sizes = [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)]
            first = number = 0
            while first < len(sizes) and number + sizes[first] <= after:
                number += sizes[first]
                first += 1
            groups = list(range(first, len(sizes)))
            batches = file.iter_batches(_BATCH, groups, use_threads=False) if groups else ()
            for batch in batches:
                skipped = min(max(after - number, 0), len(batch))
                for values in batch.slice(skipped).to_pylist():
                    yield FileRow(number + skipped + 1, _named(values))
                    number += 1
                number += skipped
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(say("unreadable", path=shown(path), error=error)) from None


def _named(values: dict[str, Any]) -> dict[str, Any]:
    fields = {_name(name): value for name, value in values.items()}
    for name in COUPLET_FIELDS:
        if name in fields:
            return {"couplet": fields.pop(name)} | fields
    return fields


def _name(name: str) -> str:
    return visible(name).strip().casefold()
