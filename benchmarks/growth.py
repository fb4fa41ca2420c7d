"""Time and memory against the size of what is asked.

    python -m benchmarks.growth SERIES ADAPTER SIZES

is the process that `measure` starts for each series: it works through sizes in ascending order and
prints a line of JSON for each, with seconds and the most memory so far.
"""

import json
import math
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks.tables import Figure, Measured, Row, Table, Work, child
from lianju import machine
from lianju.config import load_settings
from lianju.corpus import (
    Example,
    KnownLines,
    Poem,
    large_corpus,
    line_index,
    line_keys,
    split,
    test_set,
    training_corpus,
)
from lianju.files import read_jsonl
from lianju.likelihood import encode
from lianju.model import load_base
from lianju.progress import SILENT
from lianju.prompt import LAYOUTS
from lianju.training import new_run, train_only
from lianju.training.batches import plan
from lianju.verse import form_of

_REPEATED = 3
_STEPS = 6
# What costs the same at every size hides how a series grows: only the largest sizes are fitted.
_FITTED = 3
# What one size costs once it is ready; called several times.
Job = Callable[[], object]


def _poems(count: int) -> list[Example]:
    """Poems of the large corpus that are of one of the four forms, in an order that has them mixed,
    so that those of a larger number are no longer than those of a smaller.
    """
    whole = (poem for poem in _mixed() if form_of(poem.text))
    parts = ((*poem.text.partition("。"), poem.id) for poem in whole)
    found = (Example(head + stop, rest, name) for head, stop, rest, name in parts if rest)
    return list(islice(found, count))


def _mixed() -> list[Poem]:
    poems = large_corpus()
    random.Random(0).shuffle(poems)
    return poems


def _check(_adapter: Path) -> Callable[[int], Job]:
    from lianju import check

    poems = _poems(40_000)
    return lambda size: lambda: [check(one.text) for one in poems[:size]]


def _read(_adapter: Path) -> Callable[[int], Job]:
    """Reading a file, cleaning it, and cutting it into pool and validation."""
    poems, large, folder = _poems(40_000), large_corpus(), TemporaryDirectory()

    def job(size: int) -> Job:
        file = Path(folder.name) / f"{size}.json"
        rows = [{"input": one.couplet, "output": one.completion} for one in poems[:size]]
        file.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
        return lambda: split(training_corpus(file), test_set(), large)

    return job


def _known(_adapter: Path) -> Callable[[int], Job]:
    """Building the index of lines, and looking up all lines of 1,000 poems in it."""
    large, asked, folder = _mixed(), _poems(1000), TemporaryDirectory()

    def build(size: int) -> None:
        file = Path(folder.name) / "lines.sqlite"
        file.unlink(missing_ok=True)
        line_index._build(large[:size], file, SILENT)
        lines = KnownLines(file)
        for one in asked:
            for line in line_keys(one.text):
                lines.find(line)
        lines.base.close()

    return lambda size: partial(build, size)


def _planned(_adapter: Path) -> Callable[[int], Job]:
    """What a fine-tuning does with all of its poems before the first step."""
    settings, poems = load_settings(), _poems(40_000)
    words = load_base(settings.model, LAYOUTS, torch.device("cpu")).vocabulary
    known = [one for one in poems if all(map(words.spell, one.text))]

    def work(size: int) -> None:
        items = encode(known[:size], "plain", words, 256)
        lengths = [item.length for item in items]
        plan(lengths, settings.train.batch_size, 1, settings.train.epochs, 0)

    return lambda size: partial(work, size)


def _step_seconds(size: int) -> float:
    """The median seconds of a training step with so many poems a batch, the first left out."""
    asked = {"data.poems": _STEPS * size, "data.validation": 64, "train.batch_size": size}
    settings = load_settings("default", {**asked, "train.validation_part": 1})
    with TemporaryDirectory() as folder, new_run(Path(folder) / "run", settings) as run:
        train_only(run)
        rows = [row for row in read_jsonl(run.folder / "steps.jsonl") if row["kind"] == "train"]
    whole = [row for row in rows[1:] if row["tokens"] > median(r["tokens"] for r in rows) / 2]
    return median(float(row["seconds"]) for row in whole)


def _written(what: str, adapter: Path) -> Callable[[int], Job]:
    """Poems in rules by one writer; `what` is to grow."""
    from lianju import Writer

    writer, couplets = Writer.load(adapter, SILENT), [one.couplet for one in test_set()]
    writer.write(couplets[0])

    def job(size: int) -> Job:
        if what == "couplets":
            many = list(islice(cycle(couplets), size))
            return lambda: list(writer.write_many(many, particles=1))
        if what == "candidates":
            return lambda: writer.write(couplets[0], size, particles=1)
        return lambda: writer.write(couplets[0], particles=size)

    return job


@dataclass(frozen=True)
class Series:
    """What grows: sizes, and how a process makes a job of one."""

    title: str
    unit: str
    sizes: tuple[int, ...]
    jobs: Callable[[Path], Callable[[int], Job]] | None


_MANY = (1000, 3000, 10_000, 37_000)
SERIES = {
    "check": Series("check", "poems", _MANY, _check),
    "read": Series("read, clean, split", "poems", _MANY, _read),
    "known": Series("index known lines", "poems", (1000, 3000, 10_000, 57_000), _known),
    "plan": Series("encode and plan training", "poems", _MANY, _planned),
    "step": Series("a training step", "poems a batch", (4, 8, 16, 32, 64), None),
    "candidates": Series(
        "candidates of a couplet", "candidates", (1, 4, 16, 64), partial(_written, "candidates")
    ),
    "particles": Series(
        "particles of a poem", "particles", (1, 4, 16, 64), partial(_written, "particles")
    ),
    "couplets": Series(
        "couplets side by side", "couplets", (8, 32, 128, 512), partial(_written, "couplets")
    ),
}


def measure(work: Work) -> Measured:
    """Every series in a process of its own."""
    rows, points = [], {}
    for name, series in SERIES.items():
        sizes = series.sizes[:2] if work.quick else series.sizes
        arguments = (name, str(work.adapter), ",".join(map(str, sizes)))
        said = child("benchmarks.growth", *arguments).stdout.splitlines()
        found = [json.loads(line) for line in said if line.startswith('{"size"')]
        rows.append(Row(f"{series.title} ({series.unit})", _figures(found)))
        points[name] = [(one["size"], median(one["seconds"])) for one in found]
    return Measured(rows, points)


def _figures(found: Sequence[dict[str, Any]]) -> dict[str, Figure]:
    first, last = found[0], found[-1]
    times = [(one["size"], median(one["seconds"])) for one in found[-_FITTED:]]
    return {
        "from": Figure.of([first["size"]]),
        "to": Figure.of([last["size"]]),
        "s at first": Figure.of(first["seconds"]),
        "s at last": Figure.of(last["seconds"]),
        "exponent": Figure.of([exponent(times)]),
        "GB at first": Figure.of([first["memory_gb"]]),
        "GB at last": Figure.of([last["memory_gb"]]),
    }


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The power of x that y grows with: the slope, by least squares, of their logarithms.

    >>> round(exponent([(1, 3), (10, 300), (100, 30000)]), 6)
    2.0
    """
    logs = [(math.log(x), math.log(y)) for x, y in points]
    middle_x, middle_y = (sum(column) / len(logs) for column in zip(*logs, strict=True))
    rise = sum((x - middle_x) * (y - middle_y) for x, y in logs)
    return float(rise / sum((x - middle_x) ** 2 for x, _ in logs))


def _worked(series: Series, adapter: Path, sizes: Sequence[int]) -> Iterator[dict[str, Any]]:
    jobs = series.jobs and series.jobs(adapter)
    for size in sizes:
        if jobs is None:
            seconds = [_step_seconds(size)]
        else:
            job, seconds = jobs(size), []
            for _ in range(_REPEATED):
                start = time.perf_counter()
                job()
                seconds.append(time.perf_counter() - start)
        yield {"size": size, "seconds": seconds, "memory_gb": machine.peak_memory_gb()}


TABLE = Table(
    name="growth",
    title="Growth",
    about="""\
How time and memory grow with what is asked; each line in a process of its own, from small to large.
The exponent is that of the size, fitted to the logarithms of the three largest sizes: 1 is linear,
below 1 a larger size costs less a piece. Training as a whole is its steps, as many as there are
poems by the batch. GB is all of the process, the model included. Poems are written in rules, with
one particle where particles do not grow.""",
    columns={
        "from": "{:,.0f}",
        "to": "{:,.0f}",
        "s at first": "{:.3g}",
        "s at last": "{:.3g}",
        "exponent": "{:.2f}",
        "GB at first": "{:.2f}",
        "GB at last": "{:.2f}",
    },
    measure=measure,
    plot="growth.svg",
)


def main(name: str, adapter: str, sizes: str) -> None:
    """Work through the sizes of a series."""
    for row in _worked(SERIES[name], Path(adapter), [int(size) for size in sizes.split(",")]):
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
