"""The numbers of an evaluation's suites: for each suite a drawing, a table and what goes wrong."""

from collections.abc import Iterable, Mapping

from lianju.evaluate import markup, page_plots
from lianju.evaluate.figures import (
    difference_words,
    doubt,
    holds,
    interval_words,
    p_words,
    value_words,
    way,
)
from lianju.evaluate.page_poems import Card, named
from lianju.evaluate.schema import Comparison, Metric, Report
from lianju.evaluate.statistics import Figure
from lianju.evaluate.verdict import figure_of, title

_SUITES = {
    "hw5": ("The homework's test couplets", "作業測試題"),
    "heldout": ("Poems that nothing was trained on", "未用於訓練之詩"),
    "legal": ("Couplets that can open regulated verse", "可起近體之聯"),
}
_GROUPS = {
    "Form 格律": ("shape", "rhyme", "tone", "full", "tone_share", "parallel"),
    "The real poem 原詩": ("loss", "perplexity", "rank", "recall_f1", "recall_chrf"),
    "Copying 襲用": ("known_lines", "longest_run"),
    "Variety 變化": ("distinct_1", "distinct_2", "self_bleu", "compression", "collapse"),
    "Writing 用字": ("lines", "characters", "outside", "simplified", "garbled", "logprob"),
}
_OTHER = "Other 其他"
_ARROWS = {"more": ("↑", "more is better"), "less": ("↓", "less is better")}
_HEAD = '<th role="columnheader" scope="col">'
_NONE = '<td role="cell" class="none">—</td>'
# What a figure would be if the model knew nothing.
_CHANCE = {"rank": "50.5"}
_BADGES = {"better": "▲ better 較佳", "worse": "▼ worse 較差"}


def titled(metric: Metric) -> str:
    """A metric's name as HTML, with an arrow for which way is better."""
    arrow, meaning = _ARROWS.get(metric.better, ("", ""))
    sign = f' <span class="quiet" title="{meaning}">{arrow}</span>' if arrow else ""
    return f"{markup.label(title(metric))}{sign}"


def glossary(metrics: Iterable[Metric]) -> str:
    """How each metric is taken, and what it cannot tell; the tables lead here."""
    return "".join(map(_explained, metrics))


def _explained(metric: Metric) -> str:
    return (
        f'<div id="metric-{markup.text(metric.name)}"><dt>{titled(metric)} '
        f'<span class="quiet">{markup.text(metric.name)}, version {metric.version}</span></dt>'
        f"<dd>{markup.text(metric.formula)}</dd>"
        f"<dd><b>{markup.label('It cannot tell 侷限')}:</b> {markup.text(metric.limits)}</dd>"
        f'<dd class="quiet">{markup.text(metric.source)}</dd></div>'
    )


def suite_numbers(report: Report, suite: str, cards: list[Card]) -> str:
    """All numbers of one suite."""
    english, chinese = _SUITES[suite]
    each = sorted({one.suites[suite].poems_each for one in report.systems if suite in one.suites})
    poems = " or ".join(markup.plural(number, "poem") for number in each)
    return (
        f'<div class="suite-numbers"><h3>{suite} <span class="about">{english} '
        f'<span lang="zh-Hant">{chinese}</span></span></h3>'
        f'<p class="quiet">{markup.plural(len(cards), "couplet")}, {poems} on each</p>'
        f'<figure class="dots">{page_plots.legend(report.systems)}'
        f"<h4>{markup.label('Shares, with 95% intervals 比例')}</h4>"
        f"{page_plots.dots(report, suite)}</figure>"
        f"{_table(report, suite)}"
        f'<h4 class="wrongs">{markup.label("What goes wrong 何處出錯")}</h4>'
        f"{page_plots.faults(report, cards)}</div>"
    )


def _table(report: Report, suite: str) -> str:
    """Every figure of a suite, a metric a row under the heading of its group.

    On a phone the style lays the cells out anew, and only the roles say what they were.
    """
    compared = {one.metric: one for one in report.comparisons if one.suite == suite}
    places = [place for place, system in enumerate(report.systems) if suite in system.suites]
    heads = [_HEAD + named(report.systems, place) + "</th>" for place in places]
    if compared:
        heads.append(f"{_HEAD}{markup.label('Difference 差異')}</th>")
    bodies = []
    for group, metrics in _grouped(report.metrics).items():
        rows = [
            _row(report, suite, metric, places, compared)
            for metric in metrics
            if any(figure_of(report.systems[place], suite, metric.name).n for place in places)
        ]
        if rows:
            bodies.append(
                '<tbody role="rowgroup"><tr role="row" class="group"><th role="rowheader" '
                f'scope="rowgroup" colspan="{len(heads) + 1}">{markup.label(group)}</th></tr>'
                f"{''.join(rows)}</tbody>"
            )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Figures of {suite}">'
        '<table role="table" class="numbers"><thead role="rowgroup"><tr role="row">'
        f'<td role="cell"></td>{"".join(heads)}</tr></thead>'
        f"{''.join(bodies)}</table></div>"
    )


def _grouped(metrics: Mapping[str, Metric]) -> dict[str, list[Metric]]:
    groups = {
        group: [metrics[name] for name in names if name in metrics]
        for group, names in _GROUPS.items()
    }
    known = {name for names in _GROUPS.values() for name in names}
    return {**groups, _OTHER: [metric for name, metric in metrics.items() if name not in known]}


def _row(
    report: Report,
    suite: str,
    metric: Metric,
    places: list[int],
    compared: Mapping[str, Comparison],
) -> str:
    chance = _CHANCE.get(metric.name)
    noted = f'<span class="range">chance {chance}</span>' if chance else ""
    cells = [
        _cell(figure_of(report.systems[place], suite, metric.name), metric) for place in places
    ]
    if compared:
        one = compared.get(metric.name)
        cells.append(_difference(one, metric) if one else _NONE)
    return (
        '<tr role="row"><th role="rowheader" scope="row">'
        f'<a href="#metric-{markup.text(metric.name)}" '
        f'title="{markup.text(metric.limits)}">{titled(metric)}</a>{noted}</th>{"".join(cells)}</tr>'
    )


def _cell(figure: Figure, metric: Metric) -> str:
    if figure.value is None:
        return _NONE
    return (
        f'<td role="cell"><span class="value">{value_words(figure.value, metric.unit)}</span>'
        f'<span class="range">{interval_words(figure, metric.unit)} · n {figure.n:,}</span></td>'
    )


def _difference(one: Comparison, metric: Metric) -> str:
    """The difference, how the couplets voted, and whether it holds."""
    direction = way(one, metric)
    badge = markup.label(doubt(one))
    if holds(one):
        badge = f"<b>{markup.label(_BADGES.get(direction, direction))}</b>"
    after = p_words(one.adjusted).removeprefix("p ").removeprefix("= ")
    more, less = ("higher", "lower") if metric.better == "neither" else ("better", "worse")
    return (
        f'<td role="cell" class="difference {direction if holds(one) else "chance"}">'
        f'<span class="value">{difference_words(one.difference, metric.unit)}</span>'
        f'<span class="range">{one.wins:,} {more}, {one.losses:,} {less}, {one.ties:,} alike</span>'
        f'<span class="range">{badge} '
        f'<span class="p">· {p_words(one.p)} (Holm {after})</span></span></td>'
    )
