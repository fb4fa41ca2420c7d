"""Rhyme characters that are given 限韻: even lines end with them, and all else is kept."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lianju.config import VerseSettings
from lianju.decode import Constraint, Masks, State
from lianju.errors import UserError
from lianju.model import Vocabulary
from lianju.verse import (
    Pattern,
    alphabet,
    anywhere,
    bit,
    check,
    heard,
    lines_of,
    standard,
    word_of,
)
from lianju.verse.rhyme_groups import LEVEL, OBLIQUE
from tests import families
from tests.decode.grammar import LEGAL, POEMS, constraint, walk
from tests.decode.test_given import STATES, VOCABULARIES, bytes_and, masks, read, spelled

HERON, MOON = LEGAL[:2]
SNOW = "千山鳥飛絕，萬徑人蹤滅。"


@pytest.mark.parametrize("sign", "_＿〇？?□*.")
def test_settings_take_any_sign_for_a_line_that_is_left_open(sign: str) -> None:
    found = VerseSettings(rhymes=f" 流{sign}、愁。")
    assert found.rhymes == "流_愁"
    assert VerseSettings.model_validate_json(found.model_dump_json()) == found


def test_settings_without_rhymes_say_nothing_of_them() -> None:
    assert "rhymes" not in VerseSettings().model_dump()


def test_settings_refuse_what_is_no_character() -> None:
    with pytest.raises(ValidationError, match="Han characters, and _ for a line that is left open"):
        VerseSettings(rhymes="liu")


@pytest.mark.parametrize(
    ("verse", "ends", "tails"),
    [
        ({"rhymes": "樓"}, {4}, " 樓"),
        ({"rhymes": "流樓"}, {4}, " 樓"),
        ({"rhymes": "_樓"}, {4}, " 樓"),
        ({"rhymes": "樓愁秋"}, {8}, " 樓 愁 秋"),
        ({"rhymes": "流樓_秋"}, {8}, " 樓   秋"),
        ({"rhymes": "___"}, {8}, "      "),
        ({"rhymes": "樓愁_秋_", "lines": 12}, {12}, " 樓 愁   秋  "),
        ({"rhymes": "樓愁秋", "acrostic": "春夏秋冬天地"}, {8}, " 樓 愁 秋"),
    ],
)
def test_one_character_for_each_even_line_fixes_how_many_there_are(
    verse: dict[str, Any], ends: set[int], tails: str
) -> None:
    found = read(HERON, **verse)
    assert found.ends == ends
    written = [found.tail(line) or " " for line in range(3, max(ends) + 1)]
    assert "".join(written) == tails and not found.tail(max(ends) + 1) and not found.tail(1)
    assert found.used == {"盡", "流", *tails} - {" "} and not found.notes


def test_a_rhyme_may_be_written_in_another_shape_of_the_couplets_own() -> None:
    assert read("天寒月，夜長煙。", rhymes="烟年", lines=4).tail(4) == "年"


@pytest.mark.parametrize(
    ("couplet", "verse", "message"),
    [
        (HERON, {"rhymes": "樓愁"}, "rhyme characters: 2; give 1 or 3, .* _ for .* with 流"),
        (HERON, {"rhymes": "樓愁秋", "form": "wujue"}, "rhyme characters: 3; give 1, one"),
        (HERON, {"rhymes": "樓愁秋", "lines": 10}, "rhyme characters: 3; give 4, one"),
        (HERON, {"rhymes": "樓愁秋", "acrostic": "春夏"}, "rhyme characters: 3; give 1, one"),
        (HERON, {"rhymes": "樓", "given": {6: "更上一層州"}}, "rhyme characters: 1; give 3"),
        (HERON, {"rhymes": "㐀"}, "Tang poets hardly use '㐀': choose other rhyme characters"),
        (
            HERON,
            {"rhymes": "樓東愁"},
            "line 6 is to end in 東, which rhymes in 東, and the poem in 尤: .* turn rhyme off",
        ),
        (HERON, {"rhymes": "樓", "rhyme": "東"}, "line 4 .* 樓, .* in 尤, and the poem in 東"),
        (HERON, {"rhymes": "目"}, "line 4 is to end in 目, .* in 屋, and the poem in 尤"),
        # A neighbouring rhyme is for first lines only.
        (
            HERON.replace("流", "東"),
            {"rhymes": "冬"},
            "line 4 .* 冬, .* in 冬, and the poem in 東",
        ),
        (SNOW, {"rhymes": "舟"}, "line 4 is to end in 舟, .* in 尤, and the poem in 屑"),
        (HERON, {"rhymes": "目", "rhyme": "off"}, "end in 目, which should be level 平: .* tone"),
        (HERON, {"rhymes": "樓愁樓"}, "line 8 is to end in 樓, in which line 4 ends already"),
        (HERON, {"rhymes": "流愁樓"}, "line 4 is to end in 流, in which line 2 ends already"),
        (
            HERON,
            {"rhymes": "樓_秋", "given": {6: "更上一層樓"}},
            "line 4 is to end in 樓, in which line 6 ends already",
        ),
        (
            HERON,
            {"rhymes": "秋", "given": {4: "更上一層樓"}},
            "the given line 4, 更上一層樓, does not end in 秋, as is asked",
        ),
        (HERON, {"rhymes": "樓", "form": "free"}, "leave out the other rules"),
        ("白日依山盡", {"rhymes": "樓"}, "rules need a couplet"),
        # 行 rhymes in 陽 and in 庚; the poem must choose.
        (
            "白日依山盡，孤帆此日行。",
            {"rhymes": "霜明_"},
            "line 6 is to end in 明, which rhymes in 庚, and the poem in 陽",
        ),
    ],
)
def test_a_rhyme_that_cannot_stand_is_told(
    couplet: str, verse: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message) as error:
        read(couplet, **verse)
    assert "\n" not in str(error.value)


def test_what_is_off_is_not_asked_of_rhymes() -> None:
    assert read(HERON, rhyme="off", rhymes="東東東").notes == ()
    assert read(HERON, rhyme="off", tone="off", rhymes="目").notes == ()
    assert read(HERON, tone="off", rhymes="樓").notes == ()


def test_rhymes_may_go_with_a_couplet_that_does_not() -> None:
    """An oblique rhyme, and a group that the couplet is not in."""
    assert {rhyme for _, rhyme in read(SNOW, rhymes="雪").start} == {bit("屑")}
    assert read(HERON, rhyme="東", rhymes="風").notes == (
        "line 2 ends in 流, which does not rhyme in 東",
    )


def test_rhymes_narrow_the_groups_that_are_open() -> None:
    assert {rhyme for _, rhyme in read("白日依山盡，孤帆此日行。", rhymes="霜").start} == {
        bit("陽")
    }


def test_a_rare_rhyme_serves_with_a_note() -> None:
    """Books have 居 in 支, poets rhyme it in 魚."""
    found = read("白日依山盡，黃河入海時。", rhymes="居")
    assert found.notes == ("居 rhymes only by a rare reading",)
    assert {rhyme for _, rhyme in found.start} == {bit("支")}


@st.composite
def rhymed_poems(draw: st.DrawFn) -> tuple[str, list[str], dict[str, Any]]:
    """A couplet of a Tang poet, what even lines shall end with, and other rules that go with it.

    The rhymes are those of the poem, in any order, some left open; given lines come with theirs.
    """
    poem = draw(st.sampled_from([poem for poem in POEMS if check(poem).regular]))
    lines = lines_of(poem)
    ends = draw(st.permutations([line[-1] for line in lines[3::2]]))
    opened = draw(st.sets(st.sampled_from(range(len(ends))), max_size=len(ends) - 1))
    tails = ["_" if at in opened else end for at, end in enumerate(ends)]
    heads = "".join(line[0] for line in lines[2:])
    odd = {number: lines[number - 1] for number in draw(st.sets(st.sampled_from([3, len(lines)])))}
    fixed = {n: text for n, text in odd.items() if n % 2 or tails[-1] == text[-1]}
    others: list[dict[str, Any]] = [{}, {"acrostic": heads}, {"given": fixed}, {"tone": "off"}]
    others += [{"rhyme": "off"}, {"acrostic": heads, "given": fixed}]
    return poem[: poem.index("。") + 1], tails, draw(st.sampled_from(others))


def known_to(name: str, tails: Sequence[str], verse: dict[str, Any]) -> dict[str, Any]:
    """The settings, without what the vocabulary cannot spell."""
    known = masks(name).table.index.keys()
    verse = {"rhymes": "".join(tail if tail in known else "_" for tail in tails), **verse}
    if not known >= set(verse.get("acrostic", "")):
        del verse["acrostic"]
    if not known >= set("".join(verse.get("given", {}).values())):
        del verse["given"]
    return verse


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_mask_is_what_advance_allows_for_every_token(name: str) -> None:
    stop = masks(name).vocabulary.stop

    @settings(max_examples=STATES.get(name, 25), database=None)
    @drawn(rhymed_poems(), st.integers(0, 2**32), st.floats(0, 1))
    def compare(asked: tuple[str, list[str], dict[str, Any]], seed: int, share: float) -> None:
        couplet, tails, verse = asked
        rules = constraint(couplet, masks(name), **known_to(name, tails, verse))
        states = [state for state, _ in walk(rules, seed)]
        state = states[int(share * (len(states) - 1))]
        every = range(rules.masks.vocabulary.size)
        wanted = [rules.advance(state, token) is not None for token in every]
        wanted[stop] = rules.may_stop(state)
        assert np.array_equal(rules.mask(state), wanted)

    compare()


@pytest.mark.parametrize("name", ["patchwork", "gemma_trimmed", "mistral", "wordpiece"])
def test_every_way_ends_in_a_regular_poem_on_these_rhymes(name: str) -> None:
    @settings(max_examples=25, database=None)
    @drawn(rhymed_poems(), st.integers(0, 2**32))
    def write(asked: tuple[str, list[str], dict[str, Any]], seed: int) -> None:
        couplet, tails, verse = asked
        verse = known_to(name, tails, verse)
        rules = constraint(couplet, masks(name), **verse)
        tokens = [token for _, token in walk(rules, seed)]
        text = masks(name).vocabulary.decode(tokens)
        ends = [line[-1] for line in lines_of(text)[1::2]]
        assert len(ends) == len(tails) and len(tokens) <= rules.longest()
        asked_for = zip(verse["rhymes"], ends, strict=True)
        assert all(tail in ("_", end) for tail, end in asked_for)
        verdict = check(couplet + text)
        if verse.get("rhyme") == "off":
            assert verdict.scans
        elif verse.get("tone") == "off":
            assert verdict.rhymes or verdict.style == "old-style"
        else:
            assert verdict.regular, (text, verdict.faults)

    write()


@settings(max_examples=5, database=None)
@drawn(st.lists(rhymed_poems(), min_size=2, max_size=3), st.randoms(use_true_random=False))
def test_what_was_asked_before_does_not_matter(
    asked: list[tuple[str, list[str], dict[str, Any]]], chance: Any
) -> None:
    """On these rhymes, on any, and on these again, from one store of masks."""
    kept = masks("patchwork")
    shared = Masks(kept.vocabulary, kept.table)
    for couplet, tails, verse in asked:
        verse = known_to("patchwork", tails, verse)
        for rhymes in (verse["rhymes"], "", verse["rhymes"]):
            verse = {**verse, "rhymes": rhymes}
            rules = constraint(couplet, shared, **verse)
            fresh = constraint(couplet, Masks(kept.vocabulary, kept.table), **verse)
            for state, _ in walk(rules, chance.randrange(2**32), 25):
                assert np.array_equal(rules.mask(state), fresh.mask(state))


WORDS = [
    # 彈 and 觀 rhyme in 寒, but are oblique in 竹彈 and 樓觀; 旗 in 支, and 降 is level in 降旗.
    ("白日依山盡，黃河入海寒。", "欲窮千里目，更上一", "彈"),
    ("白日依山盡，黃河入海寒。", "欲窮千里目，更上一", "觀"),
    ("空山新雨後，天氣晚來寒。", "明月松間照，清泉石", "彈"),
    ("空山新雨後，天氣晚來寒。", "明月松間照，清泉石", "觀"),
    ("空山新雨後，天氣晚來時。", "明月松間照，清泉石", "旗"),
    ("朝辭白帝彩雲間，千里江陵一日寒。", "兩岸猿聲啼不住，輕舟已過萬", "彈"),
]


def suits(line: Sequence[int], pattern: Pattern) -> bool:
    """Whether each character of a line has a reading of the tone that the pattern asks for."""
    tones = {"0": LEVEL | OBLIQUE, "1": LEVEL, "2": OBLIQUE}
    return all(sets & tones[mark] for sets, mark in zip(line, pattern.marks, strict=True))


@pytest.mark.parametrize(("couplet", "begun", "tail"), WORDS)
@pytest.mark.parametrize("rhyme", ["auto", "off"])
def test_a_word_that_the_rhyme_would_end_leaves_it_its_tone(
    couplet: str, begun: str, tail: str, rhyme: str
) -> None:
    """Before the rhyme stand those characters with which the whole line, as it is heard, suits a
    pattern that is open and rhymes, and which have that tone by themselves too.
    """
    kept = masks("gemma_trimmed")
    rules = constraint(couplet, kept, rhymes=tail, rhyme=rhyme)
    state = spelled(rules, begun)
    assert state is not None
    before = lines_of(begun)[-1]
    groups = heard(lines_of(couplet)[1])[-1] & LEVEL if rhyme == "auto" else LEVEL
    open_to = {pattern for pattern, _ in state.open_lines}
    words = 0
    for character in kept.table.characters[:-2]:
        known = heard(before + character + tail)
        alone = [*known[:-2], anywhere(character), known[-1]]
        fits = known[-1] & groups and any(suits(known, p) and suits(alone, p) for p in open_to)
        after = spelled(rules, character, state)
        assert (after is not None) is bool(fits), character
        words += word_of(standard(character), standard(tail)) is not None
    assert words


@pytest.mark.parametrize("order", [1, -1])
def test_a_token_may_reach_to_a_rhyme_or_over_it(order: int) -> None:
    words = bytes_and("層樓", "層舟", "一層", "竹彈", "樓。明", "目，更上一竹", "目，更上一層樓")
    asked: list[tuple[str, str, str, list[bool]]] = [
        ("流", "", "欲窮千里目，更上一", [True, True, False, False, False, False, False]),
        ("流", "樓__", "欲窮千里目，更上一", [True, False, False, False, False, False, False]),
        ("流", "舟__", "欲窮千里目，更上一", [False, True, False, False, False, False, False]),
        ("流", "樓__", "欲窮千里目，更上一層", [False] * 4 + [True, False, False]),
        ("流", "舟__", "欲窮千里目，更上一層", [False] * 7),
        ("流", "_樓_", "欲窮千里目，更上一層", [False] * 7),
        ("流", "樓__", "欲窮千里", [False] * 6 + [True]),
        ("流", "舟__", "欲窮千里", [False] * 7),
        ("流", "_舟_", "欲窮千里", [False] * 6 + [True]),
        ("流", "_樓_", "欲窮千里", [False] * 7),
        ("寒", "彈__", "欲窮千里", [False] * 7),
        ("寒", "闌__", "欲窮千里", [False] * 7),
    ]
    for end, tails, text, fits in asked[::order]:
        rules = constraint(HERON.replace("流", end), words, rhymes=tails, lines=8)
        state = spelled(rules, text)
        assert state is not None
        assert rules.mask(state)[259:].tolist() == fits, (tails, text)


def test_the_rhyme_of_a_later_line_is_used_already() -> None:
    """In any variant; and it stands in its own line."""
    kept = masks("gemma_trimmed")
    rules = constraint("桃紅復含宿雨，柳綠更帶朝天。", kept, rhymes="_煙_")
    state: State | None = spelled(rules, "春風春雨春草，花春花月春")
    assert state is not None
    for character, may in {"煙": False, "烟": False, "年": True}.items():
        assert bool(rules.mask(state)[kept.vocabulary.spell(character)].all()) is may
    state = spelled(rules, "年。春風春雨春草，花春花月春", state)
    assert state is not None
    assert np.flatnonzero(rules.mask(state)[kept.table.single_ids]).size == 1
    assert spelled(rules, "煙", state) is not None


def test_rhymes_leave_fewer_to_be_found() -> None:
    """A vocabulary with three characters of the rhyme is enough where these are given."""
    words, table = families.wordpiece(), masks("wordpiece").table
    rhyming = [c for c in table.characters[:-2] if heard(c)[-1] & bit("尤")]
    gone = {c.encode() for c in rhyming if c not in "樓愁舟"}
    tokens = [None if token in gone else token for token in words.tokens]
    few = Masks(
        Vocabulary(tokens, words.original_ids, words.full_size, words.bos, words.stop, words.pad)
    )
    with pytest.raises(UserError, match=r"too few .* for 3 more rhymes"):
        constraint(HERON, few, lines=8)
    rules = constraint(HERON, few, rhymes="舟樓愁")
    text = words.decode([token for _, token in walk(rules, 0)])
    assert [line[-1] for line in lines_of(text)[1::2]] == list("舟樓愁")


def test_rhymes_that_the_vocabulary_lacks_are_refused() -> None:
    kept = masks("wordpiece")
    [lacking, *_] = [
        c for c in alphabet() if c not in kept.table.index and heard(c)[-1] & bit("尤")
    ]
    with pytest.raises(UserError, match=f"lacks {lacking}: choose other rhyme characters"):
        constraint(HERON, kept, rhymes=lacking)


def test_far_from_given_rhymes_masks_are_those_of_any_poem() -> None:
    kept = masks("wordpiece")
    shared = Masks(kept.vocabulary, kept.table)

    def pass_by(rules: Constraint) -> int:
        state = rules.start
        for token in shared.vocabulary.spell("明月松間照，清泉石上"):
            rules.mask(state)
            following = rules.advance(state, token)
            assert following is not None
            state = following
        return len(shared._kept)

    free = pass_by(constraint(MOON, shared, lines=8))
    assert pass_by(constraint(MOON, shared, rhymes="__舟")) == free > 8
    assert pass_by(constraint(MOON, shared, rhymes="流__")) > free
