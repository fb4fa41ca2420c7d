"""Which checkpoints a fine-tuning keeps, what is left of them, and that it resumes as ever."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from lianju.config import LoraSettings, TrainSettings, load_settings
from lianju.errors import UserError
from lianju.files import read_json
from lianju.likelihood import encode
from lianju.model import Compute, LanguageModel, attach, checkpoints_in
from lianju.training import Interrupted, finetune
from tests import tiny

CPU = Compute(torch.device("cpu"), "fp32", "test")
# 24 steps, of which every third is validated.
SETTINGS = TrainSettings(batch_size=1, epochs=4, learning_rate=1e-2, validations=8)
VALIDATED = [3, 6, 9, 12, 15, 18, 21, 24]


def _train(run: Path, keep: Any, **more: Any) -> tuple[LanguageModel, int]:
    model = attach(tiny.model(), LoraSettings(rank=4, dropout=0.2))
    items = encode(tiny.EXAMPLES, "plain", model.vocabulary, 256)
    settings = SETTINGS.model_copy(update={"keep": keep})
    outcome = finetune(model, settings, items, items[:2], run, CPU, **more)
    return model, outcome.best_step


def _tensors(checkpoint: Path) -> set[str]:
    """The kinds of tensors in a checkpoint."""
    with safe_open(checkpoint / "state.safetensors", "pt") as stored:
        names = stored.keys()
        return {name.partition("/")[0] for name in names}


@pytest.mark.parametrize(("keep", "kept"), [("best", 1), (1, 1), (3, 3), ("all", 8), (99, 8)])
def test_so_many_of_the_last_stay_and_the_best(tmp_path: Path, keep: Any, kept: int) -> None:
    _, best = _train(tmp_path, keep)
    found = checkpoints_in(tmp_path / "checkpoints")
    assert sorted(found) == sorted({*VALIDATED[-kept:], best})


def test_of_older_ones_only_the_weights_stay(tmp_path: Path) -> None:
    _, best = _train(tmp_path, "all")
    for step, checkpoint in checkpoints_in(tmp_path / "checkpoints").items():
        whole = step in (24, best)
        assert _tensors(checkpoint) == (
            {"weight", "exp_avg", "exp_avg_sq", "step", "random"} if whole else {"weight"}
        )
        assert (checkpoint / "steps.jsonl").is_file() == whole
        assert read_json(checkpoint / "checkpoint.json")["step"] == step


@pytest.mark.parametrize("keep", [3, "all"])
@pytest.mark.parametrize("stop", [11, 12, 20])
def test_a_resumed_run_ends_with_the_same_checkpoints_to_the_bit(
    tmp_path: Path, keep: Any, stop: int
) -> None:
    straight, _ = _train(tmp_path / "a", keep)
    with pytest.raises(Interrupted):
        _train(tmp_path / "b", keep, stop=lambda step: step == stop)
    assert max(checkpoints_in(tmp_path / "b/checkpoints")) == stop
    resumed, _ = _train(tmp_path / "b", keep, resume=True)
    pairs = zip(straight.network.parameters(), resumed.network.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    sides = [checkpoints_in(tmp_path / side / "checkpoints") for side in "ab"]
    digests = [
        {step: read_json(path / "checkpoint.json")["sha256"] for step, path in side.items()}
        for side in sides
    ]
    assert digests[0] == digests[1]


def test_nothing_goes_on_from_weights_alone(tmp_path: Path) -> None:
    straight, _ = _train(tmp_path / "a", "all")
    with pytest.raises(Interrupted):
        _train(tmp_path / "b", "all", stop=lambda step: step == 20)
    for checkpoint in checkpoints_in(tmp_path / "b/checkpoints").values():
        if "random" in _tensors(checkpoint):
            (checkpoint / "state.safetensors").write_bytes(b"")
    resumed, _ = _train(tmp_path / "b", "all", resume=True)
    pairs = zip(straight.network.parameters(), resumed.network.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_a_damaged_checkpoint_is_not_sealed_anew(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        _train(tmp_path, "all", stop=lambda step: step == 12)
    state = tmp_path / "checkpoints/step-000012/state.safetensors"
    manifest = read_json(state.parent / "checkpoint.json")
    raw = bytearray(state.read_bytes())
    raw[-1] ^= 1

    def spoil(step: int) -> bool:
        state.write_bytes(raw)
        return False

    _, best = _train(tmp_path, "all", resume=True, stop=spoil)
    assert best != 12
    assert read_json(state.parent / "checkpoint.json") == manifest


@pytest.mark.parametrize("keep", [0, -1, 1001, "last", True, 1.5, None])
def test_what_names_no_checkpoints_is_refused(keep: Any) -> None:
    with pytest.raises(UserError, match=r"train\.keep: give best, all, or how many"):
        load_settings("default", {"train.keep": keep})
