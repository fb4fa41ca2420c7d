"""Every file that a training grid ends in: tables, plots, the page."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from lianju.evaluate import Measured, Tools, measure, tools
from lianju.experiments.axes import choice_words, value_words
from lianju.experiments.curves import curves_file, read_curve
from lianju.experiments.grid_findings import GridCell, GridFindings
from lianju.experiments.grid_page import page
from lianju.experiments.grid_plots import against_time, by_setting
from lianju.experiments.grid_words import SHOWN, found_words, verdict_words
from lianju.experiments.run_reading import read_run
from lianju.experiments.training_grid import JudgedModel, TrainingGrid
from lianju.explore import alone, lacking_png, write_csv, write_plot
from lianju.files import write_json, write_text

_AGAINST_TIME = ("loss", "full")


def write_grid(grid: TrainingGrid) -> GridFindings:
    """Measure what the cells wrote, and write tables, plots and the page into the grid's folder.

    At least one cell must be finished. What this system lacks for PNG is said.
    """
    found = _findings(grid)
    if missing := lacking_png():
        grid.reporter.say(missing)
    plots = list(_plots(found))
    with grid.reporter.task("Charts", len(plots)) as task:
        for name, svg in plots:
            write_plot(grid.folder / "plots" / name, svg, png=not missing)
            task.advance()
    write_csv(grid.folder / "cells.csv", [_row(cell) for cell in found.cells])
    write_json(grid.folder / "findings.json", _as_json(found))
    write_text(grid.folder / "grid.html", page(found))
    return found


def _findings(grid: TrainingGrid) -> GridFindings:
    kit, finished = tools(grid.reporter), grid.finished()
    base = grid.base()
    cells = [
        GridCell(number, grid.plan.choices[number], judged, _measured(grid, judged, kit))
        for number, judged in sorted(finished.items())
        if not judged.failed
    ]
    curves = [
        read_curve(read_run(grid.run_folder(cell.number)), choice_words(cell.choice))
        for cell in cells
    ]
    failed = {number: judged for number, judged in finished.items() if judged.failed}
    return GridFindings(grid, base, _measured(grid, base, kit), cells, curves, failed)


def _measured(grid: TrainingGrid, judged: JudgedModel, kit: Tools) -> Measured:
    poems = judged.unseen_poems(grid.plan)
    truths = [one.truth for one in grid.plan.unseen[: len(poems)]]
    return measure([[poem] for poem in poems], truths, kit)


def _plots(found: GridFindings) -> Iterator[tuple[str, str]]:
    """Every plot under the name of its file."""
    by_name = {metric.name: metric for metric in SHOWN}
    for metric in SHOWN:
        if found.grid.plan.axes:
            drawn = [by_setting(axis, metric, found.cells) for axis in found.grid.plan.axes]
            yield f"settings-{metric.name}", alone(drawn, f"{metric.title} by setting")
    if curves := curves_file(found.curves, "Learning curves"):
        yield "curves", curves
    drawn = [against_time(by_name[n], found.cells, found.front(n)) for n in _AGAINST_TIME]
    yield "quality-time", alone(drawn, "Quality by time of training; full: Pareto front")


def _row(cell: GridCell) -> dict[str, Any]:
    """A row of the table: the values, every metric with its interval and n, what it cost."""
    row: dict[str, Any] = {"cell": cell.number}
    row |= {name: value_words(value) for name, value in cell.choice.items()}
    for metric in SHOWN:
        figure = cell.figures[metric.name]
        row[metric.name] = figure.value
        row[f"{metric.name}_low"], row[f"{metric.name}_high"] = figure.low, figure.high
        row[f"{metric.name}_n"] = figure.n
    judged = cell.judged
    return row | {
        "training_seconds": judged.training,
        "other_seconds": judged.rest,
        "memory_gb": judged.memory_gb,
        "gpu_gb": judged.gpu_gb,
        "poems": judged.trained_on,
        "steps": judged.steps,
        "kept_step": judged.best_step,
        "trainable": judged.trainable,
    }


def _as_json(found: GridFindings) -> dict[str, Any]:
    """What was found, for programs."""
    plan = found.grid.plan
    return {
        "settings": plan.settings.model_dump(mode="json"),
        "axes": [axis.model_dump() for axis in plan.axes],
        "found": [str(sentence) for sentence in found_words(found)],
        "verdicts": {axis.name: str(verdict_words(found, axis)) for axis in plan.axes},
        "base_loss": found.base_loss.model_dump(),
        "best": found.best.number,
        "as_good": [cell.number for cell in found.as_good],
        "front": [cell.number for cell in found.front("loss")],
        "cells": [
            {
                "number": cell.number,
                "choice": cell.choice,
                "figures": {m.name: cell.figures[m.name].model_dump() for m in SHOWN},
                "curve": [asdict(point) for point in curve.validation],
                "training_seconds": cell.judged.training,
            }
            for cell, curve in zip(found.cells, found.curves, strict=True)
        ],
        "failed": {str(number): judged.failed for number, judged in found.failed.items()},
    }
