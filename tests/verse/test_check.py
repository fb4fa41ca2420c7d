"""The checker: poems that everybody knows, every rule broken by hand, and poems at random."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianju.verse import Fault, Verdict, bit, check, form_of_lines, lines_of, names
from lianju.verse.checker import check_by
from lianju.verse.fitting import widened
from lianju.verse.line_readings import commonest

CLIMBING = "白日依山盡，黃河入海流。欲窮千里目，更上一層樓。"
BAIDI = "朝辭白帝彩雲間，千里江陵一日還。兩岸猿聲啼不住，輕舟已過萬重山。"
QINGMING = "清明時節雨紛紛，路上行人欲斷魂。借問酒家何處有，牧童遙指杏花村。"
FRONTIER = "月黑雁飛高，單于夜遁逃。欲將輕騎逐，大雪滿弓刀。"
JIANGNAN = "千里鶯啼綠映紅，水村山郭酒旗風。南朝四百八十寺，多少樓臺煙雨中。"
GUINIAN = "岐王宅裏尋常見，崔九堂前幾度聞。正是江南好風景，落花時節又逢君。"
MOORING = "月落烏啼霜滿天，江楓漁火對愁眠。姑蘇城外寒山寺，夜半鐘聲到客船。"
EGRET = "白鷺下秋水，孤飛如墜霜。心閑且未去，獨立沙洲傍。"
MOONLIT = (
    "今夜鄜州月，閨中只獨看。遙憐小兒女，未解憶長安。"
    "香霧雲鬟濕，清輝玉臂寒。何時倚虛幌，雙照淚痕乾。"
)
GRASS = (
    "離離原上草，一歲一枯榮。野火燒不盡，春風吹又生。"
    "遠芳侵古道，晴翠接荒城。又送王孫去，萋萋滿別情。"
)
SPRING = (
    "國破山河在，城春草木深。感時花濺淚，恨別鳥驚心。"
    "烽火連三月，家書抵萬金。白頭搔更短，渾欲不勝簪。"
)
HEIGHTS = (
    "風急天高猿嘯哀，渚清沙白鳥飛迴。無邊落木蕭蕭下，不盡長江滾滾來。"
    "萬里悲秋常作客，百年多病獨登臺。艱難苦恨繁霜鬢，潦倒新停濁酒杯。"
)
AUTUMN = (
    "空山新雨後，天氣晚來秋。明月松間照，清泉石上流。"
    "竹喧歸浣女，蓮動下漁舟。隨意春芳歇，王孫自可留。"
)
NIGHT = (
    "細草微風岸，危檣獨夜舟。星垂平野闊，月湧大江流。"
    "名豈文章著，官應老病休。飄飄何所似，天地一沙鷗。"
)
FRIEND = (
    "青山橫北郭，白水繞東城。此地一為別，孤蓬萬里征。"
    "浮雲遊子意，落日故人情。揮手自茲去，蕭蕭班馬鳴。"
)
TOWER = (
    "一上高城萬里愁，蒹葭楊柳似汀洲。溪雲初起日沉閣，山雨欲來風滿樓。"
    "鳥下綠蕪秦苑夕，蟬鳴黃葉漢宮秋。行人莫問當年事，故國東來渭水流。"
)
ZITHER = (
    "善鼓雲和瑟，常聞帝子靈。馮夷空自舞，楚客不堪聽。苦調淒金石，清音入杳冥。"
    "蒼梧來怨慕，白芷動芳馨。流水傳瀟浦，悲風過洞庭。曲終人不見，江上數峰青。"
)
MISSION = (
    "單車欲問邊，屬國過居延。征蓬出漢塞，歸雁入胡天。"
    "大漠孤煙直，長河落日圓。蕭關逢候騎，都護在燕然。"
)
PLUM = (
    "眾芳搖落獨暄妍，占盡風情向小園。疏影橫斜水清淺，暗香浮動月黃昏。"
    "霜禽欲下先偷眼，粉蝶如知合斷魂。幸有微吟可相狎，不須檀板共金尊。"
)
# 不, 兒 and 風 have a second reading of the other tone, which would excuse what is broken here.
BURNING = GRASS.replace("燒不", "燒未")
SIGNS = {"平": "○", "仄": "●"}


def faults(text: str, strict: bool = False, borrow: bool = True) -> list[Fault]:
    return list(check(text, strict, borrow).faults)


@pytest.mark.parametrize(
    ("poem", "form", "rhyme", "types"),
    [
        (CLIMBING, "wujue", "尤", "ABCD"),
        (FRONTIER, "wujue", "豪", "DBCD"),
        (BAIDI, "qijue", "刪", "DBCD"),
        (MOORING, "qijue", "先", "BDAB"),
        (JIANGNAN, "qijue", "東", "BDAB"),
        (GUINIAN, "qijue", "文", "ABCD"),
        (SPRING, "wulü", "侵", "ABCDABCD"),
        (NIGHT, "wulü", "尤", "ABCDABCD"),
        (MOONLIT, "wulü", "寒", "ABCDABCD"),
        (AUTUMN, "wulü", "尤", "CDABCDAB"),
        (FRIEND, "wulü", "庚", "CDABCDAB"),
        (GRASS, "wulü", "庚", "CDABCDAB"),
        (HEIGHTS, "qilü", "灰", "BDABCDAB"),
        (TOWER, "qilü", "尤", "BDABCDAB"),
        (ZITHER, "wupai", "青", "ABCDABCDABCD"),
    ],
)
def test_poems_that_everybody_knows(poem: str, form: str, rhyme: str, types: str) -> None:
    verdict = check(poem)
    assert (verdict.form, verdict.style, verdict.why) == (form, "regulated", "")
    assert (verdict.rhyme, verdict.types, verdict.faults) == (rhyme, types, ())
    assert verdict.regular and verdict.rhymes and verdict.scans and not verdict.unknown


@pytest.mark.parametrize(
    ("poem", "why"),
    [
        ("千山鳥飛絕，萬徑人蹤滅。孤舟簑笠翁，獨釣寒江雪。", "oblique rhyme"),
        ("春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少。", "oblique rhyme"),
        # All rhyme in 霰; that 扇 and others could be read level as well decides nothing.
        (
            "東風豔陽色，柳綠花如霰。競理同心鬟，爭持合歡扇。"
            "香傳賈娘手，粉離何郎面。最恨卷簾時，含情獨不見。",
            "oblique rhyme",
        ),
        (CLIMBING + "白日依山盡，黃河入海流。", "shape"),
        ("關關雎鳩，在河之洲。窈窕淑女，君子好逑。", "shape"),
    ],
)
def test_old_style_and_why(poem: str, why: str) -> None:
    verdict = check(poem)
    assert (verdict.style, verdict.why) == ("old-style", why)
    assert not verdict.regular


@pytest.mark.parametrize(
    ("poem", "style", "form"),
    [
        ("", "fragment", None),
        ("白日依山盡", "fragment", None),
        ("白日依山盡，黃河入海流。欲窮千里目。", "fragment", None),
        ("海內存知己，天涯若比鄰。", "couplet", None),
        ("桃紅復含宿雨，柳綠更帶春煙。花落家童未掃，鶯啼山客猶眠。", "six", "liuyan"),
        (CLIMBING + "白日依山盡，黃河入海流。", "old-style", "wugu"),
        ("關關雎鳩，在河之洲。窈窕淑女，君子好逑。", "old-style", None),
        # Eight lines of five that keep no metre: 五古, not 五律.
        (
            "涼風吹遠念，使我升高臺。寧知數片雲，不是舊山來。"
            "故人天一涯，久客殊未回。雁來不得書，空寄聲哀哀。",
            "old-style",
            "wugu",
        ),
        ("千山鳥飛絕，萬徑人蹤滅。孤舟簑笠翁，獨釣寒江雪。", "old-style", "wujue"),
        (
            "平林漠漠煙如織，寒山一帶傷心碧。暝色入高樓，有人樓上愁。"
            "玉階空佇立，宿鳥歸飛急。何處是歸程，長亭更短亭。",
            "mixed",
            None,
        ),
        # One line of another length is a slip, not a form.
        ("白日依山盡，黃河入海流。欲窮千里目，更上一層。", "faulty", None),
    ],
)
def test_verse_is_called_what_it_is(poem: str, style: str, form: str | None) -> None:
    verdict = check(poem)
    assert (verdict.style, verdict.form, verdict.regular) == (style, form, False)
    assert not verdict.faults or verdict.why == "metre" or verdict.why == "oblique rhyme"


def test_the_tones_of_a_couplet_are_judged() -> None:
    assert check("白日依山盡，月湧大江流。").faults == (Fault("失對", 2, 2, "平", "仄"),)
    assert check("白日依山盡，赤河入海流。").faults == (Fault("孤平", 2, 1, "平", "仄"),)


@pytest.mark.parametrize(
    ("poem", "expected"),
    [
        # 靜夜思: 是地上霜 and 頭望: neither is a regulated line.
        (
            "床前看月光，疑是地上霜。舉頭望山月，低頭思故鄉。",
            [Fault("出律", 2, 4, "平", "仄"), Fault("出律", 3, 2, "仄", "平")],
        ),
        # 渭城曲 and 使至塞上: the second couplet does not stick to the first.
        (
            "渭城朝雨浥輕塵，客舍青青柳色新。勸君更盡一杯酒，西出陽關無故人。",
            [Fault("失粘", 3, 2, "仄", "平")],
        ),
        (MISSION, [Fault("失粘", 3, 2, "仄", "平")]),
    ],
)
def test_famous_poems_with_faults(poem: str, expected: list[Fault]) -> None:
    verdict = check(poem)
    assert verdict.style == "faulty" and not verdict.regular
    assert list(verdict.faults) == expected


@pytest.mark.parametrize(
    ("poem", "old", "new", "expected"),
    [
        (CLIMBING, "樓", "峰", Fault("落韻", 4, 5, "尤", "冬")),
        (CLIMBING, "樓", "月", Fault("落韻", 4, 5, "尤", "月")),
        (SPRING, "家書抵萬金", "家書抵萬山", Fault("落韻", 6, 5, "侵", "刪")),
        (MOORING, "客船", "客門", Fault("落韻", 4, 7, "先", "元")),
        (CLIMBING, "樓", "流", Fault("重韻", 4, 5, "", "流")),
        (BAIDI, "萬重山", "萬重還", Fault("重韻", 4, 7, "", "還")),
        (CLIMBING, "黃", "赤", Fault("孤平", 2, 1, "平", "仄")),
        (BAIDI, "江陵", "萬陵", Fault("孤平", 2, 3, "平", "仄")),
        (CLIMBING, "一", "高", Fault("三平尾", 4, 3, "仄", "平")),
        (BAIDI, "萬重山", "千重山", Fault("三平尾", 4, 5, "仄", "平")),
        (CLIMBING, "目", "秋", Fault("撞韻", 3, 5, "仄", "尤")),
        (BAIDI, "不住", "不顏", Fault("撞韻", 3, 7, "仄", "刪")),
        (CLIMBING, "目", "天", Fault("出律", 3, 5, "仄", "平")),
        (CLIMBING, "日", "山", Fault("出律", 1, 2, "仄", "平")),
        (CLIMBING, "海", "天", Fault("出律", 2, 4, "仄", "平")),
        (BAIDI, "聲", "嘯", Fault("出律", 3, 4, "平", "仄")),
        (BAIDI, "輕舟", "輕艇", Fault("出律", 4, 2, "平", "仄")),
        (HEIGHTS, "作客", "人客", Fault("出律", 5, 6, "仄", "平")),
        # 對句救 taken back: 吹 had made up for 未.
        (BURNING, "吹", "草", Fault("出律", 3, 4, "平", "仄")),
        (JIANGNAN, "煙", "細", Fault("出律", 3, 6, "平", "仄")),
        # 特拗 needs its first level tone.
        (MOONLIT.replace("兒", "人"), "遙憐", "故憐", Fault("出律", 3, 1, "平", "仄")),
        (GUINIAN.replace("風景", "時景"), "江南", "嶺南", Fault("出律", 3, 3, "平", "仄")),
    ],
)
def test_a_rule_broken_by_one_character(poem: str, old: str, new: str, expected: Fault) -> None:
    assert poem.count(old) == 1
    verdict = check(poem.replace(old, new))
    assert list(verdict.faults) == [expected]
    assert verdict.style == "faulty"
    assert verdict.rhymes == (expected.rule not in ("落韻", "重韻"))
    assert verdict.scans == (not verdict.rhymes)


def test_couplets_that_do_not_fit_together() -> None:
    """A couplet of 登鸛雀樓 and one of 旅夜書懷: first the wrong second line, then couplet."""
    second = "細草微風岸，危檣獨夜舟。"
    unopposed = check("白日依山盡，月湧大江流。" + second)
    unstuck = check("白日依山盡，黃河入海流。" + second)
    assert list(unopposed.faults) == [Fault("失對", 2, 2, "平", "仄")]
    assert list(unstuck.faults) == [Fault("失粘", 3, 2, "平", "仄")]
    assert unopposed.rhymes and not unopposed.scans


def test_a_character_in_two_shapes_rhymes_with_itself() -> None:
    poem = MOORING.replace("愁眠", "愁烟").replace("客船", "客煙")
    assert faults(poem) == [Fault("重韻", 4, 7, "", "煙")]


def test_a_lone_level_tone_is_made_up_for_in_its_own_line() -> None:
    lone = BAIDI.replace("江陵", "萬陵")
    assert check(lone.replace("一日", "孤日")).regular  # 孤平拗救
    assert not check(lone).regular


def test_the_next_line_makes_up_for_a_broken_one() -> None:
    plain = GRASS.replace("燒不", "燒難")
    for poem in (GRASS, BURNING, plain, plain.replace("吹", "草")):
        assert check(poem).regular
    assert faults(BURNING.replace("吹", "草")) == [Fault("出律", 3, 4, "平", "仄")]
    assert check(BURNING.replace("春風吹", "野風吹")).regular  # both in one: 孤平拗救 as well
    # Only the line after makes up for it, never the one before, which here has 滿 still.
    late = BURNING.replace("王孫去", "山月去")
    assert faults(late.replace("滿別", "三別")) == []
    assert faults(late) == [Fault("出律", 7, 4, "平", "仄")]


@pytest.mark.parametrize(
    ("poem", "borrowed", "fault"),
    [
        (QINGMING, "紛", Fault("落韻", 1, 7, "元", "文")),
        (FRONTIER.replace("飛高", "飛消"), "消", Fault("落韻", 1, 5, "豪", "蕭")),
        (PLUM, "妍", Fault("落韻", 1, 7, "元", "先")),
    ],
)
def test_a_first_line_may_borrow_unless_it_is_refused(
    poem: str, borrowed: str, fault: Fault
) -> None:
    assert faults(poem, borrow=False) == [fault]
    verdict = check(poem)
    assert verdict.regular
    assert verdict.marks[0][-1].reading == f"平{fault.found}"
    assert verdict.marks[0][-1].character == borrowed
    assert Fault("借韻", 1, fault.position, "", fault.found) in verdict.remarks


def test_only_the_first_line_borrows_and_only_from_a_neighbour() -> None:
    assert faults(FRONTIER.replace("飛高", "飛東")) == [Fault("落韻", 1, 5, "豪", "東")]
    assert faults(FRONTIER.replace("遁逃", "遁消")) != []


@pytest.mark.parametrize(
    ("poem", "remark"),
    [
        (CLIMBING.replace("千", "萬"), Fault("三仄尾", 3, 3, "", "仄仄仄")),
        (CLIMBING.replace("依山", "一山"), None),  # 仄仄仄平仄 is nothing to remark on
        (JIANGNAN, Fault("三仄尾", 3, 5, "", "仄仄仄")),
        (AUTUMN, Fault("撞韻", 1, 5, "", "有")),
        (CLIMBING.replace("目", "首"), Fault("撞韻", 3, 5, "", "有")),
        (BAIDI.replace("住", "散"), None),  # 翰 sounds like 寒, not like 刪
        (BAIDI.replace("住", "患"), Fault("撞韻", 3, 7, "", "諫")),
    ],
)
def test_remarks(poem: str, remark: Fault | None) -> None:
    verdict = check(poem)
    remarks = [one for one in verdict.remarks if one.rule != "對仗"]
    assert remarks == ([remark] if remark else []) and verdict.regular


def test_three_oblique_tones_at_the_end_are_a_fault_or_a_remark_never_both() -> None:
    poem = CLIMBING.replace("千", "萬")
    strict = check(poem, strict=True)
    assert strict.faults == (Fault("三仄尾", 3, 3, "平", "仄"),)
    assert strict.remarks == () and check(poem).faults == ()


def test_remarks_alone_are_no_faults() -> None:
    for poem in (AUTUMN, JIANGNAN):
        verdict = check(poem)
        assert verdict.regular and verdict.remarks


def test_what_only_a_rare_reading_saves_is_a_verdict_of_its_own() -> None:
    """沙 can be read obliquely, says the Guangyun; poets did not."""
    verdict = check(EGRET)
    assert (verdict.style, verdict.faults, verdict.regular) == ("rare", (), False)
    assert verdict.rests == (Fault("罕讀", 4, 3, "仄", "去禡"),)
    assert verdict.rhymes and not verdict.scans
    strict = check(EGRET, strict=True)
    assert strict.style == "faulty"
    assert Fault("三平尾", 4, 3, "仄", "平") in strict.faults
    for poem in (CLIMBING, BAIDI, MOONLIT):
        assert check(poem, strict=True).regular


@pytest.mark.parametrize(
    ("poem", "fault"),
    [
        (
            "百歲老翁不種田，惟知曝背樂殘年。有時捫蝨獨搔首，目送歸鴻籬下眠。",
            Fault("孤平", 1, 3, "平", "仄"),
        ),
        (CLIMBING.replace("一", "三"), Fault("三平尾", 4, 3, "仄", "平")),
        (CLIMBING.replace("一層", "相逢"), Fault("三平尾", 4, 3, "仄", "平")),
        (CLIMBING.replace("更上一層", "更上長安"), Fault("三平尾", 4, 3, "仄", "平")),
        (CLIMBING.replace("更上一層", "夜半中間"), Fault("三平尾", 4, 3, "仄", "平")),
        (BAIDI.replace("江陵", "丞相"), Fault("出律", 2, 4, "平", "仄")),
    ],
)
def test_words_decide_how_a_character_is_read(poem: str, fault: Fault) -> None:
    """不 before a verb, 三 before a measure, 相 of each other: no other reading excuses them."""
    assert faults(poem) == [fault]


@pytest.mark.parametrize(
    ("poem", "expected"),
    [
        # 八月湖水平: the fourth is wrong, and the third only because of it.
        (
            "八月湖水平，涵虛混太清。氣蒸雲夢澤，波撼岳陽城。"
            "欲濟無舟楫，端居恥聖明。坐觀垂釣者，徒有羨魚情。",
            [Fault("出律", 1, 4, "平", "仄")],
        ),
        # Its first line rhymes: it is not blamed for ending level as well.
        (
            "北闕休上書，南山歸敝廬。不才明主棄，多病故人疏。"
            "白髮催年老，青陽逼歲除。永懷愁不寐，松月夜窗虛。",
            [Fault("出律", 1, 4, "平", "仄")],
        ),
        (
            "客心爭日月，來往預期程。秋風不相待，先至洛陽城。",
            [Fault("失粘", 3, 2, "仄", "平")],
        ),
        (
            "搖落深知宋玉悲，風流儒雅亦吾師。悵望千秋一灑淚，蕭條異代不同時。"
            "江山故宅空文藻，雲雨荒臺豈夢思。最是楚宮俱泯滅，舟人指點到今疑。",
            [Fault("失粘", 3, 2, "平", "仄")],
        ),
    ],
)
def test_blame_falls_where_textbooks_lay_it(poem: str, expected: list[Fault]) -> None:
    assert faults(poem) == expected


def test_of_readings_that_suit_equally_the_commonest_is_shown(training_poems: list[str]) -> None:
    """Whatever passes by the commonest readings alone is shown with these; but a first line that
    can rhyme does.
    """
    passed = 0
    for poem in training_poems[:800]:
        if (plain := check_by(lines_of(poem), commonest)).regular:
            passed += 1
            assert check(poem).types[1:] == plain.types[1:]
            for shown, read in zip(check(poem).marks[1:], plain.marks[1:], strict=True):
                assert [mark.sign for mark in shown] == [mark.sign for mark in read], poem
    assert passed > 200


def test_marks_show_the_readings_taken() -> None:
    verdict = check(MOONLIT)
    assert "".join(mark.sign for mark in verdict.marks[0]) == "○●○○●"
    last = verdict.marks[1][-1]
    assert (last.character, last.readings, last.sign) == ("看", ("平寒", "去翰"), "○")
    assert check(BAIDI).marks[0][-1].reading == "平刪"  # 間 rhymes: not 去諫
    assert check("").marks == ()


def test_an_unknown_character_is_no_evidence() -> None:
    free = check(CLIMBING.replace("更", "𪛖"))
    assert free.regular and free.unknown == "𪛖"  # it stands where either tone may
    verdict = check(CLIMBING.replace("上", "𪛖").replace("樓", "□"))
    assert (verdict.style, verdict.faults, verdict.regular) == ("undecided", (), False)
    assert verdict.unknown == "𪛖□"
    assert verdict.rests == (Fault("未詳", 4, 2, "仄", "𪛖"), Fault("未詳", 4, 5, "尤", "□"))
    assert verdict.marks[3][1].readings == () and verdict.marks[3][1].sign == "◌"


@pytest.mark.parametrize("shape", "靑淸尙氷\uf9fe\uf9f1")
def test_old_shapes_and_compatibility_ideographs_are_read(shape: str) -> None:
    """As the last character of a poem in 刪 each is off the rhyme, or oblique."""
    verdict = check(BAIDI.replace("萬重山", f"萬重{shape}"))
    assert verdict.unknown == "" and [f.rule for f in verdict.faults] == ["落韻"]


@pytest.mark.parametrize(
    "text",
    [
        "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。",
        "白日依山盡\n黃河入海流\n欲窮千里目\n更上一層樓\n",
        "白日依山盡 黃河入海流 欲窮千里目 更上一層樓",
        "白日依山盡,黃河入海流.欲窮千里目;更上一層樓!",
    ],
)
def test_simplified_and_unpunctuated_text_is_the_same_poem(text: str) -> None:
    verdict, usual = check(text), check(CLIMBING)
    assert (verdict.form, verdict.types, verdict.rhyme) == ("wujue", "ABCD", "尤")
    assert verdict.regular
    assert [[m.sign for m in line] for line in verdict.marks] == [
        [m.sign for m in line] for line in usual.marks
    ]


def test_the_forms() -> None:
    for lines, length, form in [
        (4, 5, "wujue"),
        (8, 7, "qilü"),
        (10, 5, "wupai"),
        (40, 7, "qipai"),
        (6, 5, None),
        (11, 5, None),
        (4, 6, None),
        (0, 0, None),
    ]:
        assert form_of_lines(["白" * length] * lines) == form
    assert form_of_lines(["白" * 5, "白" * 7] * 2) is None


@given(st.lists(st.sampled_from("白日山河風看不東月為，。\n□a"), max_size=80))
def test_every_text_gets_a_verdict(characters: list[str]) -> None:
    text = "".join(characters)
    verdict: Verdict = check(text)
    assert verdict.regular == (verdict.style == "regulated")
    assert verdict.regular == (verdict.rhymes and verdict.scans)
    if verdict.style in ("regulated", "rare", "undecided"):
        assert verdict.why == "" and not verdict.faults
    order = [(fault.line, fault.position) for fault in verdict.faults]
    assert all(first <= second for first, second in pairwise(order))
    for fault in verdict.faults:
        mark = verdict.marks[fault.line - 1][fault.position - 1]
        if fault.found in SIGNS:
            assert mark.sign == SIGNS[fault.found]


def test_neighbours_of_two_groups_of_one_family_are_the_family() -> None:
    assert names(widened(bit("支") | bit("微"), borrow=True)) == "支微齊"
    assert names(widened(bit("真") | bit("文"), borrow=True)) == "真文元"
    assert names(widened(bit("支"), borrow=False)) == "支"
