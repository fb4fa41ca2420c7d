"""Poems as Parquet, made of their JSONL when all are there."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

from lianju.files import writing

_ROW_GROUP = 10_000
# What is nested stands as JSON.
_JSON = ("verdict", "copied")


def write_parquet(lines: Path, output: Path) -> None:
    """Write the poems of a file of JSONL, a row a poem; memory does not grow with them."""
    import pyarrow
    from pyarrow import parquet

    text, whole, real = pyarrow.string(), pyarrow.int64(), pyarrow.float64()
    texts = pyarrow.list_(text)
    schema = pyarrow.schema(
        [
            *(("id", text), ("row", whole), ("candidate", whole), ("couplet", text)),
            *(("text", text), ("finish", text), ("tokens", whole), ("logprob", real)),
            *(("allowed", real), ("logprob_per_character", real), ("rating", real)),
            *(("form", text), ("fault", text), ("fault_zh", text), ("verdict", text)),
            *(("copied", text), ("notes", texts), ("notes_zh", texts), ("engine", text)),
        ]
    )
    with (
        writing(output) as temporary,
        lines.open(encoding="utf-8") as file,
        parquet.ParquetWriter(temporary, schema) as table,
    ):
        while rows := [_flat(json.loads(line)) for line in islice(file, _ROW_GROUP)]:
            table.write_table(pyarrow.Table.from_pylist(rows, schema))


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    nested = {name: json.dumps(row[name], ensure_ascii=False) for name in _JSON}
    return row | nested | {"id": str(row["id"])}
