"""How poets use words: which two characters make one, which stand in a poem together.

The tables are `data/words.tsv`, written by `tools/ranking.py`: a character; how often it stands in
the poems, and how often at the end of a rhyming line; its numbers for `affinity`; the characters
that follow it within a word. How often is told by a letter: a for once, and one letter more for
each half of a doubling.
"""

from functools import cache, lru_cache
from importlib import resources
from operator import mul
from typing import NamedTuple

# In the table a letter is a number: `ZERO` 0, the next one 1 / `UNIT`.
ZERO, UNIT = ord("O"), 20


class _Word(NamedTuple):
    common: float
    rhymes: float
    numbers: tuple[int, ...]
    followers: dict[str, float]


def commonness(character: str) -> float:
    """How often poets use a character: 1 + log₂ of how often, to a half; 0 where never."""
    return _of(character).common


def is_rhyme(character: str) -> float:
    """How often poets rhyme on a character, told alike."""
    return _of(character).rhymes


def pair(first: str, second: str) -> float:
    """How often poets let `second` follow `first` in a word, told alike; 0 where hardly ever."""
    return _of(first).followers.get(second, 0.0)


@lru_cache(maxsize=2**17)
def affinity(one: str, other: str) -> float:
    """How much oftener than by chance two characters stand in one poem, in nats."""
    product: int = sum(map(mul, _of(one).numbers, _of(other).numbers))
    return product / UNIT**2


_NONE = _Word(0.0, 0.0, (), {})


def _of(character: str) -> _Word:
    return _words().get(character, _NONE)


@cache
def _words() -> dict[str, _Word]:
    text = (resources.files(__package__) / "data" / "words.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.split("\n") if line and not line.startswith("#"))
    return {
        character: _Word(
            _often(often[0]),
            _often(often[1]),
            tuple(ord(letter) - ZERO for letter in numbers),
            dict(zip(followers[::2], map(_often, followers[1::2]), strict=True)),
        )
        for character, often, numbers, followers in rows
    }


def _often(letter: str) -> float:
    """`.`: never."""
    return 0.0 if letter == "." else (ord(letter) - ord("a")) / 2 + 1
