"""Every file that a comparison of runs ends in: the page, numbers for other programs, the plot."""

import csv
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import lianju
from lianju.errors import UserError
from lianju.experiments.comparison import RunComparison
from lianju.experiments.comparison_page import comparison_html
from lianju.experiments.comparison_words import verdict_of
from lianju.experiments.curves import LearningCurve, curves_file, read_curves
from lianju.explore import lacking_png, svg_to_png
from lianju.files import write_json, write_text, writing
from lianju.progress import SILENT, Reporter

PAGE, NUMBERS = "comparison.html", "comparison.json"
# With one of these a spreadsheet begins a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def refuse_comparison(folder: Path) -> None:
    """Refuse a folder that holds something already, which could be lost."""
    if os.path.lexists(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} exists already: name another --out")


def write_comparison(found: RunComparison, folder: Path, reporter: Reporter = SILENT) -> None:
    """Write the page, the numbers as JSON and CSV, and the curves as SVG and PNG.

    That no PNG can be made here is said, with what to do. Raises `UserError` where a run's log or
    poems are damaged; then nothing is written.
    """
    with reporter.task("Comparing", 1) as task:
        curves = read_curves(found)
        page = comparison_html(found, curves, f"{datetime.now():%Y-%m-%d %H:%M}")
        task.advance()
    write_json(folder / NUMBERS, comparison_json(found, curves))
    _write_csv(folder / "runs.csv", _run_rows(found))
    _write_csv(folder / "curves.csv", _curve_rows(found, curves))
    _write_plot(folder / "curves.svg", curves_file(curves, "Learning curves"), reporter)
    write_text(folder / PAGE, page)


def comparison_json(found: RunComparison, curves: Sequence[LearningCurve]) -> dict[str, Any]:
    """All numbers of a comparison."""
    names = [one.row.name for one in found.runs]
    return {
        "lianju": lianju.__version__,
        "verdict": [str(said) for said in verdict_of(found)],
        "verdict_zh": [said.zh for said in verdict_of(found)],
        "ranked": [names[number] for number in found.ranked],
        "runs": [
            {
                **one.row.model_dump(exclude={"state", "advice", "advice_zh"}),
                "folder": str(one.run.folder),
                "loss_low": one.loss.low,
                "loss_high": one.loss.high,
            }
            for one in found.runs
        ],
        "tests": [
            {
                "first": names[test.first],
                "second": names[test.second],
                **test.compared.model_dump(),
            }
            for test in found.tests
        ],
        "curves": [{"run": name, **asdict(one)} for name, one in zip(names, curves, strict=True)],
    }


def _run_rows(found: RunComparison) -> list[dict[str, Any]]:
    rows = []
    for one in found.runs:
        row = one.row.model_dump(exclude={"state", "advice", "advice_zh", "settings"})
        low, high = one.loss.low, one.loss.high
        rows.append({**row, "loss_low": low, "loss_high": high, **one.row.settings})
    return rows


def _curve_rows(found: RunComparison, curves: Sequence[LearningCurve]) -> list[dict[str, Any]]:
    return [
        {"run": one.row.name, "kind": kind, **asdict(point)}
        for one, curve in zip(found.runs, curves, strict=True)
        for kind, points in (("train", curve.training), ("validation", curve.validation))
        for point in points
    ]


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows as UTF-8 CSV, in which no text can become a spreadsheet's formula."""
    if not rows:
        return
    names = list(dict.fromkeys(name for row in rows for name in row))
    with writing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, fieldnames=names)
        table.writeheader()
        table.writerows({name: _cell(value) for name, value in row.items()} for row in rows)


def _cell(value: Any) -> Any:
    formula = isinstance(value, str) and value.startswith(_FORMULA)
    return f"'{value}" if formula else value


def _write_plot(path: Path, svg: str, reporter: Reporter) -> None:
    if not svg:
        return
    write_text(path, svg)
    if missing := lacking_png():
        reporter.say(missing)
        return
    with writing(path.with_suffix(".png")) as temporary:
        temporary.write_bytes(svg_to_png(svg))
