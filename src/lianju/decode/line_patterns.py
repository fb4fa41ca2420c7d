"""What a line after the couplet can still be, and what the next one can be after it."""

from collections.abc import Sequence
from functools import cache

from lianju.config import VerseSettings
from lianju.verse import LEVEL, OBLIQUE, PATTERNS, Pattern, may_follow, type_after

# One thing a line can still be: how its tones go, and the rhyme groups that even lines may share
# (0: rhyme is off).
OpenLine = tuple[Pattern, int]

# The type of the second line ("": no metre is kept), with the rhyme groups that are open after it.
Ways = frozenset[tuple[str, int]]

# The readings that suit a mark of the metre.
TONES = {"0": LEVEL | OBLIQUE, "1": LEVEL, "2": OBLIQUE}


def third(type: str, rhyme: int, length: int, settings: VerseSettings) -> Sequence[Pattern]:
    """The patterns of the third line, after a second of `type` ("": no metre is kept)."""
    if type:
        return [p for p in PATTERNS[length] if p.type == type_after(type, 2)]
    if settings.tone == "off" or length not in PATTERNS or not rhyme:
        return [_untoned(length, "0")]
    return [_untoned(length, "2" if rhyme & LEVEL else "1")]


def _untoned(length: int, end: str) -> Pattern:
    """A line without metre. Where tones count at all, odd lines end unlike even ones."""
    return Pattern("", "0" * (length - 1) + end)


@cache
def after(above: Pattern, line: int) -> tuple[Pattern, ...]:
    """The patterns of the line after `line`, if that had the pattern `above`."""
    length = len(above.marks)
    if not above.type:
        return (_untoned(length, {"0": "0", "1": "2", "2": "1"}[above.marks[-1]]),)
    return tuple(p for p in PATTERNS[length] if may_follow(above, p, line))
