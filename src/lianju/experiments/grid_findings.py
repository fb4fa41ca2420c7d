"""What a training grid found: which cell is best, which is as good and cheaper, what each setting
does.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, log
from typing import Any

from lianju.evaluate import Figure, Measured, difference, mean
from lianju.experiments.axes import Axis, Choice
from lianju.experiments.curves import LearningCurve
from lianju.experiments.training_grid import JudgedCell, JudgedModel, TrainingGrid

# Of one poem each, so compared in pairs.
PAIRED = ("loss", "shape", "full", "repeats", "known_lines")


@dataclass(frozen=True)
class GridCell:
    """A cell that is finished: its number, its values, what came of it, every metric."""

    number: int
    choice: Choice
    judged: JudgedCell
    measured: Measured

    @property
    def figures(self) -> dict[str, Figure]:
        """Every metric, the loss included."""
        return {**self.measured.figures, "loss": self.loss}

    @cached_property
    def loss(self) -> Figure:
        """Nats a character of the real continuations."""
        return mean(self.values("loss"))

    def values(self, metric: str) -> list[list[float]]:
        """The values of a metric by couplet; poems without one are left out."""
        if metric == "loss":
            return [[loss] for loss in self.judged.losses]
        return [
            [float(mark) for poem in group if isinstance(mark := poem[metric], bool | int | float)]
            for group in self.measured.marks
        ]


@dataclass(frozen=True)
class AxisStep:
    """What it brings to go from one value of an axis to the next, all else being equal.

    `pairs`: how many pairs of cells it was taken on. `changes`: by metric, the mean over these of
    the differences on each couplet. `times`: how many times as long the training took, in the
    geometric mean.
    """

    axis: Axis
    before: Any
    after: Any
    pairs: int
    changes: dict[str, Figure]
    times: float


def sign(figure: Figure) -> int:
    """The sign of a difference whose interval leaves out 0, else 0."""
    if figure.low is None or figure.high is None:
        return 0
    return int(figure.low > 0) - int(figure.high < 0)


def step_of(cells: Sequence[GridCell], axis: Axis, before: Any, after: Any) -> AxisStep | None:
    """The step between two values of an axis; None where no two cells differ in it alone."""
    pairs = [
        (one, other)
        for one in cells
        if one.choice[axis.name] == before
        for other in cells
        if other.choice == {**one.choice, axis.name: after}
    ]
    if not pairs:
        return None
    changes = {metric: _change(pairs, metric) for metric in PAIRED}
    logs = [log(b.judged.training / a.judged.training) for a, b in pairs]
    return AxisStep(axis, before, after, len(pairs), changes, exp(sum(logs) / len(logs)))


def _change(pairs: Sequence[tuple[GridCell, GridCell]], metric: str) -> Figure:
    """The mean difference of a metric, couplet by couplet, over all pairs of cells."""
    sides = [(one.values(metric), other.values(metric)) for one, other in pairs]
    couplets = range(len(sides[0][0]))
    found = []
    for at in couplets:
        both = [(a[at], b[at]) for a, b in sides if a[at] and b[at]]
        if both:
            apart = [sum(b) / len(b) - sum(a) / len(a) for a, b in both]
            found.append([sum(apart) / len(apart)])
    return mean(found)


@dataclass(frozen=True)
class GridFindings:
    """A grid with its scores: what its page and files are made of.

    `cells`: those that were trained to the end, at least one, and their `curves`; `failed`: those
    that could not be.
    """

    grid: TrainingGrid
    base: JudgedModel
    base_measured: Measured
    cells: list[GridCell]
    curves: list[LearningCurve]
    failed: dict[int, JudgedCell]

    @cached_property
    def best(self) -> GridCell:
        """The cell of the lowest loss."""
        return min(self.cells, key=lambda cell: cell.loss.value or 0.0)

    @cached_property
    def as_good(self) -> list[GridCell]:
        """Those whose loss cannot be told from the best one's, the quickest to train first."""
        theirs = self.best.values("loss")
        near = [cell for cell in self.cells if sign(difference(cell.values("loss"), theirs)) <= 0]
        return sorted(near, key=lambda cell: cell.judged.training)

    @cached_property
    def most_regular(self) -> GridCell:
        """The cell with the most poems in all rules; of equals, that of the lower loss."""
        return max(self.cells, key=lambda cell: (self._share(cell), -(cell.loss.value or 0.0)))

    def _share(self, cell: GridCell) -> float:
        return cell.figures["full"].value or 0.0

    @cached_property
    def base_loss(self) -> Figure:
        """That of the untouched model."""
        return mean([[loss] for loss in self.base.losses])

    def steps(self, axis: Axis) -> list[AxisStep]:
        """From each value of an axis to the next that cells were trained with."""
        values = [v for v in axis.values if any(cell.choice[axis.name] == v for cell in self.cells)]
        pairs = itertools.pairwise(values)
        return [step for a, b in pairs if (step := step_of(self.cells, axis, a, b))]

    @property
    def base_figures(self) -> dict[str, Figure]:
        """Every metric of the untouched model."""
        return {**self.base_measured.figures, "loss": self.base_loss}

    def front(self, metric: str) -> list[GridCell]:
        """The cells than which none is both better by a metric and quicker to train, the quickest
        first. The loss is the better the lower, others the higher.
        """

        def worth(cell: GridCell) -> float:
            value = cell.figures[metric].value or 0.0
            return -value if metric == "loss" else value

        found: list[GridCell] = []
        for cell in sorted(self.cells, key=lambda one: (one.judged.training, -worth(one))):
            if not found or worth(cell) > worth(found[-1]):
                found.append(cell)
        return found
