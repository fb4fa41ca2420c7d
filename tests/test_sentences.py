"""The sentences that stand in TOML files are those that the code says, with all that they need."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

ROOT = Path("src/lianju")
FILES = {
    ROOT / "corpus": "sentences.toml",
    ROOT / "decode": "rule_errors.toml",
    ROOT / "explore": "overfitting.toml",
    ROOT / "training": "remarks.toml",
    ROOT / "verse": "data/shapes.toml",
}


def _said(folder: Path) -> Iterator[tuple[str, set[str]]]:
    """The name of each sentence that a room says, and what it gives; a part of a name ends in *."""
    for file in folder.glob("*.py"):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call) or getattr(call.func, "id", "") != "say":
                continue
            [name] = call.args
            given = {word.arg or "**" for word in call.keywords}
            if isinstance(name, ast.Constant):
                yield str(name.value), given
            elif isinstance(name, ast.JoinedStr) and isinstance(name.values[0], ast.Constant):
                yield str(name.values[0].value) + "*", given


def _fields(text: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(text) if field}


@pytest.mark.parametrize("folder", FILES, ids=str)
def test_every_sentence_that_is_said_is_there_with_what_it_needs(folder: Path) -> None:
    table = tomllib.loads((folder / FILES[folder]).read_text(encoding="utf-8"))
    said = list(_said(folder))
    assert said
    used = set()
    for name, given in said:
        found = [one for one in table if one == name or (name[-1] == "*" and one[:-1] == name[:-1])]
        assert found, f"no sentence {name}"
        used |= {*found}
        for one in found:
            needed = _fields(table[one]["en"]) | _fields(table[one]["zh"])
            assert needed == given or ("**" in given and needed > given - {"**"}), one
    assert used == table.keys()


@pytest.mark.parametrize("folder", FILES, ids=str)
def test_every_sentence_is_there_in_both_languages(folder: Path) -> None:
    table = tomllib.loads((folder / FILES[folder]).read_text(encoding="utf-8"))
    for name, sentence in table.items():
        assert sentence.keys() == {"en", "zh"}, name
        assert _fields(sentence["zh"]) <= _fields(sentence["en"]), name
