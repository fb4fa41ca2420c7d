"""What a training grid is said to have found, on made-up runs of which it is known."""

import random
from pathlib import Path

import numpy as np
import pytest

from lianju.experiments.axes import Axis
from lianju.experiments.grid_findings import sign, step_of
from lianju.experiments.grid_page import page
from lianju.experiments.grid_words import axis_words, found_words, told, verdict_words
from lianju.verse import in_language
from tests.experiments.grids import UNSEEN, cell, findings, plan
from tests.reader import Reader

POEMS = Axis(name="data.poems", values=(250, 500, 1000))
EPOCHS = Axis(name="train.epochs", values=(1, 3))


def losses(level: float, seed: int = 0) -> list[float]:
    """Some couplets are harder than others, in every run alike, and chance is small."""
    hard, chance = random.Random(1), random.Random(seed + 2)
    return [level + hard.gauss(0, 0.5) + chance.gauss(0, 0.05) for _ in range(UNSEEN)]


def test_the_cheapest_that_cannot_be_told_from_the_best_is_named(tmp_path: Path) -> None:
    asked = plan([POEMS])
    cells = [
        cell(asked, number, losses(level, number), seconds)
        for number, (level, seconds) in enumerate([(5.5, 10), (5.0, 20), (4.995, 40)])
    ]
    found = findings(tmp_path, asked, cells)
    assert found.best is min(cells, key=lambda one: sum(one.judged.losses))
    assert found.as_good[0] is cells[1] and cells[0] not in found.as_good
    assert [one.number for one in found.front("loss")][:2] == [0, 1]
    said = told(found)
    assert any("poems 500 cannot be told from it and took 20.0" in s for s in said) or (
        found.best is cells[1]
    )
    assert verdict_words(found, POEMS) == "Beyond 500 no gain could be shown."


def test_a_step_is_the_mean_difference_couplet_by_couplet(tmp_path: Path) -> None:
    asked = plan([POEMS, EPOCHS])
    levels = {0: 5.6, 1: 5.4, 2: 5.3, 3: 5.0, 4: 5.2, 5: 4.6}
    cells = [cell(asked, n, losses(level, n), 10.0 * (n + 1)) for n, level in levels.items()]
    step = step_of(cells, POEMS, 250, 500)
    assert step is not None and step.pairs == 2
    table = np.array([one.judged.losses for one in cells])
    expected = ((table[2] - table[0]) + (table[3] - table[1])) / 2
    figure = step.changes["loss"]
    assert figure.value == pytest.approx(expected.mean()) and figure.n == UNSEEN
    assert figure.low is not None and figure.high is not None
    error = expected.std(ddof=1) / UNSEEN**0.5
    assert figure.high - figure.low == pytest.approx(2 * 1.96 * error, rel=0.2)
    assert step.times == pytest.approx((30 / 10 * 40 / 20) ** 0.5)
    assert sign(figure) == -1
    assert verdict_words(findings(tmp_path, asked, cells), POEMS).startswith("It still helped")


def test_cells_that_are_missing_leave_pairs_out() -> None:
    asked = plan([POEMS, EPOCHS])
    cells = [cell(asked, n, losses(5.0, n), 10.0) for n in (0, 3, 5)]
    assert step_of(cells, POEMS, 250, 500) is None
    step = step_of(cells, POEMS, 500, 1000)
    assert step is not None and step.pairs == 1


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ((5.0, 5.0, 5.0), "made no difference"),
        ((5.5, 5.0, 5.4), "Beyond 500 it got worse"),
        ((5.0, 5.5, 6.0), "Beyond 250 it got worse"),
        ((6.0, 5.5, 5.0), "still helped at 1,000"),
    ],
)
def test_the_verdict_on_a_setting(levels: tuple[float, ...], said: str, tmp_path: Path) -> None:
    asked = plan([POEMS])
    cells = [cell(asked, n, losses(level), 10.0) for n, level in enumerate(levels)]
    verdict = verdict_words(findings(tmp_path, asked, cells), POEMS)
    assert said in verdict and in_language(verdict, "zh") != verdict


def test_settings_without_a_story_of_their_own_are_told_by_their_description() -> None:
    assert "decoupled weight decay" in axis_words(Axis(name="train.weight_decay", values=(0, 1)))


def test_the_page_shows_every_run_and_what_a_model_wrote_as_text(tmp_path: Path) -> None:
    asked = plan([POEMS, EPOCHS])
    cells = [
        cell(asked, n, losses(5 - n / 10), 10.0 + n, right=30, text="<script>alert(1)</script>")
        for n in range(6)
    ]
    found = findings(tmp_path, asked, cells)
    html = page(found)
    reader = Reader(html)
    assert "<script>alert" not in html and "&lt;script&gt;alert(1)" in html
    for one in cells:
        assert f"poems {one.choice['data.poems']:,}, epochs {one.choice['train.epochs']}" in html
    for sentence in found_words(found):
        assert str(sentence) in reader.text and in_language(sentence, "zh") in reader.text
