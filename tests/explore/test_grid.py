"""The grid: which cells there are, and which values are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianju.config import DecodeSettings
from lianju.errors import UserError
from lianju.explore import Cell, Grid, read_grid
from lianju.explore.grid import cell_words


def test_the_default_grid_has_48_cells_each_once() -> None:
    cells = Grid().cells()
    assert len(cells) == len(set(cells)) == 48
    for cell in cells:
        DecodeSettings(**dict(cell))


def test_values_stand_from_tight_to_open_and_once() -> None:
    grid = read_grid({"top_k": "0, 20,5,20", "min_p": "0,0.1,0.02", "top_p": "1.0,0.5"})
    assert grid.top_k == (5, 20, 0)
    assert grid.min_p == (0.1, 0.02, 0)
    assert grid.top_p == (0.5, 1)
    assert grid.temperature == Grid().temperature


@pytest.mark.parametrize(
    ("axis", "text", "said"),
    [
        ("temperature", "0.5,99", "--temperature: .*got '99'"),
        ("temperature", "warm", "--temperature: .*got 'warm'"),
        ("temperature", "0.0001", "0 or at least 0.001"),
        ("temperature", "nan", "--temperature: .*got 'nan'"),
        ("top_k", "2.5", "--top-k: .*got '2.5'"),
        ("top_p", "0,1", "--top-p: .*got '0'"),
        ("min_p", "1.5", "--min-p: .*got '1.5'"),
        ("typical_p", "0.2,,0.9", "--typical-p takes values with a comma"),
        ("top_p", "", "--top-p takes values with a comma"),
    ],
)
def test_a_bad_value_is_named(axis: str, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_grid({axis: text})


@given(
    st.lists(st.sampled_from((0.1, 0.5, 1.0)), min_size=1, unique=True),
    st.lists(st.sampled_from((0.3, 1.0)), min_size=1, unique=True),
    st.lists(st.sampled_from((5, 20, 0)), min_size=1, unique=True),
    st.lists(st.sampled_from((0.1, 0.0)), min_size=1, unique=True),
)
def test_panels_by_temperature_by_columns_are_all_cells(
    temperature: list[float], top_p: list[float], top_k: list[int], min_p: list[float]
) -> None:
    grid = Grid(
        temperature=tuple(temperature), top_p=tuple(top_p), top_k=tuple(top_k), min_p=tuple(min_p)
    )
    axis = grid.columns()
    drawn = [
        Cell(**{**panel, "temperature": t, axis: value})
        for panel in grid.panels()
        for t in grid.temperature
        for value in getattr(grid, axis)
    ]
    assert len(drawn) == len(temperature) * len(top_p) * len(top_k) * len(min_p)
    assert sorted(map(str, drawn)) == sorted(map(str, grid.cells()))


def test_a_cell_is_named_by_what_the_grid_varies() -> None:
    grid = Grid(temperature=(0.7,), top_p=(0.8, 1.0), top_k=(0,), min_p=(0.1, 0.0))
    assert [cell_words(cell, grid) for cell in grid.cells()[1:3]] == [
        "temperature 0.7, top-p 0.8, min-p off",
        "temperature 0.7, top-p off, min-p 0.1",
    ]
