import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from lianju.config import LoraSettings, TrainSettings, load_settings
from lianju.errors import UserError
from lianju.likelihood import Encoded, collate, encode, summed_loss
from lianju.model import Compute, LanguageModel, attach
from lianju.progress import Reporter
from lianju.training import Interrupted, Outcome, finetune, validation_loss
from lianju.training.schedule import learning_rate
from tests import tiny

FP32 = Compute(torch.device("cpu"), "fp32", "test")
SETTINGS = TrainSettings(batch_size=1, epochs=4, learning_rate=1e-2, validations=8)
TIMES = ("seconds", "tokens_per_second", "mfu")
LORA = LoraSettings(rank=4, dropout=0.2)


def _fresh(seed: int = 0) -> LanguageModel:
    model = tiny.model()
    torch.manual_seed(seed)
    return attach(model, LORA)


def _items(model: LanguageModel) -> list[Encoded]:
    return encode(tiny.EXAMPLES, "plain", model.vocabulary, 256)


def _train(run: Path, model: LanguageModel | None = None, **changes: Any) -> Outcome:
    model = model or _fresh()
    settings = SETTINGS.model_copy(update=changes.pop("settings", {}))
    items = _items(model)
    return finetune(model, settings, items, items[:2], run, FP32, **changes)


def _weights(model: LanguageModel) -> dict[str, torch.Tensor]:
    return {
        name: weight.detach().clone()
        for name, weight in model.network.named_parameters()
        if weight.requires_grad
    }


def _same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[n], right[n]) for n in left)


def _log(run: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (run / "steps.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name not in TIMES} for row in rows]


def test_training_lowers_the_loss_and_a_rerun_gives_the_same_bits(tmp_path: Path) -> None:
    first, second = _fresh(), _fresh()
    before = validation_loss(first.network, _items(first), 0, "fp32")
    outcome = _train(tmp_path / "a", first)
    _train(tmp_path / "b", second)
    after = validation_loss(first.network, _items(first), 0, "fp32")
    assert after.per_character < before.per_character - 0.05
    assert _same(_weights(first), _weights(second))
    assert _log(tmp_path / "a") == _log(tmp_path / "b")
    assert outcome.steps == 24 and outcome.tokens > outcome.trained_tokens > 0


@pytest.mark.parametrize("stop", [10, 12])
def test_train_24_is_train_10_and_resume_14_bit_for_bit(tmp_path: Path, stop: int) -> None:
    straight, halted, resumed = _fresh(), _fresh(), _fresh()
    _train(tmp_path / "a", straight)
    with pytest.raises(Interrupted):
        _train(tmp_path / "b", halted, stop=lambda step: step == stop)
    assert not _same(_weights(straight), _weights(halted))
    torch.rand(3)  # a resumed process stands elsewhere in its random stream
    _train(tmp_path / "b", resumed, resume=True)
    assert _same(_weights(straight), _weights(resumed))
    assert _log(tmp_path / "a") == _log(tmp_path / "b")


def test_a_run_killed_between_checkpoints_resumes_from_the_last(tmp_path: Path) -> None:
    straight, resumed = _fresh(), _fresh()
    _train(tmp_path / "a", straight)

    def kill(step: int) -> bool:
        if step == 11:
            raise MemoryError
        return False

    with pytest.raises(MemoryError):
        _train(tmp_path / "b", stop=kill)
    with (tmp_path / "b/steps.jsonl").open("a") as log:
        log.write('{"kind": "train", "st')  # the crash cut a line off
    _train(tmp_path / "b", resumed, resume=True)
    assert _same(_weights(straight), _weights(resumed))
    assert _log(tmp_path / "a") == _log(tmp_path / "b")


def test_a_damaged_best_checkpoint_is_forgotten(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        _train(tmp_path, stop=lambda step: step == 11)
    best, last = sorted((tmp_path / "checkpoints").iterdir())
    assert last.name == "step-000011"
    (best / "state.safetensors").write_bytes(b"")
    outcome = _train(tmp_path, resume=True)
    assert outcome.best_step > 11


def test_ctrl_c_finishes_the_step_and_writes_a_checkpoint(tmp_path: Path) -> None:
    def press(step: int) -> bool:
        if step == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return False

    with pytest.raises(Interrupted) as stopped:
        _train(tmp_path, stop=press)
    assert stopped.value.step in (5, 6)
    assert (tmp_path / f"checkpoints/step-{stopped.value.step:06d}").is_dir()


def test_four_of_one_is_one_of_four() -> None:
    """The loss is divided by the step's trained tokens, so accumulation changes nothing."""
    model = _fresh()
    model.network.eval()  # dropout would draw other masks
    items = _items(model)[:4]
    scored = sum(len(item.completion) for item in items)

    def gradients(parts: list[list[Encoded]]) -> list[torch.Tensor]:
        model.network.zero_grad()
        for part in parts:
            (summed_loss(model.network, collate(part, 0), "fp32") / scored).backward()
        return [w.grad.clone() for w in model.network.parameters() if w.grad is not None]

    together = gradients([items])
    assert together
    for one, other in zip(together, gradients([[item] for item in items]), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)


def test_accumulation_takes_the_same_steps(tmp_path: Path) -> None:
    logs = []
    for number, (size, accumulation) in enumerate(((6, 1), (2, 3))):
        change = {"batch_size": size, "accumulation": accumulation}
        model = tiny.model()
        torch.manual_seed(0)
        model = attach(model, LORA.model_copy(update={"dropout": 0.0}))
        _train(tmp_path / str(number), model, settings=change)
        logs.append([row["loss"] for row in _log(tmp_path / str(number)) if "loss" in row])
    assert len(logs[0]) == 4
    assert logs[0] == pytest.approx(logs[1], rel=1e-5)


def test_our_loss_is_the_one_that_transformers_computes() -> None:
    model = _fresh()
    for item in _items(model):
        ids = torch.tensor([item.prompt + item.completion])
        labels = ids.clone()
        labels[0, : len(item.prompt)] = -100
        theirs = model.network.eval()(input_ids=ids, labels=labels).loss
        ours = summed_loss(model.network, collate([item], 0), "fp32") / len(item.completion)
        torch.testing.assert_close(ours, theirs)


def test_padding_does_not_change_the_loss() -> None:
    model = _fresh()
    model.network.eval()
    items = _items(model)
    alone = sum(summed_loss(model.network, collate([item], 0), "fp32") for item in items)
    together = summed_loss(model.network, collate(items, 0), "fp32")
    torch.testing.assert_close(together, torch.as_tensor(alone), rtol=1e-5, atol=1e-4)


def test_the_best_weights_are_kept_and_given_back(tmp_path: Path) -> None:
    model = _fresh()
    # What training never shows gets less likely, so the first validation is the best.
    strange = [Encoded([2, 30, 31], [20, 21, 22, 23, 1], 4)]
    outcome = finetune(model, SETTINGS, _items(model), strange, tmp_path, FP32)
    losses = {
        row["step"]: row["loss_per_character"]
        for row in _log(tmp_path)
        if row["kind"] == "validation"
    }
    assert outcome.best_loss == min(losses.values())
    assert outcome.best_step == min(losses, key=lambda step: losses[step]) != outcome.steps
    again = validation_loss(model.network, strange, 0, "fp32")
    assert again.per_character == pytest.approx(outcome.best_loss, rel=1e-5)
    kept = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert kept == [f"step-{step:06d}" for step in (outcome.best_step, outcome.steps)]


class Hearing(Reporter):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)


@pytest.mark.parametrize("name", ["state.safetensors", "checkpoint.json", "steps.jsonl"])
@pytest.mark.parametrize("left", [0, -20, None])
def test_from_a_damaged_checkpoint_the_run_goes_back_to_the_one_before(
    tmp_path: Path, name: str, left: int | None
) -> None:
    straight, resumed, hearing = _fresh(), _fresh(), Hearing()
    _train(tmp_path / "a", straight)
    with pytest.raises(Interrupted):
        _train(tmp_path / "b", stop=lambda step: step == 10)
    file = tmp_path / "b/checkpoints/step-000010" / name
    file.unlink() if left is None else file.write_bytes(file.read_bytes()[:left])
    _train(tmp_path / "b", resumed, resume=True, reporter=hearing)
    assert len(hearing.said) == 1 and "step-000010 is damaged" in hearing.said[0]
    assert _same(_weights(straight), _weights(resumed))
    assert _log(tmp_path / "a") == _log(tmp_path / "b")


def test_without_a_whole_checkpoint_the_run_begins_again(tmp_path: Path) -> None:
    straight, resumed, hearing = _fresh(), _fresh(), Hearing()
    _train(tmp_path / "a", straight)
    with pytest.raises(Interrupted):
        _train(tmp_path / "b", stop=lambda step: step == 10)
    for manifest in (tmp_path / "b/checkpoints").glob("*/checkpoint.json"):
        manifest.write_text("[" * 10_000)
    _train(tmp_path / "b", resumed, resume=True, reporter=hearing)
    *damaged, again = hearing.said
    assert all("is damaged" in line for line in damaged)
    assert again == "No checkpoint is whole: fine-tuning begins again."
    assert _same(_weights(straight), _weights(resumed))
    assert _log(tmp_path / "a") == _log(tmp_path / "b")


@pytest.mark.parametrize("end", [b"", b'{"kind": "tr', b"\xff"])
def test_a_lost_log_comes_back_with_the_checkpoint(tmp_path: Path, end: bytes) -> None:
    _train(tmp_path / "a")
    with pytest.raises(Interrupted):
        _train(tmp_path / "b", stop=lambda step: step == 10)
    (tmp_path / "b/steps.jsonl").write_bytes(end)
    _train(tmp_path / "b", resume=True)
    assert _log(tmp_path / "a") == _log(tmp_path / "b")


def _as_before_part_6(run: Path) -> None:
    """Checkpoints had no log of their own."""
    for checkpoint in (run / "checkpoints").iterdir():
        (checkpoint / "steps.jsonl").unlink()
        manifest = json.loads((checkpoint / "checkpoint.json").read_text())
        del manifest["log_sha256"]
        (checkpoint / "checkpoint.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("cut", [0, 1000])
def test_a_checkpoint_of_an_older_version_goes_on(tmp_path: Path, cut: int) -> None:
    straight, resumed = _fresh(), _fresh()
    _train(tmp_path / "a", straight)
    with pytest.raises(Interrupted):
        _train(tmp_path / "b", stop=lambda step: step == 10)
    _as_before_part_6(tmp_path / "b")
    log = tmp_path / "b/steps.jsonl"
    log.write_bytes(log.read_bytes()[:-cut] + b'{"kind": "train", "st')
    _train(tmp_path / "b", resumed, resume=True)
    assert _same(_weights(straight), _weights(resumed))
    assert _log(tmp_path / "a") == _log(tmp_path / "b")


def test_only_our_own_checkpoints_are_removed(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        _train(tmp_path, stop=lambda step: step == 10)
    folder = tmp_path / "checkpoints"
    shutil.copytree(folder / "step-000010", folder / "step-000010-mine")
    (folder / "step-000010" / "notes.txt").write_text("mine")
    _train(tmp_path, resume=True)
    assert (folder / "step-000010-mine" / "state.safetensors").is_file()
    assert [path.name for path in (folder / "step-000010").iterdir()] == ["notes.txt"]


def test_checkpoints_hold_no_pickle(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        _train(tmp_path, stop=lambda step: step == 3)
    files = sorted(path.name for path in (tmp_path / "checkpoints/step-000003").iterdir())
    assert files == ["checkpoint.json", "state.safetensors", "steps.jsonl"]
    assert "random" in load_file(tmp_path / "checkpoints/step-000003/state.safetensors")


def test_a_gradient_that_is_nan_stops_the_run(tmp_path: Path) -> None:
    model = _fresh()
    next(w for n, w in model.network.named_parameters() if "lora_A" in n).data.fill_(float("nan"))
    with pytest.raises(UserError, match="gradient at step 1 is nan"):
        _train(tmp_path, model)


def test_a_gradient_of_zero_stops_the_run(tmp_path: Path) -> None:
    model = _fresh()
    for name, weight in model.network.named_parameters():
        if "lora_A" in name:
            weight.data.zero_()
    with pytest.raises(UserError, match="nothing is being learned"):
        _train(tmp_path, model)


def test_a_model_without_an_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing would be trained"):
        _train(tmp_path, tiny.model())


@pytest.mark.parametrize("recipe", ["default", "hw5"])
def test_the_warm_up_is_short_and_the_rate_ends_at_zero(recipe: str) -> None:
    """In the homework 50 of 65 steps were warm-up."""
    settings = load_settings(recipe).train
    steps = 65
    rates = [learning_rate(step, steps, settings) for step in range(steps)]
    assert max(rates) == settings.learning_rate
    assert rates.index(max(rates)) < 0.1 * steps
    assert 0 <= rates[-1] < 0.01 * settings.learning_rate
    assert rates[0] > 0
