"""What a couplet can open: the line types and rhyme groups with which a poem can go on.

>>> from lianju.verse.rhyme_groups import names
>>> [(type, names(rhyme)) for type, rhyme in opening(("白日依山盡", "黃河入海流")).ways]
[('B', '尤')]
>>> [fault.rule for fault in opening(("千山鳥飛絕", "萬徑人蹤滅")).faults]
['出律', '落韻']
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lianju.verse.check import couplet_faults
from lianju.verse.fit import Line, misses
from lianju.verse.metre import PATTERNS, may_follow
from lianju.verse.reading import groups, likely, rhymes
from lianju.verse.rhyme_groups import LEVEL, OBLIQUE
from lianju.verse.verdict import Fault

_UNKNOWN = LEVEL | OBLIQUE


@dataclass(frozen=True)
class Opening:
    """How a poem can go on after a couplet of lines of five or seven characters.

    `ways`: a type that the second line can be, with the rhyme groups that are then open.
    `faults`: what keeps the couplet from opening regulated verse; `ways` is then what can still
    be kept, and no type at all ("") where the rhyme is oblique. `rare`: it opens regulated verse
    only if some character is read in a way that poets hardly used.
    """

    ways: frozenset[tuple[str, int]]
    faults: tuple[Fault, ...]
    rare: bool = False


def opening(lines: Sequence[str]) -> Opening:
    """Read a couplet: by the readings that poets used, or else by any that the books give."""
    first, second = ([*map(_likely, line[:-1]), _likely_end(line[-1])] for line in lines)
    faults = couplet_faults(lines)
    if ways := frozenset(_legal(first, second)):
        return Opening(ways, faults)
    if not faults:
        known = ([groups(c) or _UNKNOWN for c in line] for line in lines)
        return Opening(frozenset(_legal(*known)), (), rare=True)
    rhyme = second[-1] & LEVEL
    if not rhyme:
        return Opening(frozenset({("", second[-1])}), faults)
    return Opening(frozenset((type, rhyme) for type in _sticking(second)), faults)


def _likely(character: str) -> int:
    return likely(character) or _UNKNOWN


def _likely_end(character: str) -> int:
    """As `_likely`, with only those level groups, if any, in which poets rhymed on it."""
    found = rhymes(character)
    return found if found & LEVEL else found | _likely(character)


def _legal(first: Line, second: Line) -> Iterator[tuple[str, int]]:
    """The ways in which both lines fit, one after the other."""
    for above in PATTERNS[len(first)]:
        for below in PATTERNS[len(second)]:
            if below.type in "BD" and may_follow(above, below, 1):
                if misses(first, above) or misses(second, below):
                    continue
                rhyme = second[-1] & LEVEL
                if above.type in "BD":
                    rhyme &= first[-1]
                if rhyme:
                    yield below.type, rhyme


def _sticking(second: Line) -> Iterator[str]:
    """The rhyming types whose second character has the tone that this line's has (粘)."""
    for type in "BD":
        mark = next(p for p in PATTERNS[len(second)] if p.type == type).marks[1]
        if second[1] & (LEVEL if mark == "1" else OBLIQUE):
            yield type
