"""What a user's words are taken for: a couplet in traditional characters with the signs of verse.

>>> hear_couplet("空山新雨後 天氣晚來秋").text
'空山新雨後，天氣晚來秋。'
"""

import re
from dataclasses import dataclass
from unicodedata import category

from lianju.corpus.characters import simplified, traditional
from lianju.corpus.verse_text import has_verse, split_heading, verse_only
from lianju.errors import UserError
from lianju.verse import couplet_fault, is_han, lines_of, normal
from lianju.verse.poem import visible
from lianju.verse.shape import SENTENCE_ENDS

_LONGEST = 200
_QUOTED, _NAMED = 100, 20
_AS_WRITTEN = re.compile(rf"\w+[，？！；：、。]\w+[{SENTENCE_ENDS}]")


@dataclass(frozen=True)
class Heard:
    """A text as it is read; `notes`: what to tell the user about that, one line each."""

    text: str
    notes: tuple[str, ...] = ()


def hear_couplet(text: str) -> Heard:
    """The couplet to complete; a note where it is read otherwise or is not what poems begin with.

    Raises `UserError` for a text that is empty, too long, or no text.
    """
    if len(text) > _LONGEST:
        raise UserError(f"a couplet of {len(text)} characters is too long: at most {_LONGEST}")
    check_text(text, "the couplet")
    text = _on_a_line(text)
    plain = _on_a_line(verse_only(split_heading(text)[2])) if has_verse(text) else text
    if not lines_of(plain):
        raise UserError("the couplet is empty: give the first couplet of a poem, in quotes")
    heard = hear_text(plain)
    couplet, notes = _punctuated(heard.text), heard.notes
    if couplet != (text if heard.text == plain else heard.text):
        notes += (f"Note: {text if heard.text == plain else heard.text} is read as {couplet}",)
    if fault := couplet_fault(couplet):
        notes += (f"Note on {couplet}: {fault}. The model may not find a form.",)
    return Heard(couplet, notes)


def hear_text(text: str) -> Heard:
    """Any text in traditional characters, with a note if it was not."""
    found = "".join(dict.fromkeys(simplified(text)))
    if not found:
        return Heard(text)
    converted = traditional(text)
    note = f"Note: {_quoted(text)} has simplified {found[:_NAMED]}; read as {_quoted(converted)}"
    return Heard(converted, (note,))


def check_text(text: str, what: str) -> None:
    """Raise `UserError` where a text that the user gave has what nobody can have meant."""
    if any(category(sign) in ("Cc", "Cs") and not sign.isspace() for sign in text):
        raise UserError(f"{what} has bytes that are no text: is it written in UTF-8?")


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
