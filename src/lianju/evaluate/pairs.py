"""Two systems' poems on the same couplets, and what preferring one to the other amounts to.

Both the judge and the reading test ask which of two continuations is better, and both take one
pair a couplet, the first poem of each system: poems on one couplet are alike, and every question
costs money or a reader's patience.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from lianju.errors import UserError
from lianju.evaluate.compare import named_apart
from lianju.evaluate.figures import interval_words, p_words, value_words
from lianju.evaluate.schema import Couplet, Report, System
from lianju.evaluate.statistics import NOTHING, Figure, sign_test, wilson
from lianju.verse import shape_of

PairResult = Literal["first", "second", "tie"]
POETS = "the poets"
_SEED = 20240429


@dataclass(frozen=True)
class Pair:
    """What the two systems wrote after one couplet."""

    suite: str
    couplet: str
    first: str
    second: str


@dataclass(frozen=True)
class Pairs:
    """The pairs of two systems, and by reason how many couplets gave none."""

    labels: tuple[str, str]
    pairs: list[Pair]
    left_out: dict[str, int]

    def drawn(self, count: int | None) -> "Pairs":
        """At most `count` of the pairs, always the same ones, in their order; None: all."""
        if count is None or count >= len(self.pairs):
            return self
        order = np.random.default_rng(_SEED).permutation(len(self.pairs))[:count]
        return replace(self, pairs=[self.pairs[index] for index in sorted(order)])


class Preference(BaseModel):
    """How often the first system was preferred."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    wins: int
    """Pairs in which the first is better."""
    ties: int
    losses: int
    share: Figure
    """Wins and half the ties, of all pairs, with Wilson's interval.

    As a tie varies less than a win and a loss do, the interval is a little too wide.
    """
    p: float
    """Two-sided sign test over wins and losses."""


def preference(outcomes: Sequence[PairResult]) -> Preference:
    """Count outcomes, each of another couplet."""
    counts = Counter(outcomes)
    wins, ties, losses = counts["first"], counts["tie"], counts["second"]
    share, n = NOTHING, len(outcomes)
    if n:
        value = wins + ties / 2
        low, high = wilson(value, n)
        share = Figure(value=value / n, low=low, high=high, n=n)
    return Preference(wins=wins, ties=ties, losses=losses, share=share, p=sign_test(wins, losses))


def preference_words(preference: Preference) -> str:
    """The share with its interval, the counts and p: what a line says of a preference."""
    return (
        f"{share_words(preference.share)}; {preference.wins:,} better, {preference.ties:,} equal, "
        f"{preference.losses:,} worse; sign test {p_words(preference.p)}"
    )


def share_words(figure: Figure) -> str:
    """A share with its interval and n: "62.5% (41.0–80.0%) of 20"."""
    if figure.value is None:
        return "nothing to say"
    return (
        f"{value_words(figure.value, 'share')} ({interval_words(figure, 'share')}) of {figure.n:,}"
    )


def pairs_of(
    report: Report,
    other: Report | None = None,
    *,
    real: bool = False,
    suite: str | None = None,
    same_form: bool = False,
) -> Pairs:
    """The pairs of a report's two systems, or of its first and another's, or of it and the poets.

    `suite`: only of that one. `same_form`: only poems of right shape and equal length, between
    which a reader cannot choose by form alone. Equal poems, between which there is nothing to
    choose, and couplets met before in another suite are left out. Raises `UserError` where
    nothing is left.
    """
    first, second = _systems(report, other, real)
    if second:
        first, second = named_apart(first, second)
    labels = (first.label, second.label if second else POETS)
    found: dict[str, Pair] = {}
    left_out: Counter[str] = Counter()
    for pair, reason in _candidates(first, second, suite):
        reason = reason or _unfit(pair, same_form)
        if pair.couplet in found and not reason:
            reason = "a couplet that another suite has too"
        if reason:
            left_out[reason] += 1
        else:
            found[pair.couplet] = pair
    if not found:
        why = "; ".join(f"{reason}: {n}" for reason, n in left_out.items()) or "no couplet shared"
        raise UserError(f"no pairs of {labels[0]} and {labels[1]} to choose between ({why})")
    return Pairs(labels, list(found.values()), dict(left_out))


def _systems(report: Report, other: Report | None, real: bool) -> tuple[System, System | None]:
    first = report.systems[0]
    if real and other:
        raise UserError("a second report and --real exclude each other")
    if real:
        if first.kind == "poets":
            raise UserError("the report is of the poets themselves: name a model's report")
        return first, None
    if other:
        return first, other.systems[0]
    if len(report.systems) < 2:
        raise UserError(
            f"the report has one system, {first.label}: name a second report, or compare with "
            "the real poems by --real"
        )
    return first, report.systems[1]


def _candidates(
    first: System, second: System | None, suite: str | None
) -> Iterator[tuple[Pair, str]]:
    """A pair for every couplet of the first system, or the reason why it is none."""
    if suite and suite not in first.suites:
        raise UserError(f"{first.label} has no suite {suite}, only {', '.join(first.suites)}")
    for name, part in first.suites.items():
        if suite and name != suite:
            continue
        theirs: dict[str, Couplet] = {}
        if second and name in second.suites:
            theirs = {item.couplet: item for item in second.suites[name].couplets}
        for item in part.couplets:
            match = theirs.get(item.couplet)
            text = match.poems[0].text if match else None if second else item.truth
            reason = "" if text is not None else "no second poem"
            yield Pair(name, item.couplet, item.poems[0].text, text or ""), reason


def _unfit(pair: Pair, same_form: bool) -> str:
    if pair.first == pair.second:
        return "two equal poems"
    if not same_form:
        return ""
    forms = [shape_of(pair.couplet, text).form for text in (pair.first, pair.second)]
    if None in forms:
        return "a poem of wrong shape"
    return "" if forms[0] == forms[1] else "poems of unequal length"
