"""Which cell to write with: a rule that weighs right shape, diversity and likelihood."""

from collections.abc import Sequence
from dataclasses import dataclass

from lianju.evaluate import difference
from lianju.explore.findings import too_few
from lianju.explore.sweep import ScoredCell

# How much of the most diverse cell's different pairs a cell must keep.
ENOUGH = 0.9


@dataclass(frozen=True)
class Recommendation:
    """What the rule found; numbers are those of cells.

    `best`: the cell with the most right shapes. `shapely`: those not significantly below it.
    `diverse`: of these, those with at least `ENOUGH` of the most different pairs among them.
    `chosen`: of these, the one whose poems the model finds likeliest. `most_pairs`: the most
    different pairs that `diverse` was measured by.
    """

    best: int
    shapely: list[int]
    diverse: list[int]
    chosen: int
    most_pairs: float


def choose(cells: Sequence[ScoredCell]) -> Recommendation | None:
    """Apply the rule; None of too few couplets, or where nothing was written to go by.

    The cell that it chooses is on the Pareto front of likelihood and different pairs among those
    that keep the shape: one that were likelier and as diverse would have been chosen instead.
    """
    if too_few(cells):
        return None
    shapes = [_value(cell, "shape") for cell in cells]
    best = max(range(len(cells)), key=shapes.__getitem__)
    shapely = [number for number, cell in enumerate(cells) if not _below(cell, cells[best])]
    known = [
        number
        for number in shapely
        if all(cells[number].figures[name].value is not None for name in ("distinct_2", "logprob"))
    ]
    if not known:
        return None
    most = max(_value(cells[number], "distinct_2") for number in known)
    diverse = [n for n in known if _value(cells[n], "distinct_2") >= ENOUGH * most]
    chosen = max(diverse, key=lambda number: _value(cells[number], "logprob"))
    return Recommendation(best, shapely, diverse, chosen, most)


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """The points than which none is higher in one coordinate and as high in the other.

    In the order of the first coordinate.

    >>> front([(1, 5), (2, 4), (2, 3), (3, 1), (1, 5)])
    [0, 4, 1, 3]
    """
    order = sorted(range(len(points)), key=lambda number: points[number][0])
    return [n for n in order if not any(_dominates(other, points[n]) for other in points)]


def _dominates(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] >= other[0] and one[1] >= other[1] and one != other


def _below(cell: ScoredCell, best: ScoredCell) -> bool:
    """Whether fewer poems have the right shape, couplet by couplet, than chance explains."""
    ours, theirs = (
        [[float(bool(poem["shape"])) for poem in group] for group in one.marks]
        for one in (best, cell)
    )
    low = difference(ours, theirs).low
    return low is not None and low > 0


def _value(cell: ScoredCell, name: str) -> float:
    value = cell.figures[name].value
    return float("-inf") if value is None else value
