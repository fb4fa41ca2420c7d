"""How writing is set on a page: verse a couplet a row, with its tones; anything else as it is."""

from collections.abc import Collection, Sequence

from lianju.evaluate import markup
from lianju.verse import Fault, Verdict, is_han, lines_of

# Longer than any regulated verse with room to spare: what lies beyond is not set as a poem.
_VERSE_LINES, _VERSE_CHARACTERS = 16, 12
# A text that is no verse is shown whole up to here, else as an opening with the rest folded.
_SHORT, _PREVIEW = 120, 220


def typeset(
    text: str,
    verdict: Verdict | None = None,
    faults: Sequence[Fault] = (),
    copied: Collection[str] = (),
) -> str:
    """What was written, as verse when it reads as verse, else as plain text, folded if long.

    `verdict` judges the whole poem of which `text` is the end: with it, tones stand under the
    lines, and those at `faults` are marked. Lines in `copied` are underlined.
    """
    if not text.strip():
        return f'<div class="plain nothing">{markup.label("nothing 無")}</div>'
    if set_as := verse(text, verdict, faults, copied):
        return set_as
    if len(text) <= _SHORT and text.count("\n") <= 3:
        return f'<div class="plain" lang="zh-Hant">{markup.text(text)}</div>'
    opening = " ".join(text.split())[:_PREVIEW]
    return (
        '<div class="folded"><div class="plain preview" lang="zh-Hant">'
        f"{markup.text(opening)} …</div>"
        f"<details><summary>{markup.label('All 全文')} {len(text):,} characters</summary>"
        f'<div class="plain" lang="zh-Hant">{markup.text(text.strip())}</div></details></div>'
    )


def _reads_as_verse(text: str) -> bool:
    lines = lines_of(text)
    return (
        is_han(text.lstrip()[:1])
        and len(lines) <= _VERSE_LINES
        and all(is_han(line) and len(line) <= _VERSE_CHARACTERS for line in lines)
    )


def verse(
    text: str,
    verdict: Verdict | None = None,
    faults: Sequence[Fault] = (),
    copied: Collection[str] = (),
) -> str:
    """As `typeset`, a couplet a row; empty when the text does not read as verse."""
    if not _reads_as_verse(text):
        return ""
    spans = []
    lines = lines_of(text)
    skipped = len(verdict.marks) - len(lines) if verdict else 0
    for number, (line, whole) in enumerate(zip(lines, _punctuated(text, lines), strict=True), 1):
        words = markup.text(whole)
        if line in copied:
            words = f"<mark>{markup.text(line)}</mark>{markup.text(whole.removeprefix(line))}"
        tones = _tones(verdict, faults, skipped + number) if verdict else ""
        spans.append(f'<span class="line">{words}{tones}</span>')
    rows = (
        f'<span class="row">{"".join(spans[at : at + 2])}</span>' for at in range(0, len(spans), 2)
    )
    return f'<span class="verse" lang="zh-Hant">{"".join(rows)}</span>'


def _tones(verdict: Verdict, faults: Sequence[Fault], number: int) -> str:
    """The signs of a line, from 1, each as wide as a character; faults are said in words too."""
    wrong = {fault.position for fault in faults if fault.line == number}
    signs = "".join(
        f"<b>{mark.sign}</b>" if position in wrong else f"<i>{mark.sign}</i>"
        for position, mark in enumerate(verdict.marks[number - 1], 1)
    )
    return f'<span class="tones" aria-hidden="true">{signs}</span>'


def _punctuated(text: str, lines: tuple[str, ...]) -> list[str]:
    """The lines of verse, each with the punctuation that follows it."""
    starts, position = [], 0
    for line in lines:
        position = text.index(line, position)
        starts.append(position)
        position += len(line)
    ends = [*starts[1:], len(text)]
    return [text[start:end].strip() for start, end in zip(starts, ends, strict=True)]
