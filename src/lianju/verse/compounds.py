"""Words that fix a reading: 相 is level in 相逢 and oblique in 丞相.

`data/compounds.txt` has them, with their source. A word stands within a line, on one side of its
pause 頓: after the second character, and in lines of seven after the fourth as well.

>>> from lianju.verse.rhyme_groups import names
>>> [names(groups) for groups in decided("更上三層樓")]
['敬', '', '覃', '', '']
>>> [names(groups) for groups in decided("丞相祠堂何處尋")][:3]
['', '漾', '']
"""

from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

from lianju.verse.glyph import data, standard
from lianju.verse.rhyme_groups import union

_ELSEWHERE, _END = "*", "$"
_PAUSES = {5: frozenset({2}), 7: frozenset({2, 4})}


class Word(NamedTuple):
    """What a word of two characters fixes: the groups of its first and its second, 0 for none."""

    first: int
    second: int

    def suits(self, first: int, second: int) -> bool:
        """Whether the two characters may be read so; each in one of these groups."""
        return bool(not self.first or self.first & first) and bool(
            not self.second or self.second & second
        )


@lru_cache(maxsize=1024)
def decided(line: str) -> tuple[int, ...]:
    """For each character the groups that the words of its line leave it; 0 where none tells.

    Where two words disagree about a character, the groups of both.
    """
    found = [0] * len(line)
    shapes = list(map(standard, line))
    words, others = beginnings(), elsewhere()
    for at, (shape, following) in enumerate(pairwise(shapes)):
        known = words.get(shape)
        if known and (word := known.get(following)) and joined(len(line), at + 1):
            found[at] |= word.first
            found[at + 1] |= word.second
        if shape in others and not found[at]:
            found[at] = others[shape]
    if shapes and not found[-1]:
        found[-1] = endings().get(shapes[-1], 0)
    return tuple(found)


def word_of(first: str, second: str) -> Word | None:
    """The word that two characters make, given as standard forms."""
    return beginnings().get(first, {}).get(second)


def joined(length: int, at: int) -> bool:
    """Whether a word may hold the characters before and after place `at` of a line."""
    return 0 < at < length and at not in _PAUSES.get(length, ())


@cache
def beginnings() -> dict[str, dict[str, Word]]:
    """The words: first character, second character, what they fix. All are standard forms."""
    table: dict[str, dict[str, Word]] = {}
    for character, groups, words in _rows():
        for text in () if words in ([_ELSEWHERE], [_END]) else words:
            first, second = map(standard, text)
            known = table.setdefault(first, {}).get(second, Word(0, 0))
            if first == character:
                known = known._replace(first=known.first | groups)
            if second == character:
                known = known._replace(second=known.second | groups)
            table[first][second] = known
    return table


@cache
def elsewhere() -> dict[str, int]:
    """The groups of characters that are read in one way outside the words listed for another.

    The end of a line is left open.
    """
    return _marked(_ELSEWHERE)


@cache
def endings() -> dict[str, int]:
    """The groups of characters that may be read at the end of a line as seldom within it."""
    return _marked(_END)


def _marked(sign: str) -> dict[str, int]:
    return {character: groups for character, groups, words in _rows() if words == [sign]}


def _rows() -> Iterator[tuple[str, int, list[str]]]:
    for line in data("compounds.txt"):
        character, groups, *words = line.split()
        yield standard(character), union(groups), words
