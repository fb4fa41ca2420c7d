"""The cells of a sweep: every combination of the decoding parameters that were listed."""

import itertools
import math
from typing import Any

from lianju.config import DecodeSettings, Settings, from_flags
from lianju.errors import UserError

# The value at which each cut cuts nothing; temperature has none.
OFF: dict[str, float] = {"top_k": 0, "top_p": 1, "min_p": 0, "typical_p": 1}


class Cell(Settings):
    """One combination."""

    temperature: float
    top_p: float
    top_k: int
    min_p: float
    typical_p: float


class Grid(Settings):
    """The values of each axis, from the tightest to the most open, each once."""

    temperature: tuple[float, ...] = (0.1, 0.3, 0.5, 0.7, 1.0, 1.3)
    top_p: tuple[float, ...] = (0.3, 0.6, 0.8, 1.0)
    top_k: tuple[int, ...] = (20, 0)
    min_p: tuple[float, ...] = (0.0,)
    typical_p: tuple[float, ...] = (1.0,)

    def cells(self) -> list[Cell]:
        """Every combination, temperature changing slowest; the order never changes."""
        every = itertools.product(*(values for _, values in self))
        return [Cell(**dict(zip(AXES, values, strict=True))) for values in every]

    def varied(self) -> list[str]:
        """The axes that have more than one value."""
        return [name for name, values in self if len(values) > 1]

    def columns(self) -> str:
        """The axis that heat maps lay beside temperature: the first cut with several values."""
        return next((name for name in self.varied() if name != "temperature"), "top_p")

    def panels(self) -> list[dict[str, Any]]:
        """The combinations of all axes but temperature and `columns`: one heat map each."""
        names = [name for name in AXES if name not in ("temperature", self.columns())]
        every = itertools.product(*(getattr(self, name) for name in names))
        return [dict(zip(names, values, strict=True)) for values in every]


AXES = tuple(Cell.model_fields)


def read_grid(texts: dict[str, str]) -> Grid:
    """A grid of comma-separated values by the name of their axis; axes left out have defaults.

    Raises `UserError` that names the first value that decoding would refuse.
    """
    return Grid(**{axis: tuple(_values(axis, text)) for axis, text in texts.items()})


def _values(axis: str, text: str) -> list[Any]:
    words = [word.strip() for word in text.split(",")]
    if "" in words:
        flag = axis.replace("_", "-")
        raise UserError(f"--{flag} takes values with a comma between two, not {text!r}")
    values = {getattr(from_flags(DecodeSettings, {axis: word}), axis) for word in words}
    return sorted(values, key=lambda value: openness(axis, value))


def openness(axis: str, value: float) -> float:
    """A number that grows with what the value of an axis lets through."""
    if axis == "top_k":
        return value or math.inf
    return -value if axis == "min_p" else value


def axis_words(axis: str, value: float) -> str:
    """A value with the name of its axis: "top-p 0.8", "top-k off"."""
    return f"{axis.replace('_', '-')} {value_words(axis, value)}"


def value_words(axis: str, value: float) -> str:
    """A value as a reader sees it: "0.8", or "off" where it cuts nothing."""
    return "off" if OFF.get(axis) == value else f"{value:g}"


def cell_words(cell: Cell, grid: Grid) -> str:
    """A cell by its temperature and what else the grid varies."""
    axes = ["temperature", *(axis for axis in grid.varied() if axis != "temperature")]
    return ", ".join(axis_words(axis, getattr(cell, axis)) for axis in axes)
