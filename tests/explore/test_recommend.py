"""The rule that recommends a cell, and what a sweep says it found."""

from dataclasses import replace
from itertools import product
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lianju.explore import Findings, Grid
from lianju.explore.drawing import apart
from lianju.explore.finding_words import few_words, flags, sentence
from lianju.explore.findings import common_opening, contrasts
from lianju.explore.recommend import choose, front
from lianju.explore.sweep_page import page
from tests.explore.sweeps import GRID, made_up, plan, scored, swept
from tests.reader import Reader

FOUR = Grid(temperature=(0.1, 0.7, 1.0, 1.3), top_p=(1.0,), top_k=(0,))


def test_neither_the_collapsed_nor_the_misshapen_is_recommended() -> None:
    cells = made_up(FOUR, [(1, 0.3, -2.0), (1, 0.92, -3.0), (0.95, 1.0, -5.0), (0.2, 1.0, -2.5)])
    choice = choose(cells)
    assert choice is not None
    assert choice.shapely == [0, 1, 2] and choice.diverse == [1, 2] and choice.chosen == 1
    assert flags(cells[1].cell, FOUR) == "--temperature 0.7 --top-p 1 --top-k 0"


def test_a_cell_that_lost_its_shape_sets_no_standard_of_diversity() -> None:
    # Against 1.0 the second would be too poor; the cell that has 1.0 writes no poems.
    cells = made_up(FOUR, [(1, 0.5, -2.0), (1, 0.8, -3.0), (1, 0.85, -4.0), (0.1, 1.0, -6.0)])
    choice = choose(cells)
    assert choice is not None and choice.chosen == 1


def test_nothing_is_recommended_where_nothing_was_written() -> None:
    cells = made_up(FOUR, [(0, 0.5, -2.0)] * 4)
    for cell in cells:
        cell.figures["distinct_2"] = cell.figures["distinct_2"].model_copy(update={"value": None})
    assert choose(cells) is None


numbers = st.floats(0, 1).map(lambda value: round(value, 1))


@given(
    st.lists(
        st.tuples(st.sampled_from((0.0, 0.5, 0.9, 1.0)), numbers, numbers), min_size=4, max_size=4
    )
)
def test_what_is_chosen_is_on_the_front_of_the_shapely(
    rows: list[tuple[float, float, float]],
) -> None:
    choice = choose(made_up(FOUR, rows))
    assert choice is not None and choice.best in choice.shapely
    pairs = [rows[number][1:] for number in choice.shapely]
    ahead = [
        pair
        for pair in pairs
        if pair[0] > rows[choice.chosen][1] and pair[1] > rows[choice.chosen][2]
    ]
    assert ahead == []


@given(st.lists(st.tuples(numbers, numbers), max_size=12))
def test_the_front_is_what_nothing_dominates(points: list[tuple[float, float]]) -> None:
    found = front(points)
    assert [points[n][0] for n in found] == sorted(points[n][0] for n in found)
    for n, (x, y) in enumerate(points):
        beaten = any((a > x and b >= y) or (a >= x and b > y) for a, b in points)
        assert (n in found) is not beaten


@given(st.lists(st.floats(0, 100), max_size=6))
def test_labels_keep_apart_and_above_the_foot(heights: list[float]) -> None:
    moved = apart(heights, 10, 120)
    assert all(y <= 120 + 1e-9 for y in moved)
    for (a, b), (c, d) in product(zip(heights, moved, strict=True), repeat=2):
        if a < c:
            assert d - b >= 10 - 1e-9


def test_contrasts_change_one_parameter_and_leave_the_rest_open(tmp_path: Path) -> None:
    sweep = swept(tmp_path, plan())
    cells = scored(sweep)
    found = {contrast.axis: contrast for contrast in contrasts(GRID, cells)}
    assert list(found) == ["temperature", "top_p", "top_k"]
    ends = {
        axis: tuple(
            (cell.temperature, cell.top_p, cell.top_k)
            for cell in (cells[contrast.tight].cell, cells[contrast.loose].cell)
        )
        for axis, contrast in found.items()
    }
    assert ends == {
        "temperature": ((0, 1, 0), (1, 1, 0)),
        "top_p": ((1, 0.5, 0), (1, 1, 0)),
        "top_k": ((1, 1, 3), (1, 1, 0)),
    }
    # Without chance the seeds write alike; the tiny model, at its own temperature, never does.
    change = found["temperature"].changes["different"]
    assert (change.before.value, change.after.value, change.way) == (1, 2, 1)
    said = sentence(GRID, cells, found["temperature"])
    assert said.startswith(
        "With top-p off and top-k off, raising the temperature from 0 to 1 made the poems "
    )
    assert "more diverse from seed to seed (1.0 → 2.0 different poems a couplet)" in said
    assert said.endswith("Each side: 10 poems.")
    text = Reader(page(Findings(sweep, cells))).text
    row = "Different poems on a couplet 同題異作1.0 1.0 to 1.0, n\N{NO-BREAK SPACE}52.0 "
    assert row in text and "▲ more diverse from seed to seed 更多樣" in text
    assert "溫度由 0 到 1：" in text and "Temperature 0 → 1" in text
    assert common_opening(cells[0])[0] in text


def test_of_too_few_couplets_nothing_is_claimed() -> None:
    rows = [(1, 0.3, -2.0), (1, 0.92, -3.0), (0.95, 1.0, -5.0), (0.2, 1.0, -2.5)]
    few = made_up(FOUR, rows, couplets=4)
    assert choose(few) is None and contrasts(FOUR, few) == []
    assert "Too few couplets to tell 樣本太少: 4 couplets" in few_words(few)
    assert choose(made_up(FOUR, rows, couplets=5)) is not None


def test_no_change_of_what_is_spoken_of_is_not_said_to_be_none_at_all(tmp_path: Path) -> None:
    cells = scored(swept(tmp_path, plan()))
    [contrast] = [c for c in contrasts(GRID, cells) if c.axis == "temperature"]
    still = {name: replace(change, way=0) for name, change in contrast.changes.items()}
    still["logprob"] = replace(still["logprob"], way=-1)
    said = sentence(GRID, cells, replace(contrast, changes=still))
    assert "from 0 to 1: no difference in length, shape or variety could be shown." in said


def test_a_difference_that_chance_explains_is_not_claimed(tmp_path: Path) -> None:
    cells = scored(swept(tmp_path, plan()))
    [contrast] = [c for c in contrasts(GRID, cells) if c.axis == "temperature"]
    assert contrast.changes["known_lines"].way == 0
    assert "known" not in sentence(GRID, cells, contrast)
