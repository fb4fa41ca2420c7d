"""`lianju explore train` as users type it, on a tiny Llama that really learns."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lianju.cli import explore_train
from lianju.cli.app import app
from lianju.errors import UserError
from lianju.progress import Reporter, Task
from tests import checkpoints

COUPLETS = 6


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.llama(tmp_path_factory.mktemp("models") / "base")


class _Pressing(Task):
    """Presses Ctrl-C in the middle of a fine-tuning."""

    left = 2

    def advance(self, units: int = 1, note: str = "") -> None:
        self.left -= units
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


class Pressed(Reporter):
    @contextmanager
    def task(self, name: str, total: int) -> Iterator[Task]:
        yield _Pressing() if name == "Fine-tuning" else Task()


def train(out: Path, base: Path, *more: str) -> None:
    same = {
        "model.name": str(base),
        "model.precision": "fp32",
        "train.batch_size": "4",
        "train.validations": "2",
        "decode.max_length": "12",
        "lora.rank": "2",
    }
    words = ["explore", "train", "--out", str(out), "--couplets", str(COUPLETS)]
    for name, value in same.items():
        words += ["--set", f"{name}={value}"]
    app([*words, *more], exit_on_error=False, print_error=False, result_action="return_none")


SMALL = ["--set", "data.poems=8"]
GRID = [*SMALL, "--set", "train.learning_rate=1e-3,1e-2"]


def judged(folder: Path, number: int) -> dict[str, object]:
    """What came of a cell, without what times and memory say."""
    found: dict[str, object] = json.loads((folder / f"judged/{number:03}.json").read_text())
    timed = ("training", "rest", "memory_gb", "gpu_gb")
    return {name: value for name, value in found.items() if name not in timed}


@pytest.fixture(scope="module")
def whole(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grids") / "whole"
    train(folder, base, *GRID)
    return folder


def test_a_grid_from_end_to_end(whole: Path) -> None:
    found = json.loads((whole / "findings.json").read_text("utf-8"))
    assert [cell["number"] for cell in found["cells"]] == [0, 1]
    slow, fast = found["cells"]
    assert fast["choice"] == {"train.learning_rate": 0.01}
    assert [len(cell["curve"]) for cell in (slow, fast)] == [2, 2]
    # At a tenth of the rate so short a training hardly moves the weights.
    losses = [cell["figures"]["loss"] for cell in (slow, fast)]
    assert losses[1]["value"] < losses[0]["value"] < found["base_loss"]["value"]
    assert losses[1]["n"] == COUPLETS and found["best"] == 1
    files = {path.name for path in (whole / "plots").glob("*.svg")}
    assert {"curves.svg", "quality-time.svg", "settings-loss.svg"} <= files
    assert (whole / "cells.csv").read_text("utf-8").count("\n") == 3
    assert "learning rate 0.01" in (whole / "grid.html").read_text("utf-8")


def test_the_same_command_again_trains_nothing_and_writes_the_same(
    whole: Path, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()}
    train(whole, base, *GRID)
    assert "Cell" not in capsys.readouterr().err
    assert {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()} == before
    with pytest.raises(UserError, match=r"a training grid with other settings \(axes\)"):
        train(whole, base, *SMALL, "--set", "train.epochs=1,2")


def test_a_grid_that_was_stopped_in_a_run_ends_as_if_it_had_not_been(
    whole: Path,
    base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    alone = [*SMALL, "--set", "train.learning_rate=1e-3"]
    with monkeypatch.context() as patch:
        patch.setattr(explore_train, "TerminalReporter", Pressed)
        with pytest.raises(SystemExit) as left:
            train(tmp_path / "grid", base, *alone)
    assert left.value.code == 130
    assert "Stopped. Runs that are kept: 0." in capsys.readouterr().err
    train(tmp_path / "grid", base, *alone)
    assert judged(tmp_path / "grid", 0) == judged(whole, 0)


def test_shards_do_each_run_once_and_the_whole_takes_them(
    whole: Path, base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("1/2", "2/2"):
        train(tmp_path / "grid", base, *GRID, "--shard", part)
    assert "grid-2-of-2: 1 run finished" in capsys.readouterr().out
    train(tmp_path / "grid", base, *GRID)
    said = capsys.readouterr().err
    assert said.count("Runs taken from") == 2 and "Cell 1 of" not in said
    for number in range(2):
        assert judged(tmp_path / "grid", number) == judged(whole, number)
    assert "<polyline" in (tmp_path / "grid/plots/curves.svg").read_text("utf-8")


def test_a_damaged_result_is_judged_again_without_training(whole: Path, base: Path) -> None:
    before = judged(whole, 1)
    steps = (whole / "cells/001/steps.jsonl").read_bytes()
    (whole / "judged/001.json").write_text('{"losses": []}')
    train(whole, base, *GRID)
    assert judged(whole, 1) == before
    assert (whole / "cells/001/steps.jsonl").read_bytes() == steps


def test_a_cell_is_a_run_to_write_with_and_to_go_on_with(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["complete", "白日依山盡，黃河入海流。", "--adapter", str(whole / "cells/001")]
    app([*words, "--form", "free", "--max-length", "8"], result_action="return_none")
    assert "白日依山盡" in capsys.readouterr().out


def test_what_does_not_fit_the_budget_is_left_for_another_time(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = [*SMALL, "--set", "train.epochs=1,10000"]
    # No run of so many epochs ends in that time; the small one may take what it likes.
    train(tmp_path / "grid", base, *more, "--budget", "10m")
    assert "Not trained, for want of time: 1." in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "grid/cells").iterdir()) == ["000"]
    with pytest.raises(UserError, match="--budget takes a time"):
        train(tmp_path / "grid", base, *more, "--budget", "soon")


def test_a_run_that_diverges_is_a_result(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wild = ["--set", "lora.alpha=1e6", "--set", "train.learning_rate=1e-9,10"]
    train(tmp_path / "grid", base, *SMALL, *wild, "--set", "train.max_grad_norm=1e6")
    said = capsys.readouterr()
    assert "learning rate 10 could not be trained to the end: the gradient at step" in said.out
    found = json.loads((tmp_path / "grid/findings.json").read_text("utf-8"))
    assert list(found["failed"]) == ["1"] and [one["number"] for one in found["cells"]] == [0]
