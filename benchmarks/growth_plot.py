"""The plot of `benchmarks.growth`: a panel a series, both axes logarithmic, for light and dark."""

import math
from collections.abc import Sequence

from benchmarks.growth import SERIES, Series
from lianju.evaluate import log_ticks, markup

_ACROSS, _WIDTH, _HEIGHT, _GAP = 4, 224, 190, 16
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 34, 40
# Numbers nearer to each other would touch.
_APART = 42.0
_STYLE = """\
:root { --sheet: #fdfefd; --ink: #1c2427; --quiet: #55636a; --line: #d5dcda; --accent: #1d6470; }
@media (prefers-color-scheme: dark) {
:root { --sheet: #192024; --ink: #e3e8e6; --quiet: #9aa8ab; --line: #2e393d; --accent: #79c2cb; }
}
rect { fill: var(--sheet); }
text { font: 11px sans-serif; fill: var(--quiet); }
.name { font-size: 12.5px; fill: var(--ink); }
.grid { stroke: var(--line); }
.linear { stroke: var(--quiet); stroke-dasharray: 3 3; }
.series { fill: none; stroke: var(--accent); stroke-width: 2; }
circle { fill: var(--accent); }
"""
Points = Sequence[tuple[float, float]]


def drawn(points: dict[str, Points]) -> str:
    """A stand-alone SVG of all series that have points."""
    there = [(SERIES[name], points[name]) for name in SERIES if points.get(name)]
    rows = -(-len(there) // _ACROSS)
    width = _ACROSS * (_WIDTH + _GAP) + _GAP
    height = rows * (_HEIGHT + _GAP) + _GAP
    parts = []
    for number, (series, own) in enumerate(there):
        x = _GAP + number % _ACROSS * (_WIDTH + _GAP)
        y = _GAP + number // _ACROSS * (_HEIGHT + _GAP)
        parts.append(f'<g transform="translate({x} {y})">{_panel(series, own)}</g>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="Seconds against size, both '
        f'logarithmic; dashed: linear">\n<style>\n{_STYLE}</style>\n'
        f'<rect width="{width}" height="{height}"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


class _Scale:
    """From values to pixels, logarithmic, between round numbers that enclose them."""

    def __init__(self, values: Sequence[float], count: int, start: float, end: float):
        self.ticks = log_ticks(min(values), max(values), count)
        self.start, self.end = start, end

    def __call__(self, value: float) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        return self.start + (self.end - self.start) * math.log(value / low) / math.log(high / low)


def _panel(series: Series, points: Points) -> str:
    across = _Scale([x for x, _ in points], 3, _LEFT, _WIDTH - _RIGHT)
    up = _Scale([y for _, y in points], 4, _HEIGHT - _BOTTOM, _TOP)
    parts = [f'<text class="name" x="0" y="12">{markup.text(series.title)}</text>']
    parts.append('<text x="0" y="26">s</text>')
    for tick in up.ticks:
        y = f"{up(tick):.1f}"
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y}" dy="4" text-anchor="end">{tick:g}</text>')
    foot, end = _HEIGHT - _BOTTOM + 15, -_APART
    for tick in across.ticks:
        if across(tick) - end >= _APART:
            end = across(tick)
            parts.append(f'<text x="{end:.1f}" y="{foot}" text-anchor="middle">{tick:,g}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">{series.unit}</text>')
    places = [(across(x), up(y)) for x, y in points]
    parts.append(_linear(points[-1], across, up))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts.append(f'<polyline class="series" points="{line}"/>')
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in places]
    return "\n".join(parts)


def _linear(last: tuple[float, float], across: _Scale, up: _Scale) -> str:
    """Where the points would lie that grow in proportion up to the last one, within the panel."""
    x, y = last
    first = max(across.ticks[0], x * up.ticks[0] / y)
    ends = [(across(value), up(y * value / x)) for value in (first, x)]
    (x1, y1), (x2, y2) = ends
    return f'<line class="linear" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
