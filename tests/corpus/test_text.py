"""Plain text is read line by line: headings are told from verse, and odd lines are named."""

import pytest

from lianju.corpus.plain_text import text_records

A, B = "白日依山盡，黃河入海流。", "欲窮千里目，更上一層樓。"
C, D = "移舟泊煙渚，日暮客愁新。", "野曠天低樹，江清月近人。"
TOWER, RIVER = A + B, C + D


def read(text: str) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Title, author and verse of each poem, and what is said of the other lines."""
    records = text_records(text)
    poems = [
        (record.title, record.author, "".join(record.parts[0].text.split()))
        for record in records
        if record.parts
    ]
    return poems, [
        f"{record.place.strip()}: {record.faults[0][1]}" for record in records if record.faults
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"登鸛雀樓 王之渙\n{A}\n{B}\n\n宿建德江　孟浩然\n{C}\n{D}\n",
        f"登鸛雀樓\n王之渙\n{A}\n{B}\n宿建德江\n孟浩然\n{C}\n{D}\n",
        f"登鸛雀樓\n\n王之渙\n\n{A}\n{B}\n\n宿建德江\n\n孟浩然\n\n{C}\n{D}\n",
        f"《登鸛雀樓》王之渙\n{TOWER}\n孟浩然《宿建德江》\n{RIVER}\n",
        f"王之渙《登鸛雀樓》：{TOWER}\n《宿建德江》孟浩然\n{C}\n{D}\n",
        f"登鸛雀樓 王之渙：{TOWER}\n宿建德江\t孟浩然\t{RIVER}\n",
        f"詩名：登鸛雀樓\n作者：王之渙\n朝代：唐\n內容：{TOWER}\n\n"
        f"題目:宿建德江\n作者:孟浩然\n正文:\n{C}\n{D}\n譯文：船停了。\n天黑了。\n",
        f"# 唐詩三百首\n\n## 登鸛雀樓\n王之渙\n\n> {A}\n> {B}\n\n---\n\n"
        f"## 宿建德江\n孟浩然\n{C}\n{D}\n",
        f"1. 登鸛雀樓 王之渙\n{A}\n{B}\n2. 宿建德江 孟浩然\n{C}\n{D}\n",
        f"登鸛雀樓\r王之渙\r{A}\r{B}\r\r宿建德江\r孟浩然\r{C}\r{D}",
    ],
)
def test_titles_and_authors_are_told_from_verse(text: str) -> None:
    expected = [("登鸛雀樓", "王之渙", TOWER), ("宿建德江", "孟浩然", RIVER)]
    assert read(text) == (expected, [])


@pytest.mark.parametrize(
    "text",
    [
        f"五言絕句\n{TOWER}\n{RIVER}\n",
        f"- 12 -\n{TOWER}\n第 13 頁\n{RIVER}\n14\nPage 3 of 9\n* * *\n",
        f"卷三\n{TOWER}\n其二\n{RIVER}\n",
        f"「{TOWER}」\n“{RIVER}”\n",
        f"１．{TOWER}\n２．{RIVER}\n",
        f"一、{TOWER}\n(2) {RIVER}\n",
        f"{A}\n{B}\n——王之渙《登鸛雀樓》\n\n{C}\n{D}\n（孟浩然）\n",
        f"{A}\n{B}\n【注釋】\n白日：太陽。\n\n{C}\n{D}\n注：日暮，傍晚。\n",
    ],
)
def test_what_is_surely_no_part_of_a_poem_is_passed_over(text: str) -> None:
    assert read(text) == ([("", "", TOWER), ("", "", RIVER)], [])


def test_one_odd_line_changes_no_other_and_is_named() -> None:
    text = f"{TOWER}\nhello world\n{RIVER}\n這首詩我很喜歡，因為它很短。\n{TOWER}\n完\n"
    poems, said = read(text)
    assert [verse for _, _, verse in poems] == [TOWER, RIVER, TOWER]
    assert said == [
        "line 2: looks like no verse: hello world",
        "line 4: looks like no verse: 這首詩我很喜歡，因為它很短。",
        "line 6: looks like no verse: 完",
    ]


def test_a_poem_that_is_a_character_short_is_a_poem() -> None:
    short = B.replace("層", "")
    assert read(f"{TOWER}\n{A}{short}\n{RIVER}\n{A}\n") == (
        [("", "", TOWER), ("", "", A + short), ("", "", RIVER), ("", "", A)],
        [],
    )
    lines = "登鸛雀樓\n白日依山盡\n黃河入海流\n欲窮千里目\n更上一樓\n"
    assert read(lines) == ([("登鸛雀樓", "", "白日依山盡黃河入海流欲窮千里目更上一樓")], [])


@pytest.mark.parametrize("author", ["", "祖詠\n"])
@pytest.mark.parametrize("marks", ["，。，。", "    "])
def test_a_title_as_long_as_the_lines_is_a_title(author: str, marks: str) -> None:
    lines = ["終南陰嶺秀", "積雪浮雲端", "林表明霽色", "城中增暮寒"]
    verse = "\n".join(line + mark.strip() for line, mark in zip(lines, marks, strict=True))
    poems, said = read(f"終南望餘雪\n{author}{verse}\n")
    assert poems == [("終南望餘雪", author.strip(), verse.replace("\n", ""))] and said == []


@pytest.mark.parametrize("title", ["", "登鸛雀樓\n\n"])
@pytest.mark.parametrize("marks", ["，。，。", "    "])
def test_double_spacing_is_no_end_of_a_poem(title: str, marks: str) -> None:
    lines = ["白日依山盡", "黃河入海流", "欲窮千里目", "更上一層樓"]
    verse = [line + mark.strip() for line, mark in zip(lines, marks, strict=True)]
    assert read(title + "\n\n".join(verse)) == ([(title.strip(), "", "".join(verse))], [])


def test_eight_lines_in_two_halves_below_title_and_author_are_one_poem() -> None:
    halves = "國破山河在，城春草木深。感時花濺淚，恨別鳥驚心。\n"
    halves += "烽火連三月，家書抵萬金。白頭搔更短，渾欲不勝簪。\n"
    assert read(f"春望 杜甫\n{halves}")[0] == [("春望", "杜甫", halves.replace("\n", ""))]
    assert len(read(halves)[0]) == len(read(f"我的詩\n{halves}")[0]) == 2


def test_stanzas_of_uneven_lines_below_a_title_are_one_poem() -> None:
    ci = "紅藕香殘玉簟秋。輕解羅裳，獨上蘭舟。雲中誰寄錦書來，雁字回時，月滿西樓。\n"
    ci += "花自飄零水自流。一種相思，兩處閒愁。此情無計可消除，才下眉頭，卻上心頭。\n"
    assert read(f"一剪梅\n{ci}") == ([("一剪梅", "", ci.replace("\n", ""))], [])


@pytest.mark.parametrize("gap", ["/", " / ", "｜", "|", "\u3000", "    ", "\xa0", "\t", "\u200b"])
def test_whatever_parts_lines_parts_them(gap: str) -> None:
    lines = ["白日依山盡", "黃河入海流", "欲窮千里目", "更上一層樓"]
    [record] = text_records(f"登鸛雀樓\n{gap.join(lines)}\n")
    assert record.title == "登鸛雀樓"
    assert [c for c in record.parts[0].text if c in "".join(lines)] == list("".join(lines))
