"""What a user should hear of how a fine-tuning went."""

from collections.abc import Sequence
from statistics import mean
from typing import Any

from lianju.config import TrainSettings
from lianju.training.outcome import Outcome
from lianju.training.schedule import warmup_steps

_FEW = 20
# Losses of single batches differ; their mean over some steps does not end higher, unless it
# explodes. What rises at first and falls again has only a short warm-up.
_WINDOW, _RISE = 5, 1.25


def remarks_of(
    outcome: Outcome,
    rows: Sequence[dict[str, Any]],
    settings: TrainSettings,
    before: float | None = None,
    after: float | None = None,
) -> list[str]:
    """Plain sentences on what went wrong or was chosen; none where there is nothing to say.

    `rows` are those of the log of steps. `before` and `after`: the loss on all validation poems
    of the untouched and of the tuned model, in nats a character, where it was taken.
    """
    found = [
        _exploded(rows, settings),
        _harmed(before, after),
        _chosen(outcome, rows),
        _few_steps(outcome, settings),
    ]
    return [remark for remark in found if remark]


def _exploded(rows: Sequence[dict[str, Any]], settings: TrainSettings) -> str | None:
    losses = [row["loss"] for row in rows if row["kind"] == "train"]
    last = mean(losses[-min(_WINDOW, max(1, len(losses) // 4)) :])
    if last <= _RISE * losses[0]:
        return None
    rate = settings.learning_rate
    usual: float = TrainSettings.model_fields["learning_rate"].default
    return (
        f"The loss exploded: in training from {losses[0]:.2f} at the first step to {last:.2f} at "
        f"the end. The learning rate of {rate:g} is too high: try --learning-rate "
        f"{usual if rate > usual else rate / 5:.2g}."
    )


def _harmed(before: float | None, after: float | None) -> str | None:
    if before is None or after is None or after < before:
        return None
    return (
        f"Fine-tuning did not help: the validation loss was {before:.2f} nats a character before "
        f"and is {after:.2f} after."
    )


def _chosen(outcome: Outcome, rows: Sequence[dict[str, Any]]) -> str | None:
    """Which weights were kept, if not those of the end."""
    if outcome.best_step == outcome.steps:
        return None
    losses = [row["loss_per_character"] for row in rows if row["kind"] == "validation"]
    told = (
        f"The weights of step {outcome.best_step} of {outcome.steps} are kept: their validation "
        f"loss was the best, {outcome.best_loss:.2f} nats a character against {losses[-1]:.2f} at "
        "the end."
    )
    if outcome.best_step > outcome.steps / 2:
        return told
    return (
        f"{told} More training only made it worse: try fewer --epochs or a lower --learning-rate."
    )


def _few_steps(outcome: Outcome, settings: TrainSettings) -> str | None:
    rising, size = (
        warmup_steps(outcome.steps, settings),
        settings.batch_size * settings.accumulation,
    )
    if outcome.steps < _FEW:
        steps = "1 optimizer step" if outcome.steps == 1 else f"{outcome.steps} optimizer steps"
        smaller = f", or fewer poems a step than {size} (train.batch_size, train.accumulation)"
        return (
            f"Only {steps} taken, of which the learning rate rose in {rising}: too few to learn "
            f"much. Give more --poems or --epochs{smaller if size > 1 else ''}."
        )
    if rising > outcome.steps / 2:
        return (
            f"The learning rate was still rising in {rising} of {outcome.steps} steps: lower "
            "train.warmup."
        )
    return None
