"""The verse in a chat model's answer, which may hold much else.

Chat models say the couplet again, add a title, quote, explain. What counts as verse is told from
its outside, by a rule that would rather leave verse unfound than take prose for it, and that
mends nothing: a line of the wrong length within the poem stays in it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from lianju.corpus import key
from lianju.verse import STOPS, is_han, lines_of, normal, visible

# line: of five or seven characters. near: may be a line that went wrong. prose: anything else.
_Kind = Literal["line", "near", "prose"]
AnswerKind = Literal["verse", "around", "prose", "refused"]

# In simplified characters, as `key` folds them: words with which one talks about a poem. Of poets'
# lines hardly any has one; see tests/evaluate/test_found_verse.py.
_TALK = re.compile(
    "[这此全本整]首|全诗|以下|如下|续写|补全|补充完|描写|描绘|表达|意境|作者|赏析|鉴赏|译文|翻译|注释"
    "|唐诗|诗歌|律诗|绝句|[上下首颔颈尾]联|抱歉|对不起|喜欢|希望|这是|完整|版本|改写|谢谢|我们|什么"
)
# Words of today's prose: a piece that is no whole line and has one belongs to what is said.
_MODERN = re.compile("[的了们这吗呢吧它她你]|因为|所以|但是")
_REFUSAL = re.compile(
    r"抱歉|对不起|无法|不能|不会|\b(?:sorry|cannot|can't|unable|refuse)\b", re.IGNORECASE
)
# In so many characters from the beginning a refusal is looked for.
_BEGINNING = 100
_LONGEST = 12

_FENCE = re.compile(r"^[ \t]*```.*$", re.MULTILINE)
_BREAK = re.compile(r"<br\s*/?>|\r\n?", re.IGNORECASE)
_LEAD = re.compile(r"^[ \t]*(?:>[ \t]*)*(?:[-+•●*][ \t]+|\d{1,2}[.、)][ \t]*)?", re.MULTILINE)
_HEADING = re.compile(r"^[ \t]*#{1,6}[ \t].*$", re.MULTILINE)
_EMPHASIS = re.compile("[*_`~]+")
_ASIDE = re.compile(
    r"[(（\[【〔《〈][^()（）\[\]【】〔〕《》〈〉\n]{0,200}[)）\]】〕》〉]|[\u2460-\u2473]"
)
# Quotation marks part what is quoted from what stands around it, as a new line does.
_ROW_END = re.compile("([\n「」『』“”\"‘’'])")
_PIECE = re.compile(rf"([^{STOPS}\s/／|｜]+)([{STOPS}\s/／|｜]*)")
_THOUGHT = "</think>"


@dataclass(frozen=True)
class FoundVerse:
    """What an answer holds.

    `text`: the continuation of the couplet as the corpus writes verse, "" where there is none.
    `prose`: how many letters, digits and characters of the answer are neither that nor the
    couplet said again. `last`: whether no more than a broken line stands after the verse. `kind`:
    "verse" alone;
    verse with prose "around" it; "prose" only; or "refused", without verse: an answer that is
    empty or says that it will not.
    """

    text: str
    prose: int
    last: bool
    kind: AnswerKind


@dataclass(frozen=True)
class _Piece:
    """Han characters up to a mark. `row`: the line of the answer; `mark`: what ends it in verse.

    `quoted`: what ends the row is a quotation mark, before which a mark is often left out.
    """

    text: str
    mark: str
    row: int
    ends_row: bool
    quoted: bool
    kind: _Kind


def verse_in(answer: str, couplet: str) -> FoundVerse:
    """The verse that goes on from `couplet` in an answer, and what stands around it.

    - What a reasoning model thought, up to </think>, is no part of the answer.
    - The answer is parted at marks, line ends and quotation marks; markdown, headings, notes in
      brackets and titles in 《》 are passed over.
    - A *line* is five or seven Han characters without a word of talk about poems. A poem is a
      stretch of pieces without prose between them that holds two lines which make a sentence, or
      that begins with the couplet; or all of the answer, if none of it is prose.
    - Of several stretches the one with the most lines counts. The couplet, if it is said again,
      and what stands before it are no part of the continuation.
    - Pieces of another length within the poem stay in it; at its ends only where they stand in the
      same row or right below and have no word of today's prose.
    - Rows without marks are given those of verse; nothing else is changed, characters least of all.

    >>> couplet = "白日依山盡，黃河入海流。"
    >>> verse_in(f"好的：\\n{couplet}\\n欲窮千里目，更上一層樓。", couplet)
    FoundVerse(text='欲窮千里目，更上一層樓。', prose=2, last=True, kind='around')
    >>> verse_in("這首詩描寫登樓望遠。", couplet).kind
    'prose'
    """
    spoken = _spoken(answer)
    pieces = list(_pieces(spoken))
    begin, end, again = _poem(pieces, couplet)
    text = _written(pieces[begin:end])
    prose = _letters(spoken) - _letters(text) - again
    if text:
        left = pieces[end:]
        last = not left or (len(left) == 1 and left[0].kind != "prose")
        return FoundVerse(text, prose, last, "around" if prose else "verse")
    refused = not _letters(spoken) or _REFUSAL.search(_folded(spoken[:_BEGINNING]))
    return FoundVerse("", prose, True, "refused" if refused else "prose")


def _spoken(answer: str) -> str:
    spoken = answer.rpartition(_THOUGHT)[2]
    return "" if spoken.lstrip().startswith("<think>") else spoken


def _folded(text: str) -> str:
    """Simplified, with all that is no Han character as it is."""
    return "".join(key(sign) or sign for sign in text)


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))


# --- pieces --------------------------------------------------------------------------------


def _pieces(spoken: str) -> Iterator[_Piece]:
    plain = _BREAK.sub("\n", visible(spoken))
    for pattern, instead in ((_FENCE, ""), (_HEADING, ""), (_LEAD, ""), (_EMPHASIS, "")):
        plain = pattern.sub(instead, plain)
    plain = _ASIDE.sub(_kept_verse, plain)
    rows = _ROW_END.split(plain)
    for row, (line, end) in enumerate(zip(rows[::2], [*rows[1::2], "\n"], strict=True)):
        found = list(_PIECE.finditer(line))
        for at, piece in enumerate(found):
            mark = "".join(piece[2].split()) or (" " if piece[2] else "")
            last = at + 1 == len(found)
            yield _Piece(piece[1], mark, row, last, last and end != "\n", _kind(piece[1]))


def _kept_verse(aside: re.Match[str]) -> str:
    """Nothing for a note or a title; what stands in brackets where that is verse."""
    inner = aside[0][1:-1]
    lines = lines_of(inner)
    verse = len(lines) > 1 and all(_kind(line) == "line" for line in lines)
    return f"\n{inner}\n" if verse else ""


def _kind(text: str) -> _Kind:
    if _TALK.search(key(text)):
        return "prose"
    if is_han(text):
        if len(text) in (5, 7):
            return "line"
        return "near" if len(text) <= _LONGEST else "prose"
    # Broken bytes and strange signs within a line of verse.
    han, latin = any(map(is_han, text)), re.search("[A-Za-z]{2}", text)
    return "near" if han and not latin and len(text) <= _LONGEST else "prose"


# --- the poem among them -------------------------------------------------------------------


def _poem(pieces: Sequence[_Piece], couplet: str) -> tuple[int, int, int]:
    """Where the continuation begins and ends, and the size of the couplet that was said again."""
    best, most = (0, 0, 0), 0
    whole = all(piece.kind != "prose" for piece in pieces)
    for begin, end in _stretches(pieces):
        said, again, goes_on = _couplet_in(pieces[begin:end], couplet), 0, False
        if said is not None:
            begin, again = begin + said + 2, _letters(couplet)
            # What a closing quotation mark parts from the couplet does not go on from it.
            goes_on = not pieces[begin - 1].quoted
        start, stop = _trimmed(pieces, begin, end, goes_on)
        part = pieces[start:stop]
        if not (goes_on or _has_sentence(part) or (whole and said is None and _alone(part))):
            continue
        count = 1 + sum(piece.kind == "line" for piece in pieces[start:stop])
        if stop > start and count > most:
            best, most = (start, stop, again), count
    return best


def _stretches(pieces: Sequence[_Piece]) -> Iterator[tuple[int, int]]:
    """The stretches without prose."""
    begin = 0
    for at, piece in enumerate(pieces):
        if piece.kind == "prose":
            if at > begin:
                yield begin, at
            begin = at + 1
    if len(pieces) > begin:
        yield begin, len(pieces)


def _couplet_in(pieces: Sequence[_Piece], couplet: str) -> int | None:
    """Where the couplet is said again, variants of characters folded."""
    lines = [key(line) for line in lines_of(couplet)]
    keys = [key(piece.text) for piece in pieces]
    return next((at for at in range(len(keys) - 1) if keys[at : at + 2] == lines), None)


def _has_sentence(pieces: Sequence[_Piece]) -> bool:
    """Whether two lines of one length make a sentence, or two rows."""
    for at, (first, second) in enumerate(pairwise(pieces)):
        before = pieces[at - 1] if at else None
        begins = before is None or _ends_sentence(before)
        alike = first.kind == second.kind == "line" and len(first.text) == len(second.text)
        if alike and begins and _ends_sentence(second):
            return True
    return False


def _ends_sentence(piece: _Piece) -> bool:
    return piece.ends_row or bool(set(piece.mark) & set("。？！；.?!;："))


def _alone(pieces: Sequence[_Piece]) -> bool:
    """Whether pieces without prose around them are an attempt at verse."""
    if any(_MODERN.search(key(piece.text)) for piece in pieces if piece.kind == "near"):
        return False
    lengths = [len(piece.text) for piece in pieces]
    return any(piece.kind == "line" for piece in pieces) or (
        len(lengths) > 1 and len(set(lengths)) == 1 and lengths[0] > 2
    )


def _trimmed(
    pieces: Sequence[_Piece], begin: int, end: int, after_couplet: bool
) -> tuple[int, int]:
    """A stretch without headings before it and words after it."""
    lines = [at for at in range(begin, end) if pieces[at].kind == "line"]
    if not lines:
        return (begin, end) if _alone(pieces[begin:end]) else (begin, begin)
    start, stop = lines[0], lines[-1] + 1
    if after_couplet:
        start = begin
    elif len(lines) > 1 and _is_heading(pieces[start:stop]):
        start = lines[1]
    while start > begin and _belongs(pieces[start - 1], pieces[start], 0):
        start -= 1
    while stop < end and _belongs(pieces[stop], pieces[stop - 1], 1):
        stop += 1
    return start, stop


def _belongs(piece: _Piece, beside: _Piece, rows: int) -> bool:
    """Whether a piece beside the verse is a line that went wrong, and no word about it."""
    return (
        abs(piece.row - beside.row) <= rows
        and (bool(piece.mark) or not beside.mark)
        and not set(piece.mark) & set("：:！!")
        and is_han(piece.text)
        and len(piece.text) > 2
        and not _MODERN.search(key(piece.text))
    )


def _is_heading(pieces: Sequence[_Piece]) -> bool:
    """Whether the first line is a title: a row by itself, not marked as those below are."""
    if not pieces[0].ends_row:
        return False
    first, second = pieces[:2]
    if set(first.mark) & set("：:"):
        return True
    apart, marked = second.row - first.row > 1, any(set(p.mark) - {" "} for p in pieces[1:])
    return not first.mark.strip() and marked and (apart or bool(set(second.mark) & set("，、,")))


def _written(pieces: Sequence[_Piece]) -> str:
    """The pieces as a poem."""
    if not pieces:
        return ""
    text = "".join(
        piece.text + (piece.mark or ("\n" if piece.ends_row else "")) for piece in pieces
    )
    written = normal(text)
    if written[-1] in STOPS:
        return written
    # Rows without marks end as verse does; a poem of marked lines that lacks its last one lacks it.
    marked = any(piece.mark.strip() for piece in pieces[:-1])
    return written if marked and not pieces[-1].quoted else f"{written}。"
