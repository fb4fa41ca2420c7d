"""Where overfitting begins, on losses that are made up to the point."""

import random

import pytest

from lianju.explore.overfitting import PairedChange, find_overfitting, overfitting_words

STEPS = (0, 10, 20, 30, 40)
EPOCHS = {step: step / 20 for step in STEPS}


def _losses(means: tuple[float, ...], n: int = 50, noise: float = 0.1) -> dict[int, list[float]]:
    """Losses of the same poems at every step: their own level, the step's mean, some noise."""
    draw = random.Random(0)
    levels = [draw.gauss(0, 1) for _ in range(n)]
    return {
        step: [mean + level + draw.gauss(0, noise) for level in levels]
        for step, mean in zip(STEPS, means, strict=True)
    }


FALLING = _losses((6.0, 5.0, 4.0, 3.0, 2.0))


def test_it_begins_after_the_lowest_loss_and_shows_at_the_first_sure_rise() -> None:
    found = find_overfitting(_losses((6.0, 5.0, 5.04, 5.3, 5.6)), FALLING)
    assert (found.found, found.lowest, found.step) == ("overfitting", 10, 30)
    assert found.unseen and found.trained and found.end
    assert found.unseen.value == pytest.approx(0.3, abs=0.06) and found.unseen.n == 50
    assert found.trained.value == pytest.approx(-2.0, abs=0.06)
    assert found.end.value == pytest.approx(0.6, abs=0.06)
    said = overfitting_words(found, EPOCHS)
    assert said.startswith("Overfitting begins after step 10 (0.5 epochs): by step 30")
    assert found.unseen.words in said and found.unseen.words in said.zh and "n = 50" in said
    assert f"at the last step it is {found.end.words} higher" in said


def test_pairs_show_what_means_of_so_different_poems_could_not() -> None:
    unseen = _losses((6.0, 5.0, 5.0, 5.1, 5.1), noise=0.05)
    spread = PairedChange.between(unseen[10], unseen[30]).standard_error
    # The poems' own levels have a standard deviation of 1: unpaired, it would be 0.2.
    assert spread == pytest.approx(0.01, abs=0.003)
    assert find_overfitting(unseen, FALLING).found == "overfitting"


def test_a_rise_within_chance_is_said_to_be_that() -> None:
    found = find_overfitting(_losses((6.0, 5.0, 5.0, 5.0, 5.0), noise=0.5), FALLING)
    assert found.found == "nothing" and found.step and found.step > found.lowest
    assert "within chance" in overfitting_words(found, EPOCHS)


def test_a_loss_that_falls_to_the_end_is_no_overfitting() -> None:
    found = find_overfitting(_losses((6.0, 5.0, 4.5, 4.2, 4.0)), FALLING)
    assert (found.found, found.lowest, found.step) == ("nothing", 40, None)
    assert "does not begin within this run" in overfitting_words(found, EPOCHS)


def test_where_both_rise_training_was_unstable() -> None:
    both = _losses((6.0, 5.0, 7.0, 9.0, 9.0))
    found = find_overfitting(both, both)
    assert (found.found, found.step) == ("worse", 20)
    assert "unstable" in overfitting_words(found, dict.fromkeys(STEPS))


def test_what_only_harms_begins_at_the_start() -> None:
    found = find_overfitting(_losses((5.0, 5.5, 6.0, 6.5, 7.0)), FALLING)
    assert found.lowest == 0 and "begins after the start" in overfitting_words(found, EPOCHS)


def test_chance_alone_is_seldom_called_overfitting() -> None:
    """Five in a hundred at most, and more only for that the lowest step is chosen by the same."""
    draw, called = random.Random(1), 0
    for _ in range(200):
        flat = {step: [draw.gauss(5, 1) for _ in range(40)] for step in STEPS}
        called += find_overfitting(flat, FALLING_40).found != "nothing"
    assert called < 0.15 * 200


FALLING_40 = _losses((6.0, 5.0, 4.0, 3.0, 2.0), n=40)


def test_of_one_poem_nothing_is_said() -> None:
    one = {step: [float(step)] for step in STEPS}
    assert find_overfitting(one, one).found == "nothing"
