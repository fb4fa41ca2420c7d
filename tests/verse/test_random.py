"""Poems at random, from characters of one reading: nothing about them is a matter of opinion."""

from collections.abc import Sequence
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from lianju.verse import Fault, alphabet, check, common, readings, standard
from lianju.verse.fitting import misses
from lianju.verse.metre import PATTERNS, Pattern, may_follow, types_of
from lianju.verse.rhyme_groups import LEVEL, OBLIQUE, bit

Poem = tuple[list[str], str, tuple[Pattern, ...]]


@cache
def single(tone: int) -> tuple[str, ...]:
    """The characters of one reading, in which they are level or oblique, no two alike."""
    one = (c for c in alphabet() if len(readings(c)) == 1 and standard(c) == c)
    return tuple(c for c in one if common(c) & tone)


@cache
def rhyming(group: str) -> tuple[str, ...]:
    return tuple(c for c in single(LEVEL) if common(c) == bit(group))


@st.composite
def orders(draw: st.DrawFn, length: int) -> tuple[Pattern, ...]:
    """The patterns of a regular poem, chosen line by line."""
    lines = draw(st.sampled_from([4, 8, 10, 12]))
    chosen = [draw(st.sampled_from([p for p in PATTERNS[length] if p.type in types_of(1)]))]
    for number in range(1, lines):
        after = [p for p in PATTERNS[length] if may_follow(chosen[-1], p, number)]
        chosen.append(draw(st.sampled_from(after)))
    return tuple(chosen)


@st.composite
def regular(draw: st.DrawFn) -> Poem:
    """A regular poem: its lines, its rhyme group, its patterns."""
    length = draw(st.sampled_from([5, 7]))
    order = draw(orders(length))
    group = draw(st.sampled_from("東支虞真先陽庚尤蕭"))
    ends = iter(draw(st.permutations(rhyming(group)[:30])))
    random = draw(st.randoms(use_true_random=False))
    lines = []
    for pattern in order:
        pools = {"1": single(LEVEL), "2": single(OBLIQUE), "0": single(LEVEL | OBLIQUE)}
        line = [random.choice(pools[mark]) for mark in pattern.marks]
        if pattern.marks[-1] == "1":
            line[-1] = next(ends)
        lines.append("".join(line))
    return lines, group, order


def possible(lines: Sequence[str], group: str) -> bool:
    """Whether some order of patterns without a fault exists: tried, not computed.

    Only for characters of one reading.
    """
    fits = []
    for number, line in enumerate(lines, 1):
        known = [common(c) for c in line]
        fits.append(
            [
                p
                for p in PATTERNS[len(line)]
                if p.type in types_of(number)
                and not misses(known, p)
                and (p.marks[-1] == "2" or known[-1] == bit(group))
            ]
        )
    ways = fits[0]
    for number, row in enumerate(fits[1:], 1):
        ways = [q for q in row if any(may_follow(p, q, number) for p in ways)]
    ends = [line[-1] for line in lines[:1] if common(line[-1]) & LEVEL]
    ends += [line[-1] for line in lines[1::2]]
    return bool(ways) and len(set(ends)) == len(ends)


@given(regular())
def test_every_poem_written_by_the_rules_is_regular(
    poem: Poem,
) -> None:
    lines, group, order = poem
    verdict = check("\n".join(lines))
    assert possible(lines, group)
    assert verdict.regular and verdict.style == "regulated"
    assert verdict.types == "".join(p.type for p in order)
    assert verdict.rhyme == group
    strict = not any(pattern.tolerated for pattern in order)
    assert check("\n".join(lines), strict=True).regular == strict
    assert check("\n".join(lines), borrow=False).regular
    for line, pattern in zip(verdict.marks, order, strict=True):
        for mark, sign in zip(line, pattern.marks, strict=True):
            assert sign == "0" or mark.sign == "○●"[int(sign) - 1]


def turned(poem: Poem, data: st.DataObject, at: int) -> int:
    """Give one character the other tone, in a line at random; the line, from 0."""
    lines, _, _ = poem
    index = data.draw(st.integers(0, len(lines) - 1))
    line = lines[index]
    other = single(OBLIQUE if common(line[at]) & LEVEL else LEVEL)
    new = data.draw(st.sampled_from(other))
    lines[index] = line[:at] + new + line[at + 1 or len(line) :]
    return index


@given(regular(), st.data())
def test_a_second_character_of_the_wrong_tone_is_always_a_fault(
    poem: Poem, data: st.DataObject
) -> None:
    turned(poem, data, 1)
    verdict = check("\n".join(poem[0]))
    assert not verdict.regular and not verdict.scans


@given(regular(), st.data(), st.integers(0, 6))
def test_any_character_of_the_wrong_tone_is_a_fault_unless_the_rules_allow_it(
    poem: Poem, data: st.DataObject, at: int
) -> None:
    lines, group, order = poem
    at %= len(lines[0])
    index = turned(poem, data, at)
    verdict = check("\n".join(lines))
    assert verdict.regular == possible(lines, group)
    if order[index].marks[at] == "0":
        assert verdict.regular


@given(regular(), st.data())
def test_a_rhyme_of_another_group_is_always_found(poem: Poem, data: st.DataObject) -> None:
    lines, group, order = poem
    index = data.draw(st.sampled_from([i for i, p in enumerate(order) if p.marks[-1] == "1"]))
    other = data.draw(st.sampled_from([g for g in "東支虞真先陽庚尤蕭" if g != group]))
    lines[index] = lines[index][:-1] + data.draw(st.sampled_from(rhyming(other)))
    verdict = check("\n".join(lines))
    assert not verdict.rhymes
    if len(lines) > 4:
        wrong = [fault for fault in verdict.faults if fault.rule == "落韻"]
        assert wrong == [Fault("落韻", index + 1, len(lines[0]), group, other)]
