"""The texts of a prompt: the homework's wording, and templates of a user's own.

A template is text with named places in braces, and nothing else: no expression in it is evaluated.
"""

from collections.abc import Mapping
from string import Formatter
from typing import NamedTuple

# The homework's own wording.
SYSTEM = "你是一個樂於助人的助手且擅長寫唐詩。"
INSTRUCTION = "以下是一首唐詩的第一句話，請用你的知識判斷並完成整首詩。"

_COUPLET = "couplet"


class PromptTexts(NamedTuple):
    """The system text, and the text before and after the couplet in the message."""

    system: str
    before: str
    after: str


def check_template(template: str, places: Mapping[str, bool]) -> None:
    """Raise `ValueError` unless `template` has {couplet} once and no other places than `places`,
    each at most once, and of these all that must stand there.
    """
    found = [name for _, name in _pieces(template) if name is not None]
    for name in found:
        if name not in places:
            known = ", ".join(f"{{{field}}}" for field in places)
            raise ValueError(
                f"{{{name}}} has no meaning here: the places are {known}; a brace is written twice"
            )
        if found.count(name) > 1:
            raise ValueError(f"{{{name}}} stands there twice: write it once")
    for name, needed in places.items():
        if needed and name not in found:
            more = "" if name == _COUPLET else f", or leave prompt.{name} out"
            raise ValueError(f"{{{name}}} is missing: write it where the {name} goes{more}")


def filled(template: str, texts: Mapping[str, str]) -> tuple[str, str]:
    """What stands before and after the couplet in a template that `check_template` lets through,
    with `texts` in their places.
    """
    sides = [""]
    for text, name in _pieces(template):
        sides[-1] += text
        if name == _COUPLET:
            sides.append("")
        elif name is not None:
            sides[-1] += texts[name]
    before, after = sides
    return before, after


def _pieces(template: str) -> list[tuple[str, str | None]]:
    """The text before each place, with the place's name; None after the last."""
    try:
        pieces = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"{error}: a brace that is meant is written twice") from None
    # What a format could say beside a name makes another name of it, which is unknown.
    return [
        (text, name and name + (f"!{how}" if how else "") + (f":{more}" if more else ""))
        for text, name, more, how in pieces
    ]
