"""Fitting a poem to the line types so that it has the fewest faults: dynamic programming.

A line's characters are given as the sets of rhyme groups that they can be read in.
"""

from collections.abc import Callable, Sequence
from functools import cache
from operator import add

from lianju.verse.metre import PATTERNS, Pattern, may_follow, type_after, types_of
from lianju.verse.rhyme_groups import LEVEL, NEIGHBOURS, OBLIQUE

# A wrong tone costs a little more than a break between two lines, so that two couplets in the
# wrong order are one break and not many wrong tones; yet one wrong tone is cheaper than the two
# breaks around a line. Where faults are equal the readings tell: rare ones are avoided first, then
# any but the most common, then lines that are only tolerated.
_WRONG, _BREAK, _NEVER = 10 << 40, 9 << 40, 1000 << 40
_RARE, _UNUSUAL, _TOLERATED = 1 << 28, 1 << 14, 1

# The demand of a type that depends on those after it, by its place from the end.
_DEPENDENT = {"B": 5, "D": 3}

_EITHER = 3

Line = Sequence[int]
Tones = tuple[int, ...]
Steps = tuple[tuple[int, ...], ...]


def rhyme_of(lines: Sequence[Line]) -> int:
    """The groups that the same, most even lines can end in; level ones if there are any.

    Where several are equal, those of the first line's end tell.
    """
    ending: dict[int, list[int]] = {}
    for number, line in enumerate(lines[1::2]):
        for index in _indices(line[-1]):
            ending.setdefault(1 << index, []).append(number)
    most = max(map(len, ending.values()))
    best = [group for group, numbers in ending.items() if len(numbers) == most]
    level = [group for group in best if group & LEVEL] or best
    chosen = next((group for group in level if group & lines[0][-1]), level[0])
    return sum(group for group in level if ending[group] == ending[chosen])


def _indices(groups: int) -> list[int]:
    return [index for index in range(groups.bit_length()) if groups >> index & 1]


def widened(rhyme: int, borrow: bool) -> int:
    """The groups that a rhyming first line may end in."""
    groups = rhyme
    for index in _indices(rhyme) if borrow else ():
        groups |= NEIGHBOURS.get(1 << index, 0)
    return groups


def misses(line: Line, pattern: Pattern) -> tuple[int, ...]:
    """The positions, from 0, at which a line's tones do not suit the pattern.

    Two demands are there only to keep a line from a lone level tone (孤平, type B) and from three
    at the end (三平尾, type D). They fall away where other wrong tones keep it from that already.
    """
    return _misses(_tones(line), pattern)


def _tones(line: Line) -> Tones:
    """1 level, 2 oblique, `_EITHER`."""
    return tuple(map(_tone, line))


@cache
def _tone(groups: int) -> int:
    return (groups & LEVEL > 0) + 2 * (groups & OBLIQUE > 0)


@cache
def _misses(tones: Tones, pattern: Pattern) -> tuple[int, ...]:
    found = [
        index
        for index, (tone, mark) in enumerate(zip(tones, pattern.marks, strict=True))
        if mark != "0" and not tone & int(mark)
    ]
    dependent = len(tones) - _DEPENDENT.get(pattern.type, 0)
    if dependent in found and found[-1] > dependent:
        found.remove(dependent)
    return tuple(found)


def fit(
    lines: Sequence[Line],
    first_rhymes: int,
    strict: bool = False,
    usual: Sequence[Line] = (),
    common: Callable[[int], Line] | None = None,
) -> tuple[Pattern, ...]:
    """The pattern of each line in the fit with the fewest faults.

    `first_rhymes`: the groups that a first line of a rhyming type must end in. `strict`: without
    the patterns that are only tolerated. Of fits with equal faults the one that departs least from
    the `usual` readings, then from the `common` ones of a line, from 0; sets as in `lines`.
    """
    rows: list[tuple[tuple[Pattern, ...], Steps, Sequence[int], Sequence[int]]] = []
    for number, (line, likely) in enumerate(zip(lines, usual or lines, strict=True), 1):
        place = number if number < 4 else 4 - number % 2
        choices, steps = _choices(place, len(line), strict)
        tones = _tones(line)
        read = tones if likely is line else _tones(likely)
        commonest = common(number - 1) if common and _EITHER in tones else line
        costs = _costs(tones, read, _tones(commonest), place, strict)
        if number == 1:
            ends = (_end(line[-1], commonest[-1], pattern, first_rhymes) for pattern in choices)
            totals = [cost + end for cost, end in zip(costs, ends, strict=True)]
        else:
            before = rows[-1][3]
            totals = [
                cost + min(map(add, before, row)) for cost, row in zip(costs, steps, strict=True)
            ]
        rows.append((choices, steps, costs, totals))
    return _traced(rows)


def _traced(
    rows: Sequence[tuple[tuple[Pattern, ...], Steps, Sequence[int], Sequence[int]]],
) -> tuple[Pattern, ...]:
    """The patterns on the cheapest way to the last row."""
    chosen = []
    at = rows[-1][3].index(min(rows[-1][3]))
    for number in range(len(rows) - 1, -1, -1):
        choices, steps, costs, totals = rows[number]
        chosen.append(choices[at])
        if number:
            before = list(map(add, rows[number - 1][3], steps[at]))
            at = before.index(totals[at] - costs[at])
    return tuple(reversed(chosen))


@cache
def _costs(tones: Tones, usual: Tones, common: Tones, line: int, strict: bool) -> tuple[int, ...]:
    return tuple(_cost(tones, usual, common, p) for p in _choices(line, len(tones), strict)[0])


def _cost(tones: Tones, usual: Tones, common: Tones, pattern: Pattern) -> int:
    """What a line costs that is read so: in the tones allowed, the likely and the commonest."""
    missed = _misses(tones, pattern)
    cost = _WRONG * len(missed) + _TOLERATED * pattern.tolerated
    for index, mark in enumerate(pattern.marks):
        if mark != "0" and index not in missed:
            cost += _RARE * (not usual[index] & int(mark))
            cost += _UNUSUAL * (not common[index] & int(mark))
    return cost


def _end(groups: int, commonest: int, pattern: Pattern, rhymes: int) -> int:
    """What the end of the first line costs: one that can rhyme does."""
    if pattern.type not in "BD":
        return _WRONG * (not groups & OBLIQUE and groups & rhymes != 0)
    if not groups & rhymes:
        return _WRONG
    return -_UNUSUAL * (not commonest & LEVEL)


@cache
def _choices(line: int, length: int, strict: bool) -> tuple[tuple[Pattern, ...], Steps]:
    """The patterns that a line may have; for each what it costs after each of the line above."""
    every = (p for t in types_of(line) for p in PATTERNS[length] if p.type == t)
    choices = tuple(p for p in every if not (strict and p.tolerated))
    if line == 1:
        return choices, ()
    above = _choices(line - 1, length, strict)[0]
    return choices, tuple(tuple(_step(a, b, line - 1) for a in above) for b in choices)


def _step(first: Pattern, second: Pattern, line: int) -> int:
    if may_follow(first, second, line):
        return 0
    return _NEVER if second.type == type_after(first.type, line) else _BREAK
