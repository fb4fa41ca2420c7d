"""A report on the terminal: the verdict, then a compact table for each suite."""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from lianju.evaluate.figures import (
    difference_words,
    doubt,
    holds,
    interval_words,
    value_words,
    way,
)
from lianju.evaluate.schema import Comparison, Metric, Report
from lianju.evaluate.statistics import Figure
from lianju.evaluate.verdict import by_size, figure_of, title


def summary_lines(report: Report) -> list[str]:
    """The verdict, a sentence a line, and every figure of every suite, aligned in columns."""
    lines = list(report.verdict)
    for suite in by_size(report):
        lines += ["", *_table(report, suite)]
    return lines


def _table(report: Report, suite: str) -> list[str]:
    """A row a metric: its value and interval for each system, on how many, the difference."""
    compared = {one.metric: one for one in report.comparisons if one.suite == suite}
    systems = [system for system in report.systems if suite in system.suites]
    last = ["difference"] if compared else []
    rows = [[suite, *(system.label for system in systems), "n", *last]]
    for name, metric in report.metrics.items():
        figures = [figure_of(system, suite, name) for system in systems]
        if any(figure.n for figure in figures):
            counts = "/".join(dict.fromkeys(f"{figure.n:,}" for figure in figures))
            cells = [*(_cell(figure, metric) for figure in figures), counts]
            last = [_difference(compared.get(name), metric)] if compared else []
            rows.append([title(metric), *cells, *last])
    return _aligned(rows)


def _cell(figure: Figure, metric: Metric) -> str:
    if figure.value is None:
        return "—"
    return f"{value_words(figure.value, metric.unit)} ({interval_words(figure, metric.unit)})"


def _difference(one: Comparison | None, metric: Metric) -> str:
    if one is None:
        return "—"
    kept = f"{way(one, metric)}, holds" if holds(one) else doubt(one)
    return f"{difference_words(one.difference, metric.unit)}, {kept}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns flush left, two spaces apart; a Han character is two columns wide."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            set_cell_size(cell, width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
