"""Lines that are given stand as they are, and the others keep the rules around them."""

import random
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lianju.config import DecodeSettings, VerseSettings
from lianju.decode import Constraint, Masks, Rules, State, complete, rules_for
from lianju.errors import UserError
from lianju.model import LanguageModel, Vocabulary
from lianju.verse import (
    LEVEL,
    check,
    groups,
    lines_of,
    rhymes,
)
from tests import families
from tests.decode.grammar import LEGAL, POEMS, constraint, patchwork, walk

HERON, MOON = LEGAL[:2]
BRIGHT = "看看看看看，看看看看寒。"
VOCABULARIES: dict[str, Callable[[], Vocabulary]] = {
    "patchwork": lambda: patchwork(0),
    "some bytes": lambda: patchwork(1, lacking=bytes(range(0x85, 0x90))),
    **families.FAMILIES,
}
del VOCABULARIES["gemma_full"]
# States to look at in each: every token of every state is asked for.
STATES = {"qwen": 3, "smollm2": 4, "mistral": 8, "wordpiece": 8}


@cache
def masks(name: str) -> Masks:
    return Masks(VOCABULARIES[name]())


def read(couplet: str, **verse: Any) -> Rules:
    found = rules_for(couplet, VerseSettings.model_validate(verse))
    assert found is not None
    return found


def spelled(rules: Constraint, text: str, state: State | None = None) -> State | None:
    """The state after a text, one token a character; None if the rules forbid it."""
    state = state or rules.start
    for token in rules.masks.vocabulary.spell(text):
        following = rules.advance(state, token)
        if following is None:
            return None
        state = following
    return state


@st.composite
def locked_poems(draw: st.DrawFn) -> tuple[str, dict[int, str], dict[str, Any]]:
    """A couplet of a Tang poet, some lines of the rest of the poem, and other rules."""
    poem = draw(st.sampled_from([poem for poem in POEMS if check(poem).regular]))
    lines = lines_of(poem)
    numbers = draw(st.sets(st.integers(3, len(lines)), min_size=1))
    given = {number: lines[number - 1] for number in numbers}
    heads = "".join(line[0] for line in lines[2:])
    others: list[dict[str, Any]] = [{}, {"lines": 12}, {"acrostic": heads}]
    others += [{"lines": len(lines)}, {"tone": "off"}, {"rhyme": "off"}]
    return poem[: poem.index("。") + 1], given, draw(st.sampled_from(others))


def test_settings_take_lines_by_number_and_no_punctuation() -> None:
    found = VerseSettings.model_validate({"given": {"4": " 更上一層樓。", 3: "欲窮，千里目"}})
    assert found.given == {3: "欲窮千里目", 4: "更上一層樓"} and list(found.given) == [3, 4]
    assert VerseSettings.model_validate_json(found.model_dump_json()) == found
    assert "given" not in VerseSettings().model_dump()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({2: "黃河入海流"}, "line 2 is the couplet's: give lines from 3 on"),
        ({4: "更上1層樓"}, "line 4 is to be of Han characters only"),
        ({4: "，"}, "line 4 is to be of Han"),
        ({"four": "更上一層樓"}, "valid integer"),
    ],
)
def test_settings_refuse_what_is_no_line(given: dict[Any, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        VerseSettings.model_validate({"given": given})


@pytest.mark.parametrize(
    ("couplet", "verse", "message"),
    [
        (HERON, {"given": {4: "更上一樓"}}, "line 4 is given with 4 characters; .* have 5"),
        (HERON, {"given": {6: "更上一層樓"}, "form": "wujue"}, "line 6 is given, .* has 4 lines"),
        (HERON, {"given": {9: "更上一層樓"}}, "line 9 is given, but the poem has 8 lines"),
        (HERON, {"given": {6: "更上一層樓"}, "acrostic": "春夏"}, "acrostic: 2; give 6"),
        (
            HERON,
            {"given": {4: "更上一層樓"}, "acrostic": "春夏"},
            "line 4, 更上一層樓, does not begin with the acrostic's 夏",
        ),
        (HERON, {"given": {4: "更上一層風"}}, "line 4, .* does not rhyme in 尤: .* rhyme off"),
        (HERON, {"given": {4: "更上一層樓"}, "rhyme": "東"}, "line 4, .* does not rhyme in 東"),
        (HERON, {"given": {4: "更上一層流"}}, "line 4, .* rhymes on 流, in which line 2 ends"),
        (HERON, {"given": {4: "更上一層樓", 8: "更上一層樓"}}, "8, .* 樓, in which line 4 ends"),
        (HERON, {"given": {4: "更上高層樓"}}, "line 4, .* metre, 高 should be oblique 仄: .* tone"),
        (HERON, {"given": {3: "欲窮千山目"}}, "line 3, .* metre, 山 should be oblique 仄"),
        (HERON, {"given": {3: "明月松間照"}}, r"line 3, .* do not go on .*\(失粘\)"),
        (HERON, {"given": {3: "欲窮千里目", 4: "清泉石上舟"}}, r"line 4, .*\(失對\)"),
        (HERON, {"given": {6: "更上一層樓"}}, r"line 6, .*\(失對\)"),
        (MOON, {"given": {3: "野火燒未盡", 4: "清泉石上流"}}, r"line 4, .* line 3 \(對句救\)"),
        (HERON, {"given": {4: "更上一層樓"}, "form": "free"}, "leave out the other rules"),
        ("白日依山盡", {"given": {4: "更上一層樓"}}, "rules need a couplet"),
        # What is broken already is no reason to break more: this line is no line of verse itself.
        ("床前看月光，疑是地上霜。", {"given": {3: "舉頭望山月"}}, "line 3, .* metre, 山"),
    ],
)
def test_a_line_that_cannot_stand_is_told(
    couplet: str, verse: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message) as error:
        read(couplet, **verse)
    assert "\n" not in str(error.value)


def test_a_late_line_narrows_the_ends_and_the_ways_to_it() -> None:
    found = read(HERON, given={4: "更上一層樓"})
    assert found.ends == {4, 8} and found.used == {"盡", "流", "樓"}
    assert read(HERON, given={5: "隨意春芳歇"}).ends == {8}
    assert read(HERON, given={9: "明月松間照"}, lines=12).ends == {12}
    # 看 may be level or oblique, so the couplet alone leaves both orders of types open.
    assert {p.type for p, _ in read(BRIGHT).start} == {"A", "C"}
    assert {p.type for p, _ in read(BRIGHT, given={8: "更上一層闌"}).start} == {"C"}
    # The fourth line cannot rescue the third.
    moon = read(MOON, given={4: "清泉石上流"})
    assert {p.marks for p, _ in moon.start} == {"02012"}
    # 行 rhymes in 陽 and in 庚.
    both = read("白日依山盡，孤帆此日行。")
    assert {rhyme.bit_count() for _, rhyme in both.start} == {2}
    one = read("白日依山盡，孤帆此日行。", given={8: "更上一層霜"}, lines=8)
    assert {rhyme for _, rhyme in one.start} == {rhymes("霜") & LEVEL}


def test_what_is_off_is_not_asked_of_given_lines() -> None:
    assert read(HERON, tone="off", given={3: "天天天天天", 4: "更上高層樓"}).notes == ()
    assert read(HERON, rhyme="off", given={4: "更上一層風", 8: "更上一層風"}).notes == ()
    with pytest.raises(UserError, match="目 should be level"):
        read(HERON, rhyme="off", given={4: "更上一層目"})


def test_rare_readings_serve_where_no_others_do() -> None:
    """風 as oblique: books have it, poets hardly."""
    found = read(HERON, given={4: "更上風層樓"})
    assert found.notes == ("the given lines fit only by rare readings of their characters",)
    assert read(HERON, given={4: "更上一層樓"}).notes == ()


def test_a_given_line_may_end_in_three_oblique_tones_but_none_is_written_so() -> None:
    found = read(HERON, given={3: "欲窮萬里目"})
    assert {p.marks for p, _ in found.start} == {"01222"} and not found.notes
    assert not any(p.tolerated for p, _ in read(HERON).start)


def test_a_couplet_that_breaks_the_metre_binds_only_by_its_rhyme() -> None:
    frost = "床前看月光，疑是地上霜。"
    assert {p.type for p, _ in read(frost).start} == {"A"}
    assert read(frost, given={4: "低頭思故鄉"}).notes == ()
    other = read(frost, given={4: "黃河入海鄉"}, lines=8)
    assert {p.type for p, _ in other.start} == {"A"}
    turned = read(frost, given={6: "黃河入海鄉"}, lines=8)
    assert {p.type for p, _ in turned.start} == {"C"}
    assert turned.notes == (
        "the given lines do not go on from the couplet's metre, which is not kept",
    )
    snow = read("千山鳥飛絕，萬徑人蹤滅。", given={3: "孤舟蓑笠翁", 4: "獨釣寒江雪"})
    assert {p.marks for p, _ in snow.start} == {"00001"}


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_mask_is_what_advance_allows_for_every_token(name: str) -> None:
    stop = masks(name).vocabulary.stop

    @settings(max_examples=STATES.get(name, 25), database=None)
    @drawn(locked_poems(), st.integers(0, 2**32), st.floats(0, 1))
    def compare(
        locked: tuple[str, dict[int, str], dict[str, Any]], seed: int, share: float
    ) -> None:
        couplet, lines, verse = locked
        known = masks(name).table.index.keys()
        given = {number: line for number, line in lines.items() if known >= set(line)}
        if not known >= set(verse.get("acrostic", "")):
            verse = {}
        rules = constraint(couplet, masks(name), given=given, **verse)
        states = [state for state, _ in walk(rules, seed)]
        state = states[int(share * (len(states) - 1))]
        every = range(rules.masks.vocabulary.size)
        wanted = [rules.advance(state, token) is not None for token in every]
        wanted[stop] = rules.may_stop(state)
        assert np.array_equal(rules.mask(state), wanted)

    compare()


@pytest.mark.parametrize("name", ["patchwork", "gemma_trimmed", "mistral", "wordpiece"])
def test_every_way_ends_in_a_regular_poem_with_the_lines_that_are_given(name: str) -> None:
    @settings(max_examples=25, database=None)
    @drawn(locked_poems(), st.integers(0, 2**32))
    def write(locked: tuple[str, dict[int, str], dict[str, Any]], seed: int) -> None:
        couplet, given, verse = locked
        rules = constraint(couplet, masks(name), given=given, **verse)
        tokens = [token for _, token in walk(rules, seed)]
        text = masks(name).vocabulary.decode(tokens)
        lines = ["", *lines_of(couplet + text)]
        assert {number: lines[number] for number in given} == given
        assert len(tokens) <= rules.longest()
        verdict = check(couplet + text)
        if verse.get("rhyme") == "off":
            assert verdict.scans
        elif verse.get("tone") == "off":
            assert verdict.rhymes or verdict.style == "old-style"
        else:
            assert verdict.regular, (text, verdict.faults)

    write()


@settings(max_examples=5, database=None)
@drawn(st.lists(locked_poems(), min_size=2, max_size=3), st.randoms())
def test_what_was_asked_before_does_not_matter(
    asked: list[tuple[str, dict[int, str], dict[str, Any]]], chance: random.Random
) -> None:
    """With the given lines, without them, and with them again, from one store of masks."""
    kept = masks("patchwork")
    shared = Masks(kept.vocabulary, kept.table)
    for couplet, given, verse in asked:
        for lines in (given, {}, given):
            rules = constraint(couplet, shared, given=lines, **verse)
            fresh = constraint(couplet, Masks(kept.vocabulary, kept.table), given=lines, **verse)
            for state, _ in walk(rules, chance.randrange(2**32), 25):
                assert np.array_equal(rules.mask(state), fresh.mask(state))


def test_far_from_given_lines_masks_are_those_of_any_poem() -> None:
    shared = Masks(families.wordpiece(), masks("wordpiece").table)
    text = "明月松間照，清泉石上流。竹喧歸浣女，"
    free, bound = (constraint(MOON, shared, lines=8, given=x) for x in ({}, {8: "王孫自可留"}))

    def pass_by(rules: Constraint) -> int:
        state = rules.start
        for token in shared.vocabulary.spell(text.replace("流", "舟")):
            rules.mask(state)
            following = rules.advance(state, token)
            assert following is not None
            state = following
        return len(shared._kept)

    assert pass_by(free) == pass_by(bound) > 10
    assert bound.rules.locked(8, 0, 1) and not bound.rules.locked(7, 5, 1)


def test_the_rhyme_of_a_later_line_is_used_already() -> None:
    """By token or by bytes, in any variant; and it stands in its own line."""
    words = masks("gemma_trimmed").vocabulary
    rules = constraint(
        "桃紅復含宿雨，柳綠更帶朝天。",
        masks("gemma_trimmed"),
        given={6: "花落家僮未煙"},
        lines=8,
    )
    state = spelled(rules, "春風春雨春草，花春花月春")
    assert state is not None
    for character, may in {"煙": False, "烟": False, "年": True}.items():
        [token] = words.spell(character)
        assert bool(rules.mask(state)[token]) is may
        raw = [words.tokens.index(bytes([byte])) for byte in character.encode()]
        within: State | None = state
        for token in raw:
            within = within and rules.advance(within, token)
        assert (within is not None) is may
    state = spelled(rules, "年。春風春雨春草，花落家僮未煙。春風春雨春草，花春花月春", state)
    assert state is not None and spelled(rules, "煙", state) is None
    assert spelled(rules, "邊", state) is not None


def bytes_and(*words: str) -> Masks:
    """All bytes, and tokens of these texts, the first of which is number 259."""
    tokens = [None, None, None, *(bytes([b]) for b in range(256)), *(x.encode() for x in words)]
    return Masks(Vocabulary(tokens, range(len(tokens)), len(tokens), bos=2, stop=1, pad=0))


@pytest.mark.parametrize("order", [1, -1])
def test_a_token_may_reach_into_a_given_line_or_out_of_it(order: int) -> None:
    """Whatever was asked before: what it holds of the line must be what is given."""
    words = bytes_and("目，更", "目，白", "樓。明", "一層樓", "一層舟")
    asked: list[tuple[dict[int, str], str, list[bool]]] = [
        ({}, "欲窮千里", [True, True, False, False, False]),
        ({4: "更上一層樓"}, "欲窮千里", [True, False, False, False, False]),
        ({4: "白日下高樓"}, "欲窮千里", [False, True, False, False, False]),
        ({4: "更上一層樓"}, "欲窮千里目，更上", [False, False, False, True, False]),
        ({4: "更上一層樓"}, "欲窮千里目，更上一層", [False, False, True, False, False]),
        ({4: "更上一層樓", 5: "白月山中盡"}, "欲窮千里目，更上一層", [False] * 5),
        ({5: "明月山中盡"}, "欲窮千里目，更上", [False, False, False, True, True]),
    ]
    for given, text, fits in asked[::order]:
        rules = constraint(HERON, words, given=given, lines=8)
        state = spelled(rules, text)
        assert state is not None
        assert rules.mask(state)[259:].tolist() == fits


@pytest.mark.parametrize("order", [1, -1])
def test_a_token_may_reach_into_a_line_before_a_given_one(order: int) -> None:
    """The fifth line may have tones that must be made up for if the sixth does that."""
    words = bytes_and("。月月月月")
    asked: list[tuple[dict[int, str], bool]] = [
        ({}, True),
        ({6: "清泉石上舟"}, False),
        ({6: "春風吹又舟"}, True),
    ]
    for given, fits in asked[::order]:
        rules = constraint(HERON, words, given=given, lines=8)
        state = spelled(rules, "欲窮千里目，更上一層樓")
        assert state is not None
        assert bool(rules.mask(state)[259]) is fits


@pytest.mark.parametrize("name", ["gemma_trimmed", "mistral", "patchwork"])
def test_a_given_line_may_have_characters_that_poets_hardly_used(name: str) -> None:
    """叵 is not in the alphabet: it stands where it is given, by token or bytes; nowhere else."""
    assert "叵" not in masks(name).table.index
    given = {6: "更上一叵樓"}
    rules = constraint(HERON, masks(name), given=given, lines=8, tone="off")
    vocabulary = rules.masks.vocabulary
    whole = [i for i, token in enumerate(vocabulary.tokens) if token == "叵".encode()]
    assert len(whole) == (name == "gemma_trimmed")
    first = vocabulary.tokens.index("叵".encode()[:1])
    for seed in range(3):
        tokens = []
        for state, token in walk(rules, seed):
            tokens.append(token)
            here = (state.line, state.position, state.partial) == (6, 3, b"")
            assert not here or rules.mask(state)[[*whole, first]].all()
            assert here or not rules.mask(state)[whole].any()
        text = vocabulary.decode(tokens)
        assert lines_of(text)[3] == given[6] and text.count("叵") == 1
        assert len(tokens) <= rules.longest()
    free = constraint(HERON, masks(name), lines=8, tone="off")
    assert free.masks is masks(name) and spelled(free, "叵") is None


def test_a_given_line_that_the_vocabulary_lacks_is_refused() -> None:
    with pytest.raises(UserError, match="lacks 𠮷: change the given line"):
        constraint(HERON, masks("wordpiece"), given={4: "更上𠮷層樓"}, tone="off")


def test_given_lines_leave_fewer_rhymes_to_be_found() -> None:
    words = families.wordpiece()
    table = masks("wordpiece").table
    known = [c for c in table.characters[:-2] if groups(c) & groups("流") & LEVEL]
    gone = {c.encode() for c in known if c not in "流樓舟愁頭"}
    tokens = [None if token in gone else token for token in words.tokens]
    few = Masks(
        Vocabulary(tokens, words.original_ids, words.full_size, words.bos, words.stop, words.pad)
    )
    with pytest.raises(UserError, match=r"too few .* for 3 more rhymes"):
        constraint(HERON, few, lines=8)
    with pytest.raises(UserError, match=r"too few .* for 2 more rhymes"):
        constraint(HERON, few, lines=8, given={4: "更上一層樓"})
    rules = constraint(HERON, few, lines=6, given={4: "更上一層樓"})
    text = words.decode([token for _, token in walk(rules, 0)])
    fourth, sixth = (line[-1] for line in lines_of(text)[1::2])
    assert fourth == "樓" and sixth in "舟愁頭"


def test_what_the_real_model_draws_anew_around_locked_lines_is_regular(
    gemma: LanguageModel,
) -> None:
    """Lines of its own poem, which is regular, stand; all others change."""
    kept = Masks(gemma.vocabulary)

    def write(seed: int, given: Sequence[dict[int, str]]) -> list[tuple[str, ...]]:
        rules = [constraint(MOON, kept, lines=8, given=lines) for lines in given]
        sampling = DecodeSettings(seed=seed, top_p=1, particles=2)
        found = complete(gemma, "plain", [MOON] * len(rules), sampling, constraints=rules)
        for [item] in found:
            verdict = check(MOON + item.text)
            assert verdict.regular and verdict.form == "wulü" and item.finish == "stop"
        return [lines_of(MOON + item.text) for [item] in found]

    [before] = write(0, [{}])
    locked = [{4}, {3}, {6}, {3, 6, 8}]
    given = [{number: before[number - 1] for number in numbers} for numbers in locked]
    for numbers, after in zip(locked, write(1, given), strict=True):
        assert {n for n in range(3, 9) if before[n - 1] == after[n - 1]} == numbers
