"""What a user's words are taken for: a couplet in traditional characters with the signs of verse.

>>> hear_couplet("空山新雨後 天氣晚來秋").text
'空山新雨後，天氣晚來秋。'
"""

import re
from dataclasses import dataclass

from lianju.corpus.characters import simplified, traditional
from lianju.errors import UserError
from lianju.verse import couplet_fault, is_han, lines_of, normal
from lianju.verse.shape import SENTENCE_ENDS

_LONGEST = 200
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
    if not lines_of(text):
        raise UserError("the couplet is empty: give the first couplet of a poem, in quotes")
    heard = hear_text(text)
    couplet, notes = _punctuated(heard.text), heard.notes
    if couplet != heard.text:
        notes += (f"Note: {heard.text} is read as {couplet}",)
    if fault := couplet_fault(couplet):
        notes += (f"Note on {couplet}: {fault}. The model may not find a form.",)
    return Heard(couplet, notes)


def hear_text(text: str) -> Heard:
    """Any text in traditional characters, with a note if it was not."""
    found = simplified(text)
    if not found:
        return Heard(text)
    converted = traditional(text)
    return Heard(converted, (f"Note: {text} has simplified {found}; read as {converted}",))


def check_text(text: str, what: str) -> None:
    """Raise `UserError` where a text that the user gave has what nobody can have meant."""
    if not text.isprintable():
        raise UserError(f"{what} has bytes that are no text: is it written in UTF-8?")


def _punctuated(couplet: str) -> str:
    """Two equal lines of Han characters with the signs of verse; any other text as it is."""
    lines = lines_of(couplet)
    found = couplet.strip()
    equal = len(lines) == 2 and len(lines[0]) == len(lines[1]) and all(map(is_han, lines))
    if not equal or _AS_WRITTEN.fullmatch(found):
        return couplet
    end = normal(found)[-1]
    return f"{lines[0]}，{lines[1]}{end if end in SENTENCE_ENDS else '。'}"
