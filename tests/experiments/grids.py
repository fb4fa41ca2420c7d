"""Training grids for tests, made up."""

from collections.abc import Sequence
from pathlib import Path

from lianju.config import RunSettings
from lianju.decode import Completion
from lianju.evaluate import Mark, Measured
from lianju.evaluate.statistics import NOTHING, mean, share
from lianju.experiments.axes import Axis, choice_words
from lianju.experiments.curves import CurvePoint, LearningCurve
from lianju.experiments.grid_findings import GridCell, GridFindings
from lianju.experiments.grid_words import SHOWN
from lianju.experiments.training_grid import (
    GridCouplet,
    GridPlan,
    JudgedCell,
    JudgedModel,
    TrainingGrid,
    completion_row,
)
from tests.tiny import COUPLETS

UNSEEN = 40


def plan(axes: Sequence[Axis]) -> GridPlan:
    couplets = [GridCouplet(couplet=one, truth=rest) for one, rest in COUPLETS]
    unseen = [couplets[at % len(couplets)] for at in range(UNSEEN)]
    shown = tuple(couplets[:5])
    return GridPlan(settings=RunSettings(), axes=tuple(axes), unseen=tuple(unseen), shown=shown)


def cell(
    asked: GridPlan,
    number: int,
    losses: Sequence[float],
    seconds: float,
    right: int = UNSEEN,
    text: str = "欲窮千里目，更上一層樓。",
) -> GridCell:
    """A finished cell; of its poems the first so many are `right` in shape and rules."""
    row = completion_row(Completion("", text, "stop", 12, -40.0))
    judged = JudgedCell(
        losses=list(losses),
        unseen=[row] * len(asked.unseen),
        shown=[row] * len(asked.shown),
        training=seconds,
        rest=5.0,
        memory_gb=1.0,
        gpu_gb=0.0,
        trained_on=100,
        steps=10,
        best_step=10,
        trainable=1000,
    )
    marks: list[list[dict[str, Mark]]] = [
        [{"shape": at < right, "full": at < right, "repeats": 0.1, "known_lines": 0.0}]
        for at in range(len(asked.unseen))
    ]
    figures = {metric.name: NOTHING for metric in SHOWN}
    figures["shape"] = figures["full"] = share([[float(at < right)] for at in range(UNSEEN)])
    figures["distinct_2"] = mean([[0.5]] * UNSEEN)
    return GridCell(number, asked.choices[number], judged, Measured(marks, figures))


def findings(folder: Path, asked: GridPlan, cells: Sequence[GridCell]) -> GridFindings:
    base = JudgedModel(losses=[9.0] * UNSEEN, unseen=[], shown=cells[0].judged.shown)
    grid = TrainingGrid(folder, plan=asked)
    curves = [
        LearningCurve(
            choice_words(one.choice),
            [CurvePoint(5, one.judged.training / 2, 500, 7.0), CurvePoint(10, 9.0, 1000, 6.0)],
            [CurvePoint(10, one.judged.training, 1000, one.judged.losses[0])],
        )
        for one in cells
    ]
    return GridFindings(grid, base, cells[0].measured, list(cells), curves, {})
