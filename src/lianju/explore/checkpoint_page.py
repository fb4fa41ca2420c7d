"""The page of a judging of checkpoints: one HTML file that needs nothing but itself.

It says where overfitting begins, draws loss, form, variety and copying along the steps, shows what
each checkpoint made of the same couplets, and gives every number. It fetches nothing and runs no
script. `checkpoints.html` is its body.
"""

from pathlib import Path

from markupsafe import Markup

from lianju.evaluate import Figure, frame, markup
from lianju.explore.checkpoint_plots import course_plot
from lianju.explore.checkpoint_report import PANELS, SHOWN_METRICS, CheckpointsReport
from lianju.explore.drawing import STYLE
from lianju.explore.metric_words import MetricWords
from lianju.explore.templates import rendered
from lianju.files import write_text

PAGE, NUMBERS = "checkpoints.html", "checkpoints.json"
_TILES = ("unseen", "shape", "distinct_2", "known_lines")


def write_checkpoints(report: CheckpointsReport, folder: Path) -> Path:
    """Write checkpoints.json and checkpoints.html into `folder`; returns the path of the page."""
    write_text(folder / NUMBERS, report.model_dump_json(indent=1) + "\n")
    write_text(folder / PAGE, _page(report))
    return folder / PAGE


def _page(report: CheckpointsReport) -> str:
    run = markup.text(report.run)
    number = markup.plural(len(report.checkpoints) - 1, "checkpoint")
    body = rendered(
        "checkpoints.html",
        report=report,
        tiles=_tiles(report),
        lone=_lone(report),
        metrics=SHOWN_METRICS,
        panels=[(drawn, _plot(report, name, drawn)) for name, drawn in PANELS.items()],
        cell_words=_interval,
    )
    return frame.page(
        title=f"Lianju 聯句 · checkpoints of {run}",
        heading=f'{frame.NAME} <span class="run">· every checkpoint of {run}</span>',
        under=f"model {markup.text(report.model)} · {number} and the base model · "
        f"{markup.plural(report.couplets, 'couplet')} each",
        body=body,
        styles=[STYLE, *(frame.resource("lianju.explore", f"{one}.css") for one in _STYLES)],
    )


_STYLES = ("sweep", "checkpoints")


def _tiles(report: CheckpointsReport) -> list[tuple[str, str, str]]:
    """What the kept checkpoint has, or the last where none is, beside what the base model has."""
    base, *rest = report.checkpoints
    one = next((each for each in rest if each.kept), rest[-1])
    tiles = []
    for metric in (metric for metric in SHOWN_METRICS if metric.name in _TILES):
        before, after = base.figures[metric.name], one.figures[metric.name]
        value = f"{metric.number(before.value)} → {metric.number(after.value)}"
        note = f"base model, then step {one.step:,}: {_interval(metric, after)}"
        tiles.append((metric.label, value, note))
    return tiles


def _lone(report: CheckpointsReport) -> dict[int, float]:
    """The validation losses of the log at whose steps there is no checkpoint."""
    there = {one.step for one in report.checkpoints}
    return {step: loss for step, loss in report.validations.items() if step not in there}


def _interval(metric: MetricWords, figure: Figure) -> str:
    if figure.value is None:
        return "too little was written"
    return f"{metric.interval(figure)}, n\N{NO-BREAK SPACE}{figure.n:,}"


def _panel(name: str, drawn: tuple[MetricWords, ...]) -> MetricWords:
    """The axis of a panel; all its curves have the same unit."""
    title, _, chinese = name.rpartition(" ")
    digits = None if drawn[0].digits is None else 1
    return MetricWords(title, title, chinese, "", "neither", digits)


def _plot(report: CheckpointsReport, name: str, drawn: tuple[MetricWords, ...]) -> Markup:
    found = report.overfitting
    curves = [
        (metric, {one.step: one.figures[metric.name] for one in report.checkpoints})
        for metric in drawn
    ]
    kept = next((one.step for one in report.checkpoints if one.kept), None)
    overfit = found.lowest if found.found == "overfitting" else None
    dots = {} if drawn[0].digits is None else _lone(report)
    return Markup(course_plot(_panel(name, drawn), curves, kept, overfit, dots))
