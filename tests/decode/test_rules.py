from typing import Any

import pytest

from lianju.config import VerseSettings
from lianju.decode import Rules, rules_for
from lianju.errors import UserError
from lianju.verse import LEVEL, names

HERON = "白日依山盡，黃河入海流。"
SNOW = "千山鳥飛絕，萬徑人蹤滅。"
BAIDI = "朝辭白帝彩雲間，千里江陵一日還。"


def rules(couplet: str, **verse: Any) -> Rules:
    found = rules_for(couplet, VerseSettings.model_validate(verse))
    assert found is not None
    return found


def start(found: Rules) -> set[str]:
    """What the third line may be, such as "C 01122 尤"."""
    return {f"{p.type} {p.marks} {names(rhyme)}".strip() for p, rhyme in found.start}


def broken(found: Rules) -> list[tuple[str, int]]:
    return [(fault.rule, fault.line) for fault in found.faults]


@pytest.mark.parametrize(
    ("couplet", "third"),
    [
        (HERON, {"C 01122 尤", "C 11212 尤"}),
        ("空山新雨後，天氣晚來秋。", {"A 02012 尤", "A 02022 尤"}),
        ("兩箇黃鸝鳴翠柳，一行白鷺上青天。", {"A 0102012 先", "A 0102022 先"}),
        # The first line rhymes: it must share a group with the second.
        ("君問歸期未有期，巴山夜雨漲秋池。", {"A 0102012 支", "A 0102022 支"}),
        # A neighbouring rhyme in the first line: 紛 文 beside 魂 元, 言 元 beside 廛 先. Line 2 is
        # of type B, whatever tone 論 may have besides.
        ("清明時節雨紛紛，路上行人欲斷魂。", {"C 0201122 元", "C 0211212 元"}),
        ("爐邊靜坐默無言，勿論麤疏若市廛。", {"C 0201122 先", "C 0211212 先"}),
        # Poets rhymed on 還 in 刪 only, on 行 in 陽 and in 庚.
        (BAIDI, {"C 0201122 刪", "C 0211212 刪"}),
        ("白日依山盡，孤帆此日行。", {"C 01122 陽庚", "C 11212 陽庚"}),
        # 看 may be level or oblique: the second line is of type B or of type D.
        ("看看看看看，看看看看寒。", {"A 02012 寒", "A 02022 寒", "C 01122 寒", "C 11212 寒"}),
    ],
)
def test_types_and_rhymes_are_read_from_the_couplet(couplet: str, third: set[str]) -> None:
    found = rules(couplet)
    assert start(found) == third
    assert found.faults == () and found.notes == ()
    assert found.ends == {4, 8} and found.last == 8


def test_the_ends_of_both_lines_are_used_in_standard_form() -> None:
    assert rules(HERON).used == {"盡", "流"}
    assert rules("白日依山却，黃河入海流。").used == {"卻", "流"}


@pytest.mark.parametrize(
    ("couplet", "verse", "ends"),
    [
        (HERON, {"form": "wujue"}, {4}),
        (HERON, {"form": "wulu"}, {8}),
        (BAIDI, {"form": "qijue"}, {4}),
        (BAIDI, {"form": "qilu"}, {8}),
        (HERON, {"lines": 12}, {12}),
        (HERON, {"form": "wujue", "lines": 4}, {4}),
        (HERON, {"acrostic": "春夏"}, {4}),
        (HERON, {"acrostic": "春夏秋冬天地"}, {8}),
    ],
)
def test_the_number_of_lines(couplet: str, verse: dict[str, Any], ends: set[int]) -> None:
    found = rules(couplet, **verse)
    assert found.ends == ends
    assert start(found) == start(rules(couplet))


@pytest.mark.parametrize("name", ["東", "一東", "上平聲一東"])
def test_a_rhyme_group_has_three_spellings(name: str) -> None:
    found = rules(HERON, rhyme=name)
    assert start(found) == {"C 01122 東", "C 11212 東"}
    assert found.notes == ("line 2 ends in 流, which does not rhyme in 東",)
    assert rules(HERON, rhyme="尤").notes == ()


def test_an_oblique_group_leaves_no_metre_but_odd_lines_then_end_level() -> None:
    assert start(rules(HERON, rhyme="屑")) == {"00001 屑"}


def test_rhyme_and_tone_can_be_off() -> None:
    assert start(rules(HERON, rhyme="off")) == {"C 01122", "C 11212"}
    assert start(rules(HERON, tone="off")) == {"00000 尤"}
    assert start(rules(HERON, tone="off", rhyme="off")) == {"00000"}
    assert start(rules(SNOW, rhyme="off")) == {"00000"}


@pytest.mark.parametrize(
    ("couplet", "faults", "third"),
    [
        # An oblique rhyme: the rhyme is kept, and odd lines end level.
        (SNOW, [("落韻", 2)], {"00001 屑"}),
        # The fourth character of the second line is oblique; type D is what its second tells.
        ("床前看月光，疑是地上霜。", [("出律", 2)], {"A 02012 陽", "A 02022 陽"}),
        # 絲 is of the group 支, 魂 of 元, which is no neighbour.
        (
            "清明時節雨如絲，路上行人欲斷魂。",
            [("落韻", 1)],
            {"C 0201122 元", "C 0211212 元"},
        ),
        # The second character of line 2 may be level or oblique; the others tell which: type B.
        ("月黑雁飛東，單看夜遁逃。", [("落韻", 1)], {"C 01122 豪", "C 11212 豪"}),
    ],
)
def test_a_couplet_that_cannot_open_regulated_verse_keeps_what_it_can(
    couplet: str, faults: list[tuple[str, int]], third: set[str]
) -> None:
    found = rules(couplet)
    assert broken(found) == faults
    assert start(found) == third


def test_without_tones_only_faults_of_rhyme_count() -> None:
    assert broken(rules(SNOW, tone="off")) == [("落韻", 2)]
    assert broken(rules("床前看月光，疑是地上霜。", tone="off")) == []


def test_lines_of_six_rhyme_without_metre() -> None:
    found = rules("桃紅復含宿雨，柳綠更帶朝煙。")
    assert start(found) == {"000000 先"} and found.length == 6
    assert found.notes == ("no metre is known for lines of 6 characters",)
    assert rules("桃紅復含宿雨，柳綠更帶朝煙。", tone="off").notes == ()
    # 看 may be level or oblique: it is taken to rhyme as level.
    assert start(rules("桃紅復含宿雨，柳綠更帶朝看。")) == {"000000 寒"}


@pytest.mark.parametrize("couplet", ["白日依山盡，黃河入海㒧。", "桃紅復含宿雨，柳綠更帶朝㒧。"])
def test_an_unknown_rhyme_may_be_any_level_one(couplet: str) -> None:
    found = rules(couplet)
    assert {rhyme for _, rhyme in found.start} == {LEVEL}
    assert "the rhyme of 㒧 is unknown: any one rhyme is kept" in found.notes


def test_an_acrostic_gives_the_lines_to_be_written_or_all() -> None:
    for acrostic in ("春夏", "白黃春夏"):
        found = rules(HERON, acrostic=acrostic)
        assert [found.head(line) for line in range(2, 6)] == ["", "春", "夏", ""]
    assert rules(HERON, acrostic="白黃春夏秋冬天地").heads == "春夏秋冬天地"
    assert rules(HERON).head(3) == ""


def test_a_head_narrows_the_patterns_of_its_line() -> None:
    """Type B begins 11 or, where the first is oblique, 211; C begins 0 or 1."""
    moon = "空山新雨後，天氣晚來秋。"
    for acrostic, wanted in {"人日": {"21121"}, "人天": {"11221", "11121"}}.items():
        found = rules(moon, form="wujue", acrostic=acrostic)
        assert {pattern.marks for pattern, _ in found.follow(3, found.start)} == wanted
    oblique = rules(HERON, form="wujue", acrostic="日天")
    assert start(oblique) == {"C 01122 尤"}


def test_a_line_that_must_be_rescued_is() -> None:
    found = rules("空山新雨後，天氣晚來秋。")
    for pattern, rhyme in found.start:
        following = {below.marks for below, _ in found.follow(3, frozenset({(pattern, rhyme)}))}
        assert following == ({"11121", "21121"} | (set() if pattern.rescued else {"11221"}))


@pytest.mark.parametrize("text", ["hello", "白日依山盡", "白日依山盡，黃河入海。", ""])
def test_a_text_that_is_no_couplet_has_no_rules_unless_some_are_asked_for(text: str) -> None:
    assert rules_for(text, VerseSettings()) is None
    with pytest.raises(UserError, match="two lines of equal length"):
        rules_for(text, VerseSettings(tone="off"))


def test_free_is_free() -> None:
    assert rules_for(HERON, VerseSettings(form="free")) is None
    with pytest.raises(UserError, match="leave out the other rules"):
        rules_for(HERON, VerseSettings(form="free", rhyme="東"))


@pytest.mark.parametrize(
    ("verse", "message"),
    [
        ({"form": "qijue"}, "七絕 qijue has lines of 7; those of the couplet have 5"),
        ({"form": "wujue", "lines": 8}, "五絕 wujue has 4 lines, not 8"),
        ({"rhyme": "霧"}, "no rhyme group '霧': give one of 東冬江"),
        ({"rhyme": "二東"}, "no rhyme group '二東'"),
        ({"rhyme": ""}, "no rhyme group ''"),
        ({"acrostic": "春"}, "acrostic: 1; give 2 or 6, .* beginning with 白黃"),
        ({"acrostic": "春夏秋冬"}, "acrostic: 4; give 2 or 6"),
        ({"acrostic": "春夏", "form": "wulu"}, "acrostic: 2; give 6"),
        ({"acrostic": "春夏", "lines": 10}, "acrostic: 2; give 8"),
        ({"acrostic": "a们"}, "Tang poets hardly use 'a们': choose another acrostic"),
    ],
)
def test_contradictions_are_told(verse: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        rules(HERON, **verse)
    assert "\n" not in str(error.value)
