"""Figures and their intervals: against published numbers, by hand, and by simulation."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianju.evaluate.statistics import (
    NOTHING,
    Figure,
    difference,
    flip_test,
    halves,
    mean,
    paired,
    share,
    sign_test,
    wilson,
)

GROUPS = st.lists(st.lists(st.booleans(), max_size=6), min_size=1, max_size=20)


def value(figure: Figure) -> float:
    assert figure.value is not None
    return figure.value


def ends(figure: Figure) -> tuple[float, float]:
    assert figure.low is not None and figure.high is not None
    return figure.low, figure.high


def width(figure: Figure) -> float:
    low, high = ends(figure)
    return high - low


# The intervals and p of scipy 1.17: binomtest(…).proportion_ci(method="wilson") and .pvalue.
@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (15, 15, 0.7961166989641515, 1.0),
        (0, 15, 0.0, 0.20388330103584862),
        (7, 15, 0.24809535365737387, 0.698830199745016),
        (95, 100, 0.8882495307680809, 0.978456320845632),
        (1, 500, 0.00035313639455927456, 0.011240706705146757),
    ],
)
def test_wilsons_interval_is_scipys(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=1e-7)


@pytest.mark.parametrize(
    ("wins", "losses", "p"),
    [
        (8, 2, 0.109375),
        (10, 0, 0.001953125),
        (15, 5, 0.04138946533203125),
        (3, 9, 0.14599609375),
        (60, 40, 0.05688793364098089),
        (5, 5, 1.0),
        (0, 0, 1.0),
    ],
)
def test_the_sign_test_is_scipys(wins: int, losses: int, p: float) -> None:
    assert sign_test(wins, losses) == sign_test(losses, wins) == pytest.approx(p)


def test_poems_that_are_alike_on_a_couplet_count_as_one() -> None:
    couplets = [True, True, False, True, False, True, True, True]
    once = share([[one] for one in couplets])
    often = share([[one] * 9 for one in couplets])
    assert ends(often) == ends(once) == pytest.approx(wilson(6, 8))
    assert (once.n, often.n, often.value) == (8, 72, 0.75)


def test_poems_that_are_unlike_on_a_couplet_count_each() -> None:
    assert ends(share([[True, False]] * 10)) == pytest.approx(wilson(10, 20))
    generator = np.random.default_rng(0)
    groups = (generator.random((60, 5)) < 0.7).tolist()
    few, many = (wilson(210 / 300 * n, n) for n in (200, 300))
    assert many[1] - many[0] <= width(share(groups)) < few[1] - few[0]


def test_poems_that_are_somewhat_alike_count_in_between() -> None:
    """By hand: deviations 5/4, 1/4, −3/4, −3/4; variance 11/4 · 4/3 / 64; 15/64 over it: 45/11."""
    figure = share([[True, True], [True, False], [False, False], [False, False]])
    assert ends(figure) == pytest.approx(wilson(3 / 8 * 45 / 11, 45 / 11))


@given(GROUPS)
def test_a_share_rests_on_no_fewer_than_its_couplets_and_no_more_than_its_poems(
    groups: list[list[bool]],
) -> None:
    figure = share(groups)
    poems = [poem for group in groups for poem in group]
    if not poems:
        assert figure == NOTHING
        return
    right = sum(poems) / len(poems)
    assert figure.value == pytest.approx(right) and figure.n == len(poems)
    low, high = ends(figure)
    assert 0 <= low <= right + 1e-12 and right - 1e-12 <= high <= 1
    couplets = sum(map(bool, groups))
    widest, narrowest = (wilson(right * n, n) for n in (couplets, len(poems)))
    assert narrowest[1] - narrowest[0] - 1e-12 <= high - low <= widest[1] - widest[0] + 1e-12


def _covers(kind: str, generator: np.random.Generator) -> bool:
    """Whether the interval on 40 couplets of 4 poems, alike on each, holds the truth."""
    if kind == "mean":
        on_couplets = generator.normal(3, 1, (40, 1))
        figure, truth = mean((on_couplets + generator.normal(0, 1, (40, 4))).tolist()), 3.0
    else:
        chances = generator.beta(1.2, 0.8, (40, 1))
        figure, truth = share((generator.random((40, 4)) < chances).tolist()), 0.6
    low, high = ends(figure)
    return low <= truth <= high


@pytest.mark.parametrize(("kind", "rounds"), [("mean", 400), ("share", 1000)])
def test_19_of_20_intervals_hold_the_truth(kind: str, rounds: int) -> None:
    """Were poems the unit and not couplets, it would be 16 of 20."""
    generator = np.random.default_rng(20)
    covered = sum(_covers(kind, generator) for _ in range(rounds)) / rounds
    assert 0.91 < covered < 0.985


@pytest.mark.parametrize("count", [2, 20, 101])
def test_the_spread_over_halves_is_that_of_a_mean(count: int) -> None:
    """The standard error of a mean is known: s / √n, here without a bootstrap."""
    values = np.random.default_rng(count).normal(5, 2, count)

    def of_half(half: Sequence[int]) -> float:
        assert len(set(half)) == len(half) == count // 2
        return float(values[list(half)].mean())

    figure = halves(count, of_half, 2000)
    error = values.std(ddof=1) / count**0.5
    assert width(figure) / 2 == pytest.approx(1.96 * error, rel=0.06)
    assert figure.value == pytest.approx(values.mean(), abs=error / 10)
    assert figure.n == count // 2


def test_halves_without_an_answer_are_left_out() -> None:
    def of_half(half: Sequence[int]) -> float | None:
        return 1.0 if 0 in half else None

    assert halves(10, of_half, 20) == Figure(value=1.0, low=1.0, high=1.0, n=5)
    assert halves(10, lambda half: None, 20) == NOTHING


def test_a_mean_is_of_poems_and_its_interval_of_couplets() -> None:
    figure = mean([[1.0, 1.0, 1.0], [], [0.0]])
    assert (figure.value, figure.n) == (0.75, 4)
    assert ends(figure) == (0.0, 1.0)
    assert mean([[], []]) == mean([]) == NOTHING


def test_what_a_couplet_asks_of_both_cancels_out() -> None:
    generator = np.random.default_rng(3)
    hard = generator.normal(0, 10, 50)
    theirs = [[one] for one in hard.tolist()]
    ours = [[one] for one in (hard + 1 + generator.normal(0, 0.1, 50)).tolist()]
    figure = difference(ours, theirs)
    assert figure.value == pytest.approx(1, abs=0.05) and width(figure) < 0.1
    assert width(mean(ours)) > 4
    assert value(difference(theirs, ours)) == pytest.approx(-value(figure))


def test_pairs_are_couplets_with_values_on_both_sides() -> None:
    ours: list[list[float]] = [[1, 2], [], [5], [4, 4, 4]]
    theirs: list[list[float]] = [[1], [7], [], [1, 3]]
    assert paired(ours, theirs) == [0.5, 2.0]
    figure = difference(ours, theirs)
    assert (figure.value, figure.n) == (1.25, 2)
    assert difference([[1.0]], [[]]) == NOTHING
    with pytest.raises(ValueError):
        paired([[1.0]], [])


def test_a_randomisation_test_is_exact_where_all_signs_can_be_counted() -> None:
    differences, weights = [0.3, 0.1, 0.4, -0.1, 0.2, 0.5], [24, 48, 24, 24, 48, 24]
    values = [a * b for a, b in zip(differences, weights, strict=True)]
    signs = list(itertools.product((1, -1), repeat=len(values)))
    sums = [abs(sum(s * v for s, v in zip(row, values, strict=True))) for row in signs]
    exact = sum(one >= abs(sum(values)) - 1e-9 for one in sums) / len(signs)
    assert flip_test(differences, weights) == pytest.approx(exact, abs=0.01)
    assert flip_test([0.0, 0.0], [1, 1]) == 1.0 and flip_test([], []) == 1.0
    assert flip_test([0.1] * 100, [1] * 100) == 1 / 10_001
