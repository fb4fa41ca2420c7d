"""What a user should hear of how a fine-tuning went; the sentences stand in remarks.toml."""

from collections.abc import Sequence
from statistics import fmean, median
from typing import Any

from lianju.config import TrainSettings
from lianju.training.outcome import Outcome
from lianju.training.schedule import warmup_steps
from lianju.verse import Bilingual, Sentences

say = Sentences("lianju.training", "remarks.toml")

# With fewer steps a curve is too short to be read.
_FEW = 20
# Losses of single batches differ; their mean over some steps does not end higher, unless it
# explodes. What rises at first and falls again has only a short warm-up.
_WINDOW, _RISE = 5, 1.25
# A gradient so many times as long as is usual just before, and longer than the first one, which
# is long wherever there is much to learn. Runs that go well have shown four times at most.
_SPIKE, _BEFORE = 10, 25
# The scale of fp16 is found by a few overflows at first.
_OVERFLOWS = 0.1
# Smaller changes of a loss, as a share of it, are none: of the means over batches, and of the loss
# on the same poems.
_BATCHES, _POEMS = 0.03, 0.005
# Where nothing is learned gradients stay as long as they were at first; those that shrink to such a
# share while the loss hardly moves are those of a model that the first steps broke.
_AS_LONG, _BROKEN = 0.5, 0.05


def remarks_of(
    outcome: Outcome,
    rows: Sequence[dict[str, Any]],
    settings: TrainSettings,
    before: float | None = None,
    after: float | None = None,
) -> list[Bilingual]:
    """Plain sentences on what went wrong or was chosen; none where there is nothing to say.

    `rows` are those of the log of steps. `before` and `after`: the loss on all validation poems
    of the untouched and of the tuned model, in nats a character, where it was taken.
    """
    wild = _exploded(rows, settings) or _too_high(rows, settings) or _broken(rows, settings)
    nothing = _nothing(rows, settings, before, after)
    found = [
        wild,
        _gradients(rows, settings),
        _overflows(rows, settings),
        nothing or _harmed(settings, before, after),
        None if nothing else _chosen(outcome, rows, settings, wild is None),
        _few_steps(outcome, settings),
    ]
    return [remark for remark in found if remark]


def _exploded(rows: Sequence[dict[str, Any]], settings: TrainSettings) -> Bilingual | None:
    losses = _losses(rows)
    last = fmean(losses[-min(_WINDOW, max(1, len(losses) // 4)) :])
    if last <= _RISE * losses[0]:
        return None
    return say(
        "exploded",
        first=f"{losses[0]:.2f}",
        last=f"{last:.2f}",
        rate=f"{settings.learning_rate:g}",
        better=_lower(settings),
    )


def _too_high(rows: Sequence[dict[str, Any]], settings: TrainSettings) -> Bilingual | None:
    """A loss that rose and came down again with the rate."""
    losses = _losses(rows)
    if len(losses) < _FEW:
        return None
    means = [fmean(losses[at : at + _WINDOW]) for at in range(len(losses) - _WINDOW + 1)]
    lows = [min(range(at + 1), key=means.__getitem__) for at in range(len(means))]
    top = max(range(len(means)), key=lambda at: means[at] - means[lows[at]])
    # Against the loss at first: of poems that are known by heart a batch soon has twice another's.
    if means[top] - means[lows[top]] <= (_RISE - 1) * means[0]:
        return None
    return say(
        "too_high",
        low=f"{means[lows[top]]:.2f}",
        from_=lows[top] + 1 + _WINDOW // 2,
        high=f"{means[top]:.2f}",
        to=top + 1 + _WINDOW // 2,
        rate=f"{settings.learning_rate:g}",
        better=_lower(settings),
    )


def _gradients(rows: Sequence[dict[str, Any]], settings: TrainSettings) -> Bilingual | None:
    steps = [row for row in rows if row["kind"] == "train" and row.get("grad_norm") is not None]
    norms = [row["grad_norm"] for row in steps]
    worst, times = None, float(_SPIKE)
    for at in range(1, len(norms)):
        usual = median(norms[max(0, at - _BEFORE) : at])
        if norms[at] > max(norms[0], times * usual):
            worst, times = at, norms[at] / usual
    if worst is None:
        return None
    return say(
        "gradients",
        step=steps[worst]["step"],
        norm=f"{norms[worst]:.3g}",
        times=f"{times:.0f}",
        clipped=sum(norm > settings.max_grad_norm for norm in norms),
        steps=len(norms),
        limit=f"{settings.max_grad_norm:g}",
        better=_lower(settings),
    )


def _overflows(rows: Sequence[dict[str, Any]], settings: TrainSettings) -> Bilingual | None:
    steps = [row for row in rows if row["kind"] == "train"]
    skipped = sum("skipped" in row for row in steps)
    if skipped <= _OVERFLOWS * len(steps):
        return None
    return say("overflows", skipped=skipped, steps=len(steps), better=_lower(settings))


def _harmed(settings: TrainSettings, before: float | None, after: float | None) -> Bilingual | None:
    if before is None or after is None or after < before:
        return None
    better = _lower(settings)
    return say("harmed", before=f"{before:.2f}", after=f"{after:.2f}", better=better)


def _nothing(
    rows: Sequence[dict[str, Any]],
    settings: TrainSettings,
    before: float | None,
    after: float | None,
) -> Bilingual | None:
    validations, norms = _validations(rows), _norms(rows)
    if before is None or after is None:
        before, after = validations[0], validations[-1]
    quarter = len(norms) // 4
    if len(norms) < _FEW or len(validations) < 2 or abs(before - after) > _POEMS * before:
        return None
    as_long = median(norms[-quarter:]) >= _AS_LONG * median(norms[:quarter])
    if not as_long or _moved(rows) > _BATCHES:
        return None
    return say(
        "nothing",
        before=f"{before:.3f}",
        after=f"{after:.3f}",
        rate=f"{settings.learning_rate:g}",
        better=_higher(settings),
    )


def _broken(rows: Sequence[dict[str, Any]], settings: TrainSettings) -> Bilingual | None:
    norms = _norms(rows)
    if len(norms) < _FEW or _moved(rows) > _BATCHES:
        return None
    first, later = norms[0], median(norms[len(norms) // 4 :])
    if later > _BROKEN * first:
        return None
    return say(
        "broken",
        first=f"{first:.2g}",
        later=f"{later:.2g}",
        rate=f"{settings.learning_rate:g}",
        better=_lower(settings),
    )


def _moved(rows: Sequence[dict[str, Any]]) -> float:
    """By what share of itself the training loss changed from the first quarter to the last."""
    losses = _losses(rows)
    quarter = max(1, len(losses) // 4)
    first, last = fmean(losses[:quarter]), fmean(losses[-quarter:])
    return abs(first - last) / first


def _chosen(
    outcome: Outcome, rows: Sequence[dict[str, Any]], settings: TrainSettings, stable: bool
) -> Bilingual | None:
    """Which weights were kept, if not those of the end; what falls again is no overfitting where
    training was not `stable`.
    """
    if outcome.best_step == outcome.steps:
        return None
    end, losses = _validations(rows)[-1], _losses(rows)
    kept = say(
        "kept",
        best=outcome.best_step,
        steps=outcome.steps,
        lowest=f"{outcome.best_loss:.2f}",
        end=f"{end:.2f}",
    )
    span = max(1, min(outcome.steps // 4, outcome.best_step, outcome.steps - outcome.best_step))
    then = fmean(losses[outcome.best_step - span : outcome.best_step])
    last = fmean(losses[-span:])
    risen = end > (1 + _POEMS) * outcome.best_loss
    if risen and stable and last < (1 - _BATCHES) * then:
        from_, to = f"{then:.2f}", f"{last:.2f}"
        return say("overfitted", kept=kept, from_=from_, to=to, better=_shorter(outcome, settings))
    if not risen or outcome.best_step > outcome.steps / 2:
        return kept
    return say("worse", kept=kept, better=_lower(settings))


def _shorter(outcome: Outcome, settings: TrainSettings) -> Bilingual:
    """What to set so that training ends where it was best."""
    epochs = max(1, round(settings.epochs * outcome.best_step / outcome.steps))
    if epochs < settings.epochs:
        return say("fewer_epochs", epochs=epochs)
    return say("gentler", better=_lower(settings))


def _few_steps(outcome: Outcome, settings: TrainSettings) -> Bilingual | None:
    rising = warmup_steps(outcome.steps, settings)
    size = settings.batch_size * settings.accumulation
    if outcome.steps < _FEW:
        taken = say("one_step") if outcome.steps == 1 else say("steps", steps=outcome.steps)
        smaller = say("or_smaller", size=size) if size > 1 else ""
        return say("few_steps", taken=taken, rising=rising, or_smaller=smaller)
    if rising > outcome.steps / 2:
        return say("long_warmup", rising=rising, steps=outcome.steps)
    return None


def _losses(rows: Sequence[dict[str, Any]]) -> list[float]:
    return [row["loss"] for row in rows if row["kind"] == "train"]


def _norms(rows: Sequence[dict[str, Any]]) -> list[float]:
    """Those of the gradients of all steps that were not skipped."""
    return [row["grad_norm"] for row in rows if row.get("grad_norm") is not None]


def _validations(rows: Sequence[dict[str, Any]]) -> list[float]:
    return [row["loss_per_character"] for row in rows if row["kind"] == "validation"]


def _lower(settings: TrainSettings) -> str:
    """A gentler rate: the usual one of an adapter where that is below, else a fifth."""
    rate, usual = settings.learning_rate, _usual(settings)
    return f"{usual if usual and rate > usual else rate / 5:.2g}"


def _higher(settings: TrainSettings) -> str:
    rate, usual = settings.learning_rate, _usual(settings)
    return f"{usual if usual and rate < usual else rate * 5:.2g}"


def _usual(settings: TrainSettings) -> float | None:
    """The default rate, which is for adapters."""
    usual: float = TrainSettings.model_fields["learning_rate"].default
    return usual if settings.method == "lora" else None
