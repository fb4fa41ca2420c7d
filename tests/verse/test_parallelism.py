"""Parallelism, as it is seen in poems that everybody knows, and what the checker remarks on it."""

import math

import pytest

from lianju.verse import check, parallel, words
from lianju.verse.parallelism import score

CLIMBING = (
    "風急天高猿嘯哀，渚清沙白鳥飛回。無邊落木蕭蕭下，不盡長江滾滾來。"
    "萬里悲秋常作客，百年多病獨登臺。艱難苦恨繁霜鬢，潦倒新停濁酒杯。"
)
# "A regulated poem without parallelism from end to end": 嚴羽, 滄浪詩話.
MOORED = (
    "牛渚西江夜，青天無片雲。登舟望秋月，空憶謝將軍。"
    "余亦能高詠，斯人不可聞。明朝挂帆去，楓葉落紛紛。"
)
# Lines 3 and 4 go on from each other and are not parallel.
MOON = (
    "海上生明月，天涯共此時。情人怨遙夜，竟夕起相思。"
    "滅燭憐光滿，披衣覺露滋。不堪盈手贈，還寢夢佳期。"
)
# A pailü of six couplets, from an examination.
SPIRITS = (
    "善鼓雲和瑟，常聞帝子靈。馮夷空自舞，楚客不堪聽。苦調淒金石，清音入杳冥。"
    "蒼梧來怨慕，白芷動芳馨。流水傳瀟浦，悲風過洞庭。曲終人不見，江上數峰青。"
)


def seen(poem: str) -> list[tuple[int, str]]:
    """What the checker remarks on parallelism: the couplet's first line, and 可見 or 未見."""
    return [(one.line, one.found) for one in check(poem).remarks if one.rule == "對仗"]


@pytest.mark.parametrize(
    ("poem", "found"),
    [
        (CLIMBING, ["可見", "可見"]),
        (MOON, ["未見", "可見"]),
    ],
)
def test_famous_poems(poem: str, found: list[str]) -> None:
    assert seen(poem) == [(3, found[0]), (5, found[1])]
    assert check(poem).regular and not check(poem).faults


def test_couplets_put_together_from_two_poems_are_not_parallel() -> None:
    lines = CLIMBING.replace("，", "。").split("。")
    lines[3], lines[5] = lines[5], lines[3]
    assert seen("，".join(lines[:8])) == [(3, "未見"), (5, "未見")]


def test_a_poem_that_is_famous_for_having_none() -> None:
    """Of its lines 5 and 6, 能高詠 and 不可聞, the estimate says otherwise."""
    assert (3, "未見") in seen(MOORED) and check(MOORED).regular


def test_of_a_pailü_every_couplet_between_the_first_and_the_last() -> None:
    assert seen(SPIRITS) == [(line, "可見") for line in (3, 5, 7, 9)]
    verdict = check(SPIRITS)
    said = [words.fault_words(verdict, remark, "zh") for remark in verdict.remarks]
    assert said[-1] == "對仗：第9、10句可見對仗"
    assert words.fault_words(verdict, verdict.remarks[-1], "en").endswith(
        "lines 9 and 10 seem parallel"
    )


def test_the_couplets_of_eight_lines_have_names() -> None:
    verdict = check(MOON)
    remarks = [remark for remark in verdict.remarks if remark.rule == "對仗"]
    assert [words.fault_words(verdict, remark, "zh") for remark in remarks] == [
        "對仗：頷聯（第3、4句）未見對仗",
        "對仗：頸聯（第5、6句）可見對仗",
    ]
    assert [words.fault_words(verdict, remark, "en") for remark in remarks] == [
        "對仗 parallelism: lines 3 and 4 頷聯 seem not to be parallel",
        "對仗 parallelism: lines 5 and 6 頸聯 seem parallel",
    ]
    assert words.rule_words(remarks[0], "zh").startswith("此為估計")
    assert words.rule_words(remarks[0], "en").startswith("An estimate")


@pytest.mark.parametrize(
    "poem",
    [
        "白日依山盡，黃河入海流。欲窮千里目，更上一層樓。",  # a quatrain
        "明月松間照，清泉石上流。",  # a couplet
        # 望嶽, old-style verse with an oblique rhyme
        "岱宗夫如何，齊魯青未了。造化鍾神秀，陰陽割昏曉。"
        "盪胸生曾雲，決眥入歸鳥。會當凌絕頂，一覽衆山小。",
    ],
)
def test_where_nothing_need_be_parallel_nothing_is_remarked(poem: str) -> None:
    assert seen(poem) == []


def test_characters_that_say_nothing_and_that_face_themselves() -> None:
    assert score("風𰻝", "雲水") == score("風", "雲") / 2
    assert score("𰻝", "𰻝") == 0
    assert score("山", "山") == pytest.approx(math.log(0.1))
    assert not parallel("春眠不覺曉", "春眠不覺曉")


def test_variants_count_as_one() -> None:
    assert score("爲峯", "為峰") == pytest.approx(math.log(0.1))
    assert score("云里", "龙间") == score("雲裏", "龍間") == score("雲裡", "龍間")
