"""The plots of a training grid: a metric by a setting, and against the time of training."""

from collections.abc import Sequence
from typing import Any

from lianju.evaluate import Figure, nice_ticks
from lianju.experiments.axes import Axis, choice_words, value_words
from lianju.experiments.grid_findings import GridCell
from lianju.experiments.grid_words import SECONDS
from lianju.explore import Axes, MetricWords, apart, svg, ticks, write

_WIDTH, _NAMES = 520.0, 170.0
_DASHES = ("", "7 3", "2 3", "9 3 2 3", "14 4")
_LONGEST = 26


def by_setting(axis: Axis, metric: MetricWords, cells: Sequence[GridCell]) -> str:
    """A metric by the values of a setting, a line for each combination of the others.

    The values stand at equal distances, whatever they are.
    """
    values = [v for v in axis.values if any(cell.choice[axis.name] == v for cell in cells)]
    frame = Axes(
        [-0.3, max(len(values) - 1, 1) + 0.3],
        ticks([cell.figures[metric.name] for cell in cells], metric),
        _WIDTH - _NAMES,
    )
    parts = [
        *frame.rows(metric),
        *(
            write(frame.x(at), frame.bottom + 18, value_words(value), "middle")
            for at, value in enumerate(values)
        ),
        write((frame.left + frame.right) / 2, frame.bottom + 40, axis.name, "middle"),
    ]
    lines = _lines(axis, cells)
    ends, names = [], []
    for number, (others, line) in enumerate(lines):
        shift = 4 * (number - (len(lines) - 1) / 2)
        points = [
            (frame.x(values.index(cell.choice[axis.name])) + shift, frame.y(figure.value), figure)
            for cell in line
            if (figure := cell.figures[metric.name]).value is not None
        ]
        if points:
            parts += _drawn(frame, points, number)
            ends.append(points[-1][1])
            names.append(choice_words(others) if others else "")
    parts += _names(frame, ends, names)
    return svg(_WIDTH, frame.bottom + 52, f"{metric.title} by {axis.name}", parts)


def _lines(axis: Axis, cells: Sequence[GridCell]) -> list[tuple[dict[str, Any], list[GridCell]]]:
    """Cells that differ in nothing but the axis, in the order of its values."""
    lines: list[tuple[dict[str, Any], list[GridCell]]] = []
    for cell in sorted(cells, key=lambda one: axis.values.index(one.choice[axis.name])):
        others = {name: value for name, value in cell.choice.items() if name != axis.name}
        for found, line in lines:
            if found == others:
                line.append(cell)
                break
        else:
            lines.append((others, [cell]))
    return lines


def against_time(metric: MetricWords, cells: Sequence[GridCell], front: Sequence[GridCell]) -> str:
    """A metric of every cell against the seconds of its training; a line joins those of `front`."""
    seconds = [cell.judged.training for cell in cells]
    frame = Axes(
        nice_ticks(0, max(seconds), 5),
        ticks([cell.figures[metric.name] for cell in cells], metric),
        _WIDTH - _NAMES,
    )
    parts = [*frame.rows(metric), *frame.columns(SECONDS)]
    places = []
    for cell in cells:
        figure = cell.figures[metric.name]
        if figure.value is not None:
            places.append((cell, frame.x(cell.judged.training), frame.y(figure.value), figure))
    joined = " ".join(
        f"{x:.1f},{y:.1f}" for cell, x, y, _ in sorted(places, key=lambda p: p[1]) if cell in front
    )
    parts.append(f'<polyline class="front" points="{joined}"/>')
    for cell, x, y, figure in places:
        kind = "point" if cell in front else "out"
        parts.append(frame.upright(x, figure))
        parts.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>')
    right = sorted(places, key=lambda place: place[2])
    parts += _names(frame, [y for _, _, y, _ in right], [choice_words(c.choice) for c, *_ in right])
    return svg(_WIDTH, frame.bottom + 52, f"{metric.title} by time of training", parts)


def _drawn(frame: Axes, points: Sequence[tuple[float, float, Figure]], number: int) -> list[str]:
    """A line through points with their intervals."""
    at = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
    dash = _DASHES[number % len(_DASHES)]
    dots = [
        f'{frame.upright(x, figure)}<circle class="point" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>'
        for x, y, figure in points
    ]
    return [f'<polyline class="series" stroke-dasharray="{dash}" points="{at}"/>', *dots]


def _names(frame: Axes, heights: Sequence[float], names: Sequence[str]) -> list[str]:
    """What lines are called, right of their ends, none upon another."""
    return [
        write(
            frame.right + 12, y + 4, name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
        )
        for y, name in zip(apart(heights, 15, frame.bottom), names, strict=True)
    ]
