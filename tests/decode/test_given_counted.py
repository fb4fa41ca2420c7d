"""Poems around given lines and on given rhyme characters, counted by the automaton state by state
and by hand line by line.
"""

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from lianju.decode import Constraint, Masks, State
from lianju.errors import UserError
from lianju.model import Vocabulary
from lianju.verse import (
    LEVEL,
    OBLIQUE,
    PATTERNS,
    Pattern,
    groups,
    likely,
    lines_of,
    may_follow,
    opening,
    rhymes,
    standard,
    type_after,
)
from tests.decode.grammar import LEGAL, constraint

# Books and poets agree on the tones of these, and all that they can say can be counted.
FEW = "山春明日月水看秋舟樓州"
COUPLETS = (*LEGAL[:2], "看看看看看，看看看看流。")
TYPES = {"A": "BCD", "C": "DAB"}
ANY = frozenset(PATTERNS[5])


@cache
def few(*more: str) -> Masks:
    """A vocabulary of those characters, of punctuation, and of longer tokens."""
    raw = [*FEW, *"流盡後雨寒", "，", "。", *more]
    tokens = [None, None, None, *(text.encode() for text in raw)]
    return Masks(Vocabulary(tokens, range(len(tokens)), len(tokens), bos=2, stop=1, pad=0))


def tone(character: str) -> int:
    """1 level, 2 oblique, 3 both."""
    return (likely(character) & LEVEL > 0) + 2 * (likely(character) & OBLIQUE > 0)


def suits(tones: Sequence[int], pattern: Pattern) -> bool:
    return all(m == "0" or t & int(m) for t, m in zip(tones, pattern.marks, strict=True))


@cache
def written(odd: bool, head: str) -> Counter[tuple[frozenset[Pattern], str]]:
    """How many lines of those characters suit exactly which patterns, by the last character.

    What is only tolerated, three oblique tones at the end, is not written anew.
    """
    every = few().table.characters[:-2]
    tones = Counter(map(tone, every))
    own = [p for p in PATTERNS[5] if p.type in ("AC" if odd else "BD") and not p.tolerated]
    found: Counter[tuple[frozenset[Pattern], str]] = Counter()
    firsts = {tone(head): 1} if head else tones
    for first, *begun in itertools.product(firsts, *[tones] * 3):
        many = firsts[first] * math.prod(tones[t] for t in begun)
        for last in every:
            line = (first, *begun, tone(last))
            found[frozenset(p for p in own if suits(line, p)), last] += many
    return found


def possible(
    couplet: str, given: Mapping[int, str], heads: str, tails: str, last: int, off: str
) -> int:
    """How many poems of `last` lines have what is given and no fault, counted line by line."""
    group = rhymes("流") & LEVEL
    ends = frozenset(standard(line[-1]) for line in lines_of(couplet))
    ways = {type_after(type, 2) for type, _ in opening(lines_of(couplet)).ways}
    start = ANY if off == "tone" else frozenset(p for p in ANY if p.type in ways)
    counts: Counter[tuple[frozenset[Pattern], frozenset[str]]] = Counter({(start, ends): 1})
    for number in range(3, last + 1):
        head, line = heads[number - 3 : number - 2], given.get(number)
        tail = "" if number % 2 else tails[number // 2 - 2 : number // 2 - 1].strip("_")
        lines = written(number % 2 == 1, head)
        if line:
            fits = frozenset(p for p in ANY if suits([tone(c) for c in line], p))
            lines = Counter({(fits, line[-1]): int(not head or line[0] == head)})
        following: Counter[tuple[frozenset[Pattern], frozenset[str]]] = Counter()
        for (open_to, used), before in counts.items():
            for (fits, end), many in lines.items():
                after = used
                if tail and end != tail:
                    continue
                if number % 2 == 0 and off != "rhyme":
                    if not rhymes(end) & group or standard(end) in used:
                        continue
                    after = used | {standard(end)}
                left = ANY if off == "tone" else open_to & fits
                following[_below(left, number), after] += before * many if left else 0
        counts = following
    return sum(counts.values())


@cache
def _below(fits: frozenset[Pattern], number: int) -> frozenset[Pattern]:
    return frozenset(p for p in ANY if any(may_follow(above, p, number) for above in fits))


def automaton(rules: Constraint) -> int:
    """How many poems the constraint lets through; every state is looked at."""
    known: dict[State, int] = {}

    def count(state: State) -> int:
        if state not in known:
            allowed = np.flatnonzero(rules.mask(state))
            assert len(allowed), f"a dead end: {state}"
            after = [rules.advance(state, token) for token in allowed.tolist()]
            known[state] = rules.may_stop(state) + sum(count(next) for next in after if next)
        return known[state]

    return count(rules.start)


@st.composite
def asked(draw: st.DrawFn) -> tuple[str, dict[int, str], str, str]:
    """A couplet, lines for some places, heads and rhymes: most of them fit together."""
    couplet = draw(st.sampled_from(COUPLETS))
    seldom = st.sampled_from([False] * 11 + [True])
    [third, *_] = sorted(type_after(type, 2) for type, _ in opening(lines_of(couplet)).ways)
    types = third + TYPES[third]
    given = {}
    for number in sorted(draw(st.sets(st.integers(3, 8), max_size=4))):
        type = types[(number - 3 + 2 * draw(seldom)) % 4]
        pattern = draw(st.sampled_from([p for p in PATTERNS[5] if p.type == type]))
        line = [
            draw(st.sampled_from([c for c in FEW if mark == "0" or tone(c) & int(mark)]))
            for mark in pattern.marks
        ]
        if number % 2 == 0:
            line[-1] = "山" if draw(seldom) else draw(st.sampled_from("秋舟樓州"))
        given[number] = "".join(line)
    heads = draw(st.just("") | st.text(FEW, min_size=6, max_size=6))
    if heads and not draw(seldom):
        heads = "".join(given.get(number, head)[0] for number, head in enumerate(heads, 3))
    tails = "".join(draw(st.just("") | st.permutations("秋舟樓州_")))[:3]
    if tails and draw(seldom):
        tails = tails[:2] + draw(st.sampled_from("山日" + tails[0]))
    if tails and not draw(seldom):
        rhymes = zip((4, 6, 8), tails, strict=True)
        tails = "".join(given.get(number, tail)[-1] for number, tail in rhymes)
    return couplet, given, heads, tails


def test_the_characters_of_this_test_are_plain() -> None:
    for character in FEW:
        known = groups(character)
        assert (known & LEVEL > 0) + 2 * (known & OBLIQUE > 0) == tone(character)
        assert known & rhymes("流") == rhymes(character) & rhymes("流")
    assert {tone(c) for c in FEW} == {1, 2, 3}


VERSES: list[dict[str, Any]] = [{}, {}, {"lines": 8}, {"rhyme": "off"}, {"tone": "off"}]


@settings(max_examples=150, database=None)
@drawn(asked(), st.sampled_from(VERSES))
def test_every_poem_that_can_be_and_no_other_is_let_through(
    question: tuple[str, dict[int, str], str, str], verse: dict[str, Any]
) -> None:
    """Where there is none, it is told before anything is written."""
    couplet, given, heads, tails = question
    [off] = [name for name, value in verse.items() if value == "off"] or [""]
    short = max(given, default=0) <= 4 and "lines" not in verse and not heads and not tails
    numbers = [4, 8] if short else [8]
    wanted = sum(possible(couplet, given, heads, tails, n, off) for n in numbers)
    verse = {**verse, "given": given, "acrostic": heads, "rhymes": tails}
    if not wanted:
        with pytest.raises(UserError, match=r"line [3-8]"):
            constraint(couplet, few(), **verse)
        return
    assert automaton(constraint(couplet, few(), **verse)) == wanted


@settings(max_examples=30, database=None)
@drawn(asked())
def test_no_state_is_a_dead_end_where_tokens_reach_over_lines(
    question: tuple[str, dict[int, str], str, str],
) -> None:
    couplet, given, heads, tails = question
    longer = few("。山", "秋。日月", "看，春", "日月水", "州。", "水，秋日", "月，看")
    wanted = possible(couplet, given, heads, tails, 8, "")
    if wanted:
        rules = constraint(couplet, longer, given=given, lines=8, acrostic=heads, rhymes=tails)
        assert automaton(rules) >= wanted
