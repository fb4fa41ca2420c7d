"""What a couplet can open: the line types and rhyme groups with which a poem can go on.

>>> from lianju.verse.rhyme_groups import names
>>> [(type, names(rhyme)) for type, rhyme in opening(("白日依山盡", "黃河入海流")).ways]
[('B', '尤')]
>>> [fault.rule for fault in opening(("千山鳥飛絕", "萬徑人蹤滅")).faults]
['落韻']
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lianju.verse.checker import check
from lianju.verse.fitting import Line, misses, widened
from lianju.verse.line_readings import heard, possible
from lianju.verse.metre import PATTERNS, may_follow
from lianju.verse.rhyme_groups import LEVEL, OBLIQUE, bit, members
from lianju.verse.verdict import Fault


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
    first, second = map(heard, lines)
    faults = check("\n".join(lines)).faults
    if ways := frozenset(_legal(first, second)):
        return Opening(ways, faults)
    if not faults:
        return Opening(frozenset(_legal(*map(possible, lines))), (), rare=True)
    rhyme = second[-1] & LEVEL
    if not rhyme:
        return Opening(frozenset({("", second[-1])}), faults)
    return Opening(frozenset((type, rhyme) for type in _sticking(second)), faults)


def _legal(first: Line, second: Line) -> Iterator[tuple[str, int]]:
    """The ways in which both lines fit, one after the other."""
    for above in PATTERNS[len(first)]:
        for below in PATTERNS[len(second)]:
            if below.type in "BD" and may_follow(above, below, 1):
                if misses(first, above) or misses(second, below):
                    continue
                rhyme = second[-1] & LEVEL
                if above.type in "BD":
                    rhyme = rhyme & first[-1] or _borrowed(rhyme, first[-1])
                if rhyme:
                    yield below.type, rhyme


def _borrowed(rhyme: int, first: int) -> int:
    """Those groups of `rhyme` that are beside one in which the first line can end."""
    every = (bit(group.name) for group in members(rhyme))
    return sum(group for group in every if widened(group, borrow=True) & first)


def _sticking(second: Line) -> Iterator[str]:
    """The rhyming types that a line of a broken couplet stands for.

    Those whose second character has the tone that this line's has (粘); where it may have both,
    those from which the rest of the line departs least.
    """
    found = {
        p: len(misses(second, p))
        for p in PATTERNS[len(second)]
        if p.type in "BD" and second[1] & (LEVEL if p.marks[1] == "1" else OBLIQUE)
    }
    least = min(found.values())
    yield from {pattern.type for pattern, missed in found.items() if missed == least}
