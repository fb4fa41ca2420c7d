"""Every rule reads well in both languages; nothing the checker can say breaks the words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianju.verse import Verdict, check
from lianju.verse.words import (
    brief_words,
    fault_words,
    form_words,
    line_rhymes,
    opening_words,
    reading_words,
    rest_words,
    rhyme_words,
    rule_words,
    style_words,
    unknown_words,
    verdict_row,
    why_words,
)

TOWER = "白日依山盡，黃河入海流。欲窮千里目，更上一層樓。"
SNOW = "千山鳥飛絕，萬徑人蹤滅。孤舟簑笠翁，獨釣寒江雪。"

# Poems of the Quan Tangshi as they are, but for the first; one a rule.
RULES = [
    (
        TOWER.replace("樓", "峰"),
        "落韻 off the rhyme, line 4, character 5 峰: in 上平聲二冬, not 下平聲十一尤",
        "落韻：第4句第5字「峰」屬上平聲二冬，本詩押下平聲十一尤",
    ),
    (
        "太乙三門訣，元君六甲符。下傳金版術，上刻玉清書。"
        "有美探真士，囊中得祕書。自知三醮後，翊我滅殘胡。",
        "重韻 rhyme repeated, line 6, character 5 書: line 4 rhymes on it already",
        "重韻：第6句第5字「書」與第4句韻腳重複",
    ),
    (
        "白日依山盡，月湧大江流。欲窮千里目，更上一層樓。",
        "失對 not opposed, line 2, character 2 湧: opens 仄; after line 1 must open 平",
        "失對：第2句第2字「湧」仄起，承第1句應平起",
    ),
    (
        "芳辰追逸趣，禁苑信多奇。橋形通漢上，峰勢接雲危。"
        "煙霞交隱映，花鳥自參差。何如肆轍跡？萬里賞瑤池。",
        "失粘 not linked, line 3, character 2 形: opens 平; after line 2 must open 仄",
        "失粘：第3句第2字「形」平起，承第2句應仄起",
    ),
    (
        "妾家越水邊，搖艇入江煙。既覓同心侶，復采同心蓮。"
        "折藕絲能脆，開花葉正圓。春歌弄明月，歸棹落花前。",
        "孤平 lone level tone, line 1, character 1 妾: 仄, must be 平",
        "孤平：第1句第1字「妾」為仄，應為平",
    ),
    (
        "妾家越水邊，搖艇入江煙。既覓同心侶，復采同心蓮。"
        "折藕絲能脆，開花葉正圓。春歌弄明月，歸棹落花前。",
        "三平尾 all-level end, line 4, character 3 同: 平, must be 仄",
        "三平尾：第4句第3字「同」為平，應為仄",
    ),
    (
        "戛玉摐金永頌聲，檿絲孤竹和且清。靈歆醉止犧象盈，自天降福千萬齡。",
        "撞韻 rhyme clash, line 3, character 7 盈: in 下平聲八庚 itself, must be 仄",
        "撞韻：第3句第7字「盈」屬本詩韻部下平聲八庚，應為仄",
    ),
    (
        "昔人已乘黃鶴去，此地空餘黃鶴樓。黃鶴一去不復返，白雲千載空悠悠。"
        "晴川歷歷漢陽樹，芳草萋萋鸚鵡洲。日暮鄉關何處是，煙波江上使人愁。",
        "出律 off the metre, line 3, character 4 去: 仄, must be 平 in 中仄中平平仄仄",
        "出律：第3句第4字「去」為仄，應為平：此句當作「中仄中平平仄仄」",
    ),
    (
        "芳辰追逸趣，禁苑信多奇。橋形通漢上，峰勢接雲危。"
        "煙霞交隱映，花鳥自參差。何如肆轍跡？萬里賞瑤池。",
        "三仄尾 all-oblique end, line 7, character 3 肆: this and the next two are 仄",
        "三仄尾：第7句第3字「肆」起三字皆仄",
    ),
    (
        "建章歡賞夕，二八盡妖妍。羅綺昭陽殿，芬芳玳瑁筵。"
        "珮移星正動，扇掩月初圓。無勞上懸圃，即此對神仙。",
        "撞韻 rhyme echo, line 3, character 5 殿: in 去聲十七霰, like the rhyme",
        "撞韻：第3句第5字「殿」屬去聲十七霰，與本詩韻部只差聲調",
    ),
]


@pytest.mark.parametrize(("poem", "english", "chinese"), RULES)
def test_each_rule_says_where_and_what(poem: str, english: str, chinese: str) -> None:
    verdict = check(poem)
    faults = [*verdict.faults, *verdict.remarks]
    assert english in [fault_words(verdict, fault, "en") for fault in faults]
    assert chinese in [fault_words(verdict, fault, "zh") for fault in faults]
    assert all(rule_words(fault, "en").endswith(".") for fault in faults)
    assert all(rule_words(fault, "zh").endswith("。") for fault in faults)


def test_a_fault_and_a_remark_of_one_name_have_different_rules() -> None:
    clash, echo = check(RULES[6][0]).faults, check(RULES[9][0]).remarks
    (fault,) = (f for f in clash if f.rule == "撞韻")
    assert "No fault" in rule_words(echo[0], "en") and "No fault" not in rule_words(fault, "en")


@pytest.mark.parametrize(
    ("poem", "english", "chinese"),
    [
        (SNOW, "oblique", "仄聲"),
        ("白日山盡，黃河海流。" * 2, "Lines of 4 characters.", "每句4字。"),
        (
            "朝日東方紅，暮雲南山陰。春風江上來，夜月樓前明。"
            "秋山古寺鐘，落葉滿空階。歸人行道遲，故國夢中看。",
            "Fewer than half",
            "過半偶數句",
        ),
        (
            "人皆苦炎熱，我愛夏日長。熏風自南來，殿閣生微涼。",
            "More than half",
            "過半詩句",
        ),
    ],
)
def test_old_style_verse_says_why(poem: str, english: str, chinese: str) -> None:
    verdict = check(poem)
    assert verdict.style == "old-style"
    assert english in why_words(verdict, "en") and chinese in why_words(verdict, "zh")
    assert not opening_words(verdict, "en")
    assert style_words(verdict, "zh") == "古體詩" and brief_words(verdict, "en")


@pytest.mark.parametrize(
    ("poem", "english", "chinese"),
    [
        ("", "a fragment 殘句", "殘句"),
        ("海內存知己，天涯若比鄰。", "a couplet 一聯 with no fault", "一聯，合律"),
        ("白日依山盡，月湧大江流。", "a couplet 一聯 with 1 fault", "一聯，1 處不合律"),
        ("晴川歷歷，芳草萋萋。", "a couplet 一聯", "一聯"),
        (
            "桃紅復含宿雨，柳綠更帶春煙。花落家童未掃，鶯啼山客猶眠。",
            "six-character verse 六言詩",
            "六言詩",
        ),
        (
            "平林漠漠煙如織，寒山一帶傷心碧。暝色入高樓，有人樓上愁。",
            "a ci or lines of several lengths 詞或雜言",
            "詞或雜言",
        ),
        (TOWER.replace("一層樓", "層樓"), "a line of another length", "字數不合"),
        (
            "白鷺下秋水，孤飛如墜霜。心閑且未去，獨立沙洲傍。",
            "regular only by a rare reading",
            "近體詩，合律，惟賴罕用讀音",
        ),
        (
            TOWER.replace("上", "□"),
            "no fault found, but a reading is unknown",
            "近體詩，未見失律，惟有字音不詳",
        ),
    ],
)
def test_every_kind_of_verse_has_a_name(poem: str, english: str, chinese: str) -> None:
    verdict = check(poem)
    assert (style_words(verdict, "en"), style_words(verdict, "zh")) == (english, chinese)


def test_a_slip_in_the_shape_is_said() -> None:
    verdict = check(TOWER.replace("一層樓", "層樓"))
    assert "Line 4 has 4 characters, not 5." in why_words(verdict, "en")
    assert "第4句4字，非5字。" in why_words(verdict, "zh")


def test_what_a_verdict_rests_on_is_named() -> None:
    egret = check("白鷺下秋水，孤飛如墜霜。心閑且未去，獨立沙洲傍。")
    assert rest_words(egret, "en") == [
        "罕讀 rare reading, line 4, character 3 沙: read 去聲二十二禡 ●, as poets hardly did; "
        "commonly 下平聲六麻 ○"
    ]
    assert rest_words(egret, "zh") == [
        "罕讀：第4句第3字「沙」讀去聲二十二禡 ●，詩人罕用，通常讀下平聲六麻 ○"
    ]
    assert not any("沙" in line for line in reading_words(egret, "en"))
    assert brief_words(egret, "en") == "罕讀 line 4: 沙"
    unread = check(TOWER.replace("上", "□"))
    assert rest_words(unread, "zh") == ["未詳：第4句第2字「□」韻書未收，此處應為仄"]
    assert brief_words(unread, "zh") == "未詳 第4句「□」"
    assert rest_words(check(TOWER), "en") == []


def test_a_regular_poem_in_learners_terms() -> None:
    verdict = check(TOWER)
    assert form_words(verdict, "en") == "五絕 wujue" and form_words(verdict, "zh") == "五絕"
    assert style_words(verdict, "en").endswith("no fault")
    assert opening_words(verdict, "zh") == "仄起，首句不入韻"
    assert rhyme_words(verdict, "en") == "下平聲十一尤"
    assert line_rhymes(verdict) == ("", "下平聲十一尤", "", "下平聲十一尤")
    assert not why_words(verdict, "en") and not brief_words(verdict, "en")
    assert not reading_words(verdict, "en") and not unknown_words(verdict, "en")


def test_a_line_of_seven_opens_with_its_own_second_character() -> None:
    verdict = check("朝辭白帝彩雲間，千里江陵一日還。兩岸猿聲啼不住，輕舟已過萬重山。")
    assert opening_words(verdict, "zh") == "平起，首句入韻"
    assert "rhymes 首句入韻" in opening_words(verdict, "en")
    assert line_rhymes(verdict)[0] == "上平聲十五刪"


def test_oblique_rhyme_is_named_where_two_lines_share_it() -> None:
    assert rhyme_words(check(SNOW), "en") == "入聲九屑"
    assert rhyme_words(check(SNOW.replace("雪", "水")), "en") == ""


def test_only_uncommon_readings_are_told() -> None:
    verdict = check(TOWER.replace("目", "看"))
    assert reading_words(verdict, "en") == [
        "line 3, 看 is 去聲十五翰 ●, commonly 上平聲十四寒 ○",
    ]
    assert reading_words(verdict, "zh")[0].startswith("第3句「看」讀去聲十五翰")


def test_unknown_characters_are_named_once() -> None:
    verdict = check(TOWER.replace("日", "□").replace("千", "□"))
    assert unknown_words(verdict, "en").endswith("book: □")
    assert "□" in unknown_words(verdict, "zh")


def test_brief_words_count_the_rest() -> None:
    verdict = check(RULES[2][0])
    assert brief_words(verdict, "en") == "失對 line 2: 仄, not 平 +1"
    assert brief_words(verdict, "zh") == "失對 第2句 仄，應平 +1"


def test_a_row_holds_all_of_the_verdict() -> None:
    verdict = check(RULES[9][0])
    row = json.loads(json.dumps(verdict_row(verdict)))
    for name in ("form", "style", "why", "rhyme", "types", "regular", "rhymes", "scans"):
        assert row[name] == getattr(verdict, name)
    for line, marks in zip(row["lines"], verdict.marks, strict=True):
        assert line["text"] == "".join(mark.character for mark in marks)
        assert line["marks"] == "".join(mark.sign for mark in marks)
        assert line["readings"] == [list(mark.readings) for mark in marks]
    (remark,) = (item for item in row["remarks"] if item["rule"] == "撞韻")
    assert remark["line"] == 3 and remark["words_zh"].startswith("撞韻：第3句")
    assert row["rhyme_titles"] == ["下平聲一先"]


FEW = "山水日月東風白雲看思不中空教重應上下絕流樓峰□〇"
verses = st.lists(st.text(FEW, min_size=1, max_size=8), min_size=1, max_size=12) | st.integers(
    5, 7
).flatmap(lambda n: st.lists(st.text(FEW, min_size=n, max_size=n), min_size=4, max_size=10))


@given(verses, st.booleans(), st.booleans())
def test_words_are_found_for_any_verdict(lines: list[str], strict: bool, borrow: bool) -> None:
    verdict: Verdict = check("，".join(lines), strict, borrow)
    row = verdict_row(verdict)
    for lang in ("en", "zh"):
        said = [
            form_words(verdict, lang),
            style_words(verdict, lang),
            why_words(verdict, lang),
            opening_words(verdict, lang),
            rhyme_words(verdict, lang),
            brief_words(verdict, lang),
            unknown_words(verdict, lang),
            *reading_words(verdict, lang),
            *(item[f"words_{lang}"] for item in row["faults"] + row["remarks"]),
        ]
        assert "{" not in "".join(said) and bool(said[2]) == bool(verdict.why)
    assert len(line_rhymes(verdict)) == len(verdict.marks)
