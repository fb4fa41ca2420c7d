"""Line types of regulated verse and the order in which they may stand.

A pattern has one mark a character: 0 free, 1 level 平, 2 oblique 仄. Lines of seven are lines of
five with two characters before. After Wang Li 王力, 漢語詩律學 (1958), chapter 1, and
詩詞格律 (1977).

>>> [pattern.marks for pattern in patterns("A", 5)]
['02012', '02022']
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

LEVEL_MARK, OBLIQUE_MARK = "1", "2"


@dataclass(frozen=True)
class Pattern:
    """One way to write a line of a type.

    `rescued`: allowed only if the next line makes up for it (對句救), by a pattern that `rescues`.
    `tolerated`: a fault to the strict school, and never written anew.
    """

    type: str
    marks: str
    rescued: bool = False
    rescues: bool = False
    tolerated: bool = False


# For lines of five: A and C end oblique and open a couplet, B and D end level and close it.
# B never has 21221, its only level before the rhyme alone (孤平); D never ends in three level
# tones (三平尾); 11212 is C's own licence (特拗), which needs the first level; 01222 ends in three
# oblique tones (三仄尾).
_FIVE = (
    Pattern("A", "02012"),
    Pattern("A", "02022", rescued=True),
    Pattern("B", "11221"),
    Pattern("B", "11121", rescues=True),
    Pattern("B", "21121", rescues=True),
    Pattern("C", "01122"),
    Pattern("C", "11212"),
    Pattern("C", "01222", tolerated=True),
    Pattern("D", "02211"),
)
# Before the five: free, then the tone opposite to that of the line's second character. In lines
# of seven the first of the five is the third, and counts as before.
_SEVEN = tuple(replace(p, marks=("01" if p.type in "AD" else "02") + p.marks) for p in _FIVE)
PATTERNS = {5: _FIVE, 7: _SEVEN}

# Within a couplet the tones are opposed (對); between couplets they stick (粘).
_AFTER = {"A": "B", "B": "C", "C": "D", "D": "A"}
# A first line that rhymes is of the other rhyming type than the second.
_AFTER_RHYMING = {"B": "D", "D": "B"}


def patterns(types: Iterable[str], length: int) -> tuple[Pattern, ...]:
    """The patterns of these types for lines of `length` characters, 5 or 7."""
    wanted = set(types)
    return tuple(pattern for pattern in PATTERNS[length] if pattern.type in wanted)


def types_of(line: int) -> str:
    """The types that a line may have by its place, counted from 1, nothing before it known.

    The first line's rhyming ones come first: what suits two types equally well is taken to rhyme.
    """
    if line == 1:
        return "BDAC"
    return "BD" if line % 2 == 0 else "AC"


def type_after(type: str, line: int) -> str:
    """The type that must follow a line of `type` that stands at `line`, counted from 1."""
    return _AFTER_RHYMING[type] if line == 1 and type in "BD" else _AFTER[type]


def may_follow(first: Pattern, second: Pattern, line: int) -> bool:
    """Whether `second` may follow `first`, which stands at `line`, counted from 1."""
    return second.type == type_after(first.type, line) and (not first.rescued or second.rescues)
