"""A sweep: its cells are what `decode` writes, and it goes on where it stopped."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lianju.config import DecodeSettings
from lianju.decode import complete
from lianju.errors import UserError
from lianju.explore import Grid, open_sweep, write_poems
from lianju.explore.sweep import _left
from lianju.progress import Reporter, Task
from tests.explore.sweeps import GRID, OPENINGS, plan, scored, swept
from tests.tiny import model


class Stopping(Reporter, Task):
    """Counts poems and stops like Ctrl-C when there are enough."""

    def __init__(self, enough: float = float("inf")):
        self.enough, self.poems, self.totals = enough, 0, [0]
        self.notes: list[str] = []
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)

    @contextmanager
    def task(self, name: str, total: int) -> Iterator[Task]:
        self.totals.append(total)
        yield self

    def advance(self, units: int = 1, note: str = "") -> None:
        self.poems += units
        self.notes.append(note)
        if self.poems > self.enough:
            raise KeyboardInterrupt


def test_cells_are_what_decode_writes_with_their_settings(tmp_path: Path) -> None:
    asked = plan()
    cells = swept(tmp_path, asked).written()
    assert [cell.cell for cell in cells] == GRID.cells()
    for cell in cells:
        settings = DecodeSettings(
            **dict(cell.cell),
            repetition_penalty=asked.repetition_penalty,
            candidates=2,
            seed=7,
            max_length=14,
        )
        alone = complete(model(), "plain", asked.couplets, settings)
        assert cell.poems == alone
    # At temperature 0 chance plays no part, at 1 it does.
    assert all(first == second for first, second in map(tuple, cells[0].poems))
    assert any(first.text != second.text for first, second in map(tuple, cells[-1].poems))


def test_a_stopped_sweep_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    whole = swept(tmp_path / "whole", plan())
    rules = [None] * len(OPENINGS)
    stopping = Stopping(enough=3 * plan().poems_each + 1)
    with (
        pytest.raises(KeyboardInterrupt),
        open_sweep(tmp_path / "part", plan(), stopping) as part,
    ):
        write_poems(part, model(), rules)
    assert len(part.missing()) == 5
    counting = Stopping()
    with open_sweep(tmp_path / "part", plan(), counting) as again:
        write_poems(again, model(), rules)
    assert counting.poems == counting.totals[-1] == 5 * plan().poems_each
    assert again.missing() == []
    assert [cell.poems for cell in again.written()] == [cell.poems for cell in whole.written()]


def test_the_time_left_is_said_after_the_first_cell(tmp_path: Path) -> None:
    reporter = Stopping()
    with open_sweep(tmp_path, plan(), reporter) as sweep:
        write_poems(sweep, model(), [None] * 5)
    assert len(reporter.said) == 1
    assert reporter.said[0].startswith("The first cell took ") and "left" in reporter.said[0]
    assert reporter.notes[0] == "cell 1 of 8"
    assert reporter.notes[-1].startswith("cell 8 of 8, about ")
    assert _left(30, 3, 8) == "about 50 s left"
    assert _left(600, 2, 8) == "about 30 min left"


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"seed": 8}, "seed"),
        ({"grid": Grid()}, "grid"),
        ({"openings": OPENINGS[:2]}, "openings"),
        ({"adapter": "ab", "style": "chat"}, "adapter, style"),
    ],
)
def test_other_settings_are_refused(tmp_path: Path, changed: dict[str, object], named: str) -> None:
    with open_sweep(tmp_path, plan()) as sweep:
        sweep.agree(plan())
    refused = pytest.raises(UserError, match=rf"holds a sweep with other settings \({named}\):")
    with refused, open_sweep(tmp_path, plan().model_copy(update=changed)):
        pytest.fail("it is opened")
    with open_sweep(tmp_path, plan()):
        pass


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    refused = pytest.raises(UserError, match="exists already and is not a sweep")
    with refused, open_sweep(tmp_path, plan()):
        pytest.fail("it is opened")
    (tmp_path / "sweep.json").write_text('{"version": 2}')
    refused = pytest.raises(UserError, match=r"sweep\.json is damaged")
    with refused, open_sweep(tmp_path, plan()):
        pytest.fail("it is opened")


def test_a_cell_file_says_what_was_written(tmp_path: Path) -> None:
    sweep = swept(tmp_path, plan(Grid(temperature=(1.0,), top_p=(1.0,), top_k=(0,))))
    found = json.loads((tmp_path / "cells" / "000.json").read_text("utf-8"))
    assert found["cell"] == {"temperature": 1, "top_p": 1, "top_k": 0, "min_p": 0, "typical_p": 1}
    first = found["couplets"][0]
    assert first["couplet"] == OPENINGS[0].couplet and len(first["poems"]) == 2
    [cell] = scored(sweep)
    poem = cell.written.poems[0][0]
    assert first["poems"][0]["text"] == poem.text
    assert cell.marks[0][0]["logprob"] == pytest.approx(poem.logprob / len(poem.text))
