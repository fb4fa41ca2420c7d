"""The settings in which the runs of a grid differ, and the order in which they are trained."""

from itertools import product
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lianju.errors import UserError
from lianju.experiments.axes import Axis, choice_words, choices, read_axes, value_of
from lianju.experiments.order import Cost, Forecast, forecast, telling_order


def test_several_values_are_an_axis_and_one_is_for_all() -> None:
    assignments = ["data.poems=500, 250", "train.learning_rate=1e-3,0.002", "seed=3"]
    common, axes = read_axes("default", assignments, {"train.epochs": 2})
    assert common.seed == 3 and common.train.epochs == 2
    assert axes == [
        Axis(name="data.poems", values=(250, 500)),
        Axis(name="train.learning_rate", values=(0.001, 0.002)),
    ]
    assert choices(axes)[1] == {"data.poems": 250, "train.learning_rate": 0.002}
    assert choice_words(choices(axes)[1]) == "poems 250, learning rate 0.002"


def test_values_that_are_the_same_count_once_and_names_stay_in_their_order() -> None:
    _, axes = read_axes("default", ["train.epochs=1,1", "train.method=full,lora"], {})
    assert [axis.values for axis in axes] == [("full", "lora")]


def test_commas_within_brackets_belong_to_the_value() -> None:
    given_ = "lora.targets=[q_proj, v_proj],[q_proj]"
    _, [axis] = read_axes("default", [given_], {})
    assert [list(value) for value in axis.values] == [["q_proj", "v_proj"], ["q_proj"]]


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("data.poem=1,2", "data.poems"),
        ("train.epochs=1,-2", "train.epochs"),
        ("data.source=a,b", "make a grid for each"),
        ("data.validation=10,20", "--couplets"),
        ("decode.temperature=0.1,1", "explore sweep"),
        ("train.epochs", "name=value"),
        ("seed=" + ",".join(map(str, range(1001))), "too many"),
    ],
)
def test_what_cells_cannot_differ_in_is_refused(assignment: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_axes("default", [assignment], {})


def test_a_setting_given_twice_and_values_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(UserError, match="given twice"):
        read_axes("default", ["train.epochs=1,2", "train.epochs=3"], {})
    with pytest.raises(UserError, match=r"model\.bits=16"):
        read_axes("default", ["train.method=lora,full", "model.bits=16,4"], {})


def test_a_value_is_read_by_its_dotted_name() -> None:
    common, _ = read_axes("default", ["train.learning_rate=1e-3", "seed=5"], {})
    assert value_of(common, "train.learning_rate") == 0.001 and value_of(common, "seed") == 5


@settings(max_examples=25)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_the_order_has_every_cell_and_each_is_the_farthest(sizes: list[int]) -> None:
    order = telling_order(sizes)
    assert sorted(order) == list(range(prod(sizes))) and order[0] == 0
    cells = list(product(*map(range, sizes)))

    def apart(one: int, other: int) -> float:
        return sum(
            abs(a - b) / (size - 1)
            for a, b, size in zip(cells[one], cells[other], sizes, strict=True)
            if size > 1
        )

    def nearest(cell: int, before: list[int]) -> float:
        return min(apart(cell, other) for other in before)

    for at in range(1, len(order)):
        before = order[:at]
        farthest = max(nearest(cell, before) for cell in order[at:])
        assert nearest(order[at], before) == pytest.approx(farthest)


def test_what_cells_will_take_is_told_by_those_that_ended() -> None:
    expected = forecast([Cost(100, 10.0, 5.0), Cost(300, 30.0, 7.0)])
    assert expected == Forecast(each=0.1, rest=6.0)
    assert expected.seconds([50, 150]) == pytest.approx(0.1 * 200 + 12)
