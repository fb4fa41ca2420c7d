"""What a user's words are taken for: a couplet in traditional characters with the signs of verse.

>>> interpret_couplet("空山新雨後 天氣晚來秋").text
'空山新雨後，天氣晚來秋。'
"""

import re
from dataclasses import dataclass
from unicodedata import category

from lianju.corpus.conversion import convert
from lianju.corpus.sentences import say
from lianju.corpus.verse_text import has_verse, split_heading, verse_only
from lianju.errors import UserError
from lianju.verse import (
    SENTENCE_ENDS,
    Bilingual,
    couplet_fault,
    is_han,
    lines_of,
    normal,
    visible,
)

_LONGEST = 200
_QUOTED, _NAMED = 100, 20
_AS_WRITTEN = re.compile(rf"\w+[，？！；：、。]\w+[{SENTENCE_ENDS}]")


@dataclass(frozen=True)
class Interpreted:
    """A text as it is read; `notes`: what to tell the user about that, one line each; the
    `simplified` characters that it had.
    """

    text: str
    notes: tuple[str, ...] = ()
    simplified: str = ""


def interpret_couplet(text: str) -> Interpreted:
    """The couplet to complete; a note where it is read otherwise or is not what poems begin with.

    Raises `UserError` for a text that is empty, too long, or no text.
    """
    if len(text) > _LONGEST:
        raise UserError(say("too_long", length=len(text), most=_LONGEST))
    check_text(text, say("couplet"))
    text = _on_a_line(text)
    plain = _on_a_line(verse_only(split_heading(text)[2])) if has_verse(text) else text
    if not lines_of(plain):
        raise UserError(say("empty"))
    heard = to_traditional(plain)
    couplet, notes = _punctuated(heard.text), heard.notes
    if couplet != (text if heard.text == plain else heard.text):
        given = text if heard.text == plain else heard.text
        notes += (say("read_as", given=given, couplet=couplet),)
    if fault := couplet_fault(couplet):
        notes += (say("no_couplet", couplet=couplet, fault=fault),)
    return Interpreted(couplet, notes)


def to_traditional(text: str) -> Interpreted:
    """Any text in traditional characters, with a note if it was not."""
    found = convert(text)
    if not found.simplified:
        return Interpreted(text)
    given, read, some = _quoted(text), _quoted(found.text), found.simplified[:_NAMED]
    chosen = found.chosen
    note = Bilingual(
        f"Note: {given} has simplified {some}; read as {read}" + (f"; {chosen}" if chosen else ""),
        f"「{given}」有簡體字「{some}」，讀作「{read}」" + (f"，其中{chosen.zh}" if chosen else ""),
    )
    return Interpreted(found.text, (note,), found.simplified)


def check_text(text: str, what: str) -> None:
    """Raise `UserError` where a text that the user gave has what nobody can have meant."""
    if any(category(sign) in ("Cc", "Cs") and not sign.isspace() for sign in text):
        raise UserError(say("no_text", what=what))


def _on_a_line(text: str) -> str:
    return " ".join(visible(text).split())


def _quoted(text: str) -> str:
    line = _on_a_line(text)
    return line if len(line) <= _QUOTED else f"{line[:_QUOTED]}…"


def _punctuated(couplet: str) -> str:
    """Two equal lines of Han characters with the signs of verse; any other text as it is."""
    lines = lines_of(couplet)
    if len(lines) == 1 and len(lines[0]) in (10, 14):
        half = len(lines[0]) // 2
        lines = (lines[0][:half], lines[0][half:])
    found = couplet.strip()
    equal = len(lines) == 2 and len(lines[0]) == len(lines[1]) and all(map(is_han, lines))
    if not equal or _AS_WRITTEN.fullmatch(found):
        return couplet
    end = normal(found)[-1]
    return f"{lines[0]}，{lines[1]}{end if end in SENTENCE_ENDS else '。'}"
