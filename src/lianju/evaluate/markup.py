"""Words, numbers and tables as HTML: the pieces that report pages are made of.

Text from a model or a corpus reaches a page only through `text`.
"""

import unicodedata
from collections.abc import Iterable
from html import escape

from lianju.verse import is_han


def text(value: object) -> str:
    """`value` as HTML text that shows what is there and changes nothing around it.

    Control characters, characters that turn the direction of writing and halves of surrogate
    pairs become the replacement character.
    """
    return escape("".join(map(_visible, str(value))))


def _visible(character: str) -> str:
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    return "\N{REPLACEMENT CHARACTER}" if hidden and character not in "\n\t" else character


def label(words: object) -> str:
    """A label as HTML, its last word marked as Chinese when it is: "Before 前"."""
    english, _, chinese = str(words).rpartition(" ")
    if not is_han(chinese):
        return text(words)
    return f'{text(english)} <span lang="zh-Hant">{chinese}</span>'


def duration(seconds: float) -> str:
    """Seconds in the units a reader thinks in: "4 min 18 s"."""
    if seconds < 59.95:
        return f"{seconds:.1f}\N{NO-BREAK SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s".replace(" ", "\N{NO-BREAK SPACE}")
    return f"{minutes // 60} h {minutes % 60} min".replace(" ", "\N{NO-BREAK SPACE}")


def percent(share: float) -> str:
    """A share as a percentage of three digits."""
    return f"{100 * share:.3g}%"


def plural(number: int, noun: str) -> str:
    """A count with its noun: "1 step", "250 steps"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def terms(model: str) -> str:
    """Under what terms a base model of this name is, to go on from its name in a sentence."""
    if "gemma" not in model.lower():
        return "is under its own licence"
    return (
        "is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms"
    )


def tile(name: str, value: str, *notes: str) -> str:
    """One of the figures that stand at the head of a page, its parts given as HTML."""
    said = "".join(f'<span class="note">{note}</span>' for note in notes)
    return f'<li><span class="name">{name}</span><span class="value">{value}</span>{said}</li>'


def facts(rows: Iterable[tuple[str, object]]) -> str:
    """A list of terms and what they are; a row whose value is None has nothing to say."""
    items = "".join(
        f"<div><dt>{label(term)}</dt><dd>{text(value)}</dd></div>"
        for term, value in rows
        if value is not None
    )
    return f'<dl class="facts">{items}</dl>'
