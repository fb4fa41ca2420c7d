"""Figures as people read them: the same words in the verdict, the terminal and the page."""

import math
from typing import Literal

from lianju.evaluate.schema import Comparison, Metric
from lianju.evaluate.statistics import Figure, sign_test

Unit = Literal["share", "nats", "number"]

LEVEL = 0.05
"""Below this p a difference counts, as everywhere in the field."""

# What is left of 0 after some arithmetic.
_NOTHING = 1e-9


def value_words(value: float, unit: Unit) -> str:
    """A number in its unit: "95.0%", "4.40", "1,652".

    A share is "100%" or "0%" only when it is exactly that.

    >>> value_words(0.9999, "share"), value_words(1.0, "share"), value_words(16.52, "number")
    ('>99.9%', '100%', '16.5')
    """
    if unit == "share":
        return f"{_percent(value)}%"
    if unit == "nats":
        return _signed(f"{value:.2f}")
    return _signed(_digits(value))


def interval_words(figure: Figure, unit: Unit) -> str:
    """The 95% interval, the unit said once: "92.7–96.6%"; with "to" where an end is negative.

    Values that are all equal have shown no spread, which is no proof that there is none.
    """
    if figure.low is None or figure.high is None:
        return ""
    if figure.low == figure.high:
        return "all equal"
    low, high = value_words(figure.low, unit), value_words(figure.high, unit)
    if figure.low < 0:
        return f"{low} to {high}"
    return f"{low.removesuffix('%')}–{high}"


def difference_words(figure: Figure, unit: Unit) -> str:
    """How much more the first system has, with its interval: "+2.1 (−0.4 to +4.6) points"."""
    if figure.value is None or figure.low is None or figure.high is None:
        return ""
    value, low, high = (_more(end, unit) for end in (figure.value, figure.low, figure.high))
    spread = f" ({low} to {high})" if figure.low != figure.high else ""
    return f"{value}{spread}{' points' if unit == 'share' else ''}"


def p_words(p: float) -> str:
    """A p with two digits that count: "p = 0.031", "p < 0.001"."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def holds(comparison: Comparison) -> bool:
    """Whether the difference is more than chance would give among all that were compared."""
    return comparison.adjusted < LEVEL


def doubt(comparison: Comparison) -> str:
    """Why a difference that does not hold does not, English and Chinese.

    Of so few couplets that even all of them, one way, would not do, nothing can be told.
    """
    couplets = comparison.wins + comparison.losses + comparison.ties
    if sign_test(couplets, 0) >= LEVEL:
        return "too few couplets to tell 樣本太少"
    if comparison.p < LEVEL:
        return "not after correction 校正後不成立"
    return "within chance 未定"


def way(comparison: Comparison, metric: Metric) -> Literal["better", "worse", "higher", "lower"]:
    """Which way most couplets go, for the first system, as the sign test counted them."""
    more = comparison.wins > comparison.losses
    if metric.better == "neither":
        return "higher" if more else "lower"
    return "better" if more else "worse"


def _percent(value: float) -> str:
    shown = f"{100 * value:.1f}"
    if shown == "100.0":
        return "100" if 1 - value < _NOTHING else ">99.9"
    if shown == "0.0":
        return "0" if abs(value) < _NOTHING else "<0.1"
    return _signed(shown)


def _digits(value: float) -> str:
    """Three digits that count, but no whole digit lost and no more than four decimals."""
    if not value or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{min(4, 2 - math.floor(math.log10(abs(value))))}f}"


def _more(value: float, unit: Unit) -> str:
    if unit == "share":
        shown = f"{100 * value:+.1f}"
    elif unit == "nats":
        shown = f"{value:+.2f}"
    else:
        shown = f"{'+' if value >= 0 else ''}{_digits(value)}"
    return "0" if not shown.strip("+-0.") else _signed(shown)


def _signed(number: str) -> str:
    return number.replace("-", "−")
