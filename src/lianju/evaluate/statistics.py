"""Figures with their uncertainty. Poems on one couplet are alike, so the couplet is the unit.

A group holds the values of all poems on one couplet. Shares get Wilson's interval at the number
of independent poems that the groups amount to, which stays honest at 0% and 100%; means get a
bootstrap over couplets; numbers that only a set has, such as its diversity, are taken on random
halves of the couplets.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

ROUNDS = 1000
# Of a randomisation test, drawn so many at a time.
_FLIPS, _AT_ONCE = 10_000, 500
_SEED = 20240429
# exp of more is no float any more.
_MOST_NATS = 709.0


class Figure(BaseModel):
    """A number with its 95% interval; `n` says on how many poems, or pairs, or halves it rests.

    `value` is None where there was nothing to take it on.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )

    value: float | None
    """The number."""
    low: float | None
    """The lower end of the 95% interval."""
    high: float | None
    """The upper end."""
    n: int
    """How many poems it was taken on."""


NOTHING = Figure(value=None, low=None, high=None, n=0)


def perplexity(nats: float) -> float:
    """Among how many equally likely choices a model was as uncertain: exp(nats).

    Where that is more than any number can hold, the largest that one can.
    """
    return math.exp(min(nats, _MOST_NATS))


def wilson(successes: float, n: float, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval for a share, by default of 95%.

    E. B. Wilson, Probable Inference, JASA 22 (1927). `n` is above 0.
    """
    share = successes / n
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def share(groups: Sequence[Sequence[float]]) -> Figure:
    """The share of true values, or ones, with Wilson's interval at the effective number of poems.

    That number is at least the couplets' and at most the poems': Korn and Graubard, Survey
    Methodology 24 (1998), section 2, with the variance between couplets.
    """
    groups = [group for group in groups if group]
    if not groups:
        return NOTHING
    sizes = np.array([len(group) for group in groups])
    sums = np.array([sum(group) for group in groups])
    n, value = int(sizes.sum()), float(sums.sum() / sizes.sum())
    effective = float(len(groups))
    if len(groups) > 1 and 0 < value < 1:
        spread = float(((sums - value * sizes) ** 2).sum())
        variance = spread * len(groups) / (len(groups) - 1) / n**2
        effective = min(n, max(effective, value * (1 - value) / variance if variance else n))
    low, high = wilson(value * effective, effective)
    return Figure(value=value, low=low, high=high, n=n)


def mean(groups: Sequence[Sequence[float]]) -> Figure:
    """The mean of all values, with a percentile bootstrap over couplets.

    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    groups = [group for group in groups if group]
    if not groups:
        return NOTHING
    sizes = np.array([len(group) for group in groups], dtype=np.float64)
    sums = np.array([sum(group) for group in groups], dtype=np.float64)
    drawn = _resamples(len(groups))
    low, high = np.percentile((drawn @ sums) / (drawn @ sizes), (2.5, 97.5))
    value = float(sums.sum() / sizes.sum())
    return Figure(value=value, low=float(low), high=float(high), n=int(sizes.sum()))


def difference(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> Figure:
    """The mean of `ours` less that of `theirs`, couplet by couplet, with a bootstrap over pairs.

    Couplets on which either has no value are left out; `n` counts the pairs.
    """
    return mean([[one] for one in paired(ours, theirs)])


def paired(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> list[float]:
    """The difference of the two means on each couplet where both have a value."""
    both = [(a, b) for a, b in zip(ours, theirs, strict=True) if a and b]
    return [sum(a) / len(a) - sum(b) / len(b) for a, b in both]


def halves(count: int, statistic: Callable[[Sequence[int]], float | None], rounds: int) -> Figure:
    """A number of a set, never below 0: its mean over `rounds` random halves of `count` couplets.

    `statistic` takes the indices of a half and may answer None. The spread over halves drawn
    without replacement is that of the whole: Shao and Tu, The Jackknife and Bootstrap, 1995,
    section 2.3. A bootstrap would draw poems twice, and a poem is no variation on itself.
    """
    generator = np.random.default_rng(_SEED)
    size = max(1, count // 2)
    drawn = [sorted(generator.permutation(count)[:size].tolist()) for _ in range(rounds)]
    values = [value for half in drawn if (value := statistic(half)) is not None]
    if not values:
        return NOTHING
    value = float(np.mean(values))
    spread = 1.959964 * float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Figure(value=value, low=max(0.0, value - spread), high=value + spread, n=size)


def sign_test(wins: int, losses: int) -> float:
    """The two-sided p of `wins` against `losses` if either were as likely; ties play no part."""
    n = wins + losses
    if n == 0:
        return 1.0
    tail = sum(math.comb(n, k) for k in range(min(wins, losses) + 1))
    return min(1.0, 2 * tail / (1 << n))


def flip_test(differences: Sequence[float], weights: Sequence[float]) -> float:
    """The two-sided p of the weighted mean of paired differences, if each might as well have had
    the other sign; never below 1 in 10,001.

    The randomisation test for pairs: E. W. Noreen, Computer-Intensive Methods for Testing
    Hypotheses, 1989, chapter 2. It asks of the mean what `sign_test` asks of the counts.
    """
    values = np.asarray(differences, dtype=np.float64) * np.asarray(weights, dtype=np.float64)
    generator = np.random.default_rng(_SEED)
    found = abs(float(values.sum())) * (1 - 1e-12)  # a sum in another order is the same sum
    as_far = 0
    for _ in range(_FLIPS // _AT_ONCE):
        signs = generator.integers(0, 2, size=(_AT_ONCE, len(values))) * 2.0 - 1.0
        as_far += int((abs(signs @ values) >= found).sum())
    return (as_far + 1) / (_FLIPS + 1)


def _resamples(count: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """How often each of `count` couplets is in each of the bootstrap's samples."""
    generator = np.random.default_rng(_SEED)
    return generator.multinomial(count, np.full(count, 1 / count), size=ROUNDS).astype(np.float64)
