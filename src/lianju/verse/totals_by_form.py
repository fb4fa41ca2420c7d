"""Several poems at once: what stands in the row of each, and totals for each form."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lianju.verse import words
from lianju.verse.bilingual import Bilingual
from lianju.verse.poem import FORMS
from lianju.verse.verdict import Verdict

_LONGEST_OPENING = 7
_STYLES = {
    "regulated": "合律",
    "rare": "罕讀",
    "undecided": "未定",
    "faulty": "失律",
    "old-style": "古體",
    "six": "六言",
    "couplet": "一聯",
    "fragment": "殘句",
    "mixed": "雜言",
}
_FORMS = (*(form.name for form in FORMS), "wupai", "qipai", "wugu", "qigu", "liuyan", None)


@dataclass(frozen=True, slots=True)
class Total:
    """How many poems there are of a form, or of all, and how many of them keep the rules.

    `rhymes`: every rhyme is right; `scans`: every other tone is; `regular`: both.
    """

    name: Bilingual
    poems: int
    rhymes: int
    scans: int
    regular: int


def totals(verdicts: Sequence[Verdict]) -> list[Total]:
    """The totals of each form that there is, then those of all poems."""
    found = []
    for form in _FORMS:
        if group := [verdict for verdict in verdicts if verdict.form == form]:
            english, chinese = words.form_name(form, "en"), words.form_name(form, "zh")
            found.append(_total(Bilingual(english or "other shapes", chinese or "其他"), group))
    return [*found, _total(Bilingual("all", "合計"), verdicts)]


def style_name(verdict: Verdict) -> Bilingual:
    """What a poem is, in a word."""
    return Bilingual(verdict.style, _STYLES[verdict.style])


def opening_line(verdict: Verdict) -> str:
    """The first line of verse, cut after seven characters."""
    line = "".join(mark.character for mark in verdict.marks[0])
    return f"{line[:_LONGEST_OPENING]}…" if len(line) > _LONGEST_OPENING else line


def old_style(verdicts: Iterable[Verdict]) -> int:
    """How many poems are old-style verse."""
    return sum(verdict.style == "old-style" for verdict in verdicts)


def _total(name: Bilingual, group: Sequence[Verdict]) -> Total:
    return Total(
        name,
        len(group),
        sum(verdict.rhymes for verdict in group),
        sum(verdict.scans for verdict in group),
        sum(verdict.regular for verdict in group),
    )
