"""The course of training as inline SVG: no library, no script, colours from the page's CSS.

A drawing is text of a fixed size in a view box, and shrinking it would make its letters too
small for a phone. So the figure holds two drawings of the same numbers, and the page shows
the one that fits.
"""

import math
from dataclasses import dataclass
from typing import Any

Points = list[tuple[float, float]]

_WIDE, _NARROW = 960, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 18, 24, 42
_LOSS_HEIGHT, _RATE_HEIGHT, _GAP = 250, 56, 34
# With fewer points a running mean would only hide them; a longer window would flatten a long
# run's first steps, where most is learned.
_SMOOTH_FROM, _LONGEST_WINDOW = 8, 101
# Where the largest loss is more than so many times the least, as when training blew up, only a
# logarithmic scale shows both; it ends at so small a loss.
_FAR, _SMALLEST = 6, 1e-6
# Larger numbers are said by their power of ten.
_FAR_OFF = 1e6


def nice_ticks(low: float, high: float, count: int, whole: bool = False) -> list[float]:
    """Round numbers, 1, 2 or 5 times a power of ten apart, that enclose `low` to `high`.

    There are about `count` steps between them; `whole` keeps them integers.

    >>> nice_ticks(4.3, 6.2, 4)
    [4.0, 4.5, 5.0, 5.5, 6.0, 6.5]
    """
    if low == high:
        low, high = low - 0.5, high + 0.5
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * power for unit in (1, 2, 5, 10) if unit * power >= raw * 0.999)
    if whole:
        step = max(1.0, step)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """1, 2 and 5 times powers of ten, or powers of ten only, that enclose `low` to `high`.

    There are about `count` steps between them.

    >>> log_ticks(4.3, 33, 5), log_ticks(4.3, 33_000_000, 5)
    ([2.0, 5.0, 10.0, 20.0, 50.0], [1.0, 100.0, 10000.0, 1000000.0, 100000000.0])
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = math.ceil((last - first) / count)
    units = (1, 2, 5) if 3 * (last - first) <= 2 * count else (1,)
    powers = range(first, last + every, every)
    ticks = [float(f"{unit}e{power}") for power in powers for unit in units]
    start = max(index for index, tick in enumerate(ticks) if tick <= low)
    end = next(index for index, tick in enumerate(ticks) if tick >= high)
    return ticks[start : end + 1]


def smoothing_window(steps: int) -> int:
    """Over how many of so many steps a curve is the mean; 0 where there are too few for one."""
    return min(max(3, steps // 12 | 1), _LONGEST_WINDOW) if steps >= _SMOOTH_FROM else 0


def smoothed(values: list[float], window: int) -> list[float]:
    """The mean over `window` values (odd) around each one, over fewer near the ends."""
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    half = window // 2
    means = []
    for index in range(len(values)):
        start, stop = max(0, index - half), min(len(values), index + half + 1)
        means.append((sums[stop] - sums[start]) / (stop - start))
    return means


def loss_figure(rows: list[dict[str, Any]], kept: int | None = None) -> str:
    """The `<figure>` of a training log: loss, validation points and learning rate by step.

    A step that was logged twice, before and after a resume, counts as logged last. `kept`: the
    validated step whose weights were kept, which is marked.
    """
    train = _series(rows, "train", "loss")
    rates = _series(rows, "train", "learning_rate")
    validation = _series(rows, "validation", "loss_per_character")
    if not train:
        return "<p>No training step was logged.</p>"
    window = smoothing_window(len(train))
    drawings = "\n".join(
        _drawing(width, train, validation, rates, window, kept) for width in (_WIDE, _NARROW)
    )
    legend = _legend(window, bool(validation), kept in dict(validation))
    return f'<figure class="curve">\n{legend}\n{drawings}\n</figure>'


def _series(rows: list[dict[str, Any]], kind: str, name: str) -> Points:
    latest = {row["step"]: row[name] for row in rows if row["kind"] == kind}
    return [(step, value) for step, value in sorted(latest.items()) if math.isfinite(value)]


def _legend(window: int, validation: bool, kept: bool) -> str:
    entries = [("raw", "training loss, nats per token", "訓練")]
    if window:
        entries.append(("smooth", f"its mean over {window} steps", "平均"))
    if validation:
        entries.append(("dot", "validation loss, nats per character", "驗證"))
    if kept:
        entries.append(("kept", "the step whose weights were kept", "採用"))
    items = "".join(
        f'<li><span class="key {key}" aria-hidden="true"></span>{english} '
        f'<span lang="zh-Hant">{chinese}</span></li>'
        for key, english, chinese in entries
    )
    return f'<ul class="legend">{items}</ul>'


@dataclass(frozen=True)
class _Panel:
    """A rectangle of the drawing with the numbers its edges stand for."""

    width: float
    top: float
    height: float
    last_step: float
    low: float
    high: float
    logarithmic: bool = False

    def x(self, step: float) -> float:
        return _LEFT + self.width * step / self.last_step

    def y(self, value: float) -> float:
        low, high = self.low, self.high
        if self.logarithmic:
            low, value, high = (math.log10(max(one, _SMALLEST)) for one in (low, value, high))
        return self.top + self.height * (high - value) / (high - low)

    def line(self, points: Points, kind: str) -> str:
        """A line through the points; one point alone is a dot."""
        # More points than pixels make the file larger and the line no finer.
        every = math.ceil(len(points) / self.width)
        kept = points[::every] if points[-1] in points[::every] else [*points[::every], points[-1]]
        places = [f"{self.x(step):.1f},{self.y(value):.1f}" for step, value in kept]
        if len(places) == 1:
            x, y = places[0].split(",")
            return f'<circle class="{kind} alone" cx="{x}" cy="{y}" r="3"/>'
        return f'<polyline class="{kind}" points="{" ".join(places)}"/>'

    def level(self, value: float) -> str:
        """A horizontal grid line with its number."""
        y, right = f"{self.y(value):.1f}", f"{_LEFT + self.width:.1f}"
        label = f"{value:g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
        return (
            f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y}" y2="{y}"/>'
            f'<text x="{_LEFT - 8}" y="{y}" dy="0.35em" text-anchor="end">{label}</text>'
        )


def _drawing(
    width: int, train: Points, validation: Points, rates: Points, window: int, kept: int | None
) -> str:
    """One SVG `width` units wide: the loss above, the learning rate below, steps shared."""
    inner = width - _LEFT - _RIGHT
    last = max(step for step, _ in [*train, *validation])
    losses = [max(value, _SMALLEST) for _, value in [*train, *validation]]
    far = max(losses) > _FAR * min(losses)
    levels = (log_ticks if far else nice_ticks)(min(losses), max(losses), 5)
    loss = _Panel(inner, _TOP, _LOSS_HEIGHT, last, levels[0], levels[-1], far)
    rate_levels = nice_ticks(0.0, max(value for _, value in rates) or 1.0, 1)
    rate_top = _TOP + _LOSS_HEIGHT + _GAP
    rate = _Panel(inner, rate_top, _RATE_HEIGHT, last, rate_levels[0], rate_levels[-1])
    height = rate_top + _RATE_HEIGHT + _BOTTOM
    name = f"curve-{width}"
    parts = [
        f'<svg class="{"wide" if width == _WIDE else "narrow"}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-labelledby="{name}-title {name}-desc">',
        f'<title id="{name}-title">Loss and learning rate by training step</title>',
        f'<desc id="{name}-desc">{_description(train, validation, kept)}</desc>',
        *(loss.level(value) for value in levels),
        *(rate.level(value) for value in rate_levels),
        _name(_LEFT, _TOP - 12, f"Loss, nats{', logarithmic' if far else ''}", "損失"),
        _name(_LEFT, rate_top - 12, "Learning rate", "學習率"),
        *_step_axis(rate, width),
        loss.line(train, "raw"),
        *([loss.line(_smooth(train, window), "smooth")] if window else []),
        rate.line(rates, "rate"),
        *([loss.line(validation, "validation")] if len(validation) > 1 else []),
        *(_validation_dot(loss, step, value, step == kept) for step, value in validation),
        "</svg>",
    ]
    return "\n".join(parts)


def _smooth(points: Points, window: int) -> Points:
    means = smoothed([value for _, value in points], window)
    return [(step, mean) for (step, _), mean in zip(points, means, strict=True)]


def _name(x: float, y: float, english: str, chinese: str) -> str:
    words = f'{english} <tspan lang="zh-Hant">{chinese}</tspan>'
    return f'<text class="name" x="{x}" y="{y}">{words}</text>'


def _step_axis(panel: _Panel, width: int) -> list[str]:
    bottom = panel.top + panel.height
    ticks = nice_ticks(0, panel.last_step, 8 if width == _WIDE else 4, whole=True)
    marks = [
        f'<text x="{panel.x(step):.1f}" y="{bottom + 18}" text-anchor="middle">{step:,.0f}</text>'
        for step in ticks
        if step <= panel.last_step
    ]
    middle = _LEFT + panel.width / 2
    return [
        *marks,
        f'<text class="name" x="{middle:.1f}" y="{bottom + 36}" text-anchor="middle">Step '
        '<tspan lang="zh-Hant">步</tspan></text>',
    ]


def _validation_dot(panel: _Panel, step: float, value: float, kept: bool) -> str:
    place = f'cx="{panel.x(step):.1f}" cy="{panel.y(value):.1f}"'
    ring = f'<circle class="kept" {place} r="9"/>' if kept else ""
    said = f"step {step:,}: validation {_said(value)}{', kept' if kept else ''}"
    return f'{ring}<circle class="dot" {place} r="5"><title>{said}</title></circle>'


def _said(loss: float) -> str:
    return f"{loss:.2f}" if loss < _FAR_OFF else f"{loss:.3g}"


def _description(train: Points, validation: Points, kept: int | None) -> str:
    text = (
        f"Training loss {_said(train[0][1])} at step {train[0][0]:,}, "
        f"{_said(train[-1][1])} at step {train[-1][0]:,}."
    )
    if validation:
        text += (
            f" Validation loss per character {_said(validation[0][1])} at step "
            f"{validation[0][0]:,}, {_said(validation[-1][1])} at step {validation[-1][0]:,}."
        )
    if kept in dict(validation):
        text += f" The weights of step {kept:,} were kept."
    return text
