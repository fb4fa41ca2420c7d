"""Two processes on a CPU take the steps of one. See several.py for what they do."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from lianju.training import Interrupted
from lianju.training.batches import share_of
from tests import typed
from tests.training import several

pytestmark = pytest.mark.slow
# What is computed once for a batch depends on how it is divided.
TIMES = ("seconds", "tokens_per_second", "mfu", "computed_tokens")
# Those that must be what one process does.
LIKE_ONE = [name for name in several.SCENARIOS if "dropout" not in name and name != "failing"]
LIKE_ONE.remove("stopped")
LAUNCHED = [name for name in several.SCENARIOS if name != "failing"]


def launch(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root / "src"), str(root)])
    return subprocess.run(
        [*launcher, "-m", "tests.training.several", str(folder), *names],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All scenarios in two processes."""
    folder = tmp_path_factory.mktemp("two")
    with pytest.raises(Interrupted):
        several.perform("stopped", folder / "from-one")
    assert typed.together(several.main, folder, LAUNCHED) == [0, 0]
    return folder


def rows(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "steps.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in TIMES} for line in lines]


def assert_alike(left: Path, right: Path) -> None:
    assert len(rows(left)) == len(rows(right)) > 8
    for one, other in zip(rows(left), rows(right), strict=True):
        assert one.pop("kind") == other.pop("kind")
        assert one == pytest.approx(other, rel=1e-5)
    mine, theirs = load_file(left / "best"), load_file(right / "best")
    assert mine.keys() == theirs.keys()
    for name, weight in mine.items():
        torch.testing.assert_close(weight, theirs[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", LIKE_ONE)
def test_two_processes_take_the_steps_of_one(two: Path, tmp_path: Path, name: str) -> None:
    """Copied or divided, accumulated, uneven, more processes than poems, resumed or not."""
    straight = {"stopped-sharded": "plain", "full-stopped": "full"}.get(name, name)
    several.perform(straight, tmp_path)
    assert_alike(two / name, tmp_path)


def test_two_processes_resume_to_the_same_bits_dropout_included(two: Path) -> None:
    assert rows(two / "dropout") == rows(two / "dropout-stopped")
    straight, resumed = load_file(two / "dropout/best"), load_file(two / "dropout-stopped/best")
    assert all(torch.equal(weight, resumed[name]) for name, weight in straight.items())


def test_what_two_began_one_goes_on_with(two: Path, tmp_path: Path) -> None:
    shutil.copytree(two / "stopped", tmp_path / "stopped")
    several.perform("stopped", tmp_path / "stopped", resume=True)
    assert_alike(tmp_path / "stopped", two / "plain")


def test_what_one_began_two_go_on_with(two: Path) -> None:
    assert_alike(two / "from-one", two / "plain")


def test_all_stop_at_the_step_at_which_one_is_told_to(two: Path) -> None:
    assert (two / "stopped/checkpoints" / f"step-{several.STOP:06d}").is_dir()
    assert rows(two / "stopped")[-1]["step"] == several.STOP


def test_one_process_writes(two: Path) -> None:
    assert sorted(path.name for path in two.iterdir()) == sorted([*LAUNCHED, "from-one"])
    for name in LAUNCHED:
        files = {path.name for path in (two / name).iterdir()} - {"best"}
        assert files == {"steps.jsonl", "checkpoints"}


def test_torchrun_starts_them(two: Path, tmp_path: Path) -> None:
    done = launch(tmp_path, "plain")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"done": ["plain"], "processes": 2}
    assert rows(tmp_path / "plain") == rows(two / "plain")


def test_an_error_in_one_process_ends_all_with_one_message(tmp_path: Path) -> None:
    done = launch(tmp_path, "failing")
    assert done.returncode != 0
    assert done.stderr.count("the one message: process 1 has had enough") == 1
    assert done.stderr.count("the one message") == 1 and done.stdout == ""
    assert "several.py" not in done.stderr.replace("tests.training.several", "")


parts = st.lists(st.lists(st.integers(), max_size=5), min_size=1, max_size=6)


@given(parts, st.integers(1, 9))
def test_each_process_gets_as_many_batches_and_together_every_poem_once(
    micro_batches: list[list[int]], count: int
) -> None:
    shares = [share_of(micro_batches, rank, count) for rank in range(count)]
    seen = [index for share in shares for part in share for index in part]
    assert sorted(seen) == sorted(index for micro in micro_batches for index in micro)
    assert len({len(share) for share in shares}) == 1
    largest = max(len(micro) for micro in micro_batches)
    assert all(len(part) <= largest for share in shares for part in share)
    assert share_of(micro_batches, 0, 1) == micro_batches
