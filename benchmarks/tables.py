"""What the tables of docs/benchmarks.md are made of, and how they are written.

A table is a module's `TABLE`: its `measure` returns rows of figures, each of several repetitions.
What was measured is kept in docs/benchmarks.json with the machine, the commit and the date; the
text is made from that alone.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

from lianju import machine
from lianju.model import has_bf16_units

_LIBRARIES = ("openvino", "peft", "trl")
_ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Figure:
    """The median of `n` repetitions, the least and the most of them."""

    median: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figure":
        """The figure of at least one value."""
        return cls(median(values), min(values), max(values), len(values))


@dataclass(frozen=True)
class Row:
    """A line of a table: its name, and figures by column. A column that is left out has none."""

    name: str
    figures: dict[str, Figure]


@dataclass(frozen=True)
class Measured:
    """What a table's `measure` found; `points` are those of its plot, by curve."""

    rows: list[Row]
    points: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Work:
    """What tables are measured with.

    `adapter`: a tuned model; `folder`: where logs and exported models go, which are made once;
    `quick`: with few and small repetitions, to see that all of it runs.
    """

    adapter: Path
    folder: Path
    quick: bool = False


@dataclass(frozen=True)
class Table:
    """A table. `about` says in Markdown what was done; `columns` holds a format each."""

    name: str
    title: str
    about: str
    columns: dict[str, str]
    measure: Callable[[Work], Measured]
    plot: str = ""


def measured(table: Table, work: Work) -> dict[str, Any]:
    """Measure `table`, and return what docs/benchmarks.json keeps of it."""
    start = datetime.now(UTC)
    load = os.getloadavg()[0]
    found = table.measure(work)
    return {
        "date": start.date().isoformat(),
        "commit": _commit(),
        "minutes": round((datetime.now(UTC) - start).total_seconds() / 60, 1),
        "load_before": round(load, 1),
        "quick": work.quick,
        "machine": {**machine.describe(), "bf16_units": has_bf16_units(), **_versions()},
        "rows": [{"name": row.name, "figures": _plain(row)} for row in found.rows],
        "points": found.points,
        "remarks": list(found.remarks),
    }


def _plain(row: Row) -> dict[str, dict[str, float]]:
    return {name: asdict(figure) for name, figure in row.figures.items()}


def _versions() -> dict[str, str]:
    found = {}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> str:
    """The commit that was measured, marked where files differ from it."""
    command = ["git", "-C", str(_ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def same_machine(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two measurements are of the same kind of machine."""
    told = ("cpu", "cores", "gpu", "bf16_units")
    return all(one["machine"].get(name) == other["machine"].get(name) for name in told)


def markdown(table: Table, kept: Sequence[dict[str, Any]]) -> str:
    """The section of `table` in docs/benchmarks.md, with what was measured on each machine."""
    parts = [f"## {table.title}", table.about.strip()]
    if not kept:
        parts.append(f"Not measured yet: `python -m benchmarks.all {table.name}`.")
    for found in kept:
        names = list(table.columns)
        lines = [["", *names], ["---"] * (len(names) + 1)]
        for row in found["rows"]:
            cells = [_cell(row["figures"].get(name), table.columns[name]) for name in names]
            lines.append([row["name"], *cells])
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
        parts += found["remarks"]
        # Of the newest measurement.
        if table.plot and found is kept[-1]:
            parts.append(f"![{table.title}]({table.plot})")
        parts.append(_measured_on(table, found))
    return "\n\n".join(parts)


def _cell(figure: dict[str, Any] | None, form: str) -> str:
    if figure is None:
        return "–"
    middle, low, high = (form.format(figure[name]) for name in ("median", "low", "high"))
    return middle if low == high else f"{middle} ({low}–{high})"


def _measured_on(table: Table, found: dict[str, Any]) -> str:
    host = found["machine"]
    counts = {figure["n"] for row in found["rows"] for figure in row["figures"].values()}
    repeated = f"n = {min(counts)}" if len(counts) == 1 else f"n = {min(counts)} to {max(counts)}"
    bf16 = "bf16 in hardware" if host["bf16_units"] else "no bf16"
    libraries = ("python", "torch", "transformers", *_LIBRARIES)
    versions = ", ".join(f"{name} {host[name]}" for name in libraries if name in host)
    small = " Small sizes, to see that it runs: no measurement." if found["quick"] else ""
    return (
        f"<sub>`python -m benchmarks.all {table.name}`, {found['date']}, commit {found['commit']}, "
        f"{found['minutes']:g} min, load before {found['load_before']:g}; {repeated}. "
        f"{host['cores']} cores of {host['cpu']} ({bf16}), {host['memory_gb']:g} GB, "
        f"{host['system']}; {versions}.{small}</sub>"
    )


def child(module: str, *arguments: str, timeout: float = 3600) -> subprocess.CompletedProcess[str]:
    """Run a module of the benchmarks in a process of its own, on all cores.

    Raises `RuntimeError`, with the end of what it said, if it fails.
    """
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=timeout, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} failed:\n{done.stderr[-2000:]}")
    return done
