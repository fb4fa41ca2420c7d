"""Simplified text read as verse in traditional characters.

A simplified character may stand for several: 发 is 發 or 髮, 里 is 里 or 裏. Which is meant is told
by how often Tang poets wrote each beside the same neighbours (`data/ambiguous.tsv`, which
`tools/ambiguous.py` counts) and, where that leaves it open, by tone and rhyme.

>>> convert("白头搔更短，浑欲不胜簪。").text
'白頭搔更短，渾欲不勝簪。'
>>> convert("溪邊論宿處，澗下指飡厨。萬里山河異，千般物色殊。").text
'溪邊論宿處，澗下指飡廚。萬里山河異，千般物色殊。'
"""

import functools
import math
import re
from dataclasses import dataclass, replace
from importlib import resources

from lianju.corpus.characters import in_big5, is_simplified, is_traditional, key, one_by_one
from lianju.verse import RHYME_RULES, Bilingual, Verdict, check, groups, is_han

EDGE = "^"
# The counts beside a neighbour weigh against so many uses of the character anywhere.
WEIGHT = 2
# Where the neighbours are no surer than that, tone and rhyme decide, for so many characters.
_OPEN, _TRIED = math.log(30), 8
# What poets wrote so much less often than another needs no word, nor does a character that stays
# as it is and is so sure to.
_SELDOM, _SURE = 1 / 50, math.log(20)
_NAMED = 20
_TONE, _RHYME = Bilingual("for its tone", "依平仄"), Bilingual("for its rhyme", "依韻")
_LINE = re.compile(r"\w+")
_COUNTED = re.compile(r"(\D)([\d,]+)")


@dataclass(frozen=True)
class Uses:
    """How often poets wrote each character that a simplified one stands for; and how often after
    or before a neighbour, where that tells something.
    """

    counts: dict[str, int]
    after: dict[str, tuple[int, ...]]
    before: dict[str, tuple[int, ...]]

    def ranked(self, left: str, right: str, doubled: str = "") -> list[tuple[str, float]]:
        """The characters between two neighbours, the likeliest first; each with the logarithm of
        how much less likely it is. `doubled`: the character, if it stands there twice: 郁郁.
        """
        total = sum(self.counts.values())
        rows = (self.after.get(left), self.before.get(right), self.before.get(doubled))
        beside = [row for row in rows if row]
        found = []
        for at, (character, count) in enumerate(self.counts.items()):
            gains = (math.log(WEIGHT + row[at] * total / count) for row in beside)
            found.append((math.log(count) + sum(gains), character))
        best = max(found)[0]
        return [(c, best - weight) for weight, c in sorted(found, reverse=True)]

    @property
    def several(self) -> bool:
        """Whether poets used more than one as a matter of course."""
        counts = sorted(self.counts.values())
        return len(counts) > 1 and counts[-2] >= counts[-1] * _SELDOM


@dataclass(frozen=True)
class CharacterChoice:
    """What a character that stands for several is read as. `others`: what else it can be, and the
    logarithm of how much less likely that is. `why`: what told, if not its neighbours.
    """

    place: int
    written: str
    read: str
    others: tuple[tuple[str, float], ...]
    why: Bilingual | None = None


@dataclass(frozen=True)
class Converted:
    """A text in traditional characters; the unmistakably simplified characters that it had; and
    what was chosen where one stands for several.
    """

    text: str
    simplified: str = ""
    choices: tuple[CharacterChoice, ...] = ()

    @property
    def chosen(self) -> Bilingual | None:
        """The choices that a reader should know of, in words."""
        every = {(c.written, c.read, c.why): None for c in self.choices if _worth_a_word(c)}
        if not every:
            return None
        some = list(every)[:_NAMED]
        return Bilingual(
            ", ".join(
                f"{a} as {'itself' if a == b else b}{f' {why}' if why else ''}"
                for a, b, why in some
            ),
            "、".join(
                f"「{a}」{'仍' if a == b else ''}作「{b}」{f'（{why.zh}）' if why else ''}"
                for a, b, why in some
            ),
        )


def convert(text: str) -> Converted:
    """`text` in traditional characters, one for one.

    What is simplified through and through has every character considered. In other text only those
    are changed that are unmistakably simplified, or that poets did not write: 胜 for 勝. 里 or 后
    may be meant as they stand.
    """
    found = "".join(dict.fromkeys(filter(_must_change, text)))
    written, choices = list(text), []
    for place in _considered(text) if found else ():
        character = text[place]
        known = uses(character)
        if not known:
            written[place] = one_by_one(character)
            continue
        (read, _), *others = known.ranked(*_beside(text, place))
        written[place] = read
        if others:
            choices.append(CharacterChoice(place, character, read, tuple(others)))
    return _settled(Converted("".join(written), found, tuple(choices)))


@functools.cache
def uses(character: str) -> Uses | None:
    """How poets used what a simplified character stands for; None if that is one, or unknown."""
    row = _rows().get(character)
    if not row:
        return None
    counts, after, before = (_counted(cell) for cell in row.split("\t"))
    return Uses({c: number for c, (number,) in counts.items()}, after, before)


def _considered(text: str) -> list[int]:
    """The places of the characters that may have to be changed."""
    places = {place for place, character in enumerate(text) if _must_change(character)}
    if len(places) > sum(map(is_traditional, text)):
        for line in _LINE.finditer(text):
            found = range(*line.span())
            # Such a line among simplified ones comes from elsewhere, and is right as it stands.
            if sum(map(is_traditional, line[0])) < 2 or not places.isdisjoint(found):
                places.update(place for place in found if _is_open(text[place]))
    return sorted(places)


def _beside(text: str, place: int) -> tuple[str, str, str]:
    """The neighbours of a character, simplified; beyond its double, which is the third."""
    before, after = text[:place][-2:], text[place + 1 : place + 3]
    doubled = text[place] if text[place] in (before[-1:], after[:1]) else ""
    left = before.removesuffix(text[place])[-1:]
    right = after.removeprefix(text[place])[:1]
    return key(left) or EDGE, key(right) or EDGE, doubled


@functools.cache
def _must_change(character: str) -> bool:
    """Whether a character can only be simplified in verse."""
    if is_simplified(character) or not (_is_open(character) and in_big5(character)):
        return is_simplified(character)
    known = uses(character)
    return one_by_one(character) != character and not (known and character in known.counts)


@functools.cache
def _is_open(character: str) -> bool:
    """Whether a character of simplified text may stand for another."""
    return is_han(character) and not is_traditional(character)


def _counted(cell: str) -> dict[str, tuple[int, ...]]:
    return {c: tuple(map(int, numbers.split(","))) for c, numbers in _COUNTED.findall(cell)}


@functools.cache
def _rows() -> dict[str, str]:
    path = resources.files("lianju.corpus") / "data/ambiguous.tsv"
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line[0]: line[2:] for line in lines if not line.startswith("#")}


def _settled(read: Converted) -> Converted:
    """With what suits tone and rhyme better, where the neighbours leave it open."""
    near = [index for index, c in enumerate(read.choices) if c.others[0][1] < _OPEN]
    if not near:
        return read
    choices, text, verdict = list(read.choices), read.text, check(read.text)
    for index in sorted(near, key=lambda index: choices[index].others[0][1])[:_TRIED]:
        if verdict.why or not verdict.faults:
            break
        choice = choices[index]
        for other, behind in choice.others:
            tried = text[: choice.place] + other + text[choice.place + 1 :]
            told = behind < _OPEN and groups(other) != groups(choice.read)
            found = check(tried) if told else verdict
            if len(found.faults) < len(verdict.faults) and not found.why:
                choices[index] = replace(choice, read=other, why=_reason(verdict, found))
                text, verdict = tried, found
    return Converted(text, read.simplified, tuple(choices))


def _reason(worse: Verdict, better: Verdict) -> Bilingual:
    mended = {*worse.faults} - {*better.faults}
    return _RHYME if any(fault.rule in RHYME_RULES for fault in mended) else _TONE


def _worth_a_word(choice: CharacterChoice) -> bool:
    known = uses(choice.written)
    kept = choice.read == choice.written and choice.others[0][1] >= _SURE
    return known is not None and known.several and not kept
