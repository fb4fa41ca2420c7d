"""The rating of continuations, and what it is made of."""

import json
import math
from importlib import resources
from itertools import pairwise

import pytest

from lianju.ranking import features, log_odds, pair, rating
from lianju.ranking.words import affinity, commonness, is_rhyme
from lianju.verse import lines_of

# Couplets with the poets' own continuations and with lines in rules that say nothing.
POETS = [
    ("白日依山盡，黃河入海流。", "欲窮千里目，更上一層樓。", "不知何處去，不見故人愁。"),
    ("移舟泊煙渚，日暮客愁新。", "野曠天低樹，江清月近人。", "不知何處去，不見故人新。"),
    (
        "空山新雨後，天氣晚來秋。",
        "明月松間照，清泉石上流。竹喧歸浣女，蓮動下漁舟。隨意春芳歇，王孫自可留。",
        "不知何處去，不見故人秋。不得無人去，無人不得愁。不知何處是，何處不知愁。",
    ),
]


@pytest.mark.parametrize(("couplet", "poet", "worn"), POETS)
def test_poets_are_rated_above_worn_words(couplet: str, poet: str, worn: str) -> None:
    given = lines_of(couplet)
    for written in range(2, len(lines_of(poet)) + 1, 2):
        last = len(lines_of(poet)) + 2
        poets, others = (log_odds(given, lines_of(text)[:written], last) for text in (poet, worn))
        assert poets > others
    assert rating(given, lines_of(poet)) > 0 > rating(given, lines_of(worn))


def test_features_are_counted_by_hand() -> None:
    shown = features(("白日依山盡", "黃河入海流"), ("不知何處去", "不見白雲愁"), 4)
    assert shown["repeats"] == pytest.approx(0.1)  # 不 stands twice among ten
    assert shown["echoes"] == 0.1  # 白
    assert shown["empty_heads"] == 1
    assert shown["same_opening"] == pytest.approx(1 / 3)
    assert shown["middle"] == 0 and shown["last"] != 0
    eight = features(("白日依山盡", "黃河入海流"), ("不知何處去", "不見白雲愁"), 8)
    assert eight["middle"] == shown["last"] and eight["last"] == 0
    assert all(math.isfinite(value) for value in shown.values())


def test_words_are_those_of_the_poets() -> None:
    assert pair("不", "知") > pair("青", "鳥") > pair("鳥", "龜") == 0
    assert commonness("不") > commonness("鷺") > commonness("a") == 0
    assert is_rhyme("流") > is_rhyme("不")
    assert affinity("花", "春") == affinity("春", "花") > 0.3 > affinity("花", "邊")
    assert affinity("花", "a") == 0


@pytest.mark.parametrize(
    ("couplet", "rest"),
    [
        ("白日依山盡，黃河入海流。", ""),
        ("白日依山盡，黃河入海流。", "欲窮千里目。"),
        ("白日依山盡，黃河入海流。", "欲窮千里目，更上一層樓台。"),
        ("白日依山盡，", "欲窮千里目，更上一層樓。"),
        ("Tang", "poem"),
        ("", ""),
    ],
)
def test_what_is_no_verse_is_rated_below_all_verse(couplet: str, rest: str) -> None:
    worst = "不不不不不，不不不不不。"
    assert rating(lines_of(couplet), lines_of(rest)) < rating(lines_of(worst), lines_of(worst))


def test_longer_poems_are_rated_too() -> None:
    lines = lines_of("明月松間照，清泉石上流。" * 5)
    values = [log_odds(("空山新雨後", "天氣晚來秋"), lines[:n], 12) for n in (2, 4, 6, 8, 10)]
    assert all(math.isfinite(value) and value > -1e5 for value in values)
    assert all(one > other for one, other in pairwise(values[1:4]))  # it repeats itself


def test_the_weights_tell_poets_from_the_model_on_couplets_they_were_not_learned_from() -> None:
    file = resources.files("lianju.ranking") / "data" / "weights.json"
    told = json.loads(file.read_text(encoding="utf-8"))
    assert set(told["auc"]) == {"wide", "narrow"}
    lines = POETS[0][1]
    names = features(lines_of(lines), lines_of(lines), 4).keys()
    assert all(stage["weights"].keys() == names for stage in told["stages"].values())
    for auc in told["auc"].values():
        assert set(told["stages"]) == set(auc) == {"1/1", "1/3", "2/3", "3/3"}
        assert all(value > 0.75 for value in auc.values())
