"""The pieces of the sweep's plots: axes, points and files of plain SVG.

A plot is an `<svg class="plot">` that `STYLE` colours with the page's variables. `alone` makes a
file of one or several: with the light colours written in, and in English only, for a converter
may have no Chinese letters.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lianju.evaluate import Figure, markup, nice_ticks
from lianju.explore.metric_words import MetricWords

WIDTH = 360
STYLE = """\
.plot text { font-family: sans-serif; font-size: 12.5px; fill: var(--quiet); }
.plot .name { fill: var(--ink); }
.plot .value { fill: var(--ink); font-size: 13.5px; }
.plot .grid { stroke: var(--line); }
.plot .shade { fill: var(--accent); }
.plot .ring { fill: none; stroke: var(--seal); stroke-width: 2.5; }
.plot .tip { display: none; }
.plot .point { fill: var(--accent); stroke: var(--accent); stroke-width: 1.5; }
.plot .out { fill: var(--sheet); stroke: var(--quiet); stroke-width: 1.5; }
.plot .error { stroke: var(--accent); stroke-opacity: 0.4; }
.plot .front { fill: none; stroke: var(--seal); stroke-width: 1.5; stroke-dasharray: 5 3; }
.plot .series { fill: none; stroke: var(--accent); stroke-width: 2; }
"""
_LIGHT = {
    "sheet": "#fdfefd",
    "ink": "#1c2427",
    "quiet": "#55636a",
    "line": "#d5dcda",
    "accent": "#1d6470",
    "seal": "#b0352a",
}
# A narrower range than this is of one value, but for rounding.
_NARROW = 1e-6
_SIZE = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
_CHINESE = re.compile(r'\s*<tspan lang="zh-Hant">[^<]*</tspan>')


def svg(width: float, height: float, said: str, parts: Sequence[str]) -> str:
    """A plot of `parts`; `said` tells what it shows to those who cannot see it."""
    return (
        f'<svg class="plot" viewBox="0 0 {width:g} {height:g}" role="group" '
        f'aria-label="{markup.text(said)}">\n' + "\n".join(parts) + "\n</svg>"
    )


def write(x: float, y: float, words: str, anchor: str = "start", kind: str = "") -> str:
    """Words at a place; `kind` is a class of `STYLE`."""
    classed = f' class="{kind}"' if kind else ""
    return (
        f'<text{classed} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{markup.text(words)}</text>'
    )


def name(x: float, y: float, shown: MetricWords, anchor: str = "start") -> str:
    """The name of a metric in both languages."""
    return (
        f'<text class="name" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{shown.title} '
        f'<tspan lang="zh-Hant">{shown.chinese}</tspan></text>'
    )


def alone(plots: Sequence[str], title: str, style: str = "") -> str:
    """A stand-alone SVG file of plots side by side under a title; `style`: more CSS than ours."""
    sizes = [(float(size[1]), float(size[2])) for plot in plots if (size := _SIZE.search(plot))]
    gap, top = 28, 56
    width = sum(w for w, _ in sizes) + gap * (len(plots) + 1)
    height = max(h for _, h in sizes) + top + 12
    parts, x = [], float(gap)
    for plot, (w, h) in zip(plots, sizes, strict=True):
        place = f'<svg x="{x:g}" y="{top}" width="{w:g}" height="{h:g}" '
        parts.append(_CHINESE.sub("", plot).replace("<svg ", place, 1))
        x += w + gap
    colours = re.sub(r"var\(--(\w+)\)", lambda match: _LIGHT[match[1]], STYLE)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}">\n<style>\n{colours}{style}'
        ".plot .title { font-size: 16px; fill: #1c2427; }\n</style>\n"
        f'<rect width="{width:g}" height="{height:g}" fill="{_LIGHT["sheet"]}"/>\n'
        f'<g class="plot">{write(gap, 30, title, kind="title")}</g>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


@dataclass(frozen=True)
class Axes:
    """The area of a plot with the numbers that its edges stand for."""

    across: Sequence[float]
    """The numbers along the lower edge, ascending."""
    up: Sequence[float]
    right: float = WIDTH - 18
    left: float = 52
    top: float = 34
    bottom: float = 262

    def x(self, value: float) -> float:
        """Where a value lies across."""
        low, high = self.across[0], self.across[-1]
        return self.left + (self.right - self.left) * (value - low) / (high - low)

    def y(self, value: float) -> float:
        """Where a value lies up."""
        low, high = self.up[0], self.up[-1]
        return self.bottom - (self.bottom - self.top) * (value - low) / (high - low)

    def rows(self, up: MetricWords) -> list[str]:
        """The name of the upright axis and its grid lines with their numbers."""
        parts = [name(0, 15, up)]
        for value in self.up:
            y = f"{self.y(value):.1f}"
            parts.append(
                f'<line class="grid" x1="{self.left}" x2="{self.right}" y1="{y}" y2="{y}"/>'
            )
            parts.append(write(self.left - 8, self.y(value) + 4, up.number(value), "end"))
        return parts

    def columns(self, across: MetricWords) -> list[str]:
        """The numbers along the lower edge and the name of that axis."""
        return [
            *(
                write(self.x(value), self.bottom + 18, across.number(value), "middle")
                for value in self.across
            ),
            name((self.left + self.right) / 2, self.bottom + 40, across, "middle"),
        ]

    def upright(self, x: float, figure: Figure) -> str:
        """The interval of a figure that stands at `x`."""
        if figure.low is None or figure.high is None:
            return ""
        low, high = self.y(figure.low), self.y(figure.high)
        return f'<line class="error" x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>'

    def level(self, figure: Figure, y: float) -> str:
        """The interval of a figure that stands at the height `y`."""
        if figure.low is None or figure.high is None:
            return ""
        low, high = self.x(figure.low), self.x(figure.high)
        return f'<line class="error" x1="{low:.1f}" x2="{high:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'


def ticks(figures: Sequence[Figure], metric: MetricWords) -> list[float]:
    """Round numbers that enclose the intervals of all figures of a metric.

    A share's end at 0 and 1, even where an interval that was computed goes on.
    """
    ends = [end for figure in figures for end in (figure.low, figure.high) if end is not None]
    if metric.digits is None:
        ends = [min(1.0, max(0.0, end)) for end in ends]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    if high - low < _NARROW:
        low, high = (0.0, 1.0) if metric.digits is None else (low - 0.5, high + 0.5)
    return nice_ticks(low, high, 5)


def apart(heights: Sequence[float], gap: float, foot: float) -> list[float]:
    """Heights moved so that no two are nearer than `gap` and none is below `foot`.

    Their order stays; they move down first, and up where the foot is in the way.

    >>> apart([10.0, 40.0, 12.0], 15.0, 100.0)
    [10.0, 40.0, 25.0]
    >>> apart([90.0, 95.0], 15.0, 100.0)
    [85.0, 100.0]
    """
    moved = list(heights)
    order = sorted(range(len(heights)), key=heights.__getitem__)
    last = float("-inf")
    for index in order:
        last = moved[index] = max(heights[index], last + gap)
    last = foot + gap
    for index in reversed(order):
        last = moved[index] = min(moved[index], last - gap)
    return moved
