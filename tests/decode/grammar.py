"""What tests of the constraint share: couplets, walks, and a quatrain's language spelled out.

The language is built from the readings and the patterns of verse alone, not from `decode`; the
words that fix a reading are not in it.
"""

import random
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lianju.config import VerseSettings
from lianju.decode import Constraint, Masks, State, rules_for
from lianju.model import Vocabulary
from lianju.verse import (
    LEVEL,
    OBLIQUE,
    PATTERNS,
    Pattern,
    alphabet,
    anywhere,
    lines_of,
    may_follow,
    opening,
    rhymes,
    standard,
    type_after,
)

# Lines of five and of seven; the second line of type B and of type D; first lines that rhyme.
LEGAL = (
    "白日依山盡，黃河入海流。",
    "空山新雨後，天氣晚來秋。",
    "花明綺陌春，柳拂御溝新。",
    "朝辭白帝彩雲間，千里江陵一日還。",
    "月落烏啼霜滿天，江楓漁火對愁眠。",
    "兩箇黃鸝鳴翠柳，一行白鷺上青天。",
)
# An oblique rhyme, a broken metre, and a first line of another rhyme that is no neighbour.
ILLEGAL = (
    "千山鳥飛絕，萬徑人蹤滅。",
    "床前看月光，疑是地上霜。",
    "清明時節雨如絲，路上行人欲斷魂。",
)


# What Tang poets wrote, each regular by the readings that were most in use.
POEMS = (
    "白日依山盡，黃河入海流。欲窮千里目，更上一層樓。",
    "空山新雨後，天氣晚來秋。明月松間照，清泉石上流。竹喧歸浣女，蓮動下漁舟。隨意春芳歇，王孫自可留。",
    "朝辭白帝彩雲間，千里江陵一日還。兩岸猿聲啼不住，輕舟已過萬重山。",
    "君問歸期未有期，巴山夜雨漲秋池。何當共剪西窗燭，卻話巴山夜雨時。",
    "兩箇黃鸝鳴翠柳，一行白鷺上青天。窗含西嶺千秋雪，門泊東吳萬里船。",
    "國破山河在，城春草木深。感時花濺淚，恨別鳥驚心。烽火連三月，家書抵萬金。白頭搔更短，渾欲不勝簪。",
    "錦瑟無端五十絃，一絃一柱思華年。莊生曉夢迷蝴蝶，望帝春心託杜鵑。"
    "滄海月明珠有淚，藍田日暖玉生煙。此情可待成追憶，只是當時已惘然。",
)


@cache
def patchwork(seed: int, lacking: bytes = b"") -> Vocabulary:
    """Pieces of poems cut anywhere: words, parts of characters, both, punctuation, long ones.

    Every other piece stands twice. `lacking`: single bytes that have no token.
    """
    chance = random.Random(seed)
    cut = []
    for _ in range(400):
        poem = chance.choice(POEMS)
        whole = chance.random() < 0.4
        text = "".join(lines_of(poem)).encode() if whole else poem.encode()
        size = chance.choice([6, 9, 12] if whole else [2, 3, 4, 5, 6, 8, 12, 24, 30])
        start = chance.randrange(len(text)) // 3 * 3 if whole else chance.randrange(len(text))
        cut.append(text[start : start + size])
    single = [bytes([byte]) for byte in range(256) if byte not in lacking]
    known = {*"，。春夏秋冬天地", *chance.sample(alphabet(), 3000)}
    characters = [character.encode() for character in sorted(known)]
    tokens: list[bytes | None] = [None, None, None, *single, *characters, *cut, *cut[::2]]
    return Vocabulary(tokens, range(len(tokens)), len(tokens), bos=2, stop=1, pad=0)


def constraint(couplet: str, masks: Masks, **verse: object) -> Constraint:
    """The rules that a couplet and settings make."""
    rules = rules_for(couplet, VerseSettings.model_validate(verse))
    assert rules is not None
    return Constraint(rules, masks)


def walk(rules: Constraint, seed: int, most: int = 10_000) -> Iterator[tuple[State, int]]:
    """States on a random way, each with the token that is taken there, the stop token last.

    Tokens of every length in bytes are equally likely, so that all kinds of state are seen.
    """
    chance = random.Random(seed)
    vocabulary = rules.masks.vocabulary
    state: State | None = rules.start
    for _ in range(most):
        assert state is not None
        allowed = np.flatnonzero(rules.mask(state))
        assert len(allowed), f"a dead end: {state}"
        sizes = _sizes(rules.masks)[allowed]
        wanted = chance.choice(np.unique(sizes).tolist())
        token = chance.choice(allowed[sizes == wanted].tolist())
        yield state, token
        if token == vocabulary.stop:
            return
        state = rules.advance(state, token)


@cache
def _sizes(masks: Masks) -> NDArray[np.int64]:
    """The bytes of each token."""
    return np.array([len(token or b"") for token in masks.vocabulary.tokens])


def regex(
    couplet: str, heads: str = "", given: Mapping[int, str] = MappingProxyType({}), tail: str = ""
) -> str:
    """All that may follow a couplet in a quatrain, as an expression that every engine reads."""
    lines = lines_of(couplet)
    three, four = given.get(3, ""), given.get(4, "")
    used = frozenset(standard(line[-1]) for line in lines)
    last = four[-1:] or tail
    open_to: dict[str, int] = {}
    for type, rhyme in opening(lines).ways:
        if not last or rhyme & rhymes(last):
            open_to[type] = open_to.get(type, 0) | rhyme
    ways = []
    for type, rhyme in open_to.items():
        end = tail or _rhyming(rhyme, used)
        for third in _third(type, rhyme, len(lines[0])):
            if not _suits(three, third):
                continue
            above = three or _line(third.marks, heads[:1])
            below = [
                four or _line(p.marks[:-1], heads[1:], end)
                for p in _fourth(type, third)
                if _suits(four, p)
            ]
            if above and any(below):
                ways.append(f"(?:{above}，(?:{'|'.join(filter(None, below))})。)")
    return "|".join(ways)


def _third(type: str, rhyme: int, length: int) -> list[Pattern]:
    if type:
        after = type_after(type, 2)
        return [p for p in PATTERNS[length] if p.type == after and not p.tolerated]
    return [Pattern("", "0" * (length - 1) + ("2" if rhyme & LEVEL else "1"))]


def _fourth(type: str, third: Pattern) -> list[Pattern]:
    if type:
        return [p for p in PATTERNS[len(third.marks)] if may_follow(third, p, 3)]
    return [Pattern("", "0" * len(third.marks))]


def _suits(line: str, pattern: Pattern) -> bool:
    """Whether a line that is given, if one is, has the tones of the pattern."""
    return all(c in _toned(mark) for c, mark in zip(line, pattern.marks, strict=False))


def _line(marks: str, head: str, end: str = "") -> str:
    """A line of this pattern; nothing if its head does not suit."""
    places = [_toned(mark) for mark in marks] + [end] * bool(end)
    if head:
        places[0] = head if head in places[0] else ""
    return "".join(f"[{place}]" for place in places) if places[0] else ""


@cache
def _toned(mark: str) -> str:
    tones = {"0": LEVEL | OBLIQUE, "1": LEVEL, "2": OBLIQUE}[mark]
    return "".join(c for c in alphabet() if anywhere(c) & tones)


@cache
def _rhyming(groups: int, used: frozenset[str]) -> str:
    return "".join(c for c in alphabet() if rhymes(c) & groups and standard(c) not in used)
