"""The cells of a training grid: every combination of the settings that were listed."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

from lianju.config import RunSettings, Settings, load_settings, parse_assignments
from lianju.errors import UserError

# A cell: a value of each axis, by the dotted name of its setting.
Choice = dict[str, Any]

_SAME_POEMS = "all cells are judged on the same unseen poems: make a grid for each"
_ALIKE = dict.fromkeys(("data.source", "data.corpus", "data.leave_out"), _SAME_POEMS)
_ALIKE["data.validation"] = "--couplets says on how many couplets all cells are judged"
_WRITING = "decoding changes how a model writes, not what it learns: use lianju explore sweep"
_MOST = 1000


class Axis(Settings):
    """A setting by its dotted name, and the values that it takes, each once."""

    name: str
    values: tuple[Any, ...]

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers, which then ascend."""
        return all(type(value) in (int, float) for value in self.values)

    @property
    def short(self) -> str:
        """The name without its section: "learning rate"."""
        return self.name.rpartition(".")[2].replace("_", " ")


def read_axes(
    recipe: str, assignments: Iterable[str], more: Mapping[str, Any]
) -> tuple[RunSettings, list[Axis]]:
    """What cells have in common, by a recipe and `more`, and the axes in which they differ.

    An assignment is as `--set` has it, with commas between several values:
    "train.epochs=1,3"; those within brackets belong to the value. Raises `UserError` for a bad
    name or value, and for a setting that cells cannot differ in.
    """
    fixed: dict[str, Any] = dict(more)
    listed: dict[str, list[Any]] = {}
    for assignment in assignments:
        name, sign, text = assignment.partition("=")
        parts = [f"{name}={part}" for part in _parts(text)] if sign else [assignment]
        values = [value for part in parts for value in parse_assignments([part]).values()]
        name = name.strip()
        if name in listed or name in fixed:
            raise UserError(f"{name} is given twice: list its values with commas")
        if len(values) > 1:
            listed[name] = values
        else:
            fixed[name] = values[0]
    if (count := prod(map(len, listed.values()))) > _MOST:
        raise UserError(f"{count:,} runs are too many: list fewer values (at most {_MOST:,} runs)")
    axes = [_axis(name, values, recipe, fixed) for name, values in listed.items()]
    axes = [axis for axis in axes if len(axis.values) > 1]
    settings = load_settings(recipe, fixed)
    for choice in choices(axes):
        cell_settings(settings, choice)
    return settings, axes


def _axis(name: str, values: Sequence[Any], recipe: str, fixed: Mapping[str, Any]) -> Axis:
    """The values as settings have them, each once; numbers ascend."""
    for start, why in {**_ALIKE, "decode.": _WRITING}.items():
        if name.startswith(start):
            raise UserError(f"cells cannot differ in {name}: {why}")
    found: list[Any] = []
    for value in values:
        settings = load_settings(recipe, {**fixed, name: value})
        if (read := value_of(settings, name)) not in found:
            found.append(read)
    axis = Axis(name=name, values=tuple(found))
    return Axis(name=name, values=tuple(sorted(found))) if axis.numeric else axis


def choices(axes: Sequence[Axis]) -> list[Choice]:
    """Every combination, the first axis changing slowest; the order never changes."""
    names = [axis.name for axis in axes]
    every = itertools.product(*(axis.values for axis in axes))
    return [dict(zip(names, values, strict=True)) for values in every]


def cell_settings(settings: RunSettings, choice: Choice) -> RunSettings:
    """The settings of a cell. Raises `UserError` where its values do not go together."""
    return load_settings(settings, choice)


def value_of(settings: RunSettings, name: str) -> Any:
    """The value of a setting by its dotted name."""
    found: Any = settings.model_dump(mode="json")
    for part in name.split("."):
        found = found[part]
    return found


def value_words(value: Any) -> str:
    """A value as a reader sees it: "2,000", "0.0015"."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(map(value_words, value)) if isinstance(value, list | tuple) else str(value)


def choice_words(choice: Choice) -> str:
    """A cell in a few words: "poems 2,000, epochs 3"; "the settings as they are" for no axis."""
    said = (
        f"{Axis(name=name, values=()).short} {value_words(value)}" for name, value in choice.items()
    )
    return ", ".join(said) or "the settings as they are"


def _parts(text: str) -> list[str]:
    """`text` cut at its commas, but for those within brackets.

    >>> _parts("250, 500"), _parts("[q, v],[q]")
    (['250', ' 500'], ['[q, v]', '[q]'])
    """
    parts, depth, start = [], 0, 0
    for at, character in enumerate(text):
        depth += (character in "[{") - (character in "]}")
        if character == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]
