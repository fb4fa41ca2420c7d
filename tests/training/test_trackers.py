"""The log of steps, sent to trackers as it is written."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from accelerate import tracking

from lianju.config import load_settings
from lianju.errors import UserError
from lianju.files import read_jsonl
from lianju.progress import Reporter
from lianju.training import trackers
from lianju.training.run import train_only
from lianju.training.run_folder import new_run
from tests import checkpoints


class Hearing(Reporter):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)


def trained(folder: Path, log: str | None) -> tuple[list[dict[str, Any]], list[str]]:
    """The log of a small fine-tuning, and what was said."""
    base = checkpoints.llama(folder / "base")
    settings = load_settings(
        "default",
        {
            **{"model.name": str(base), "model.precision": "fp32", "data.poems": 8},
            **{"data.validation": 4, "train.validations": 2, "log": log},
        },
    )
    reporter = Hearing()
    with new_run(folder / "run", settings, reporter) as run:
        train_only(run)
    return read_jsonl(folder / "run/steps.jsonl"), reporter.said


def events(folder: Path) -> Iterator[Any]:
    """What stands in TensorBoard's files: records of a length, its check, the data, its check."""
    from tensorboardX.proto.event_pb2 import Event

    for file in sorted(folder.rglob("events.out.tfevents.*")):
        data = file.read_bytes()
        while data:
            (size,) = struct.unpack("<Q", data[:8])
            yield Event.FromString(data[12 : 12 + size])
            data = data[12 + size + 4 :]


def test_tensorboard_has_every_row_of_the_log(tmp_path: Path) -> None:
    rows, said = trained(tmp_path, "tensorboard")
    assert any("tensorboard --logdir" in line for line in said)
    found: dict[str, dict[int, float]] = {}
    for event in events(tmp_path / "run/logs"):
        for value in event.summary.value:
            found.setdefault(value.tag, {})[event.step] = value.simple_value
    for tag, kind, name in (
        ("train/loss", "train", "loss"),
        ("train/learning_rate", "train", "learning_rate"),
        ("validation/loss_per_character", "validation", "loss_per_character"),
    ):
        written = {row["step"]: row[name] for row in rows if row["kind"] == kind}
        assert written and found[tag] == pytest.approx(written, rel=1e-6)


def test_a_tracker_that_fails_stops_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    class Broken(tracking.GeneralTracker):
        name, requires_logging_directory = "wandb", False

        def __init__(self, *_: object, **__: object):
            super().__init__(_blank=True)

        def start(self) -> None:
            calls.append("start")

        def store_init_configuration(self, values: dict[str, Any]) -> None:
            assert values["data.poems"] == 8 and values["log"] == "wandb"

        def log(self, values: dict[str, float], step: int | None = None) -> None:
            calls.append("log")
            raise OSError("the network is down")

        def finish(self) -> None:
            calls.append("finish")

    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "wandb", Broken)
    monkeypatch.setattr(trackers, "find_spec", lambda name: True)
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.setenv(name, "")  # so that what is set meanwhile is taken back
        monkeypatch.delenv(name)
    rows, said = trained(tmp_path, "wandb")
    assert len(rows) > 2
    assert said.count("The log no longer goes to wandb: the network is down") == 1
    assert calls == ["start", "log"]
    assert os.environ["WANDB_MODE"] == "offline"


@pytest.mark.parametrize("kind", ["wandb", "mlflow", "trackio"])
def test_a_tracker_that_is_not_installed_is_said_before_anything_is_trained(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    asked = trackers.live_log(load_settings("default", {"log": kind}), tmp_path, Hearing())
    with pytest.raises(UserError, match=f"pip install {kind}"), asked:
        pass


def test_nothing_is_sent_where_nothing_was_asked(tmp_path: Path) -> None:
    _, said = trained(tmp_path, None)
    assert not any("log of steps" in line for line in said)
    assert not (tmp_path / "run/logs").exists()
