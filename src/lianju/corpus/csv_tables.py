"""Poems in a table, CSV or TSV, whose first row names the columns.

>>> table = '"題目","作者","內容"\\n"登鸛雀樓","王之渙","白日依山盡，黃河入海流。"\\n'
>>> [record] = table_records(table) or []
>>> record.place, record.title, record.parts
(' line 2', '登鸛雀樓', (RecordPart(field='內容', text='白日依山盡，黃河入海流。'),))
"""

import csv
from collections.abc import Iterator

from lianju.corpus.records import Record, printable, record_of
from lianju.errors import UserError
from lianju.verse import visible

SEPARATORS = ",\t;|｜"
_LONGEST_HEAD = 1000


def table_records(text: str) -> list[Record] | None:
    """The records of a table; None where the first line names no column that holds a poem."""
    head = next((line for line in text.splitlines() if line.strip()), "")[:_LONGEST_HEAD]
    for separator in SEPARATORS:
        names = next((cells for _, cells in _rows(head, separator)), [])
        names = [visible(name).strip() for name in names]
        if len(names) > 1 and all(names) and record_of(dict.fromkeys(names, ""), ""):
            if len(set(names)) < len(names):
                raise UserError(
                    f"a column stands twice in the first line: {printable('、'.join(names))}"
                )
            rows = list(_rows(text, separator))
            return [_record(names, cells, separator, line) for line, cells in rows[1:]]
    return None


def _rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The rows with anything in them, each with the number of its last line."""
    reader = csv.reader(text.splitlines(keepends=True), delimiter=separator)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            # Markdown has a bar before the first column, after the last, and a rule.
            if separator in "|｜":
                cells = cells[not cells[0] : len(cells) - (not cells[-1])] if cells else []
            if any(sign.isalnum() for cell in cells for sign in cell):
                yield reader.line_num, cells
    except csv.Error as error:
        raise UserError(f"line {reader.line_num} is no row of a table: {error}") from None


def _record(names: list[str], cells: list[str], separator: str, line: int) -> Record:
    if len(cells) > len(names):
        # A poem in the last column whose own commas no quotation marks protect.
        last = len(names) - 1
        cells = [*cells[:last], separator.join(cells[last:])]
    place = f" line {line}"
    if len(cells) < len(names):
        fault = f"{len(cells)} of {len(names)} columns: {printable('、'.join(names))}"
        return Record(place, faults=(("", fault),))
    found = record_of(dict(zip(names, cells, strict=True)), place)
    assert found is not None  # the names tell
    return found
