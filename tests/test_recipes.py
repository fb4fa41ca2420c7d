"""The recipes that come with the package, and the table of them in docs/recipes.md."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lianju.config import load_settings, recipe_names
from lianju.model import CATALOGUE
from lianju.model.memory import Memory, estimate, text_lengths
from tests import published

DOCS = Path(__file__).parents[1] / "docs" / "recipes.md"
# As long as the homework's longest poems are, in tokens that a character takes.
COUPLET, COMPLETION = 16, 48
# It has hardly a Han character of its own, and spells them by their bytes.
SPELLED = {"smollm2-135m": 3}
# For whom a recipe is, in bytes of their GPU; what is not here is for a CPU.
GPUS = {
    "taide-7b": 24e9,
    "taide-7b-t4": 15e9,
    "taide-7b-24gb": 24e9,
    "taide-7b-80gb": 80e9,
    "breeze-7b": 24e9,
    "breeze-7b-t4": 15e9,
    "breeze-7b-24gb": 24e9,
    "breeze-7b-80gb": 80e9,
    "breeze-7b-v0_1": 24e9,
    "qwen2.5-0.5b": 8e9,
    "qwen2.5-1.5b": 8e9,
    "qwen2.5-7b": 24e9,
    "qwen3-0.6b": 8e9,
    "qwen3-8b": 24e9,
    "gemma-3-1b": 8e9,
}


@cache
def _memory(recipe: str) -> Memory:
    settings = load_settings(recipe)
    tokens = SPELLED.get(settings.model.name, 1)
    texts = [("字" * COUPLET * tokens, "字" * COMPLETION * tokens)]
    lengths = text_lengths(texts, settings.prompt)
    device = "cuda" if recipe in GPUS else "cpu"
    return estimate(published.CONFIGS[settings.model.name], settings, device, lengths)


@pytest.mark.parametrize("recipe", recipe_names())
def test_a_recipe_loads_and_names_a_model_that_is_known(recipe: str) -> None:
    name = load_settings(recipe).model.name
    assert name in published.CONFIGS
    assert name in CATALOGUE or re.fullmatch(r"[\w.-]+/[\w.-]+", name)


def _differences(one: str, other: str) -> dict[str, tuple[Any, Any]]:
    first, second = (_flat(load_settings(name).model_dump()) for name in (one, other))
    return {
        name: (first[name], second[name])
        for name in first
        if first[name] != second[name] and name != "recipe"
    }


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": each for inner, each in value.items()}
        else:
            flat[name] = value
    return flat


@pytest.mark.parametrize("recipe", ["taide-7b", "breeze-7b"])
def test_the_recipes_of_a_model_differ_in_what_they_must(recipe: str) -> None:
    batch = {"train.batch_size", "train.accumulation"}
    # fp16 is for GPUs; a CPU would take for ever.
    small = {"model.bits", "model.precision", "model.device"}
    assert set(_differences(recipe, f"{recipe}-t4")) == batch | small
    assert set(_differences(f"{recipe}-24gb", f"{recipe}-80gb")) == batch
    for one, other in ((recipe, f"{recipe}-t4"), (f"{recipe}-24gb", f"{recipe}-80gb")):
        a_step = [
            train.batch_size * train.accumulation
            for train in (load_settings(one).train, load_settings(other).train)
        ]
        assert a_step[0] == a_step[1]


@pytest.mark.parametrize("recipe", ["taide-7b", "breeze-7b", "breeze-7b-v0_1"])
def test_the_homeworks_values_are_those_of_hw5(recipe: str) -> None:
    assert set(_differences("hw5", recipe)) <= {"model.name", "prompt.style"}


def test_the_two_models_recipes_differ_in_model_and_layout() -> None:
    for machine in ("", "-t4", "-24gb", "-80gb"):
        differences = _differences(f"taide-7b{machine}", f"breeze-7b{machine}")
        assert set(differences) == {"model.name", "prompt.style"}
        assert differences["prompt.style"] == ("homework", "chat")
    assert set(_differences("breeze-7b", "breeze-7b-v0_1")) == {"model.name"}


@pytest.mark.parametrize("recipe", GPUS)
def test_a_recipe_fits_the_machine_that_it_is_for(recipe: str) -> None:
    assert _memory(recipe).total <= GPUS[recipe]


@pytest.mark.parametrize("recipe", ["taide-7b", "breeze-7b"])
def test_16_bits_do_not_fit_15_gb_and_4_bits_are_what_helps(recipe: str) -> None:
    assert _memory(recipe).total > 15e9
    assert _memory(f"{recipe}-t4").weights < 4e9


def _rows() -> dict[str, list[str]]:
    """The cells of the table of recipes, by recipe."""
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return {row[0].strip("`"): row for row in cells if row[0].startswith("`") and len(row) == 7}


def _cells(recipe: str) -> list[str]:
    settings = load_settings(recipe)
    count = published.PARAMETERS[settings.model.name]
    size = f"{count / 1e9:.2f} billion" if count > 9e8 else f"{count / 1e6:.0f} million"
    place = "GPU" if recipe in GPUS else "CPU"
    memory = f"{_memory(recipe).total / 1e9:.1f} GB {place}"
    return [f"`{settings.model.name}`", size, str(settings.model.bits), memory]


def test_the_table_lists_all_recipes_with_their_numbers() -> None:
    rows = _rows()
    assert sorted(rows) == recipe_names()
    expected = {recipe: _cells(recipe) for recipe in rows}
    assert {recipe: row[1:5] for recipe, row in rows.items()} == expected


def test_nothing_is_called_measured_that_was_not() -> None:
    measured = {recipe for recipe, row in _rows().items() if "not measured" not in row[5]}
    assert measured == {"default", "hw5", "reference"}


if __name__ == "__main__":
    for each in recipe_names():
        print(f"| `{each}` | " + " | ".join(_cells(each)) + " |")
