"""What a training grid found, in words: for the terminal, and for its page in both languages."""

from collections.abc import Iterator

from lianju.config import RunSettings, Settings
from lianju.evaluate import METRICS, Figure, markup
from lianju.experiments.axes import Axis, choice_words, value_words
from lianju.experiments.grid_findings import AxisStep, GridFindings, sign
from lianju.explore import BY_NAME, MetricWords
from lianju.verse import Bilingual, Sentences

say = Sentences("lianju.experiments", "grid_words.toml")
LOSS = MetricWords(
    "loss",
    "Validation loss",
    "驗證損失",
    "Nats a character of the real continuations of unseen couplets: how little the model is "
    "surprised by what poets wrote. The smaller, the better; 0.1 less is a tenth less guessing.",
    better="less",
    digits=2,
)
SECONDS = MetricWords("training", "Training", "訓練秒數", "Seconds of the steps.", "less", 0)
# What pages and tables show of a cell, in this order.
SHOWN = (
    LOSS,
    *(BY_NAME[name] for name in ("shape", "rhyme", "full", "distinct_2", "collapse")),
    BY_NAME["known_lines"],
)

_REPEATS = METRICS["repeats"]
_COMPARED = {metric.name: metric for metric in SHOWN} | {
    "repeats": MetricWords("repeats", _REPEATS.title, _REPEATS.chinese, "", "less", None)
}


def found_words(found: GridFindings) -> Iterator[Bilingual]:
    """What was found, a sentence each: the best cell, the cheapest as good, the most regular."""
    best, quickest = found.best, found.as_good[0]
    loss = best.loss
    yield say(
        "best",
        cell=choice_words(best.choice),
        loss=LOSS.number(loss.value),
        low=LOSS.number(loss.low),
        high=LOSS.number(loss.high),
        n=loss.n,
        time=markup.duration(best.judged.training),
        base=LOSS.number(found.base_loss.value),
    )
    if quickest is not best:
        time = markup.duration(quickest.judged.training)
        yield say("cheaper", cell=choice_words(quickest.choice), time=time)
    elif len(found.cells) > 1:
        yield say("no_cheaper")
    regular = found.most_regular.figures["full"]
    if regular.value:
        share = BY_NAME["full"]
        yield say(
            "regular",
            cell=choice_words(found.most_regular.choice),
            share=share.number(regular.value),
            low=share.number(regular.low),
            high=share.number(regular.high),
            n=regular.n,
        )
    for number, judged in found.failed.items():
        choice = found.grid.plan.choices[number]
        yield say("failed", cell=choice_words(choice), why=judged.failed)


def axis_words(axis: Axis) -> Bilingual:
    """What a setting is and does."""
    if axis.name in say.table:
        return say(axis.name)
    return say("says_other", text=_description(axis.name))


def _description(name: str) -> str:
    section, _, field = name.rpartition(".")
    of = RunSettings.model_fields[section].annotation if section else RunSettings
    assert isinstance(of, type) and issubclass(of, Settings)
    return " ".join((of.model_fields[field].description or "").split())


def verdict_words(found: GridFindings, axis: Axis) -> Bilingual:
    """What it comes to for one setting, by the loss."""
    steps = found.steps(axis)
    if not steps:
        return say("one_value")
    signs = [sign(step.changes["loss"]) for step in steps]
    if not any(signs):
        return say("no_gain", n=steps[-1].changes["loss"].n)
    if not axis.numeric:
        return say("lowest", value=value_words(_lowest(found, axis)))
    if signs[-1] < 0:
        return say("still_helps", value=value_words(steps[-1].after))
    last = max((at for at, one in enumerate(signs) if one < 0), default=-1)
    value = value_words(steps[last].after if last >= 0 else steps[0].before)
    return say("worse" if 1 in signs[last + 1 :] else "no_more", value=value)


def _lowest(found: GridFindings, axis: Axis) -> object:
    """The value of an axis whose cells have the lowest mean loss."""

    def loss(value: object) -> float:
        there = [cell.loss.value or 0.0 for cell in found.cells if cell.choice[axis.name] == value]
        return sum(there) / len(there) if there else float("inf")

    return min(axis.values, key=loss)


def changes_of(step: AxisStep) -> list[tuple[MetricWords, Figure]]:
    """The changes that the page tells of a step."""
    return [(_COMPARED[name], figure) for name, figure in step.changes.items()]


def change_words(metric: MetricWords, figure: Figure, end: str = "value") -> str:
    """A difference, or an end of its interval, with its sign: "−0.21", "+12%"."""
    value: float | None = getattr(figure, end)
    return ("+" if value and value > 0 else "") + metric.number(value)


def better(metric: MetricWords, figure: Figure) -> bool | None:
    """Whether a difference is for the better; None where none could be shown."""
    way = sign(figure)
    return None if way == 0 else (way > 0) == (metric.better == "more")


def step_words(step: AxisStep) -> str:
    """From which value to which: "250 → 500"."""
    return f"{value_words(step.before)} → {value_words(step.after)}"


def told(found: GridFindings) -> list[str]:
    """All that was found, a sentence each, for a terminal."""
    axes = found.grid.plan.axes
    return [
        *map(str, found_words(found)),
        *(f"{axis.name}: {verdict_words(found, axis)}" for axis in axes),
    ]
