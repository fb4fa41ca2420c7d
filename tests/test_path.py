"""The whole path for the homework's two models: fine-tune, stop, resume, complete, export."""

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lianju.config import DecodeSettings, ModelSettings, load_settings
from lianju.decode import complete
from lianju.export import find_source, write_export
from lianju.model import LanguageModel, load_adapter, load_base
from lianju.progress import Reporter, Task
from lianju.prompt import LAYOUTS
from lianju.training import Interrupted
from lianju.training.run import train_only
from lianju.training.run_folder import new_run, open_run
from tests import checkpoints, tiny

GREEDY = DecodeSettings(temperature=0, repetition_penalty=1, max_length=12)
POEMS = 24


class CtrlC(Reporter):
    """Presses Ctrl-C once a few steps are done."""

    @contextmanager
    def task(self, name: str, total: int) -> Iterator[Task]:
        reporter = Task()
        if name == "Fine-tuning":
            reporter = _Pressing(at=total // 2)
        yield reporter


class _Pressing(Task):
    def __init__(self, at: int):
        self.left = at

    def advance(self, units: int = 1, note: str = "") -> None:
        self.left -= units
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)


def _model(settings: ModelSettings, adapter: Path | None = None) -> LanguageModel:
    model = load_base(settings, LAYOUTS, torch.device("cpu"))
    return load_adapter(model, adapter) if adapter else model


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "bits"),
    [
        pytest.param(checkpoints.llama, 16, id="taide"),
        pytest.param(checkpoints.mistral, 4, id="breeze"),
    ],
)
def test_the_whole_path(make: Callable[[Path], Path], bits: int, tmp_path: Path) -> None:
    base = make(tmp_path / "base")
    settings = load_settings(
        "breeze-7b",
        {
            "model.name": str(base),
            "model.bits": bits,
            "model.precision": "fp32",
            "data.poems": POEMS,
            "data.validation": 4,
            "train.batch_size": 2,
            "train.accumulation": 2,
            "train.learning_rate": 0.02,
            "train.validations": 2,
            "train.cutoff": 400,
        },
    )

    # Interrupted and resumed, it ends with the weights of a run that was not.
    with new_run(tmp_path / "whole", settings) as whole:
        train_only(whole)
    with pytest.raises(Interrupted), new_run(tmp_path / "run", settings, CtrlC()) as run:
        train_only(run)
    with open_run(tmp_path / "run") as run:
        train_only(run)
    weights, others = (
        load_file(tmp_path / run / "adapter/adapter_model.safetensors") for run in ("run", "whole")
    )
    assert weights.keys() == others.keys()
    assert all(torch.equal(weights[name], others[name]) for name in weights)

    # What is lost of a finished run comes back from its last checkpoint.
    trained = tmp_path / "run/adapter/adapter_model.safetensors"
    log = (tmp_path / "run/steps.jsonl").read_text()
    for lost in (trained, tmp_path / "run/steps.jsonl"):
        lost.unlink()  # the weights that were read are mapped to it
        lost.write_bytes(b"")
    with open_run(tmp_path / "run") as run:
        train_only(run)
    again = load_file(trained)
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    assert (tmp_path / "run/steps.jsonl").read_text() == log
    steps = [json.loads(row) for row in (tmp_path / "run/steps.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in steps if row["kind"] == "train"]
    assert losses[-1] < losses[0]

    # It completes, and what was learned shows.
    adapter = tmp_path / "run/adapter"
    couplets = [couplet for couplet, _ in tiny.COUPLETS[:3]]
    held = ModelSettings(name=str(base), bits=settings.model.bits)
    tuned = complete(_model(held, adapter), "chat", couplets, GREEDY)
    assert tuned != complete(_model(held), "chat", couplets, GREEDY)

    # Every export is read back inside; the merged model is loaded as any other model is.
    source = find_source(tmp_path / "run")
    for target in ("adapter", "merged", "gguf"):
        write_export(source, target, tmp_path / target, "f16")
    merged = complete(
        _model(ModelSettings(name=str(tmp_path / "merged"))), "chat", couplets, GREEDY
    )
    beside = complete(_model(ModelSettings(name=str(base)), adapter), "chat", couplets, GREEDY)
    for one, other in zip(merged, beside, strict=True):
        assert one[0].logprob == pytest.approx(other[0].logprob, rel=0.02)
    shutil.rmtree(tmp_path / "merged")
