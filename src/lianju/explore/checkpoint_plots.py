"""Metrics along the steps of a run: curves with the bands of their intervals."""

from collections.abc import Mapping, Sequence

from lianju.evaluate import Figure, markup, nice_ticks
from lianju.explore.drawing import Axes, name, svg, ticks, write
from lianju.explore.metric_words import MetricWords

# A curve is known by its dashes, too, where colours are not seen.
_DASHES = ("", "7 3", "2 3")
_STEP = MetricWords("step", "step", "步", "", "neither", 0)
Curve = tuple[MetricWords, Mapping[int, Figure]]


def course_plot(
    panel: MetricWords,
    curves: Sequence[Curve],
    kept: int | None,
    overfit: int | None,
    dots: Mapping[int, float],
) -> str:
    """Each of `curves` by step, on the scale that `panel` names; all have the same steps.

    An upright line marks the step `kept`; from `overfit` on the ground is tinted. `dots`: values
    by step that stand alone.
    """
    steps = [step for _, figures in curves for step in figures]
    alone = [Figure(value=y, low=y, high=y, n=1) for y in dots.values()]
    shown = [figure for _, figures in curves for figure in figures.values()]
    last = max([*steps, *dots, 1])
    frame = Axes([0, last], ticks([*shown, *alone], panel))
    parts = [_tint(frame, overfit)] if overfit is not None else []
    parts += [*frame.rows(panel), *_steps(frame, last)]
    if kept is not None:
        x = f"{frame.x(kept):.1f}"
        parts.append(f'<line class="kept" x1="{x}" x2="{x}" y1="{frame.top}" y2="{frame.bottom}"/>')
    parts += [_band(frame, figures, number) for number, (_, figures) in enumerate(curves)]
    for step, value in dots.items():
        parts.append(
            f'<circle class="out" cx="{frame.x(step):.1f}" cy="{frame.y(value):.1f}" r="3">'
            f"<title>step {step:,}: {panel.number(value)} in the log</title></circle>"
        )
    for number, (metric, figures) in enumerate(curves):
        parts += _line(frame, metric, figures, number)
    return svg(frame.right + 18, frame.bottom + 84, f"{panel.title} by step", parts)


def _steps(frame: Axes, last: int) -> list[str]:
    marks = [step for step in nice_ticks(0, last, 4, whole=True) if step <= last]
    return [
        *(write(frame.x(step), frame.bottom + 18, f"{step:,.0f}", "middle") for step in marks),
        name((frame.left + frame.right) / 2, frame.bottom + 40, _STEP, "middle"),
    ]


def _tint(frame: Axes, start: int) -> str:
    x = frame.x(start)
    return (
        f'<rect class="overfit" x="{x:.1f}" y="{frame.top}" width="{frame.right - x:.1f}" '
        f'height="{frame.bottom - frame.top}"/>'
    )


def _band(frame: Axes, figures: Mapping[int, Figure], number: int) -> str:
    """The intervals of a curve, as one shape; what was computed beyond the scale ends with it."""
    ends = [
        (frame.x(step), frame.y(max(frame.up[0], one.low)), frame.y(min(frame.up[-1], one.high)))
        for step, one in figures.items()
        if one.low is not None and one.high is not None
    ]
    edge = [*((x, high) for x, _, high in ends), *((x, low) for x, low, _ in reversed(ends))]
    return f'<polygon class="band c{number}" points="{_points(edge)}"/>'


def _line(
    frame: Axes, metric: MetricWords, figures: Mapping[int, Figure], number: int
) -> list[str]:
    """A curve and its points, which say below the plot what they are."""
    there = [
        (step, frame.x(step), frame.y(one.value), one)
        for step, one in figures.items()
        if one.value is not None
    ]
    foot = frame.bottom + 62
    spots = []
    for step, x, y, one in there:
        said = f"{metric.number(one.value)} ({metric.interval(one)}), n {one.n:,}"
        where = f"step {step:,}: {metric.title.lower()}"
        spots.append(
            f'<g class="spot" tabindex="0" role="img"><title>{markup.text(f"{where} {said}")}'
            f'</title><circle class="point c{number}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
            f"{write(0, foot, where, kind='tip')}{write(0, foot + 16, said, kind='tip')}</g>"
        )
    joined = _points([(x, y) for _, x, y, _ in there])
    dash = f' stroke-dasharray="{_DASHES[number]}"' if _DASHES[number] else ""
    return [f'<polyline class="series c{number}"{dash} points="{joined}"/>', *spots]


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
