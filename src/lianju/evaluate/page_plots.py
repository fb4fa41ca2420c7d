"""The figures of a suite as drawings: shares on one scale, and what goes wrong, as bars.

As in `plots`, a drawing for wide pages and one for phones stand beside each other, and the page
shows the one that fits. Systems differ in shape as well as in colour.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from lianju.evaluate import markup
from lianju.evaluate.figures import interval_words, value_words
from lianju.evaluate.page_poems import Card, ShownPoem
from lianju.evaluate.schema import Metric, Report, System
from lianju.evaluate.statistics import Figure
from lianju.verse import words

_WIDE, _NARROW = 960, 340
_LEFT = {_WIDE: 350, _NARROW: 18}
_RIGHT, _TOP, _BOTTOM = 26, 8, 28
# The height of a row, and how far below its top the figures stand.
_STEP = {_WIDE: 38, _NARROW: 56}
_FIRST = {_WIDE: 19, _NARROW: 36}
_APART = 14
_KINDS = 12
# A metric and the figures of the systems that have it, by their places.
_Row = tuple[Metric, dict[int, Figure]]


class _Kind(NamedTuple):
    """A kind of fault: of shape, which every poem can have, or of the rules of verse."""

    name: str
    of_shape: bool


def dots(report: Report, suite: str) -> str:
    """All shares of a suite with their intervals, on one scale from 0 to 100%."""
    rows = [
        (metric, figures)
        for metric in report.metrics.values()
        if metric.unit == "share" and (figures := _figures(report.systems, suite, metric))
    ]
    if not rows:
        return ""
    return "\n".join(_drawing(width, suite, rows) for width in (_WIDE, _NARROW))


def _figures(systems: Sequence[System], suite: str, metric: Metric) -> dict[int, Figure]:
    return {
        place: figure
        for place, system in enumerate(systems)
        if suite in system.suites
        and (figure := system.suites[suite].figures.get(metric.name))
        and figure.value is not None
    }


def _drawing(width: int, suite: str, rows: list[_Row]) -> str:
    bottom = _TOP + _STEP[width] * len(rows)
    parts = [_level(width, tick / 5, bottom) for tick in range(6)]
    for index, (metric, figures) in enumerate(rows):
        top = _TOP + _STEP[width] * index
        parts.append(_name(metric, width, top))
        first = top + _FIRST[width] - _APART * (len(figures) - 1) / 2
        parts += [
            _mark(width, place, figure, first + _APART * at, metric)
            for at, (place, figure) in enumerate(figures.items())
        ]
    kind = "wide" if width == _WIDE else "narrow"
    return (
        f'<svg class="{kind}" viewBox="0 0 {width} {bottom + _BOTTOM}" role="img" '
        f'aria-label="{markup.text(suite)}: shares of the table with their 95% intervals">\n'
        f"{chr(10).join(parts)}\n</svg>"
    )


def _x(width: int, share: float | None) -> float:
    """Where a share stands; an interval that was not cut at 0 and 1 is drawn as if it were."""
    inside = min(1.0, max(0.0, share or 0.0))
    return _LEFT[width] + (width - _LEFT[width] - _RIGHT) * inside


def _level(width: int, share: float, bottom: float) -> str:
    x = f"{_x(width, share):.1f}"
    return (
        f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}"/>'
        f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{100 * share:.0f}%</text>'
    )


def _name(metric: Metric, width: int, top: float) -> str:
    """The metric's name: left of its row on a wide page, above it on a narrow one."""
    x, y, anchor = _LEFT[width], top + 17, "start"
    if width == _WIDE:
        x, y, anchor = x - 16, top + _FIRST[width] + 5, "end"
    return (
        f'<text class="name" x="{x}" y="{y:.1f}" text-anchor="{anchor}">'
        f'{markup.text(metric.title)} <tspan lang="zh-Hant">{markup.text(metric.chinese)}</tspan>'
        "</text>"
    )


def _mark(width: int, place: int, figure: Figure, y: float, metric: Metric) -> str:
    """The interval as a line and the figure on it: a disc for the first system, else a diamond."""
    low, x, high = (_x(width, end) for end in (figure.low, figure.value, figure.high))
    said = f"{value_words(figure.value or 0.0, 'share')} ({interval_words(figure, 'share')})"
    shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
    if place:
        shape = f'<path d="M{x - 6:.1f} {y:.1f}l6 -6 6 6 -6 6z"/>'
    return (
        f'<g class="s{place}"><title>{markup.text(metric.title)}: {said}</title>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>{shape}</g>'
    )


# --- what goes wrong -----------------------------------------------------------------------


def faults(report: Report, cards: Sequence[Card]) -> str:
    """A table of what goes wrong in the poems of a suite, the most frequent first.

    A poem counts once for each kind of fault that it has. Faults of shape are told apart by
    their words with the numbers left out, and are a share of all poems; faults of rhyme and tone
    are a share of the poems judged on them: of right shape, after a couplet that can be judged.
    """
    written = [
        [
            one
            for card in cards
            for side in card.sides
            if side.place == place
            for one in side.written
        ]
        for place in range(len(report.systems))
    ]
    counts = [Counter(kind for one in poems for kind in _kinds(one)) for poems in written]
    kinds = sum(counts, Counter[_Kind]())
    places = [place for place, poems in enumerate(written) if poems]
    rows = [
        (
            kind.name,
            *(_bar(place, counts[place][kind], kind, written[place]) for place in places),
        )
        for kind in sorted(kinds, key=lambda kind: (-kinds[kind], kind))[:_KINDS]
    ]
    if not rows:
        return "<p>No poem here has a fault of shape, rhyme or tone.</p>"
    head = ("Fault 錯誤", *(report.systems[place].label for place in places))
    return f'<div class="kinds">{markup.table("What goes wrong", head, rows)}</div>'


def _kinds(written: ShownPoem) -> set[_Kind]:
    """ "a line of the wrong length 字數不合", of shape; "off the rhyme 落韻", of rule."""
    if written.verdict is None:
        fault = written.poem.marks.get("fault")
        return {_Kind(_of_shape(fault), of_shape=True)} if isinstance(fault, str) else set()
    said = (words.fault_words(written.verdict, one, "en") for one in written.faults)
    # "落韻 off the rhyme, line 4, …"
    rules = (sentence.split(",")[0].partition(" ") for sentence in said)
    return {_Kind(f"{english} {chinese}", of_shape=False) for chinese, _, english in rules}


def _of_shape(fault: str) -> str:
    if re.fullmatch(r"line \d+ has \d+ characters, not \d+", fault):
        return "a line of the wrong length 字數不合"
    return f"shape: {re.sub('[0-9]+', 'n', fault)}"


def _bar(place: int, count: int, kind: _Kind, poems: Sequence[ShownPoem]) -> str:
    """How many of the poems that could have a fault of this kind have it."""
    judged = [one for one in poems if kind.of_shape or (one.verdict and one.judged)]
    if not judged:
        return '<span class="quiet">not judged <span lang="zh-Hant">未評</span></span>'
    share = count / len(judged)
    bar = f'<span class="bar s{place}" style="width:{100 * share:.1f}%"></span>' if count else ""
    return (
        f'<span class="count">{count:,} of {len(judged):,}{"" if kind.of_shape else " judged"} '
        f'<span class="quiet">{value_words(share, "share")}</span></span>{bar}'
    )
