"""Readings: which books, which variants, and how far they reach."""

from collections import Counter

import pytest

from lianju.verse import alphabet, common, groups, lines_of, readings, secure, standard
from lianju.verse.reading import _guangyun, _package_file, _pingshui, _usage, _variants
from lianju.verse.rhyme_groups import (
    FAMILIES,
    GROUPS,
    GUANGYUN,
    LEVEL,
    NEIGHBOURS,
    OBLIQUE,
    bit,
    members,
    names,
)


def spelled(character: str) -> list[str]:
    return [str(reading) for reading in readings(character)]


@pytest.mark.parametrize(
    ("character", "expected"),
    [
        ("東", ["平東"]),
        ("看", ["平寒", "去翰"]),
        ("思", ["平支", "去寘"]),
        ("白", ["入陌"]),
        ("a", []),
        ("□", []),
    ],
)
def test_readings_that_every_learner_knows(character: str, expected: list[str]) -> None:
    assert spelled(character) == expected


def test_the_groups_are_the_106_of_the_book() -> None:
    assert len(GROUPS) == len({group.name for group in GROUPS}) == 106
    assert Counter(group.tone for group in GROUPS) == {"平": 30, "上": 29, "去": 30, "入": 17}
    assert [GROUPS[i].title for i in (0, 29, 30, 105)] == [
        "上平聲一東",
        "下平聲十五咸",
        "上聲一董",
        "入聲十七洽",
    ]
    assert names(LEVEL) == "東冬江支微魚虞齊佳灰真文元寒刪先蕭肴豪歌麻陽庚青蒸尤侵覃鹽咸"
    assert not LEVEL & OBLIQUE
    assert sum(1 for _ in members(LEVEL | OBLIQUE)) == 106


def test_the_206_rhymes_of_the_guangyun_fall_into_the_106_groups() -> None:
    text = _package_file("tshet_uinh", "data/raw/廣韻.txt").read_text(encoding="utf-8")
    heads = [line[1:] for line in text.splitlines() if line.startswith("#")]
    assert len(GUANGYUN) == 206
    assert set(heads) == set(GUANGYUN)
    # 蒸 and 登 have no group of their own in the rising and the departing tone.
    tones = Counter(next(members(bit(group))).tone for group in GUANGYUN.values())
    assert tones == {"平": 57, "上": 55, "去": 60, "入": 34}
    assert set(GUANGYUN.values()) == {group.name for group in GROUPS}


def test_every_level_group_has_its_family_and_neighbours_are_mutual() -> None:
    assert sum(FAMILIES) == LEVEL
    assert all(not family & LEVEL for family in FAMILIES.values())
    for group, neighbours in NEIGHBOURS.items():
        assert all(NEIGHBOURS[1 << i] & group for i in range(30) if neighbours >> i & 1)


def test_the_two_books_agree() -> None:
    """Of the characters in both, 98.87% (8,130 of 8,223) share a group: measured, and pinned."""
    ours, theirs = _pingshui(), _guangyun()
    both = ours.keys() & theirs.keys()
    agree = sum(bool(ours[character] & theirs[character]) for character in both)
    assert len(both) > 8000
    assert 0.985 < agree / len(both) < 0.995


def test_the_poems_can_be_read(training_poems: list[str]) -> None:
    """At most 0.05% of the characters have no reading (4 of 186,472 when this was written)."""
    uses = Counter("".join(line for poem in training_poems for line in lines_of(poem)))
    unread = sum(number for character, number in uses.items() if not groups(character))
    assert uses.total() > 180_000
    assert unread <= 0.0005 * uses.total()


def test_our_variants_lead_to_the_books_and_are_not_in_them() -> None:
    variants = _variants()
    assert len(variants) > 250
    for variant, target in variants.items():
        assert variant not in _pingshui(), variant
        assert target in _pingshui() or target in _guangyun(), variant
        assert groups(variant) == groups(target), variant


@pytest.mark.parametrize("pair", ["却卻", "疎疏", "猨猿", "劒劍", "荆荊", "慙慚", "堦階"])
def test_variants_are_one_character(pair: str) -> None:
    variant, usual = list(pair)
    assert standard(variant) == standard(usual)
    assert readings(variant) == readings(usual) != ()


@pytest.mark.parametrize("pair", ["举舉", "楼樓", "黄黃", "东東", "飞飛", "归歸"])
def test_simplified_characters_are_read_as_the_traditional_ones(pair: str) -> None:
    simplified, traditional = list(pair)
    assert readings(simplified) == readings(traditional) != ()


def test_a_character_of_the_books_is_never_taken_for_a_simplified_one() -> None:
    """听 was a word for smiling long before it was written for 聽: a known limit."""
    assert groups("听") & groups("聽") == 0


def test_a_simplified_character_that_stands_for_two_has_the_readings_of_both() -> None:
    assert groups("发") == groups("發") | groups("髮")


def test_the_common_reading_is_one_of_the_readings_and_comes_first() -> None:
    for character in alphabet():
        known, first = groups(character), common(character)
        assert known and first & known == first
        assert first.bit_count() == 1
        assert spelled(character)[0][1] == names(first)
        assert secure(character) & known == secure(character) != 0


def test_the_counted_readings_are_in_the_books() -> None:
    assert all(known & ~groups(character) == 0 for character, known in _usage().items())
    assert len(alphabet()) == len(set(alphabet())) > 7000


@pytest.mark.parametrize(
    ("character", "expected"), [("看", "平"), ("不", "入"), ("相", "平"), ("中", "平")]
)
def test_the_common_reading_is_what_the_poets_used(character: str, expected: str) -> None:
    assert readings(character)[0].tone == expected


def test_secure_is_what_both_books_give() -> None:
    both = _pingshui()["風"], _guangyun()["風"]
    assert [names(known) for known in both] == ["東", "東送"]
    assert names(groups("風")) == "東送"
    assert names(secure("風")) == "東"
