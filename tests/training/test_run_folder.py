"""A run's folder: its stages, what they spent, and what becomes of it when files are damaged."""

import itertools
import json
import math
import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from lianju.config import RunSettings
from lianju.errors import UserError
from lianju.files import write_json
from lianju.progress import Reporter
from lianju.training.run_folder import Run, new_run, open_run, read_settings


class Hearing(Reporter):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path, Hearing(), settings=RunSettings())


def _never() -> dict[str, Any]:
    raise AssertionError("what stands is done again")


def test_a_stage_is_done_once_and_its_result_and_cost_stand_in_one_file(run: Run) -> None:
    assert run.stage("plan", lambda: {"x": 1}) == {"x": 1}
    assert run.stage("plan", _never) == {"x": 1}
    assert [path.name for path in (run.folder / "stages").iterdir()] == ["plan.json"]
    spent = run.spent()
    assert spent["seconds"]["plan"] > 0 and spent["memory_gb"] > 0


def test_what_was_spent_on_a_stage_that_failed_is_counted(run: Run) -> None:
    def fail() -> dict[str, Any]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.stage("finetune", fail)
    first = run.spent()["seconds"]["finetune"]
    run.stage("finetune", lambda: {"x": 1})
    assert run.spent()["seconds"]["finetune"] > first > 0


def test_a_full_disk_is_what_is_told_and_not_the_cost_that_it_had_no_room_for(run: Run) -> None:
    (run.folder / "stages").write_text("no folder")

    def fail() -> dict[str, Any]:
        raise UserError("the disk is full")

    with pytest.raises(UserError, match="the disk is full"):
        run.stage("finetune", fail)


@pytest.mark.parametrize(
    "content", ["", "{", "[" * 100_000, "[]", "{}", "7", '{"result": 3}', '{"result": {"x": 1}}']
)
def test_a_damaged_stage_is_done_again(run: Run, content: str) -> None:
    run.stage("plan", lambda: {"x": 1})
    path = run.folder / "stages" / "plan.json"
    path.write_text(content)
    assert isinstance(run.spent()["seconds"], dict)
    assert run.stage("plan", lambda: {"x": 2}) == {"x": 2}
    assert isinstance(run.reporter, Hearing)
    [said] = run.reporter.said
    assert said.startswith(f"The stage 'plan' is done again: {path} is ")


def test_a_number_that_is_none_is_read_back(run: Run) -> None:
    run.stage("before", lambda: {"loss": float("nan"), "most": float("inf")})
    found = run.stage("before", _never)
    assert math.isnan(found["loss"]) and found["most"] == math.inf


@pytest.mark.parametrize("error", [UserError("the adapter is gone"), KeyError(), TypeError()])
def test_a_stage_whose_result_cannot_be_used_is_done_again(run: Run, error: Exception) -> None:
    run.stage("finetune", lambda: {"x": 1})

    def check(result: dict[str, Any]) -> None:
        if result == {"x": 1}:
            raise error

    assert run.stage("finetune", lambda: {"x": 2}, check) == {"x": 2}
    assert run.stage("finetune", _never, check) == {"x": 2}


@pytest.mark.parametrize("content", ["", "[]", '{"seconds": [], "memory_gb": "much"}'])
def test_a_damaged_record_of_costs_counts_as_nothing(run: Run, content: str) -> None:
    run.stage("plan", lambda: {"x": 1})
    (run.folder / "stages" / "spent.json").write_text(content)
    with run.spending("model"):
        pass
    assert run.spent()["seconds"].keys() == {"plan", "model"}


def _as_before_part_6(folder: Path, seconds: dict[str, float]) -> None:
    write_json(folder / "stages" / "plan.json", {"sharding": "off"})
    write_json(folder / "stages" / "finetune.json", {"steps": 3, "seconds": 4.5})
    spent = {"seconds": seconds, "memory_gb": 3.0, "gpu_gb": 0.0}
    write_json(folder / "stages" / "spent.json", spent)


@pytest.mark.parametrize(
    ("seconds", "total"),
    [
        ({"model": 1.0, "plan": 2.0, "finetune": 5.0}, 8.0),
        # Killed between the two files of a stage.
        ({"model": 1.0, "plan": 2.0}, 7.5),
    ],
)
def test_a_folder_of_an_older_version_goes_on(
    run: Run, seconds: dict[str, float], total: float
) -> None:
    _as_before_part_6(run.folder, seconds)
    assert run.stage("plan", _never) == {"sharding": "off"}
    assert run.stage("finetune", _never) == {"steps": 3, "seconds": 4.5}
    spent = run.spent()
    assert sum(spent["seconds"].values()) == total and spent["memory_gb"] == 3
    assert "finetune" in spent["seconds"]


def _stages(run: Run) -> None:
    for stage in ("before", "finetune"):
        with run.spending("model"):
            assert run.stage(stage, lambda: {"x": 1}) == {"x": 1}


def _killed(run: Run, at: int) -> None:
    renames = itertools.count(1)

    def kill(event: str, _: object) -> None:
        if event == "os.rename" and next(renames) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(kill)
    _stages(run)


@pytest.mark.parametrize("rename", range(1, 5))
def test_a_kill_before_any_rename_leaves_a_run_that_goes_on(run: Run, rename: int) -> None:
    process = multiprocessing.get_context("fork").Process(target=_killed, args=(run, rename))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    _stages(run)
    assert run.spent()["seconds"].keys() == {"before", "finetune", "model"}


def test_what_killed_writers_left_goes_when_the_run_goes_on(tmp_path: Path) -> None:
    with new_run(tmp_path / "run", RunSettings()) as run:
        run.stage("poems", lambda: {"x": 1})
    left = [
        tmp_path / "run" / folder / f".{name}.0123456789abcdef.part"
        for folder, name in ((".", "adapter"), ("stages", "plan.json"), ("checkpoints", "step"))
    ]
    for place in left:
        place.mkdir(parents=True)
        (place / "weights").write_text("half")
    with open_run(tmp_path / "run"):
        assert not [place for place in left if os.path.lexists(place)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ("[" * 100_000, "is damaged"),
        ('{"train": {"epochs": "many"}}', "train.epochs"),
        ('{"editor.fontSize": 12}', "editor"),
    ],
)
def test_damaged_settings_are_one_line_that_says_what_to_do(
    tmp_path: Path, content: str, said: str
) -> None:
    (tmp_path / "settings.json").write_text(content)
    with pytest.raises(UserError, match=said) as refused, open_run(tmp_path):
        pytest.fail("it is opened")
    assert f"{tmp_path / 'settings.json'} is damaged" in str(refused.value)
    assert str(refused.value).endswith("restore it, or begin a new run")
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


def test_the_settings_of_a_run_that_is_at_work_can_be_read(tmp_path: Path) -> None:
    settings = RunSettings(seed=7)
    with new_run(tmp_path / "run", settings):
        assert read_settings(tmp_path / "run") == settings
        assert json.loads((tmp_path / "run" / "settings.json").read_text())["seed"] == 7
        with pytest.raises(UserError, match="another process"), open_run(tmp_path / "run"):
            pytest.fail("it is opened twice")
