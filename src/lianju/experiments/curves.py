"""The learning curves of several runs in one plot: read from their logs, drawn as SVG."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lianju.errors import UserError
from lianju.evaluate import log_ticks, markup, nice_ticks, smoothed, smoothing_window
from lianju.experiments.comparison import RunComparison
from lianju.experiments.run_list import plain
from lianju.experiments.run_reading import FoundRun
from lianju.explore import STYLE, Axes, alone, svg, write

WIDTH = 360
# Of each run in its turn, on white and on black; beside them, lines differ in how they are dashed.
_LIGHT = (
    *("#1d6470", "#a8551a", "#6b4fa0", "#3f7a2c", "#b0352a", "#2f62b5", "#8a6d00", "#a13a78"),
)
_DARK = (*("#79c2cb", "#e9a35f", "#b9a2ea", "#93cc7e", "#f0877a", "#8fb4f2", "#dcc35a", "#ea94c4"),)
_DASHES = ("", "8 3", "2 3")
# Where the largest loss is more than so many times the least, only a logarithmic scale shows both.
_FAR, _SMALLEST = 6.0, 1e-6
_LONGEST_LABEL = 46

Points = list[tuple[float, float]]


@dataclass(frozen=True)
class CurvePoint:
    """A row of a run's log: what had been spent when the loss was that much."""

    step: int
    seconds: float
    """Of training steps, without the validations between them."""
    tokens: int
    loss: float


@dataclass(frozen=True)
class LearningCurve:
    """The course of a run. `training` is in nats a token, `validation` in nats a character."""

    label: str
    training: list[CurvePoint]
    validation: list[CurvePoint]


def read_curves(found: RunComparison) -> list[LearningCurve]:
    """The curves of all runs of a comparison, in their order; errors as in `read_curve`."""
    runs = zip(found.runs, found.labels, strict=True)
    return [read_curve(one.run, label) for one, label in runs]


def read_curve(run: FoundRun, label: str) -> LearningCurve:
    """The curve of a run from its log; an empty one where the run keeps none.

    A step that was logged twice, before and after a resume, counts as logged last. Raises
    `UserError` where the log is damaged.
    """
    steps: dict[int, dict[str, Any]] = {}
    validated: dict[int, float] = {}
    try:
        for row in run.steps():
            if row["kind"] == "train":
                steps[int(row["step"])] = row
            else:
                validated[int(row["step"])] = float(row["loss_per_character"])
        training, spent = [], {0: (0.0, 0)}
        seconds, tokens = 0.0, 0
        for step, row in sorted(steps.items()):
            seconds, tokens = seconds + float(row["seconds"]), tokens + int(row["tokens"])
            spent[step] = seconds, tokens
            training.append(CurvePoint(step, seconds, tokens, float(row["loss"])))
        points = [CurvePoint(step, *spent[step], loss) for step, loss in sorted(validated.items())]
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise UserError(
            f"{run.folder / 'steps.jsonl'} is not as a run writes it ({error}): restore it"
        ) from None
    return LearningCurve(label, _numbers(training), _numbers(points))


def _numbers(points: Sequence[CurvePoint]) -> list[CurvePoint]:
    return [one for one in points if math.isfinite(one.loss) and math.isfinite(one.seconds)]


# --- drawings ------------------------------------------------------------------------------

_TRAINING = "Training loss, nats a token, smoothed", "訓練損失"
_VALIDATION = "Validation loss, nats a character", "驗證損失"
_ACROSS = {"step": "步", "seconds": "秒"}


def curve_plots(curves: Sequence[LearningCurve]) -> list[str]:
    """A key to the runs and three plots of all of them: the training loss by step, the validation
    loss by step, and by seconds of training. Empty where no run keeps a log.
    """
    if not any(one.training for one in curves):
        return []
    labels = [plain(one.label, _LONGEST_LABEL) for one in curves]
    kept = [
        f"{name}{'' if one.training else ': no log'}"
        for name, one in zip(labels, curves, strict=True)
    ]
    validation = {across: [_places(one.validation, across) for one in curves] for across in _ACROSS}
    return [
        _key(kept),
        _plot(_TRAINING, [_smooth(one.training) for one in curves], labels, "step", dots=False),
        *(_plot(_VALIDATION, lines, labels, across) for across, lines in validation.items()),
    ]


def curves_file(curves: Sequence[LearningCurve], title: str) -> str:
    """The plots as one SVG file, in the light colours; empty where there is nothing to draw."""
    plots = curve_plots(curves)
    return alone(plots, title, _colours(len(curves), _LIGHT)) if plots else ""


def curve_style(count: int) -> str:
    """The CSS of `count` runs, for their lines and for all else that a page marks as theirs."""
    dark = _colours(count, _DARK)
    return (
        f"{STYLE}{_colours(count, _LIGHT)}"
        f"@media screen and (prefers-color-scheme: dark) {{\n{dark}}}\n"
    )


def _colours(count: int, colours: Sequence[str]) -> str:
    return "".join(
        f".plot .c{n} .series {{ stroke: {colour}; }}\n"
        f".plot .c{n} .point {{ fill: {colour}; stroke: {colour}; }}\n"
        for n in range(count)
        for colour in (colours[n % len(colours)],)
    )


def run_colours(count: int) -> str:
    """The CSS that gives systems, in the order of runs, the colours of their curves; the poets, who
    come after them, have none.
    """

    def rules(colours: Sequence[str]) -> str:
        return "".join(
            f".key.s{n}.s{n} {{ all: unset; display: inline-block; width: .72rem; height: .72rem; "
            f"margin-right: .45rem; border-radius: 50%; background: {colour}; "
            "print-color-adjust: exact; }\n"
            f".dots g.s{n} {{ stroke: {colour}; fill: {colour}; }}\n"
            f".bar.s{n} {{ background: {colour}; }}\n"
            for n in range(count + 1)
            for colour in ("var(--quiet)" if n == count else colours[n % len(colours)],)
        )

    return f"{rules(_LIGHT)}@media screen and (prefers-color-scheme: dark) {{\n{rules(_DARK)}}}\n"


def _smooth(points: Sequence[CurvePoint]) -> Points:
    losses = [one.loss for one in points]
    if window := smoothing_window(len(losses)):
        losses = smoothed(losses, window)
    return [(float(one.step), loss) for one, loss in zip(points, losses, strict=True)]


def _places(points: Sequence[CurvePoint], across: str) -> Points:
    return [(float(getattr(one, across)), one.loss) for one in points]


def _key(labels: Sequence[str]) -> str:
    parts = [write(0, 15, "Runs", kind="name")]
    for number, label in enumerate(labels):
        y = 38 + 22 * number
        line = _line([(4.0, float(y)), (34.0, float(y))], number, label, dots=True)
        parts.append(line + write(44, y + 4, label, kind="name"))
    return svg(WIDTH, 38 + 22 * len(labels), "The runs and their lines", parts)


def _plot(
    up: tuple[str, str],
    lines: Sequence[Points],
    labels: Sequence[str],
    across: str,
    dots: bool = True,
) -> str:
    losses = [max(loss, _SMALLEST) for points in lines for _, loss in points] or [1.0]
    far = max(losses) > _FAR * min(losses)
    levels = (log_ticks if far else nice_ticks)(min(losses), max(losses), 5)
    last = max((x for points in lines for x, _ in points), default=1.0)
    ticks = nice_ticks(0.0, last or 1.0, 4, whole=across == "step")
    scale: Callable[[float], float] = math.log10 if far else float
    frame = Axes(ticks, [scale(level) for level in levels])
    parts = [*_rows(frame, up, levels, scale, far), *_columns(frame, ticks, across)]
    for number, points in enumerate(lines):
        every = math.ceil(len(points) / WIDTH) or 1
        kept = points if every == 1 else [*points[::every], points[-1]]
        places = [(frame.x(x), frame.y(scale(max(y, _SMALLEST)))) for x, y in kept]
        if places:
            said = f"{labels[number]}: {points[0][1]:.3f} at first, {points[-1][1]:.3f} at last"
            parts.append(_line(places, number, said, dots or len(places) == 1))
    return svg(WIDTH, frame.bottom + 52, f"{up[0]}, by {across}, of all runs", parts)


def _rows(
    frame: Axes,
    up: tuple[str, str],
    levels: Sequence[float],
    scale: Callable[[float], float],
    far: bool,
) -> list[str]:
    title = f"{up[0]}{', logarithmic' if far else ''}"
    parts = [
        f'<text class="name" x="0" y="15">{title} <tspan lang="zh-Hant">{up[1]}</tspan></text>'
    ]
    for level in levels:
        y = frame.y(scale(level))
        parts.append(
            f'<line class="grid" x1="{frame.left}" x2="{frame.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            + write(frame.left - 8, y + 4, f"{level:g}", "end")
        )
    return parts


def _columns(frame: Axes, ticks: Sequence[float], across: str) -> list[str]:
    middle = (frame.left + frame.right) / 2
    return [
        *(write(frame.x(t), frame.bottom + 18, f"{t:,.6g}", "middle") for t in ticks),
        f'<text class="name" x="{middle:.1f}" y="{frame.bottom + 40}" text-anchor="middle">'
        f'{across} <tspan lang="zh-Hant">{_ACROSS[across]}</tspan></text>',
    ]


def _line(places: Points, number: int, said: str, dots: bool) -> str:
    at = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dash = _DASHES[number % len(_DASHES)]
    circles = "".join(
        f'<circle class="point" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in places
    )
    return (
        f'<g class="c{number}"><title>{markup.text(said)}</title>'
        f'<polyline class="series" stroke-dasharray="{dash}" points="{at}"/>'
        f"{circles if dots else ''}</g>"
    )
