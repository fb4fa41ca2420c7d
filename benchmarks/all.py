"""The tables of docs/benchmarks.md.

    python -m benchmarks.all [TABLE ...] [--adapter RUN] [--work FOLDER]

measures the named tables, all without a name, and writes docs/benchmarks.json, docs/benchmarks.md
and its plot. Other tables stay as they were measured last, so a long measurement can be taken in
parts. Nothing else should run on the machine.
"""

import argparse
import signal
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import cold, gpu, growth, readers, rules, train
from benchmarks.growth_plot import drawn
from benchmarks.tables import Table, Work, markdown, measured, same_machine
from lianju.files import read_json, write_json, write_text
from lianju.loading import default_adapter
from lianju.model import find_adapter

TABLES: dict[str, Table] = {
    module.TABLE.name: module.TABLE for module in (train, readers, cold, rules, growth, gpu)
}
# Only where there is one.
_GPU = gpu.TABLE.name
_WORK = Path("runs/benchmarks")
_INTRODUCTION = """\
# Benchmarks

Written by `python -m benchmarks.all` from [benchmarks.json](benchmarks.json): do not edit. A cell
is the median of n repetitions and, in brackets, the least and the most of them. Within a table all
rows were measured in turn in one run, so their ratios hold; under each stands the machine that it
belongs to, and what was measured on several machines stands here once for each. Numbers of two
tables, or of two machines, are not to be divided by each other. × says how many times as fast.

每格為 n 次的中位數，括號內是最小與最大。
同一表內各列交替測量，比值可信；不同表、不同機器的數字不可相除。
在幾種機器上量過的，各列一表。"""


def main() -> None:
    """Measure what is asked, and write all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(TABLES))
    parser.add_argument("--adapter", type=Path, help="a run or its adapter; the newest in ./runs")
    parser.add_argument("--work", type=Path, default=_WORK, help="logs and exported models")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="where the table stands")
    parser.add_argument("--quick", action="store_true", help="small sizes: to see that it runs")
    given = parser.parse_args()
    if unknown := set(given.tables) - TABLES.keys():
        parser.error(f"there is no table {', '.join(sorted(unknown))}: {', '.join(TABLES)}")
    # Ended from outside, it takes its servers along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    adapter = find_adapter(given.adapter) if given.adapter else default_adapter()
    work = Work(adapter.resolve(), given.work, given.quick)
    for name in given.tables or [name for name in TABLES if name != _GPU]:
        start = time.perf_counter()
        print(f"{name} …", flush=True)
        found = measured(TABLES[name], work)
        kept = kept_in(given.docs)
        others = [one for one in kept.get(name, []) if not same_machine(one, found)]
        write_json(given.docs / "benchmarks.json", {**kept, name: [*others, found]})
        write_all(given.docs)
        print(markdown(TABLES[name], [found]))
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)


def kept_in(docs: Path) -> dict[str, list[dict[str, Any]]]:
    """What was measured last on each machine, by table."""
    file = docs / "benchmarks.json"
    return read_json(file) if file.is_file() else {}


def rendered(kept: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    """The files made from what was measured, by their names."""
    sections = [markdown(table, kept.get(name, [])) for name, table in TABLES.items()]
    files = {"benchmarks.md": "\n\n".join([_INTRODUCTION, *sections]) + "\n"}
    if growth.TABLE.name in kept:
        files[growth.TABLE.plot] = drawn(kept[growth.TABLE.name][-1]["points"])
    return files


def write_all(docs: Path) -> None:
    """Write all that is made from docs/benchmarks.json."""
    for name, text in rendered(kept_in(docs)).items():
        write_text(docs / name, text)


if __name__ == "__main__":
    main()
