"""What a sweep found, one parameter at a time: two cells that differ in nothing else."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lianju.evaluate import Figure, difference, mean
from lianju.explore.grid import AXES, Cell, Grid
from lianju.explore.sweep import ScoredCell

# Temperature at which the cuts are compared: the model's own, where they have most to cut.
_PLAIN = 1.0


# Of fewer couplets a bootstrap has too few values to draw from: its intervals are much too narrow,
# and of one couplet they have no width.
FEWEST = 5


def too_few(cells: Sequence[ScoredCell]) -> bool:
    """Whether the cells were written on too few couplets for a difference to be told."""
    return len(cells[0].marks) < FEWEST


@dataclass(frozen=True)
class Change:
    """A metric in the tighter cell and in the more open one; `way` is -1, 0 or 1.

    0: no difference that these poems can show at 95%.
    """

    metric: str
    before: Figure
    after: Figure
    way: int


@dataclass(frozen=True)
class Contrast:
    """What the tightest and the most open value of an axis make of the same couplets.

    `ends`: the two values. `tight`, `loose`: the numbers of their cells.
    """

    axis: str
    ends: tuple[float, float]
    tight: int
    loose: int
    changes: dict[str, Change]


# Of one poem each, so compared in pairs; the others belong to a set.
_PAIRED = ("characters", "shape", "logprob", "known_lines")
_OF_SETS = ("distinct_2", "self_bleu", "collapse")


def contrasts(grid: Grid, cells: Sequence[ScoredCell]) -> list[Contrast]:
    """One contrast for each axis with several values; none of too few couplets.

    The cuts are as open as the grid has them, and beside them the temperature is that nearest 1.
    """
    if too_few(cells):
        return []
    numbers = {cell: number for number, cell in enumerate(grid.cells())}
    found = []
    for axis in (name for name in AXES if name in grid.varied()):
        base = {name: values[-1] for name, values in grid}
        if axis != "temperature":
            base["temperature"] = min(grid.temperature, key=lambda value: abs(value - _PLAIN))
        values = getattr(grid, axis)
        ends = values[0], values[-1]
        tight, loose = (numbers[Cell(**{**base, axis: value})] for value in ends)
        found.append(Contrast(axis, ends, tight, loose, _changes(cells[tight], cells[loose])))
    return found


def _changes(tight: ScoredCell, loose: ScoredCell) -> dict[str, Change]:
    changes = []
    for metric in _PAIRED:
        before, after = (_marks(cell, metric) for cell in (tight, loose))
        way = _sign(difference(after, before))
        changes.append(Change(metric, tight.figures[metric], loose.figures[metric], way))
    before, after = (_different(cell) for cell in (tight, loose))
    way = _sign(difference(after, before))
    changes.append(Change("different", mean(before), mean(after), way))
    changes += [
        Change(metric, a, b, _apart(a, b))
        for metric in _OF_SETS
        for a, b in [(tight.figures[metric], loose.figures[metric])]
    ]
    return {change.metric: change for change in changes}


def _marks(cell: ScoredCell, metric: str) -> list[list[float]]:
    """The values of a metric by couplet; poems without one are left out."""
    return [
        [float(mark) for poem in group if isinstance(mark := poem[metric], bool | int | float)]
        for group in cell.marks
    ]


def _different(cell: ScoredCell) -> list[list[float]]:
    """How many different poems each couplet got."""
    return [[float(len({poem.text for poem in poems}))] for poems in cell.written.poems]


def _sign(figure: Figure) -> int:
    """The sign of a difference whose interval leaves out 0, else 0."""
    if figure.low is None or figure.high is None:
        return 0
    return int(figure.low > 0) - int(figure.high < 0)


def _apart(before: Figure, after: Figure) -> int:
    """The sign of the change if the two intervals do not meet, else 0."""
    if before.low is None or before.high is None or after.low is None or after.high is None:
        return 0
    return int(after.low > before.high) - int(after.high < before.low)


def common_opening(cell: ScoredCell) -> tuple[str, float]:
    """The first two characters that most poems of a cell begin with, and the share that do."""
    openings = Counter(str(poem["opening"]) for group in cell.marks for poem in group)
    [(opening, times)] = openings.most_common(1)
    return opening, times / openings.total()
