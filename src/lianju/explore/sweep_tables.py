"""The numbers of a sweep as CSV and Parquet, for other programs."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lianju.explore.metric_words import METRIC_WORDS
from lianju.explore.sweep import ScoredCell, Sweep
from lianju.files import writing

Row = dict[str, Any]


def cell_rows(cells: Sequence[ScoredCell]) -> list[Row]:
    """A row a cell: its parameters, then of each metric the value, the interval's ends and n."""
    rows = []
    for cell in cells:
        row: Row = {"cell": cell.written.number, **dict(cell.cell), "seconds": cell.written.seconds}
        for shown in METRIC_WORDS:
            figure = cell.figures[shown.name]
            row[shown.name] = figure.value
            row[f"{shown.name}_low"], row[f"{shown.name}_high"] = figure.low, figure.high
            row[f"{shown.name}_n"] = figure.n
        rows.append(row)
    return rows


def poem_rows(sweep: Sweep, cells: Sequence[ScoredCell]) -> list[Row]:
    """A row a poem: its cell with the parameters, its couplet and number, the text, every mark."""
    rows = []
    for cell in cells:
        groups = zip(sweep.plan.openings, cell.written.poems, cell.marks, strict=True)
        for index, (opening, poems, marks) in enumerate(groups):
            for number, (poem, mark) in enumerate(zip(poems, marks, strict=True)):
                rows.append(
                    {
                        "cell": cell.written.number,
                        **dict(cell.cell),
                        "couplet_index": index,
                        "couplet": opening.couplet,
                        "source": opening.source,
                        "number": number,
                        "text": poem.text,
                        "finish": poem.finish,
                        "tokens": poem.tokens,
                        "total_logprob": poem.logprob,
                        **mark,
                    }
                )
    return rows


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write rows of the same keys as UTF-8 CSV (RFC 4180); None is an empty field."""
    with writing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, fieldnames=list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def write_parquet(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as Parquet, numbers and truth values with their types."""
    import pyarrow
    from pyarrow import parquet

    with writing(path) as temporary:
        parquet.write_table(pyarrow.Table.from_pylist(list(rows)), temporary)
