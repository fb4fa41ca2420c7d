"""Copies that only write: opened without heavy libraries, made anew where damaged, forgotten."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lianju.config import LoraSettings
from lianju.files import cache_dir
from lianju.loading import load_model
from lianju.model import writing_copy
from lianju.progress import Reporter
from lianju.writer import Writer
from tests import checkpoints
from tests.export.runs import write_run

COUPLET = "空山新雨後，天氣晚來秋。"
ASKED = {"form": "free", "seed": 3, "max_length": 24}
ALONE = """
import json, sys
from lianju.progress import SILENT
from lianju.writer import Writer
[poem] = Writer.load("gemma-3-270m", SILENT).write(sys.argv[1], **json.loads(sys.argv[2]))
heavy = sorted({"transformers", "peft", "accelerate"} & sys.modules.keys())
print(json.dumps({"row": poem.as_row(), "heavy": heavy}))
"""


class Listener(Reporter):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of a small Llama, and a cache that holds nothing."""
    monkeypatch.setenv("LIANJU_CACHE", str(tmp_path / "cache"))
    return write_run(tmp_path, checkpoints.llama, "plain", LoraSettings(rank=4)).adapter


def copies() -> list[Path]:
    return [one for one in cache_dir().glob("models/*/writing-*") if one.is_dir()]


def written(folder: Path | None, exact: bool = False) -> dict[str, object]:
    [poem] = Writer(*load_model(folder, None, exact=exact)).write(COUPLET, **ASKED)  # type: ignore[arg-type]
    return poem.as_row()


def test_the_base_model_writes_without_transformers_and_peft() -> None:
    [poem] = Writer.load("gemma-3-270m").write(COUPLET, **ASKED)  # type: ignore[arg-type]
    assert poem.engine == "openvino-int8"
    words = [sys.executable, "-c", ALONE, COUPLET, json.dumps(ASKED)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"row": poem.as_row(), "heavy": []}


def test_an_adapter_has_a_copy_of_its_own(run: Path) -> None:
    first = written(run)
    assert first["engine"] == "openvino-int8" and len(copies()) == 1
    assert written(run) == first and len(copies()) == 1
    base = load_model(run, None, tuned=False)[0]
    assert base.network is None and not base.tuned and len(copies()) == 2
    assert load_model(run, None)[0].tuned


def test_what_was_trained_anew_is_copied_anew(run: Path) -> None:
    changed = load_model(run, None)[0].changed
    weights = run / "adapter_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-16:] = bytes(16)
    weights.write_bytes(data)
    assert load_model(run, None)[0].changed != changed and len(copies()) == 2


def test_a_damaged_copy_is_made_anew(run: Path) -> None:
    first = written(run)
    [copy] = copies()
    data = bytearray((copy / "writing.blob").read_bytes())
    data[len(data) // 2] ^= 0xFF
    (copy / "writing.blob").write_bytes(data)
    listener = Listener()
    load_model(run, None, listener)
    assert any("writing.blob is not what was written" in line for line in listener.said)
    assert written(run) == first


def test_copies_that_nobody_opened_are_forgotten(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(run)
    [old] = copies()
    monkeypatch.setattr(writing_copy, "_MOST", 1)
    load_model(run, None, tuned=False)
    [left] = copies()
    assert left != old


def test_exact_is_pytorch_in_fp32(run: Path) -> None:
    assert written(run, exact=True)["engine"] == "pytorch-fp32" and not copies()


def test_without_openvino_pytorch_writes(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing_copy, "find_spec", lambda name: None)
    assert written(run)["engine"] == "pytorch-fp32" and not copies()


def test_what_scores_has_its_network_and_writes_the_same(run: Path) -> None:
    model, style = load_model(run, None, scoring=True)
    assert model.network is not None and not copies()
    [poem] = Writer(model, style).write(COUPLET, **ASKED)  # type: ignore[arg-type]
    assert poem.as_row() == written(run)


def test_a_run_and_its_adapter_are_one_copy(run: Path) -> None:
    first = written(run)
    assert written(run.parent) == first and len(copies()) == 1
