"""The command line on two processes, as people start it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lianju.training.processes import ALONE, together
from tests import checkpoints

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
    "OMP_NUM_THREADS": "1",
}
TORCHRUN = ["torch.distributed.run", "--nproc-per-node=2"]
ACCELERATE = ["accelerate.commands.launch", "--multi_gpu", "--num_processes=2"]
SMALL = [
    "--poems=24",
    "--set=train.batch_size=3",
    "--set=train.epochs=30",
    "--set=train.validations=2",
    "--set=train.validation_part=5",
    "--set=data.validation=8",
    "--set=model.precision=fp32",
    "--set=train.sharding='on'",
]


def start(launcher: list[str], *arguments: str, cwd: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", *launcher, "-m", "lianju", *arguments],
        cwd=cwd,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def rows(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "steps.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_two_processes_are_interrupted_and_one_goes_on(tmp_path: Path) -> None:
    model = checkpoints.mistral(tmp_path / "model")
    process = start(ACCELERATE, "finetune", "--model", str(model), *SMALL, cwd=tmp_path)
    deadline = time.monotonic() + 200
    while not any("\n" in log.read_text() for log in tmp_path.glob("runs/*/steps.jsonl")):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode != 0 and out == ""
    # One run folder, one voice.
    (run,) = (tmp_path / "runs").iterdir()
    assert errors.count("poems from") == 1 and errors.count("Memory:") == 1
    assert errors.count("Stopped after step") == 1
    assert f"lianju finetune --resume {run.relative_to(tmp_path)}" in errors
    done = rows(run)[-1]["step"]
    assert (run / f"checkpoints/step-{done:06d}").is_dir() and done < 300
    alone = subprocess.run(
        [sys.executable, "-m", "lianju", "finetune", "--resume", str(run)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert alone.returncode == 0, alone.stderr
    assert "300 steps" in alone.stdout
    assert (run / "adapter/adapter_model.safetensors").is_file()
    steps = [row for row in rows(run) if row["kind"] == "train"]
    assert [row["step"] for row in steps] == list(range(1, 301))
    assert steps[-1]["loss"] < steps[0]["loss"] - 0.5


@pytest.mark.slow
def test_an_error_of_the_main_process_is_told_once(tmp_path: Path) -> None:
    """While the other waits for it."""
    process = start(TORCHRUN, "finetune", "--source=nowhere.json", cwd=tmp_path)
    out, errors = process.communicate(timeout=120)
    assert process.returncode != 0 and out == ""
    assert errors.count("lianju: ") == 1 and "does not exist" in errors
    assert "lianju/processes.py" not in errors


def test_alone_there_is_nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    with together() as processes:
        assert processes == ALONE and processes.main
        assert processes.share({"a": (1, 2)}) == {"a": (1, 2)}
        assert processes.sum(2.5) == 2.5 and processes.any(True) and not processes.any(False)
        processes.part()
