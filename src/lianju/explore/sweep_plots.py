"""The plots of a sweep: heat maps, cells by two metrics, curves over temperature."""

from collections.abc import Sequence
from typing import Any

from lianju.evaluate import Figure, markup
from lianju.explore.drawing import WIDTH, Axes, apart, svg, ticks, write
from lianju.explore.grid import Cell, Grid, axis_words, cell_words, value_words
from lianju.explore.metric_words import BY_NAME, MetricWords
from lianju.explore.sweep import ScoredCell

# With the numbers printed on them, tiles stay readable on this much of the accent colour.
_FULLEST = 0.6
_DASHES = ("", "7 3", "2 3", "9 3 2 3", "14 4")
_LEFT, _TOP, _HEIGHT, _NARROWEST = 84, 58, 34, 46
_TIP = 40


def heat_map(
    grid: Grid,
    panel: dict[str, Any],
    cells: Sequence[ScoredCell],
    metric: MetricWords,
    chosen: int | None,
) -> str:
    """One metric over temperature (down) and the grid's columns; all else as `panel` has it.

    The fuller the colour, the higher the number, on one scale for all panels of a metric.
    """
    axis = grid.columns()
    columns = getattr(grid, axis)
    width = max(_NARROWEST, (WIDTH - _LEFT) / len(columns))
    bottom = _TOP + _HEIGHT * len(grid.temperature)
    parts = [
        write(0, 15, panel_words(panel, grid), kind="name"),
        write(0, _TOP - 10, "temperature"),
        write(_LEFT, _TOP - 26, axis.replace("_", "-")),
    ]
    for column, value in enumerate(columns):
        x = _LEFT + (column + 0.5) * width
        parts.append(write(x, _TOP - 10, value_words(axis, value), "middle"))
    there = {cell.cell: cell for cell in cells}
    scale = _scale(cells, metric)
    for row, temperature in enumerate(grid.temperature):
        y = _TOP + row * _HEIGHT
        parts.append(write(_LEFT - 12, y + _HEIGHT / 2 + 4, f"{temperature:g}", "end"))
        for column, value in enumerate(columns):
            cell = there[Cell(**{**panel, "temperature": temperature, axis: value})]
            box = f'x="{_LEFT + column * width + 1.5:.1f}" y="{y + 1.5}" width="{width - 3:.1f}" '
            box += f'height="{_HEIGHT - 3}" rx="3"'
            figure = cell.figures[metric.name]
            middle = (_LEFT + (column + 0.5) * width, y + _HEIGHT / 2 + 5)
            tile = f'<rect class="shade" {box} fill-opacity="{_shade(figure, scale):.2f}"/>'
            tile += write(*middle, metric.number(figure.value), "middle", "value")
            if cell.written.number == chosen:
                tile += f'<rect class="ring" {box}/>'
            parts.append(_spot(cell, grid, [metric], tile, bottom + 18))
    said = f"{metric.title} by temperature and {axis.replace('_', '-')}"
    right = _LEFT + width * len(columns)
    return svg(right, bottom + _TIP, _said(said, panel, grid), parts)


def scatter(
    grid: Grid,
    cells: Sequence[ScoredCell],
    metrics: tuple[str, str],
    hollow: set[int],
    front: Sequence[int],
    chosen: int | None,
) -> str:
    """Every cell by two metrics, across and up, with intervals; a line joins the cells of `front`.

    Cells in `hollow` are empty circles; the hotter a cell, the fuller its colour.
    """
    across, up = (BY_NAME[name] for name in metrics)
    frame, places = _places(cells, across, up)
    parts = [*frame.rows(up), *frame.columns(across)]
    for number, (x, y) in places.items():
        parts.append(frame.upright(x, cells[number].figures[up.name]))
        parts.append(frame.level(cells[number].figures[across.name], y))
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(places.__getitem__, front))
    parts.append(f'<polyline class="front" points="{joined}"/>')
    for number, (x, y) in places.items():
        heat = 0.1 + 0.9 * cells[number].cell.temperature / (max(grid.temperature) or 1)
        kind = 'class="out"' if number in hollow else f'class="point" fill-opacity="{heat:.2f}"'
        spot = f'<circle {kind} cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
        if number == chosen:
            spot += f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="9"/>'
        parts.append(_spot(cells[number], grid, [up, across], spot, frame.bottom + 60))
    return svg(WIDTH, frame.bottom + 84, f"{up.title} against {across.title.lower()}", parts)


def curves(
    grid: Grid, panel: dict[str, Any], cells: Sequence[ScoredCell], metric: MetricWords
) -> str:
    """A metric by temperature, a line for each value of the grid's columns, with intervals."""
    axis = grid.columns()
    there = {cell.cell: cell.figures[metric.name] for cell in cells}
    low, high = grid.temperature[0], grid.temperature[-1]
    margin = (high - low) / 20
    frame = Axes([low - margin, high + margin], ticks(list(there.values()), metric), WIDTH - 86)
    parts = [
        *frame.rows(metric),
        write(WIDTH, 15, panel_words(panel, grid), "end", "name"),
        *(write(frame.x(t), frame.bottom + 18, f"{t:g}", "middle") for t in grid.temperature),
        write((frame.left + frame.right) / 2, frame.bottom + 40, "temperature", "middle"),
    ]
    ends = []
    values = getattr(grid, axis)
    for number, value in enumerate(values):
        line = [there[Cell(**{**panel, "temperature": t, axis: value})] for t in grid.temperature]
        # Intervals of several lines at one temperature would hide each other.
        shift = 3.5 * (number - (len(values) - 1) / 2)
        points = [
            (frame.x(t) + shift, frame.y(figure.value), figure)
            for t, figure in zip(grid.temperature, line, strict=True)
            if figure.value is not None
        ]
        parts += _line(frame, points, number)
        ends.append(points[-1][1] if points else frame.top)
    for y, value in zip(apart(ends, 15, frame.bottom), values, strict=True):
        parts.append(write(frame.right + 12, y + 4, axis_words(axis, value)))
    said = _said(f"{metric.title} by temperature", panel, grid)
    return svg(WIDTH, frame.bottom + 52, said, parts)


def panel_words(panel: dict[str, Any], grid: Grid) -> str:
    """What the cells of a panel have in common, where the grid has more than one panel."""
    return ", ".join(
        axis_words(axis, value) for axis, value in panel.items() if axis in grid.varied()
    )


def _said(what: str, panel: dict[str, Any], grid: Grid) -> str:
    common = panel_words(panel, grid)
    return f"{what}; {common}" if common else what


def _spot(
    cell: ScoredCell, grid: Grid, metrics: Sequence[MetricWords], drawn: str, foot: float
) -> str:
    """A cell that, pointed at or focused, says below the plot what it is."""
    figures = [(metric, cell.figures[metric.name]) for metric in metrics]
    long = "; ".join(
        f"{metric.title.lower()} {metric.number(figure.value)}, 95% interval "
        f"{metric.interval(figure)}, n {figure.n}"
        for metric, figure in figures
    )
    short = "; ".join(
        f"{metric.number(figure.value)} ({metric.interval(figure)})" for metric, figure in figures
    )
    if len(figures) == 1:
        short += f", n {figures[0][1].n}"
    where = cell_words(cell.cell, grid)
    return (
        f'<g class="spot" tabindex="0" role="img"><title>{markup.text(f"{where}: {long}")}</title>'
        f"{drawn}{write(0, foot, where, kind='tip')}{write(0, foot + 16, short, kind='tip')}</g>"
    )


def _scale(cells: Sequence[ScoredCell], metric: MetricWords) -> tuple[float, float]:
    known = [value for cell in cells if (value := cell.figures[metric.name].value) is not None]
    return min(known, default=0.0), max(known, default=0.0)


def _shade(figure: Figure, scale: tuple[float, float]) -> float:
    low, high = scale
    if figure.value is None:
        return 0.0
    if low == high:
        return _FULLEST / 2
    return 0.04 + (_FULLEST - 0.04) * (figure.value - low) / (high - low)


def _places(
    cells: Sequence[ScoredCell], across: MetricWords, up: MetricWords
) -> tuple[Axes, dict[int, tuple[float, float]]]:
    """The frame of all cells that have both figures, and where in it they stand."""
    pairs = {
        number: (cell.figures[across.name], cell.figures[up.name])
        for number, cell in enumerate(cells)
    }
    frame = Axes(
        ticks([x for x, _ in pairs.values()], across), ticks([y for _, y in pairs.values()], up)
    )
    return frame, {
        number: (frame.x(x.value), frame.y(y.value))
        for number, (x, y) in pairs.items()
        if x.value is not None and y.value is not None
    }


def _line(frame: Axes, points: list[tuple[float, float, Figure]], number: int) -> list[str]:
    dash = _DASHES[number % len(_DASHES)]
    at = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
    dots = [
        f'<circle class="point" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>{frame.upright(x, figure)}'
        for x, y, figure in points
    ]
    return [f'<polyline class="series" stroke-dasharray="{dash}" points="{at}"/>', *dots]
