"""Ways to train that share the loop: fp16, every weight, 4 bits, activations computed again."""

import signal
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import torch

from lianju.config import LoraSettings, ModelSettings, TrainSettings
from lianju.errors import UserError
from lianju.files import read_jsonl
from lianju.likelihood import encode
from lianju.model import Compute, LanguageModel, attach, load_base, unfreeze
from lianju.prompt import LAYOUTS
from lianju.training import Interrupted, Outcome, finetune
from lianju.training.checkpoint import trained_weights
from lianju.training.outcome import training_flops
from tests import checkpoints, tiny

CPU = torch.device("cpu")
SETTINGS = TrainSettings(batch_size=2, epochs=8, learning_rate=3e-3, validations=4)
LORA = LoraSettings(rank=4, dropout=0.2)
TIMES = ("seconds", "tokens_per_second", "mfu")


def _lora() -> LanguageModel:
    return attach(tiny.model(), LORA)


def _full() -> LanguageModel:
    return unfreeze(tiny.model())


def _train(
    run: Path, model: LanguageModel, precision: str = "fp32", changes: Any = None, **others: Any
) -> Outcome:
    items = encode(tiny.EXAMPLES, "plain", model.vocabulary, 256)
    settings = SETTINGS.model_copy(update=changes or {})
    return finetune(model, settings, items, items, run, Compute(CPU, precision, "test"), **others)


def _steps(run: Path) -> list[dict[str, Any]]:
    rows = [row for row in read_jsonl(run / "steps.jsonl") if row["kind"] == "train"]
    return [{name: row[name] for name in row if name not in TIMES} for row in rows]


def _assert_resumes(tmp_path: Path, make: Any, precision: str, stop: int) -> None:
    straight, resumed = make(), make()
    _train(tmp_path / "a", straight, precision)
    with pytest.raises(Interrupted):
        _train(tmp_path / "b", make(), precision, stop=lambda step: step == stop)
    _train(tmp_path / "b", resumed, precision, resume=True)
    assert _steps(tmp_path / "a") == _steps(tmp_path / "b")
    theirs = trained_weights(resumed.network)
    for name, weight in trained_weights(straight.network).items():
        assert torch.equal(weight, theirs[name])


def test_fp16_skips_what_overflows_and_learns(tmp_path: Path) -> None:
    _train(tmp_path, _lora(), "fp16")
    rows = _steps(tmp_path)
    skipped = [row["step"] for row in rows if "skipped" in row]
    # The scale begins high and is halved until it fits.
    assert skipped and skipped == list(range(1, len(skipped) + 1))
    assert all(row["grad_norm"] is None for row in rows[: len(skipped)])
    assert all(row["grad_norm"] > 0 for row in rows[len(skipped) :])
    assert rows[-1]["loss"] < rows[0]["loss"] - 0.03


@pytest.mark.parametrize("stop", [2, 12])
def test_fp16_resumes_with_its_scale(tmp_path: Path, stop: int) -> None:
    """Also from within the first steps, all skipped, when the optimizer has no state yet."""
    _assert_resumes(tmp_path, _lora, "fp16", stop)


def test_fp16_that_never_fits_is_an_error(tmp_path: Path) -> None:
    model = _lora()
    next(iter(trained_weights(model.network).values())).data.fill_(float("nan"))
    with pytest.raises(UserError, match=r"gradient at step 17 is nan.*fp32"):
        _train(tmp_path, model, "fp16")


def test_activations_computed_again_are_the_same(tmp_path: Path) -> None:
    for switch in ("off", "on"):
        _train(tmp_path / switch, _lora(), changes={"gradient_checkpointing": switch})
    assert _steps(tmp_path / "off") == _steps(tmp_path / "on")


def test_activations_are_indeed_computed_again(tmp_path: Path) -> None:
    model = _lora()
    passes = 0

    def count(*_: Any) -> None:
        nonlocal passes
        passes += torch.is_grad_enabled()

    model.network.get_base_model().model.layers[0].mlp.register_forward_hook(count)
    _train(tmp_path, model, changes={"gradient_checkpointing": "on"})
    assert passes == 2 * len(_steps(tmp_path))


def test_every_weight_trains_and_resumes_to_the_same_bits(tmp_path: Path) -> None:
    model, before = _full(), tiny.model()
    outcome = _train(tmp_path / "full", model)
    assert outcome.trainable_parameters == before.parameters == model.parameters
    first, last = _steps(tmp_path / "full")[0], _steps(tmp_path / "full")[-1]
    assert last["loss"] < first["loss"] - 0.5
    old = dict(before.network.named_parameters())
    assert not any(torch.equal(w, old[name]) for name, w in model.network.named_parameters())
    _assert_resumes(tmp_path, _full, "fp32", 10)


def test_the_operations_of_training() -> None:
    """Kaplan et al.: 6 a weight and token where it trains, 4 where only what is below does."""
    full, lora = _full().network, _lora().network
    table = full.get_input_embeddings().weight.numel()
    body = sum(weight.numel() for weight in full.parameters()) - table
    assert training_flops(full, 100, 60) == 6 * (100 * body + 60 * table)
    adapter = sum(weight.numel() for weight in lora.parameters() if weight.requires_grad)
    assert training_flops(lora, 100, 60) == 100 * (4 * body + 6 * adapter) + 60 * 4 * table


def test_an_adapter_trains_beside_4_bit_weights(tmp_path: Path) -> None:
    folder = checkpoints.mistral(tmp_path / "model")

    def make() -> LanguageModel:
        base = load_base(ModelSettings(name=str(folder), bits=4), LAYOUTS, CPU)
        return attach(base, LoraSettings(rank=4))

    model = make()
    frozen = {n: w.clone() for n, w in model.network.named_parameters() if not w.requires_grad}
    assert any(weight.dtype == torch.uint8 for weight in frozen.values())
    _train(tmp_path / "run", model)
    rows = _steps(tmp_path / "run")
    assert rows[-1]["loss"] < rows[0]["loss"] - 0.05
    assert {weight.dtype for weight in trained_weights(model.network).values()} == {torch.float32}
    now = dict(model.network.named_parameters())
    assert all(torch.equal(weight, now[name]) for name, weight in frozen.items())
    _assert_resumes(tmp_path, make, "fp32", 10)


def test_a_signal_that_comes_twice_at_once_is_one(tmp_path: Path) -> None:
    """A launcher passes on what the terminal has sent to all already."""
    process = get_context("forkserver").Process(target=_signalled_twice, args=(tmp_path,))
    process.start()
    process.join(120)
    assert process.exitcode == 0


def _signalled_twice(folder: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):

        def press(step: int, number: int = number) -> bool:
            if step == 5:
                signal.raise_signal(number)
                signal.raise_signal(number)
            return False

        run = folder / str(number)
        with pytest.raises(Interrupted) as stopped:
            _train(run, _lora(), stop=press)
        assert stopped.value.step in (5, 6)
        assert (run / f"checkpoints/step-{stopped.value.step:06d}").is_dir()
