"""What a couplet can open: every order of types, what is kept of broken ones, whose readings."""

from itertools import product

import pytest

from lianju.verse import Opening, alphabet, bit, check, groups, likely, names, opening, standard
from lianju.verse.metre import PATTERNS, Pattern, type_after
from lianju.verse.rhyme_groups import GROUPS, LEVEL, OBLIQUE

# First line's type, couplet, rhyme groups; of each order of five and of seven characters.
LEGAL = [
    ("A", "白日依山盡，黃河入海流", "B", "尤"),
    ("A", "野火燒未盡，春風吹又生", "B", "庚"),
    ("C", "空山新雨後，天氣晚來秋", "D", "尤"),
    ("D", "月黑雁飛高，單于夜遁逃", "B", "豪"),
    ("B", "花明綺陌春，柳拂御溝新", "D", "真"),
    ("A", "正是江南好風景，落花時節又逢君", "D", "文"),
    ("A", "無邊落木蕭蕭下，不盡長江滾滾來", "B", "灰"),
    ("C", "兩箇黃鸝鳴翠柳，一行白鷺上青天", "D", "先"),
    ("D", "朝辭白帝彩雲間，千里江陵一日還", "B", "刪"),
    ("B", "月落烏啼霜滿天，江楓漁火對愁眠", "D", "先"),
]


def seen(couplet: str) -> Opening:
    return opening(couplet.split("，"))


def ways(couplet: str) -> set[tuple[str, str]]:
    return {(type, names(rhyme)) for type, rhyme in seen(couplet).ways}


def rules(couplet: str) -> list[str]:
    return [fault.rule for fault in seen(couplet).faults]


def completed(couplet: str, type: str, rhyme: int) -> str:
    """A quatrain: 山 and 月 where the third and fourth line are level and oblique."""
    used = standard(couplet[-1]), standard(couplet.split("，")[0][-1])
    end = next(
        c for c in alphabet() if groups(c) == rhyme and likely(c) == rhyme and standard(c) not in used
    )
    length = len(couplet) // 2
    third = _plain(type_after(type, 2), length)
    fourth = _plain(type_after(third.type, 3), length)
    last = "".join("月" if mark == "2" else "山" for mark in fourth.marks[:-1]) + end
    return f"{couplet}，{''.join('月' if m == '2' else '山' for m in third.marks)}，{last}"


def _plain(type: str, length: int) -> Pattern:
    return next(p for p in PATTERNS[length] if p.type == type)


@pytest.mark.parametrize(("first", "couplet", "second", "rhyme"), LEGAL)
def test_a_legal_couplet_goes_on_from_its_second_line(
    first: str, couplet: str, second: str, rhyme: str
) -> None:
    assert ways(couplet) == {(second, rhyme)}
    assert not seen(couplet).faults
    assert check(completed(couplet, second, bit(rhyme))).types.startswith(("A", "B", "C", "D"))


@pytest.mark.parametrize("couplet", [couplet for _, couplet, _, _ in LEGAL])
def test_only_the_ways_lead_to_regular_poems(couplet: str) -> None:
    """Each way does, and no other type or group, as far as the checker can tell."""
    found = {
        (type, group.name)
        for type, group in product("BD", GROUPS[:30])
        if check(completed(couplet, type, bit(group.name))).regular
    }
    assert found == ways(couplet)
