"""What each line of a plain text is: verse, a heading, nothing of a poem, or unclear.

>>> [line.kind for line in lines_in("春曉　孟浩然\\n春眠不覺曉，處處聞啼鳥。\\n- 12 -\\nhello")]
['words', 'verse', 'none', 'odd']
"""

import re
from dataclasses import dataclass
from typing import Literal

from lianju.corpus.characters import foreign, placeholders
from lianju.corpus.records import LONGEST
from lianju.corpus.verse_text import even_lines, has_verse, split_heading, verse_only
from lianju.verse import STOPS, is_han, lines_of, visible

# verse: lines that marks or their even length part. words: Han characters without either, a
# heading or a line of verse, as what is around it tells. heading: surely one. none: nothing of a
# poem, such as a page number. notes: here commentary begins. odd: what looks like no verse.
Kind = Literal["blank", "verse", "words", "heading", "none", "notes", "odd"]

_HAN_NUMBER = "一二三四五六七八九十百"
_NUMBER = re.compile(
    rf"(?:\d{{1,6}}|[{_HAN_NUMBER}]{{1,5}})\s?[.．、)）:：](?!\d)\s*|\d{{1,6}}\s{{1,8}}(?=[\u4e00-\u9fff])"
    r"|[(（\[【]\d{1,6}[)）\]】]\s*|第\d{1,6}首[:：]?\s*"
)
_BULLET = re.compile(r"(?:[-*•●◦>▪]|#{1,6})\s+")
_PAGE = re.compile(
    rf"第?\s?[\d{_HAN_NUMBER}]{{1,6}}\s?[頁页]|[頁页]\s?\d{{1,6}}"
    r"|p(?:age|\.)?\s?\d{1,6}(?:\s?(?:/|of)\s?\d{1,6})?|\d{1,6}\s?/\s?\d{1,6}"
    r"|[-—–·\s]{0,9}\d{1,6}[-—–·\s]{0,9}",
    re.IGNORECASE,
)
# Titles of collections and chapters, which name no poem.
_CATEGORY = re.compile(
    rf"(?:[五六七雜杂]言|[五七])?(?:絕句|绝句|律詩|律诗|古詩|古诗|排律|樂府|乐府|[絕绝律古])"
    rf"(?:[上下]|[\d{_HAN_NUMBER}]{{1,5}}首)?"
    rf"|卷[\d{_HAN_NUMBER}]{{1,6}}|第[\d{_HAN_NUMBER}]{{1,6}}[章卷節节部輯辑]|其[{_HAN_NUMBER}]{{1,3}}"
    r"|目[錄录]|唐[詩诗]三百首|全唐[詩诗]|唐[詩诗]"
)
_LABEL = re.compile(
    r"[【\[]?\s?([A-Za-z]{2,12}|[\u4e00-\u9fff]{1,4})\s?(?:[】\]]\s?[:：]?|[:：])\s*"
)
_LABELS = {
    word: kind
    for kind, words in {
        "title": "詩名 诗名 題目 题目 標題 标题 詩題 诗题 篇名 題 题 title name",
        "author": "作者 詩人 诗人 author poet",
        "text": "內容 内容 正文 原文 詩句 诗句 全文 詩 诗 text poem content",
        "none": "朝代 年代 時代 时代 體裁 体裁 類型 类型 出處 出处 來源 来源 編號 编号 "
        "dynasty type form source id",
        "notes": "注釋 注释 註釋 注 註 譯文 译文 翻譯 翻译 賞析 赏析 白話 白话 備註 备注 解說 解说 "
        "簡析 简析 按 notes translation",
    }.items()
    for word in words.split()
}
_NAMED = re.compile(r"([^《》]{0,12})《([^《》]{1,40})》([^《》]{0,12})")
# What names the poem that stands above it.
_SOURCE = re.compile("[—―─]{1,3}\\s?[^，。？！；]{2,40}$|[出選选錄录摘]自")
# Words of today's prose that verse hardly has.
_PROSE = re.compile("[的了們们這这嗎吗呢吧它她]|因為|因为|所以|但是|我是|是一")
_RULES = frozenset("*_=+|~<>…⋯＊＿＝＋｜～")
_LONGEST_LINE = 20
# Characters of a quatrain or of eight lines that nothing parts.
WHOLE = (20, 28, 40, 56)


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of a text, its number in it from 1, and the verse or the words in it.

    `numbered`: a number stood before it.
    """

    number: int
    kind: Kind
    raw: str
    text: str = ""
    title: str = ""
    author: str = ""
    numbered: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        """Its lines of verse."""
        return lines_of(self.text)

    @property
    def ends(self) -> bool:
        """Whether a sentence ends with it."""
        return self.text.rstrip()[-1:] in "。！？.!?"


def lines_in(text: str) -> list[TextLine]:
    """The lines of a text, one by one."""
    return [_line(number, line) for number, line in enumerate(text.splitlines(), 1)]


def _line(number: int, raw: str) -> TextLine:
    raw = raw.strip()
    if len(raw) > LONGEST:
        return TextLine(number, "odd", raw)
    text = visible(raw).strip()
    if not text:
        return TextLine(number, "blank", raw)
    if _PAGE.fullmatch(text[:41]) or not (any(map(str.isalnum, text)) or _lacks(text)):
        return TextLine(number, "none", raw)
    counted = _NUMBER.match(text)
    if lead := counted or _BULLET.match(text):
        text = text[lead.end() :]
    said = _LABEL.match(text)
    label = _LABELS.get(said[1].casefold(), "") if said else ""
    if said and label:
        text = text[said.end() :]
    if label in ("title", "author"):
        name = verse_only(text).strip()
        title, author = (name, "") if label == "title" else ("", name)
        return TextLine(number, "heading", raw, title=title, author=author)
    if label in ("none", "notes") or not text:
        return TextLine(number, "notes" if label == "notes" else "none", raw)
    title, author, verse = split_heading(text)
    if title:
        return TextLine(number, "verse", raw, verse_only(verse), title, author, counted is not None)
    if _SOURCE.match(text) or (has_verse(text) and not has_verse(verse_only(text))):
        return TextLine(number, "none", raw)
    if found := _NAMED.fullmatch(text):
        author = verse_only(found[1] or found[3]).strip()
        return TextLine(number, "heading", raw, title=found[2], author=author)
    verse = verse_only(text)
    kind = _kind(verse.rstrip(" :："), counted is not None)
    if lead and lead[0][0] == "#" and kind == "words":
        kind = "heading"
    return TextLine(number, kind, raw, verse, numbered=counted is not None)


def _lacks(text: str) -> bool:
    """Whether lost characters stand in a text, and not only what lines are ruled with."""
    return bool(placeholders("".join(sign for sign in text if sign not in _RULES)))


def _kind(text: str, numbered: bool) -> Kind:
    lines = lines_of(text)
    if not has_verse(text):
        return "odd"
    if _CATEGORY.fullmatch("".join(lines)):
        return "none"
    han = [is_han(line) or bool(placeholders(line)) for line in lines]
    # A model may write anything after the couplet of a numbered poem.
    if foreign(text) and not (numbered and len(lines) > 1 and all(han[:2])):
        return "verse" if len(lines) >= 4 and sum(han) * 4 >= len(han) * 3 else "odd"
    if even_lines(text) or (len(lines) == 1 and len(lines[0]) in WHOLE):
        return "verse"
    uneven = len({len(line) for line in lines}) > 1
    if max(map(len, lines)) > _LONGEST_LINE or (uneven and _PROSE.search(text)):
        return "odd"
    return "verse" if any(sign in STOPS for sign in text) else "words"
