"""The automaton against itself, against the checker and against poems; see also test_oracle."""

import random
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lianju.decode import Constraint, Masks, State
from lianju.errors import UserError
from lianju.model import Vocabulary
from lianju.verse import (
    LEVEL,
    PATTERNS,
    Pattern,
    alphabet,
    check,
    groups,
    lines_of,
    may_follow,
    names,
    opening,
    rhymes,
    standard,
    type_after,
)
from lianju.verse.fitting import misses
from tests import families
from tests.decode.grammar import ILLEGAL, LEGAL, POEMS, constraint, patchwork, walk

HERON = LEGAL[0]
VOCABULARIES: dict[str, Callable[[], Vocabulary]] = {
    "patchwork": lambda: patchwork(0),
    "some bytes": lambda: patchwork(1, lacking=bytes(range(0x85, 0x90))),
    "no bytes": lambda: patchwork(2, lacking=bytes(range(0x80, 0x100))),
    **families.FAMILIES,
}
# States to look at in each: every token of every state is asked for.
STATES = {"gemma_full": 2, "qwen": 2, "smollm2": 4, "mistral": 8, "wordpiece": 8}
VERSES: list[dict[str, Any]] = [
    {},
    {"lines": 4},
    {"lines": 12},
    {"rhyme": "東"},
    {"rhyme": "屑"},
    {"rhyme": "off"},
    {"tone": "off"},
    {"acrostic": "春夏"},
    {"acrostic": "春夏秋冬天地"},
]
# The last is no verse, but tokens reach over several of its lines.
COUPLETS = [*LEGAL, *ILLEGAL, "桃紅復含宿雨，柳綠更帶朝煙。", "天寒，夜長。"]


@cache
def masks(name: str) -> Masks:
    return Masks(VOCABULARIES[name]())


def write(rules: Constraint, seed: int) -> tuple[str, int]:
    """A poem at random, and the number of its tokens."""
    tokens = [token for _, token in walk(rules, seed)]
    assert tokens[-1] == rules.masks.vocabulary.stop
    return rules.masks.vocabulary.decode(tokens), len(tokens)


def spelled(rules: Constraint, text: str, state: State | None = None) -> State | None:
    """The state after a text, one token a character; None if the rules forbid it."""
    return after(rules, rules.masks.vocabulary.spell(text), state)


def after(rules: Constraint, tokens: Iterable[int], state: State | None = None) -> State | None:
    """The state after tokens."""
    state = state or rules.start
    for token in tokens:
        following = rules.advance(state, token)
        if following is None:
            return None
        state = following
    return state


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_mask_is_what_advance_allows_for_every_token(name: str) -> None:
    stop = masks(name).vocabulary.stop

    @settings(max_examples=STATES.get(name, 30), database=None)
    @given(
        st.sampled_from(COUPLETS),
        st.sampled_from(VERSES),
        st.integers(0, 2**32),
        st.floats(0, 1),
    )
    def compare(couplet: str, verse: dict[str, Any], seed: int, share: float) -> None:
        rules = constraint(couplet, masks(name), **verse)
        states = [state for state, _ in walk(rules, seed)]
        state = states[int(share * (len(states) - 1))]
        every = range(rules.masks.vocabulary.size)
        wanted = [rules.advance(state, token) is not None for token in every]
        wanted[stop] = rules.may_stop(state)
        assert np.array_equal(rules.mask(state), wanted)

    compare()


@pytest.mark.parametrize("name", ["patchwork", "gemma_trimmed", "mistral", "wordpiece"])
@pytest.mark.parametrize("couplet", LEGAL)
def test_every_way_ends_in_a_regular_poem_of_the_form(name: str, couplet: str) -> None:
    five = len(lines_of(couplet)[0]) == 5
    short, long, pai = ("wujue", "wulü", "wupai") if five else ("qijue", "qilü", "qipai")
    asked: list[tuple[dict[str, Any], set[str]]] = [
        ({}, {short, long}),
        ({"lines": 4}, {short}),
        ({"lines": 8}, {long}),
        ({"lines": 12}, {pai}),
        ({"acrostic": "春夏秋冬天地"}, {long}),
    ]
    for number, (verse, forms) in enumerate(asked):
        rules = constraint(couplet, masks(name), **verse)
        found = set()
        for seed in range(number, number + 2):
            text, tokens = write(rules, seed)
            verdict = check(couplet + text)
            assert verdict.regular, (text, verdict.faults)
            assert verdict.form in forms and tokens <= rules.longest()
            assert verdict.rhyme and set(verdict.rhyme) <= set("尤真刪先支")
            heads = "".join(line[0] for line in lines_of(text))
            assert heads == verse.get("acrostic", heads)
            found.add(verdict.form)
        assert found == forms or verse == {}


def test_a_poem_may_have_four_lines_or_eight() -> None:
    rules = constraint(HERON, masks("gemma_trimmed"))
    state = spelled(rules, "欲窮千里目，更上一層樓。")
    assert state is not None and rules.may_stop(state)
    allowed = rules.mask(state)
    assert allowed[masks("gemma_trimmed").vocabulary.stop] and allowed.sum() > 1
    again = spelled(rules, "欲窮千里目，更上一層舟。", state)
    # A third couplet like the second breaks the order of types; one of types A and B keeps it.
    assert again is None
    state = spelled(rules, "隨意春芳歇，王孫自可留。", state)
    assert state is not None and not rules.may_stop(state)


def keeps(couplet: str, text: str, type: str, rhyme: int) -> bool:
    """Whether the lines after a couplet whose second is of `type` are what they must be."""
    lines = [[groups(character) for character in line] for line in lines_of(text)]
    if not rhyme & lines[1][-1] & (lines[3][-1] if len(lines) > 2 else rhyme):
        return False
    ends = [standard(line[-1]) for line in (*lines_of(couplet), *lines_of(text)[1::2])]
    if len(set(ends)) < len(ends):
        return False
    length = len(lines[0])
    if not type:
        odd = Pattern("", "0" * (length - 1) + ("2" if rhyme & LEVEL else "1"))
        return not any(misses(line, odd) for line in lines[::2])
    ways = [p for p in PATTERNS[length] if p.type == type_after(type, 2)]
    for number, line in enumerate(lines, 3):
        ways = [pattern for pattern in ways if not misses(line, pattern)]
        ways = [p for p in PATTERNS[length] if any(may_follow(w, p, number) for w in ways)]
    return bool(ways)


@pytest.mark.parametrize("couplet", ILLEGAL)
@pytest.mark.parametrize("name", ["patchwork", "mistral"])
def test_after_a_couplet_with_faults_the_new_lines_keep_what_can_be_kept(
    couplet: str, name: str
) -> None:
    ways = opening(lines_of(couplet)).ways
    for verse in ({}, {"lines": 4}, {"lines": 8}):
        rules = constraint(couplet, masks(name), **verse)
        for seed in range(6):
            text, _ = write(rules, seed)
            assert any(keeps(couplet, text, *way) for way in ways), text


@pytest.mark.parametrize("group", "東支歌咸")
def test_a_rhyme_that_is_given_is_kept(group: str) -> None:
    rules = constraint(HERON, masks("gemma_trimmed"), rhyme=group, lines=8)
    for seed in range(5):
        text, _ = write(rules, seed)
        verdict = check(HERON + text)
        assert verdict.rhyme == group
        # Only the couplet's own end, which is of another rhyme, is a fault.
        assert {(fault.rule, fault.line) for fault in verdict.faults} == {("落韻", 2)}


@pytest.mark.parametrize("poem", POEMS)
def test_what_tang_poets_wrote_is_allowed(poem: str) -> None:
    at = poem.index("。") + 1
    for verse in ({}, {"lines": len(lines_of(poem))}):
        for name in ("gemma_trimmed", "patchwork"):
            rules = constraint(poem[:at], masks(name), **verse)
            end = spelled(rules, poem[at:])
            assert end is not None and rules.may_stop(end)


@pytest.mark.parametrize("couplet", [*LEGAL, *ILLEGAL])
def test_the_longest_poem_of_four_lines_can_be_written(couplet: str) -> None:
    """By bytes throughout, characters of four before those of three."""
    rules = constraint(couplet, masks("gemma_trimmed"), lines=4)
    tokens = rules.masks.vocabulary.tokens
    single = [tokens.index(bytes([byte])) for byte in range(256)]
    state: State | None = rules.start
    written = 1
    while state is not None and not rules.may_stop(state):
        highest = max(np.flatnonzero(rules.mask(state)[single]))
        state = rules.advance(state, single[highest])
        written += 1
    assert written == rules.longest()


def test_a_rhyme_never_comes_twice_nor_its_variant() -> None:
    """煙 and 烟 are one character to the eye of a rhyme, by token or by bytes."""
    rules = constraint("桃紅復含宿雨，柳綠更帶朝煙。", masks("gemma_trimmed"))
    words = rules.masks.vocabulary
    state = spelled(rules, "春風春雨春草，春花春月春")
    assert state is not None
    for character, may in {"煙": False, "烟": False, "天": True, "年": True, "風": False}.items():
        [token] = words.spell(character)
        assert bool(rules.mask(state)[token]) is may
        raw = [words.tokens.index(bytes([byte])) for byte in character.encode()]
        assert (after(rules, raw, state) is not None) is may
        within = after(rules, raw[:-1], state)
        assert within is None or bool(rules.mask(within)[raw[-1]]) is may
    state = spelled(rules, "天。春風春雨春草，春花春月春", state)
    assert state is not None
    assert spelled(rules, "天", state) is None and spelled(rules, "年", state) is not None


def test_a_rhyme_that_may_be_of_two_groups_is_settled_by_the_first_that_tells() -> None:
    """Poets rhymed on 行 in 陽 and in 庚: 霜 leaves 陽 alone, and 明, of 庚, cannot follow it."""
    rules = constraint("白日依山盡，孤帆此日行。", masks("gemma_trimmed"), lines=8)
    state = spelled(rules, "欲窮千里目，更上一層")
    assert state is not None
    assert spelled(rules, "明", state) is not None
    state = spelled(rules, "霜。隨意春芳歇，王孫自可", state)
    assert state is not None
    assert spelled(rules, "香", state) is not None and spelled(rules, "明", state) is None
    allowed = rules.mask(state)
    fragrant, bright = (rules.masks.vocabulary.spell(c)[0] for c in "香明")
    assert allowed[fragrant] and not allowed[bright]


def own(*words: str | bytes) -> Vocabulary:
    """All bytes, and tokens of these texts."""
    raw = [word.encode() if isinstance(word, str) else word for word in words]
    tokens = [None, None, None, *(bytes([byte]) for byte in range(256)), *raw]
    return Vocabulary(tokens, range(len(tokens)), len(tokens), bos=2, stop=1, pad=0)


def test_a_token_may_hold_the_end_of_a_character_and_the_beginning_of_the_next() -> None:
    """It touches two characters, so that before a rhyme its mask depends on the rhyme."""
    begin_so = [c for c in alphabet() if c.encode()[0] == 0xE4]
    known = {group for c in begin_so for group in names(rhymes(c))}
    assert "先" in known and "江" not in known
    spring = "春".encode()
    words = Masks(own(spring[2:] + b"\xe4"))
    assert words.reach == 2 and Masks(own()).reach == 1
    for rhyme, fits in (("江", False), ("先", True), ("江", False)):
        rules = constraint("天寒月，夜長天。", words, rhyme=rhyme, lines=4)
        state = spelled(rules, "春風月，春")
        assert state is not None
        state = after(rules, [3 + byte for byte in spring[:2]], state)
        assert state is not None
        assert bool(rules.mask(state)[259]) is fits
        assert (rules.advance(state, 259) is not None) is fits


@pytest.mark.parametrize("order", [1, -1])
def test_a_token_may_reach_over_two_lines(order: int) -> None:
    """Whether it fits depends on how many lines there are, and on the heads of all of them."""
    words = Masks(own("，人香。天"))
    asked: list[tuple[dict[str, Any], bool]] = [
        ({"lines": 4}, False),
        ({"lines": 8}, True),
        ({"acrostic": "山人天日月風"}, True),
        ({"acrostic": "山人地日月風"}, False),
        ({"acrostic": "山天天日月風"}, False),
    ]
    for verse, fits in asked[::order]:
        rules = constraint("天寒，夜長。", words, **verse)
        state = spelled(rules, "山月")
        assert state is not None
        assert bool(rules.mask(state)[259]) is fits
        assert (rules.advance(state, 259) is not None) is fits


def test_masks_that_are_kept_are_not_changed_by_rhymes_that_stand() -> None:
    shared = Masks(masks("gemma_trimmed").vocabulary, masks("gemma_trimmed").table)
    first = constraint(HERON, shared, lines=4)
    second = constraint("白日依山盡，黃河入海樓。", shared, lines=4)
    seen = []
    for rules in (first, second, first):
        state = spelled(rules, "欲窮千里目，更上一層")
        assert state is not None
        seen.append(rules.mask(state).copy())
    stream, tower = (shared.vocabulary.spell(c)[0] for c in "流樓")
    assert not seen[0][stream] and seen[0][tower]
    assert seen[1][stream] and not seen[1][tower]
    assert np.array_equal(seen[0], seen[2])


@settings(max_examples=8)
@given(
    st.lists(st.tuples(st.sampled_from(COUPLETS), st.sampled_from(VERSES)), min_size=2, max_size=4),
    st.randoms(),
)
def test_what_was_asked_before_does_not_matter(
    asked: list[tuple[str, dict[str, Any]]], chance: random.Random
) -> None:
    table = masks("patchwork")
    shared = Masks(table.vocabulary, table.table)
    for couplet, verse in asked:
        seed = chance.randrange(2**32)
        used = constraint(couplet, shared, **verse)
        fresh = constraint(couplet, Masks(table.vocabulary, table.table), **verse)
        for state, _ in walk(used, seed, 40):
            assert np.array_equal(used.mask(state), fresh.mask(state))


def without(words: Vocabulary, characters: str) -> Vocabulary:
    """A vocabulary without bytes and some characters."""
    gone = {c.encode() for c in characters}
    tokens = [None if token in gone else token for token in words.tokens]
    return Vocabulary(tokens, words.original_ids, words.full_size, words.bos, words.stop, words.pad)


def test_a_vocabulary_that_lacks_rhymes_is_refused() -> None:
    words = families.wordpiece()
    table = masks("wordpiece").table
    rhymes = [c for c in table.characters[:-2] if groups(c) & groups("流") & LEVEL]
    few = Masks(without(words, "".join(rhymes[2:])))
    assert constraint(HERON, few, lines=4).longest() == 13
    with pytest.raises(UserError, match="too few characters that rhyme in 尤 for 3 more rhymes"):
        constraint(HERON, few, lines=8)


@pytest.mark.parametrize("mark", "，。")
def test_a_vocabulary_without_punctuation_is_refused(mark: str) -> None:
    with pytest.raises(UserError, match="cannot spell ， and 。"):
        Masks(without(families.wordpiece(), mark))


def test_an_acrostic_that_the_vocabulary_lacks_is_refused() -> None:
    words = Masks(without(families.wordpiece(), "春"))
    with pytest.raises(UserError, match="lacks 春: choose another acrostic"):
        constraint(HERON, words, acrostic="春夏")
    assert constraint(HERON, words, acrostic="秋夏").longest() == 13
