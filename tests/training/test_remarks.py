"""What is said of a fine-tuning: of logs made up to the point, and of real small ones."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from lianju.config import LoraSettings, TrainSettings
from lianju.files import read_jsonl
from lianju.likelihood import encode
from lianju.model import Compute, attach, unfreeze
from lianju.training import Outcome, finetune, validation_loss
from lianju.training.remarks import remarks_of
from lianju.verse import Bilingual, is_han
from tests import tiny

SETTINGS = TrainSettings(learning_rate=1e-2, batch_size=8)


def _log(losses: list[float], validations: dict[int, float]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for step, loss in enumerate(losses, 1):
        rows.append({"kind": "train", "step": step, "loss": loss})
        if step in validations:
            loss = validations[step]
            rows.append({"kind": "validation", "step": step, "loss_per_character": loss})
    return rows


def _remarks(
    losses: list[float],
    validations: dict[int, float],
    settings: TrainSettings = SETTINGS,
    **more: float,
) -> list[Bilingual]:
    best = min(validations, key=lambda step: validations[step])
    outcome = Outcome(len(losses), 1, 1, 1, 1, 1.0, best, validations[best], None)
    return remarks_of(outcome, _log(losses, validations), settings, **more)


FALLING = [6.6 - 0.05 * step for step in range(36)]


def test_nothing_is_said_of_a_run_that_went_well() -> None:
    assert not _remarks(FALLING, {18: 5.4, 36: 5.2}, before=6.7, after=5.2)


def test_batches_that_differ_are_no_explosion() -> None:
    losses = [loss + (1.5 if step % 7 == 3 else -0.2) for step, loss in enumerate(FALLING)]
    assert not _remarks(losses, {18: 5.4, 36: 5.2})


def test_a_loss_that_rises_at_first_and_falls_again_is_no_explosion() -> None:
    said = _remarks([5.89, 7.5, 9.25, 6.9, 6.4], {3: 7.5, 5: 6.46}, before=6.6, after=6.46)
    assert len(said) == 1 and said[0].startswith("Only 5 optimizer steps")


def test_batches_of_poems_that_are_known_by_heart_differ_and_rise_none_the_less() -> None:
    heart = [0.3 + (0.5 if step % 12 < 6 else 0) for step in range(48)]
    assert not _remarks([*FALLING, *heart], {40: 5.4, 84: 5.2})


def test_a_loss_that_explodes_is_said() -> None:
    losses = [6.6, 6.5, 12.0, *[33.0] * 33]
    said = _remarks(losses, {9: 33.5, 18: 33.2, 27: 33.0, 36: 32.9}, before=6.6, after=32.9)
    assert said == [
        "The loss exploded: in training from 6.60 at the first step to 33.00 at the end. The "
        "learning rate of 0.01 is too high: try --learning-rate 0.0015.",
        "Fine-tuning did not help: the validation loss was 6.60 nats a character before and is "
        "32.90 after. Try --learning-rate 0.0015.",
    ]


def test_below_the_usual_rate_a_lower_one_is_named() -> None:
    low = SETTINGS.model_copy(update={"learning_rate": 1e-3})
    exploded, *_ = _remarks([6.6, *[33.0] * 35], {36: 32.9}, low)
    assert exploded.endswith("try --learning-rate 0.0002.")


def test_a_loss_that_explodes_at_the_end_is_said_too() -> None:
    losses = [*FALLING[:30], *[20.0] * 6]
    exploded, chosen = _remarks(losses, {9: 6.0, 18: 5.5, 27: 5.2, 36: 20.1})
    assert "from 6.60 at the first step to 20.00 at the end" in exploded
    assert chosen.startswith("The weights of step 27 of 36 are kept")
    assert "20.10 at the end" in chosen


def test_a_checkpoint_long_before_the_end_is_said_with_what_to_do() -> None:
    [said] = _remarks(FALLING, {6: 5.41, 18: 5.6, 36: 6.02})
    assert said == (
        "The weights of step 6 of 36 are kept: their validation loss was the best, 5.41 nats a "
        "character against 6.02 at the end. After that the training loss still fell, from 6.47 to "
        "4.97, so the model learned its poems by heart (overfitting): try more --poems, or "
        "--learning-rate 0.0015."
    )
    several = SETTINGS.model_copy(update={"epochs": 6})
    [said] = _remarks(FALLING, {6: 5.41, 18: 5.6, 36: 6.02}, several)
    assert said.endswith("(overfitting): try --epochs 1, or more --poems.")
    [said] = _remarks([6.0] * 36, {6: 5.41, 18: 5.6, 36: 6.02})
    assert said.endswith("More training only made it worse: try --learning-rate 0.0015.")
    [said] = _remarks(FALLING, {9: 5.5, 18: 5.4, 27: 5.2, 36: 5.21})
    assert "step 27 of 36" in said and "--epochs" not in said


@pytest.mark.parametrize(("steps", "said"), [(1, "1 optimizer step "), (2, "2 optimizer steps ")])
def test_a_run_of_few_steps_is_said(steps: int, said: str) -> None:
    [remark] = _remarks(FALLING[:steps], {steps: 6.5})
    assert remark.startswith(f"Only {said}taken, of which the learning rate rose in 1")
    assert "--poems" in remark and "than 8" in remark
    [remark] = _remarks(
        FALLING[:steps], {steps: 6.5}, SETTINGS.model_copy(update={"batch_size": 1})
    )
    assert remark.endswith("Give more --poems or --epochs.")


def test_a_warm_up_that_takes_most_of_the_run_is_said() -> None:
    """In the homework 50 of 65 steps were warm-up."""
    long = SETTINGS.model_copy(update={"warmup": 50 / 65})
    [said] = _remarks([6.6] * 65, {65: 6.5}, long)
    assert said == "The learning rate was still rising in 50 of 65 steps: lower train.warmup."


def test_a_model_that_got_worse_is_said() -> None:
    [said] = _remarks(FALLING, {36: 6.9}, before=6.6, after=6.9)
    assert said.startswith("Fine-tuning did not help")


# --- real trainings of the tiny model ------------------------------------------------------

USUAL: dict[str, Any] = {"batch_size": 1, "epochs": 10, "validations": 8, "learning_rate": 1e-2}


def _trained(
    run: Path, precision: str = "fp32", louder: float = 1.0, shared: bool = False, **changes: Any
) -> list[Bilingual]:
    """The remarks on a training on four poems and validation on two others, or on three of all six
    where they are `shared`; embeddings are made `louder` first.
    """
    settings = TrainSettings(**USUAL | changes)
    model = tiny.model()
    model.network.get_input_embeddings().weight.data.mul_(louder)
    full = settings.method == "full"
    model = unfreeze(model) if full else attach(model, LoraSettings(rank=8))
    items = encode(tiny.EXAMPLES, "plain", model.vocabulary, 256)
    train, validation = (items, items[:3]) if shared else (items[:4], items[4:])
    before = validation_loss(model.network, validation, 0, "fp32").per_character
    compute = Compute(torch.device("cpu"), precision, "test")
    outcome = finetune(model, settings, train, validation, run, compute)
    after = validation_loss(model.network, validation, 0, "fp32").per_character
    return remarks_of(outcome, read_jsonl(run / "steps.jsonl"), settings, before, after)


@pytest.mark.parametrize(
    "changes", [{}, {"batch_size": 2, "epochs": 20}, {"method": "full", "learning_rate": 1e-3}]
)
def test_nothing_is_said_of_real_trainings_that_go_well(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    assert not _trained(tmp_path, shared=True, **changes)


@pytest.mark.parametrize(
    ("changes", "seen", "instead"),
    [
        (
            {"method": "full", "learning_rate": 10},
            "The loss exploded: in training from 5.91",
            "--learning-rate 2.",
        ),
        (
            {"method": "full", "learning_rate": 1},
            "The training loss rose from 11",
            "--learning-rate 0.2.",
        ),
        (
            {"learning_rate": 5},
            "The loss hardly moved, and gradients shrank from 6.2",
            "--learning-rate 0.0015.",
        ),
        (
            {"method": "full", "learning_rate": 0.1},
            "Gradients exploded: at step",
            "--learning-rate 0.02, or a longer train.warmup.",
        ),
        (
            {"precision": "fp16", "louder": 30},
            "fp16 overflowed in 6 of 40 steps",
            "model.precision=bf16 or fp32",
        ),
        (
            {"learning_rate": 1e-7},
            "Next to nothing was learned: the validation loss went from 6.268 to 6.268",
            "The learning rate of 1e-07 is too low: try --learning-rate 0.0015.",
        ),
        (
            {"method": "full", "learning_rate": 3e-3, "epochs": 60},
            "The weights of step 30 of 240 are kept",
            "learned its poems by heart (overfitting): try --epochs 8, or more --poems.",
        ),
        (
            {"method": "full", "learning_rate": 0.3},
            "Fine-tuning did not help: the validation loss was 6.27 nats a character before",
            "Try --learning-rate 0.06.",
        ),
    ],
)
def test_a_wild_setting_is_named_with_what_was_seen_and_what_to_set_instead(
    tmp_path: Path, changes: dict[str, Any], seen: str, instead: str
) -> None:
    found = [said for said in _trained(tmp_path, **changes) if said.startswith(seen)]
    assert len(found) == 1 and instead in found[0]
    # The same numbers and settings, whatever the language.
    english, chinese = (
        sorted(re.findall(r"\d[\d.e-]*\d|\d", text)) for text in (found[0], found[0].zh)
    )
    assert english == chinese and any(map(is_han, found[0].zh))
