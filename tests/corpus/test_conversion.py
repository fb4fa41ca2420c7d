"""Simplified text read as verse. The traditional is that of the Complete Tang Poems 全唐詩."""

import json
from pathlib import Path

import opencc
import pytest

from lianju.corpus import convert, interpret_couplet, to_traditional, training_corpus
from lianju.verse import check, in_language

# The simplified text as it is printed today, and the traditional.
POEMS = {
    "杜甫 春望": (
        "国破山河在，城春草木深。感时花溅泪，恨别鸟惊心。烽火连三月，家书抵万金。白头搔更短，浑欲不胜簪。",
        "國破山河在，城春草木深。感時花濺淚，恨別鳥驚心。烽火連三月，家書抵萬金。白頭搔更短，渾欲不勝簪。",
    ),
    "杜甫 登高": (
        "风急天高猿啸哀，渚清沙白鸟飞回。无边落木萧萧下，不尽长江滚滚来。万里悲秋常作客，百年多病独登台。艰难苦恨繁霜鬓，潦倒新停浊酒杯。",
        "風急天高猿嘯哀，渚清沙白鳥飛回。無邊落木蕭蕭下，不盡長江滾滾來。萬里悲秋常作客，百年多病獨登臺。艱難苦恨繁霜鬢，潦倒新停濁酒杯。",
    ),
    "杜甫 月夜憶舍弟": (
        "戍鼓断人行，边秋一雁声。露从今夜白，月是故乡明。有弟皆分散，无家问死生。寄书长不达，况乃未休兵。",
        "戍鼓斷人行，邊秋一雁聲。露從今夜白，月是故鄉明。有弟皆分散，無家問死生。寄書長不達，況乃未休兵。",
    ),
    "杜甫 秋興": (
        "江间波浪兼天涌，塞上风云接地阴。丛菊两开他日泪，孤舟一系故园心。寒衣处处催刀尺，白帝城高急暮砧。",
        "江間波浪兼天涌，塞上風雲接地陰。叢菊兩開他日淚，孤舟一繫故園心。寒衣處處催刀尺，白帝城高急暮砧。",
    ),
    "李白 長干行": (
        "妾发初覆额，折花门前剧。郎骑竹马来，绕床弄青梅。同居长干里，两小无嫌猜。十四为君妇，羞颜未尝开。低头向暗壁，千唤不一回。",
        "妾髮初覆額，折花門前劇。郎騎竹馬來，繞床弄青梅。同居長干里，兩小無嫌猜。十四爲君婦，羞顏未嘗開。低頭向暗壁，千喚不一回。",
    ),
    "李白 秋浦歌": (
        "白发三千丈，缘愁似个长。不知明镜里，何处得秋霜。",
        "白髮三千丈，緣愁似箇長。不知明鏡裏，何處得秋霜。",
    ),
    "王勃 滕王閣": (
        "闲云潭影日悠悠，物换星移几度秋。阁中帝子今何在，槛外长江空自流。",
        "閑雲潭影日悠悠，物換星移幾度秋。閣中帝子今何在，檻外長江空自流。",
    ),
    "王維 使至塞上": (
        "单车欲问边，属国过居延。征蓬出汉塞，归雁入胡天。大漠孤烟直，长河落日圆。萧关逢候骑，都护在燕然。",
        "單車欲問邊，屬國過居延。征蓬出漢塞，歸雁入胡天。大漠孤煙直，長河落日圓。蕭關逢候騎，都護在燕然。",
    ),
    "王維 山居秋暝": (
        "空山新雨后，天气晚来秋。明月松间照，清泉石上流。竹喧归浣女，莲动下渔舟。随意春芳歇，王孙自可留。",
        "空山新雨後，天氣晚來秋。明月松間照，清泉石上流。竹喧歸浣女，蓮動下漁舟。隨意春芳歇，王孫自可留。",
    ),
    "張繼 楓橋夜泊": (
        "月落乌啼霜满天，江枫渔火对愁眠。姑苏城外寒山寺，夜半钟声到客船。",
        "月落烏啼霜滿天，江楓漁火對愁眠。姑蘇城外寒山寺，夜半鐘聲到客船。",
    ),
    "李商隱 無題": (
        "相见时难别亦难，东风无力百花残。春蚕到死丝方尽，蜡炬成灰泪始干。晓镜但愁云鬓改，夜吟应觉月光寒。蓬山此去无多路，青鸟殷勤为探看。",
        "相見時難別亦難，東風無力百花殘。春蠶到死絲方盡，蠟炬成灰淚始乾。曉鏡但愁雲鬢改，夜吟應覺月光寒。蓬山此去無多路，青鳥殷勤爲探看。",
    ),
    "孟浩然 望洞庭湖": (
        "八月湖水平，涵虚混太清。气蒸云梦泽，波撼岳阳城。欲济无舟楫，端居耻圣明。坐观垂钓者，徒有羡鱼情。",
        "八月湖水平，涵虛混太清。氣蒸雲夢澤，波撼岳陽城。欲濟無舟楫，端居恥聖明。坐觀垂釣者，徒有羨魚情。",
    ),
    "李益 喜見外弟": (
        "十年离乱后，长大一相逢。问姓惊初见，称名忆旧容。别来沧海事，语罢暮天钟。明日巴陵道，秋山又几重。",
        "十年離亂後，長大一相逢。問姓驚初見，稱名憶舊容。別來滄海事，語罷暮天鐘。明日巴陵道，秋山又幾重。",
    ),
    "賈島 尋隱者不遇": (
        "松下问童子，言师采药去。只在此山中，云深不知处。",
        "松下問童子，言師採藥去。只在此山中，雲深不知處。",
    ),
    "杜甫 登岳陽樓": (
        "昔闻洞庭水，今上岳阳楼。吴楚东南坼，乾坤日夜浮。亲朋无一字，老病有孤舟。戎马关山北，凭轩涕泗流。",
        "昔聞洞庭水，今上岳陽樓。吳楚東南坼，乾坤日夜浮。親朋無一字，老病有孤舟。戎馬關山北，憑軒涕泗流。",
    ),
}

# Lines that the words of today, or the usual character, would spoil.
LINES = {
    "流苏斗帐香烟起": "流蘇斗帳香煙起",
    "花中占断得风流": "花中占斷得風流",
    "同是长干人，生小不相识": "同是長干人，生小不相識",
    "初闻征雁已无蝉": "初聞征雁已無蟬",
    "问余何意栖碧山": "問余何意栖碧山",
    "发短耳何长": "髮短耳何長",
    "病叟独藏秋发白": "病叟獨藏秋髮白",
    "文章纷郁郁": "文章紛郁郁",
    "郁郁动霞文": "郁郁動霞文",
    "郁郁涧底松，离离山上苗": "鬱鬱澗底松，離離山上苗",
    "余亦谢时去": "余亦謝時去",
    "相看万余里": "相看萬餘里",
    "飞燕皇后轻身舞": "飛燕皇后輕身舞",
    "北斗光阑干": "北斗光闌干",
    "一只商鸾逐烟起": "一隻商鸞逐煙起",
    "马上但长吁": "馬上但長吁",
    "咸阳游侠多少年": "咸陽遊俠多少年",
}
# The first is traditional, but for what a printer used: nothing else may change.
PRINTED = (
    "何事鎮駈駈，馳驂傍海隅。溪邊論宿處，澗下指飡厨。萬里山河異，千般物色殊。愁來竟不語，馬上但長吁。",
    "萬里悲秋常作客，百年多病獨登臺。无邊落木蕭蕭下，不盡長江滾滾来。",
    "香煙引駕，占斷春風，長干征雁，余發短歌，郁郁乎文，皇后云云，来時在里。",
)


@pytest.mark.parametrize("name", POEMS)
def test_poems_that_all_know_come_out_as_they_are_printed(name: str) -> None:
    given, read = POEMS[name]
    assert to_traditional(given).text == read


@pytest.mark.parametrize("given", LINES)
def test_verse_is_not_read_as_the_words_of_today(given: str) -> None:
    assert to_traditional(given).text == LINES[given]


@pytest.mark.parametrize("given", PRINTED)
def test_one_stray_character_leaves_the_rest_as_it_is(given: str) -> None:
    expected = given.translate(str.maketrans("厨来无", "廚來無"))
    assert expected != given and to_traditional(given).text == expected
    assert to_traditional(expected).notes == ()


def test_a_traditional_line_among_simplified_ones_stays_as_it_is() -> None:
    # Of a simplified line 说法云无空 the neighbours of 云 would make 雲.
    assert to_traditional("说法云无空").text == "說法雲無空"
    mixed = "說法云無空，孤舟一系故园心。寒衣处处催刀尺，白帝城高急暮砧。"
    assert to_traditional(mixed).text.startswith("說法云無空，孤舟一繫故園心。寒衣處處催刀尺")


def test_tone_decides_where_the_neighbours_do_not() -> None:
    # 聳干 could be 乾, 干 or 幹 by its neighbours; the metre asks for an oblique tone: 幹.
    willow = (
        "柳州柳刺史，种柳柳江边。谈笑为故事，推移成昔年。"
        "垂阴当覆地，耸干会参天。好作思人树，惭无惠化传。"
    )
    heard = to_traditional(willow)
    assert "聳幹會參天" in heard.text and check(heard.text).regular
    assert not check(heard.text.replace("聳幹", "聳乾")).regular
    [note] = heard.notes
    assert "干 as 幹 for its tone" in note
    assert "「干」作「幹」（依平仄）" in in_language(note, "zh")


def test_rhyme_decides_where_the_neighbours_do_not() -> None:
    # 饑 rhymes with 歸 and 稀, in 微; 飢, which poets wrote more often, does not.
    hunger = (
        "旧国无家访，临歧亦羡归。途经百战后，客过二陵稀。"
        "秋草通征骑，寒城背落晖。行当蒙顾问，吴楚岁频饥。"
    )
    heard = to_traditional(hunger)
    assert heard.text.endswith("秋草通征騎，寒城背落暉。行當蒙顧問，吳楚歲頻饑。")
    assert "饥 as 饑 for its rhyme" in heard.notes[0]
    assert "「饥」作「饑」（依韻）" in in_language(heard.notes[0], "zh")


def test_what_was_chosen_is_told() -> None:
    heard = interpret_couplet("晓镜但愁云鬓改，夜吟应觉月光寒。")
    [note] = heard.notes
    assert note.endswith("; 云 as 雲")
    assert in_language(note, "zh").endswith("，其中「云」作「雲」")
    # 尽 is 儘 too, which poets hardly wrote: nothing to tell.
    assert interpret_couplet("白日依山尽，黄河入海流。").notes[0].endswith("黃河入海流。")


def test_a_simplified_poem_to_train_on_is_read_as_a_whole(tmp_path: Path) -> None:
    # That the couplet is simplified is seen in the rest only: 余 is an old character too.
    path = tmp_path / "poems.json"
    record = {"input": "新家孟城口，古木余衰柳。", "output": "来者复为谁，空悲昔人有。"}
    path.write_text(json.dumps([record]), encoding="utf-8")
    [example] = training_corpus(path).examples
    assert example.couplet == "新家孟城口，古木餘衰柳。"
    assert example.completion == "來者復爲誰，空悲昔人有。"


def test_the_poems_of_the_homework_come_back(hw5: Path) -> None:
    rows = json.loads((hw5 / "Tang_training_data.json").read_text("utf-8"))[::5]
    texts = [row["input"] + row["output"] for row in rows]
    assert [convert(text).text for text in texts] == texts
    shorten, back = opencc.OpenCC("t2s").convert, opencc.OpenCC("s2t").convert
    ours = theirs = places = 0
    for text in texts:
        short = shorten(text)
        read, words = convert(short), back(short)
        assert len(read.text) == len(text)
        for choice in read.choices:
            places += 1
            ours += read.text[choice.place] == text[choice.place]
            theirs += words[choice.place] == text[choice.place]
    assert places > 2000 and (places - ours) * 3 < places - theirs
