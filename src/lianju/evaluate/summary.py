"""A report on the terminal: a compact table for each suite."""

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
from lianju.evaluate.verdict import by_size, figure_of, is_unknowable, title


def summary_tables(report: Report) -> list[list[list[str]]]:
    """The rows of a table for each suite, its head first, with every figure."""
    return [_table(report, suite) for suite in by_size(report)]


def _table(report: Report, suite: str) -> list[list[str]]:
    """A row a metric: its value and interval for each system, on how many, the difference."""
    compared = {one.metric: one for one in report.comparisons if one.suite == suite}
    systems = [system for system in report.systems if suite in system.suites]
    last = ["difference"] if compared else []
    rows = [[suite, *(system.label for system in systems), "n", *last]]
    for name, metric in report.metrics.items():
        figures = [figure_of(system, suite, name) for system in systems]
        unknown = any(is_unknowable(system, name) for system in systems)
        if unknown or any(figure.n for figure in figures):
            counts = "/".join(dict.fromkeys(f"{figure.n:,}" for figure in figures))
            said = [
                "not available" if is_unknowable(system, name) else _cell(figure, metric)
                for system, figure in zip(systems, figures, strict=True)
            ]
            cells = [*said, counts]
            last = [_difference(compared.get(name), metric)] if compared else []
            rows.append([title(metric), *cells, *last])
    return rows


def _cell(figure: Figure, metric: Metric) -> str:
    if figure.value is None:
        return "—"
    return f"{value_words(figure.value, metric.unit)} ({interval_words(figure, metric.unit)})"


def _difference(one: Comparison | None, metric: Metric) -> str:
    if one is None:
        return "—"
    kept = f"{way(one, metric)}, holds" if holds(one) else doubt(one)
    return f"{difference_words(one.difference, metric.unit)}, {kept}"
