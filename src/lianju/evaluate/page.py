"""The page of an evaluation: one HTML file that needs nothing but itself.

It stands in the order a reader asks: what came of it, the numbers, what they rest on, every
poem with its marks, who wrote, and how it was measured. It fetches nothing and runs no script,
and what a template is given is shown as text unless it is `Markup`. `evaluation.html` is its
body; `numbers.html` and `poems.html` are in the page of a run too.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lianju.evaluate import figures, frame, markup
from lianju.evaluate.page_faults import fault_counts
from lianju.evaluate.page_poems import Card, cards_of
from lianju.evaluate.schema import Comparison, Metric, Report
from lianju.evaluate.statistics import Figure
from lianju.evaluate.verdict import answers_of, by_size, figure_of, is_unknowable, title
from lianju.files import write_text

_TILES = ("shape", "full", "loss", "known_lines")
_GROUPS = {
    "Form 格律": ("shape", "rhyme", "tone", "full", "tone_share", "parallel"),
    "The real poem 原詩": ("loss", "perplexity", "rank", "recall_f1", "recall_chrf"),
    "Copying 襲用": ("known_lines", "longest_run"),
    "Variety 變化": (
        *("repeats", "worn", "distinct_1", "distinct_2", "self_bleu", "compression", "collapse"),
    ),
    "Answers 回答": ("around", "no_verse", "refused", "prose"),
    "Writing 用字": ("lines", "characters", "outside", "simplified", "garbled", "logprob"),
}
_WORDS = (
    figures.difference_words,
    figures.doubt,
    figures.holds,
    figures.interval_words,
    figures.p_words,
    figures.value_words,
    figures.way,
)
# The figures of the systems in their places.
_Rows = list[tuple[Metric, list[Figure]]]


def write_page(report: Report, path: Path) -> None:
    """Write the page of a report; its verdict is taken as it stands in the report."""
    heading = markup.text(" against ".join(system.label for system in report.systems))
    under = markup.text(f"{report.made[:16].replace('T', ' ')} · lianju {report.lianju}")
    page = frame.page(
        title=f"Lianju 聯句 · evaluation 評測 · {heading}",
        heading=heading,
        under=f'{frame.NAME} evaluation <span lang="zh-Hant">評測</span> · {under}',
        body=frame.rendered(
            "lianju.evaluate",
            "evaluation.html",
            tiles=_tiles(report),
            seeds=[one.decoding.get("seed") for one in report.systems if one.kind == "model"],
            **shown(report),
        ),
        styles=[frame.resource("lianju.evaluate", "evaluation.css")],
    )
    write_text(path, page)


def shown(report: Report) -> dict[str, Any]:
    """What `numbers.html` and `poems.html` show, and with what."""
    cards = {suite: cards_of(report, suite) for suite in by_size(report)}
    return {
        "report": report,
        "cards": cards,
        "smallest_first": sorted(cards.items(), key=lambda item: len(item[1])),
        "choices": _choices(report, [card for found in cards.values() for card in found]),
        "table_of": _table_of,
        "poems_each": _poems_each,
        "shares_of": _shares_of,
        "fault_counts": fault_counts,
        "is_unknowable": is_unknowable,
        "answers_of": answers_of,
        "title": title,
        "level": figures.LEVEL,
        **{word.__name__: word for word in _WORDS},
    }


def _tiles(report: Report) -> list[tuple[Metric, list[tuple[str, Figure]]]]:
    """The first figures that a reader looks for, on the largest suite, by system."""
    suite, tiles = by_size(report)[0], []
    for metric in (report.metrics[name] for name in _TILES if name in report.metrics):
        taken = [(one.label, figure_of(one, suite, metric.name)) for one in report.systems]
        if taken := [(label, figure) for label, figure in taken if figure.value is not None]:
            tiles.append((metric, taken))
    return tiles


def _table_of(
    report: Report, suite: str
) -> tuple[list[int], Mapping[str, Comparison], dict[str, _Rows]]:
    """The places of the systems that have a suite; their comparisons; every figure, in groups."""
    compared = {one.metric: one for one in report.comparisons if one.suite == suite}
    places = [place for place, system in enumerate(report.systems) if suite in system.suites]
    groups: dict[str, _Rows] = {}
    of = {name: group for group, names in _GROUPS.items() for name in names}
    for name in sorted(report.metrics, key=lambda name: [*of, name].index(name)):
        taken = [figure_of(report.systems[place], suite, name) for place in places]
        unknown = any(is_unknowable(report.systems[place], name) for place in places)
        if unknown or any(figure.n for figure in taken):
            row = report.metrics[name], taken
            groups.setdefault(of.get(name, "Other 其他"), []).append(row)
    return places, compared, groups


def _shares_of(report: Report, suite: str) -> list[tuple[Metric, list[tuple[int, Figure]]]]:
    """All shares of a suite, with the places of the systems that have them."""
    places, _, groups = _table_of(report, suite)
    shares = {}
    for metric, taken in (row for rows in groups.values() for row in rows):
        having = [(at, one) for at, one in zip(places, taken, strict=True) if one.value is not None]
        if metric.unit == "share" and having:
            shares[metric.name] = metric, having
    return [shares[name] for name in report.metrics if name in shares]


def _poems_each(report: Report, suite: str) -> list[int]:
    suites = [one.suites[suite] for one in report.systems if suite in one.suites]
    return sorted({one.poems_each for one in suites})


def _choices(report: Report, every: Sequence[Card]) -> list[tuple[str, str, int]]:
    """The buttons that choose which cards are shown: their class, their words, how many."""
    choices = [("all", "All 全部", len(every))]
    for place, system in enumerate(report.systems):
        number = sum(side.faulty for card in every for side in card.sides if side.place == place)
        choices.append((f"f{place}", f"{system.label} at fault 有誤", number))
    if len(report.systems) == 2:
        choices.append(("d", "The two differ 有別", sum(card.differs for card in every)))
    return choices
