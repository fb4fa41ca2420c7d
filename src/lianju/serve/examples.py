"""Couplets to begin with, famous ones and those of the large corpus, which is never downloaded."""

import random
from functools import cache
from math import ceil

from lianju.corpus import (
    UnavailableError,
    cached_large,
    test_set,
    validation_poems,
)
from lianju.verse import lines_of, opening

_UNSEEN = 500
# Couplets that every reader knows and that open regulated verse; of poems that are neither among
# the homework's, which recipes train on, nor among its 15 tests.
FAMOUS = (
    "空山新雨後，天氣晚來秋。",
    "移舟泊煙渚，日暮客愁新。",
    "海上生明月，天涯共此時。",
    "紅豆生南國，春來發幾枝。",
    "青山橫北郭，白水遶東城。",
    "城闕輔三秦，風煙望五津。",
    "離離原上草，一歲一枯榮。",
    "客路青山外，行舟綠水前。",
    "向晚意不適，驅車登古原。",
    "綠蟻新醅酒，紅泥小火爐。",
    "北斗七星高，哥舒夜帶刀。",
    "西陸蟬聲唱，南冠客思深。",
    "遠上寒山石徑斜，白雲生處有人家。",
    "煙籠寒水月籠沙，夜泊秦淮近酒家。",
    "朝辭白帝彩雲間，千里江陵一日還。",
    "渭城朝雨浥輕塵，客舍青青柳色新。",
    "錦瑟無端五十絃，一絃一柱思華年。",
    "葡萄美酒夜光杯，欲飲琵琶馬上催。",
    "獨憐幽草澗邊生，上有黃鸝深樹鳴。",
    "朱雀橋邊野草花，烏衣巷口夕陽斜。",
    "誰家玉笛暗飛聲，散入春風滿洛城。",
    "雲想衣裳花想容，春風拂檻露華濃。",
    "寒雨連江夜入吳，平明送客楚山孤。",
    "獨在異鄉為異客，每逢佳節倍思親。",
    "天街小雨潤如酥，草色遙看近卻無。",
    "千里鶯啼綠映紅，水村山郭酒旗風。",
    "銀燭秋光冷畫屏，輕羅小扇撲流螢。",
)


def some_openings(count: int) -> list[str]:
    """At most so many couplets to begin with, drawn at random; a third of them are famous, and the
    first one is.
    """
    unseen = [couplet for couplet in _unseen() if couplet not in FAMOUS]
    others = min(len(unseen), count - ceil(count / 3))
    famous = random.sample(FAMOUS, min(len(FAMOUS), count - others))
    return famous + random.sample(unseen, others)


@cache
def _unseen() -> tuple[str, ...]:
    """First couplets that open regulated verse, of real poems that nobody trains on; none where the
    corpus is not there.
    """
    try:
        large = cached_large()
    except UnavailableError:
        return ()
    unseen = (poem.couplet for poem in validation_poems(large, test_set(), _UNSEEN))
    return tuple(couplet for couplet in unseen if _opens(couplet))


def _opens(couplet: str) -> bool:
    found = opening(lines_of(couplet))
    return not found.faults and not found.rare
