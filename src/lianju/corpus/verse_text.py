"""Verse without what prints around it: notes, quotation marks, numbers, titles, sources.

Everything here takes time in proportion to the text, whatever stands in it.

>>> verse_only("空山不見人，（「見」一作「是」。）但聞[人]語響。")
'空山不見人，但聞人語響。'
>>> verse_only("「欲窮千里目①，更上一層樓。」——王之渙《登鸛雀樓》")
'欲窮千里目，更上一層樓。'
>>> split_heading("王之渙《登鸛雀樓》：白日依山盡，黃河入海流。")
('登鸛雀樓', '王之渙', '白日依山盡，黃河入海流。')
"""

import re
from unicodedata import category

from lianju.verse import STOPS, is_han, is_plain, lines_of, visible

# An opening bracket and the one that closes it; parentheses of both widths are one kind.
_KINDS = dict(zip("（([［【〔〖", "(([[【〔〖", strict=True))
_CLOSES = dict(zip("）)]］】〕〗", "(([[【〔〖", strict=True))
# What a note in other brackets than parentheses begins with; all else there is of the poem.
_NOTE = re.compile(
    "(?:[0-9０-９一二三四五六七八九十]+$|[一又或亦原本別别校]作|一[云本]|自?[注註]|[按音].|[上下]缺|.?略$)"
)
_LOST, _LACKING = "□", ("缺", "闕", "阙", "脫", "脱", "?", "？")
# An editor's picture of a character that has no code: {臨/手}.
_COMPOSED = re.compile(r"\{[^{}\s]{1,12}\}")
_QUOTES = re.compile("[「」『』〈〉《》\"'“”‘’＂＇`#｀{}｛｝]")
_LONG_DASHES = "—―─━–‒‐－﹘-"
_DASHES = f"～~·・•‧{_LONG_DASHES}"
_DASH = re.compile(f"[{_DASHES}]+")
_FILL = re.compile("[…⋯]+|[*＊_＿]+")
_STOPS = re.compile(f"[{re.escape(STOPS)}]{{2,}}")
_SENTENCE_ENDS = "。！？!?.｡．"
_QUOTES_OR_SPACE = re.compile("[「」『』\"'“”‘’＂＇\\s]")
_SOURCE = re.compile(f"[{_DASHES}]|作者|[出選选錄录摘]自|[^《》]{{0,12}}《")
_LONGEST_SOURCE = 40
_PART = r"[^\s《》，。？！；、：,?!;:]"
_TITLE = re.compile(rf"({_PART}{{0,12}})\s*《([^《》\n]{{1,40}})》[\s:：]*")
_AUTHOR = re.compile(rf"({_PART}{{2,12}})[\s:：]+")
_APART = re.compile(rf"({_PART}{{1,20}})(?:\s+({_PART}{{2,8}}))?[\s:：]+")


def verse_only(text: str) -> str:
    """`text` without notes, numbers of notes, brackets, quotation marks, source and unseen signs.

    Dashes and dots part lines; of stops in a row the weightiest is left.
    """
    if is_plain(text):
        return text
    text = _without_notes(_COMPOSED.sub(_LOST, _printable(visible(text))))
    text = _QUOTES.sub("", _without_source(text))
    text = _FILL.sub(_filled, text)
    return _STOPS.sub(_weightiest, _DASH.sub(" ", text))


def has_verse(text: str) -> bool:
    """Whether there is any Han character in `text`."""
    return any(is_han(character) for character in text)


def even_lines(text: str) -> bool:
    """Whether `text` is lines of verse of one length, five or seven, in couplets."""
    lines = lines_of(text)
    return (
        bool(lines)
        and len(lines) % 2 == 0
        and len(lines[0]) in (5, 7)
        and all(len(line) == len(lines[0]) and is_han(line) for line in lines)
    )


def split_heading(text: str) -> tuple[str, str, str]:
    """Title, author and the verse that comes after them; title and author empty if there is none.

    They are told by 《 》, a colon or a space, and by even lines of verse after them.
    """
    if "：" not in text and is_plain(text):
        return "", "", text
    text = text.lstrip()
    if found := _TITLE.match(text):
        author, title, rest = found[1], found[2], text[found.end() :]
        if (after := _AUTHOR.match(rest)) and even_lines(verse_only(rest[after.end() :])):
            return title, after[1], rest[after.end() :]
        if even_lines(verse_only(rest)):
            return title, author, rest
    found = _APART.match(text)
    if not found or even_lines(verse_only(text)):
        return "", "", text
    for end in (found.end(), found.end(1) + 1):
        rest = text[end:]
        # A line of verse too many is no title.
        if even_lines(verse := verse_only(rest)) and len(found[1]) != len(lines_of(verse)[0]):
            return found[1], (found[2] or "") if end == found.end() else "", rest
    return "", "", text


def _printable(text: str) -> str:
    """Without control characters, but for white space, and without raised or circled numbers."""
    left_out = ("Cc", "No")
    return "".join(
        sign
        for sign in text
        if sign.isspace() or (category(sign) not in left_out and sign not in "†‡※")
    )


def _without_notes(text: str) -> str:
    """One pass with a stack, so that brackets within brackets cost nothing."""
    out: list[str] = []
    opened: list[tuple[str, int]] = []
    waiting = dict.fromkeys(_CLOSES.values(), 0)
    for sign in text:
        if kind := _KINDS.get(sign):
            opened.append((kind, len(out)))
            waiting[kind] += 1
            out.append(sign)
        elif waiting.get(kind := _CLOSES.get(sign, "")):
            while True:
                last, start = opened.pop()
                waiting[last] -= 1
                if last == kind:
                    break
            _close(out, start, kind)
        else:
            out.append(sign)
    return "".join(sign for sign in out if sign in "（()）" or sign not in _KINDS | _CLOSES)


def _close(out: list[str], start: int, kind: str) -> None:
    """Take away the note that begins at `start`, or only its bracket where it is no note."""
    words = "".join(out[start + 1 : start + 14])
    if words in _LACKING:
        out[start:] = [_LOST]
    elif kind == "(" or _NOTE.match(words):
        del out[start:]
    else:
        out[start] = ""


def _without_source(text: str) -> str:
    """Without what names the poem after its last line, such as ——王之渙《登鸛雀樓》."""
    end = max(text.rfind(sign) for sign in _SENTENCE_ENDS) + 1
    tail = _QUOTES_OR_SPACE.sub("", text[end:])
    if end and tail and len(tail) <= _LONGEST_SOURCE and _SOURCE.match(tail):
        return text[:end]
    dash = max(text.rfind(sign) for sign in _LONG_DASHES)
    name, verse = lines_of(text[dash + 1 :]), _QUOTES.sub("", text[: max(dash, 0)])
    named = len(name) == 1 and (len(name[0]) <= 4 or "《" in name[0])
    if dash > end and named and even_lines(verse.rstrip(_DASHES)):
        return verse.rstrip(_DASHES)
    return text


def _filled(found: re.Match[str]) -> str:
    """Dots and stars where they stand for lost characters; they part lines, or adorn them, too."""
    sign, text = found[0], found.string
    follows_verse = is_han(text[found.start() - 1 : found.start()])
    after = text[found.end() : found.end() + 1]
    if sign[0] in "＊＿" or (follows_verse and after and sign[0] in "*_"):
        return sign
    if not follows_verse or not after or sign[0] in "*_":
        return ""
    if len(sign) > 1:
        return " " if is_han(after) else ""
    return sign


def _weightiest(found: re.Match[str]) -> str:
    return next((sign for sign in found[0] if sign in _SENTENCE_ENDS), found[0][0])
