"""In which order the cells of a grid are best trained, and what they will cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

# What was measured of the default model on CPUs of 300 to 2,000 GFLOP/s (docs/benchmarks.md):
# seconds a poem, of which one part shrinks with the rate; and of all else in a cell.
_POEM_GFLOPS, _POEM, _REST = 24.0, 0.065, 25.0


def telling_order(sizes: Sequence[int]) -> list[int]:
    """The cells of a grid whose axes have so many values, those that tell most first.

    Cells count as `product` does, the first axis slowest. The first has the lowest values; each
    that follows is the one farthest from those before it (Gonzalez, Clustering to Minimize the
    Maximum Intercluster Distance, 1985), an axis being one long. So corners come first, and
    whenever one stops, what is done covers the grid.

    >>> telling_order([3])
    [0, 2, 1]
    >>> telling_order([3, 2])[:4]
    [0, 5, 1, 4]
    """
    cells = list(product(*map(range, sizes)))
    places = [
        tuple(at / (size - 1) if size > 1 else 0.0 for at, size in zip(cell, sizes, strict=True))
        for cell in cells
    ]
    order, near = [0], [_apart(place, places[0]) for place in places]
    while len(order) < len(cells):
        left = (number for number in range(len(cells)) if number not in order)
        chosen = max(left, key=lambda number: (round(near[number], 9), -number))
        order.append(chosen)
        near = [
            min(old, _apart(place, places[chosen])) for old, place in zip(near, places, strict=True)
        ]
    return order


def _apart(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(abs(a - b) for a, b in zip(one, other, strict=True))


class Cost(NamedTuple):
    """What a finished cell took: poems shown, seconds of training, seconds of all else."""

    poems: int
    training: float
    rest: float


@dataclass(frozen=True)
class Forecast:
    """What cells take: `rest` seconds each, and so many for `each` poem that is shown."""

    each: float
    rest: float

    def seconds(self, poems: Sequence[int]) -> float:
        """Those of cells that are shown so many poems."""
        return sum(self.rest + self.each * shown for shown in poems)


def rough_forecast(gflops: float) -> Forecast:
    """What to expect of the default model on a CPU of that rate, to a factor of two or so."""
    return Forecast(_POEM_GFLOPS / gflops + _POEM, _REST)


def forecast(done: Sequence[Cost]) -> Forecast:
    """What to expect after at least one cell."""
    shown = sum(cost.poems for cost in done)
    training = sum(cost.training for cost in done)
    return Forecast(training / max(shown, 1), sum(cost.rest for cost in done) / len(done))
