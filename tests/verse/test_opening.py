"""What a couplet can open: every order of types, what is kept of broken ones, whose readings."""

from collections.abc import Set
from itertools import product

import pytest

from lianju.verse import (
    GROUPS,
    LEVEL,
    PATTERNS,
    Opening,
    alphabet,
    bit,
    check,
    groups,
    names,
    opening,
    standard,
    type_after,
)

# Couplets of each order, A–B, C–D, D–B and B–D: how the second line can go on, in five and seven.
LEGAL = [
    ("爐邊靜坐默無言，勿論麤疏若市廛", "B", "先"),
    ("地僻風光到後時，誰吹律琯轉陽暉", "D", "微"),
    ("輕雲細雨放花時，才過清明已夾衣", "B", "微"),
    ("清明時節雨紛紛，路上行人欲斷魂", "B", "元"),
    ("白日依山盡，黃河入海流", "B", "尤"),
    ("野火燒未盡，春風吹又生", "B", "庚"),
    ("空山新雨後，天氣晚來秋", "D", "尤"),
    ("月黑雁飛高，單于夜遁逃", "B", "豪"),
    ("花明綺陌春，柳拂御溝新", "D", "真"),
    ("無邊落木蕭蕭下，不盡長江滾滾來", "B", "灰"),
    ("兩箇黃鸝鳴翠柳，一行白鷺上青天", "D", "先"),
    ("朝辭白帝彩雲間，千里江陵一日還", "B", "刪"),
    ("月落烏啼霜滿天，江楓漁火對愁眠", "D", "先"),
]


def seen(couplet: str) -> Opening:
    return opening(couplet.split("，"))


def ways(couplet: str) -> set[tuple[str, str]]:
    return {(type, names(rhyme)) for type, rhyme in seen(couplet).ways}


def rules(couplet: str) -> list[str]:
    return [fault.rule for fault in seen(couplet).faults]


def completed(couplet: str, type: str, rhyme: str) -> str:
    """A quatrain that goes on from `type`, of 山 and 月, and of one character in `rhyme` alone."""
    ends = {standard(line[-1]) for line in couplet.split("，")}
    end = next(c for c in alphabet() if groups(c) == bit(rhyme) and standard(c) not in ends)
    above = type_after(type, 2)
    third, fourth = (spelled(t, len(couplet) // 2) for t in (above, type_after(above, 3)))
    return f"{couplet}，{third}，{fourth[:-1]}{end}"


def spelled(type: str, length: int) -> str:
    marks = next(p for p in PATTERNS[length] if p.type == type).marks
    return "".join("月" if mark == "2" else "山" for mark in marks)


def regular(couplet: str) -> Set[tuple[str, str]]:
    """The ways that the checker passes, each tried."""
    every = product("BD", (group.name for group in GROUPS[:30]))
    return {way for way in every if check(completed(couplet, *way)).regular}


@pytest.mark.parametrize(("couplet", "type", "rhyme"), LEGAL)
def test_a_legal_couplet_goes_on_from_its_second_line(couplet: str, type: str, rhyme: str) -> None:
    assert seen(couplet) == Opening(frozenset({(type, bit(rhyme))}), ())
    assert ways(couplet) <= regular(couplet)


def test_nothing_else_leads_to_a_regular_poem() -> None:
    """But for 還, which the checker also passes in 先, where no poet rhymed on it."""
    for couplet, _, _ in LEGAL:
        if not couplet.endswith("還"):
            assert ways(couplet) == regular(couplet)


@pytest.mark.parametrize(
    ("couplet", "expected"),
    [
        ("白日依山盡，黃河入海行", {("B", "陽庚")}),
        ("白日依山盡，黃河入海□", {("B", names(LEVEL))}),
        ("白日依山盡，□□□□流", {("B", "尤")}),
        ("□□□□□，□□□□流", {("B", "尤"), ("D", "尤")}),
        # 看 may be level or oblique; the word 儒行 fixes that 行 is oblique.
        ("看看看看看，看看看看寒", {("B", "寒"), ("D", "寒")}),
        ("賈生年最少，儒行漢庭聞", {("D", "文")}),
    ],
)
def test_a_couplet_may_leave_several_ways(couplet: str, expected: set[tuple[str, str]]) -> None:
    assert ways(couplet) == expected
    assert not seen(couplet).faults


def test_a_rhyming_first_line_narrows_the_rhyme() -> None:
    """行 is 陽 or 庚; 霜 and 聲 tell which."""
    assert ways("月落烏啼霜滿霜，江楓漁火對愁行") == {("D", "陽")}
    assert ways("月落烏啼霜滿聲，江楓漁火對愁行") == {("D", "庚")}


@pytest.mark.parametrize(
    ("couplet", "expected", "found"),
    [
        ("白日依山盡，月湧大江流", {("D", "尤")}, ["失對"]),
        ("白日依山盡，赤河入海流", {("B", "尤")}, ["孤平"]),
        ("床前看月光，疑是地上霜", {("D", "陽")}, ["出律"]),
        ("清明時節雨如絲，路上行人欲斷魂", {("B", "元")}, ["落韻"]),
        ("月黑雁飛東，單看夜遁逃", {("B", "豪")}, ["落韻"]),
        ("黃河入海流，白日上高流", {("D", "尤")}, ["重韻"]),
    ],
)
def test_a_broken_couplet_keeps_the_tone_of_its_second_line(
    couplet: str, expected: set[tuple[str, str]], found: list[str]
) -> None:
    """粘 goes by the second character: 河 and 上."""
    assert ways(couplet) == expected
    assert rules(couplet) == found


@pytest.mark.parametrize(
    ("couplet", "rhyme", "found"),
    [
        ("千山鳥飛絕，萬徑人蹤滅", "屑", ["落韻"]),
        ("春眠不覺曉，處處聞啼鳥", "篠", ["落韻"]),
    ],
)
def test_an_oblique_rhyme_is_kept_and_binds_no_tones(
    couplet: str, rhyme: str, found: list[str]
) -> None:
    assert ways(couplet) == {("", rhyme)}
    assert rules(couplet) == found


def test_readings_that_poets_used_come_first() -> None:
    """池 is also 歌, and 風 also 送, but no poet rhymed or scanned so."""
    assert names(groups("池")) == "支歌"
    assert ways("白日依山盡，黃河入海池") == {("B", "支")}
    assert names(groups("風")) == "東送"
    assert ways("□□□□□，□風□□流") == {("B", "尤")}


def test_a_rare_reading_is_taken_where_no_other_fits() -> None:
    """風 as an oblique second character, which the Guangyun has and poets hardly used."""
    common, rare = seen("白日依山盡，黃河入海流"), seen("白風依山盡，黃河入海流")
    assert (common.rare, rare.rare) == (False, True)
    assert ways("白風依山盡，黃河入海流") == {("B", "尤")}
    assert not rare.faults
