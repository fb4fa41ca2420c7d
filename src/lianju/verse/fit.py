"""Fitting a poem to the line types so that it has the fewest faults: dynamic programming.

A line's characters are given as the sets of rhyme groups that they can be read in.
"""

from collections.abc import Sequence
from functools import cache

from lianju.verse.metre import PATTERNS, Pattern, may_follow, type_after, types_of
from lianju.verse.rhyme_groups import LEVEL, NEIGHBOURS, OBLIQUE

# A wrong tone costs a little more than a break between two lines, so that two couplets in the
# wrong order are one break and not many wrong tones; yet one wrong tone is cheaper than the two
# breaks around a line.
_WRONG, _BREAK, _NEVER = 10, 9, 1000

Line = Sequence[int]


def rhyme_of(lines: Sequence[Line]) -> int:
    """The groups that the same, most even lines can end in; level ones if there are any."""
    ending: dict[int, list[int]] = {}
    for number, line in enumerate(lines[1::2]):
        for index in _indices(line[-1]):
            ending.setdefault(1 << index, []).append(number)
    most = max(map(len, ending.values()))
    best = [group for group, numbers in ending.items() if len(numbers) == most]
    level = [group for group in best if group & LEVEL] or best
    return sum(group for group in level if ending[group] == ending[level[0]])


def _indices(groups: int) -> list[int]:
    return [index for index in range(groups.bit_length()) if groups >> index & 1]


def widened(rhyme: int, borrow: bool) -> int:
    """The groups that a rhyming first line may end in."""
    groups = rhyme
    for index in _indices(rhyme) if borrow else ():
        groups |= NEIGHBOURS.get(1 << index, 0)
    return groups


def misses(line: Line, pattern: Pattern) -> tuple[int, ...]:
    """The positions, from 0, at which a line's tones do not suit the pattern."""
    return _misses(tuple((g & LEVEL > 0) + 2 * (g & OBLIQUE > 0) for g in line), pattern)


@cache
def _misses(tones: tuple[int, ...], pattern: Pattern) -> tuple[int, ...]:
    """`tones`: 1 level, 2 oblique, 3 either."""
    return tuple(
        index
        for index, (tone, mark) in enumerate(zip(tones, pattern.marks, strict=True))
        if mark != "0" and not tone & int(mark)
    )


def fit(lines: Sequence[Line], first_rhymes: int) -> tuple[Pattern, ...]:
    """The pattern of each line in the fit with the fewest faults.

    `first_rhymes`: the groups that a first line of a rhyming type must end in.
    """
    table: list[list[tuple[int, Pattern, int]]] = []
    for number, line in enumerate(lines, 1):
        row = []
        for pattern in _choices(number, len(line)):
            cost = _WRONG * len(misses(line, pattern))
            if number == 1 and pattern.type in "BD" and not line[-1] & first_rhymes:
                cost += _WRONG
            before, link = 0, -1
            if table:
                before, link = min(
                    (total + _step(above, pattern, number - 1), index)
                    for index, (total, above, _) in enumerate(table[-1])
                )
            row.append((before + cost, pattern, link))
        table.append(row)
    chosen = []
    index = min(range(len(table[-1])), key=lambda i: table[-1][i][0])
    for row in reversed(table):
        _, pattern, index = row[index]
        chosen.append(pattern)
    return tuple(reversed(chosen))


@cache
def _choices(line: int, length: int) -> tuple[Pattern, ...]:
    return tuple(p for t in types_of(line) for p in PATTERNS[length] if p.type == t)


@cache
def _step(first: Pattern, second: Pattern, line: int) -> int:
    if may_follow(first, second, line):
        return 0
    return _NEVER if second.type == type_after(first.type, line) else _BREAK
