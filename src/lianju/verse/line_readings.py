"""How the characters of a line are read: as poets read them, or in any way that the books give.

A word that fixes a reading decides in both: see `compounds`.

>>> from lianju.verse.rhyme_groups import names
>>> [names(groups) for groups in heard("秋風不相待")], names(possible("秋風")[1])
(['尤', '東', '物', '陽', '賄'], '東送')
"""

from functools import cache

from lianju.verse.compounds import decided, elsewhere
from lianju.verse.glyph import standard
from lianju.verse.reading import common, groups, likely, rhymes
from lianju.verse.rhyme_groups import LEVEL, OBLIQUE

UNKNOWN = LEVEL | OBLIQUE


def heard(line: str) -> list[int]:
    """The groups of each character by the readings that poets used; all if it has none.

    At the end of the line, of the level groups only those in which poets rhymed, if any.
    """
    fixed = decided(line)
    found = [sets or likely(c) or UNKNOWN for sets, c in zip(fixed, line, strict=True)]
    if line and not fixed[-1]:
        found[-1] = end(line[-1])
    return found


@cache
def end(character: str) -> int:
    """The groups of a character at the end of a line, if no word decides."""
    found = rhymes(character)
    return found if found & LEVEL else found | (likely(character) or UNKNOWN)


def anywhere(character: str) -> int:
    """The groups of a character by which it holds its place whatever stands beside it, but for the
    words that `compounds` lists; 0 if it has none.
    """
    return elsewhere().get(standard(character)) or likely(character)


def possible(line: str) -> list[int]:
    """The groups of each character by any reading that the books give; all if there is none."""
    return [sets or groups(c) or UNKNOWN for sets, c in zip(decided(line), line, strict=True)]


def commonest(line: str) -> list[int]:
    """The one group of each character that is most used; all if it has none."""
    return [sets or common(c) or UNKNOWN for sets, c in zip(decided(line), line, strict=True)]
