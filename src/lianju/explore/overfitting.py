"""Where overfitting begins: the loss on unseen poems rises while that on the trained ones falls."""

from collections.abc import Mapping, Sequence
from statistics import NormalDist, fmean, stdev
from typing import Literal, Self

from pydantic import BaseModel

from lianju.evaluate import value_words
from lianju.verse import Bilingual, Sentences

say = Sentences("lianju.explore", "overfitting.toml")
_LEVEL = 0.05


class PairedChange(BaseModel):
    """By how much a loss differs between two steps, poem by poem, in nats a character."""

    value: float
    standard_error: float
    n: int

    @classmethod
    def between(cls, first: Sequence[float], second: Sequence[float]) -> Self:
        """That from `first` to `second`, the losses on the same two or more poems."""
        pairs = [b - a for a, b in zip(first, second, strict=True)]
        error = stdev(pairs) / len(pairs) ** 0.5
        return cls(value=fmean(pairs), standard_error=error, n=len(pairs))

    def way(self, times: int) -> Literal[-1, 0, 1]:
        """Whether it rose or fell, by a two-sided normal test at 5% that is made so many times.

        Bonferroni's correction holds the chance of one false finding among them below 5%.
        """
        reach = NormalDist().inv_cdf(1 - _LEVEL / 2 / times) * self.standard_error
        return 1 if self.value > reach else -1 if self.value < -reach else 0

    @property
    def words(self) -> str:
        """Its size with its standard error: "0.12 ± 0.02"."""
        return f"{value_words(abs(self.value), 'nats')} ± {self.standard_error:.2f}"


class Overfitting(BaseModel):
    """What the losses along a run say.

    `found`: "overfitting" where the loss on unseen poems rises after the step `lowest` while that
    on trained ones falls; "worse" where it rises and the other does not fall; "nothing" else.
    `step`: the first after `lowest` at which the rise is more than chance, or, where there is
    nothing, that of the largest rise; None where `lowest` is the last. `unseen` and `trained`: the
    changes from `lowest` to `step`; `end`: that of `unseen` to the last step.
    """

    found: Literal["overfitting", "worse", "nothing"]
    lowest: int
    step: int | None = None
    unseen: PairedChange | None = None
    trained: PairedChange | None = None
    end: PairedChange | None = None


def find_overfitting(
    unseen: Mapping[int, Sequence[float]], trained: Mapping[int, Sequence[float]]
) -> Overfitting:
    """What the losses on the same poems, by step, say: those on unseen ones and on trained ones."""
    lowest = min(unseen, key=lambda step: fmean(unseen[step]))
    later = [step for step in unseen if step > lowest]
    if not later or len(unseen[lowest]) < 2 or len(trained[lowest]) < 2:
        return Overfitting(found="nothing", lowest=lowest)
    rises = {step: PairedChange.between(unseen[lowest], unseen[step]) for step in later}
    risen = [step for step, rise in rises.items() if rise.way(len(later)) > 0]
    step = risen[0] if risen else max(later, key=lambda step: rises[step].value)
    change = PairedChange.between(trained[lowest], trained[step])
    kind: Literal["overfitting", "worse"] = "overfitting" if change.way(1) < 0 else "worse"
    return Overfitting(
        found=kind if risen else "nothing",
        lowest=lowest,
        step=step,
        unseen=rises[step],
        trained=change,
        end=rises[later[-1]],
    )


def overfitting_words(found: Overfitting, epochs: Mapping[int, float | None]) -> Bilingual:
    """What was found, in a sentence or two; `epochs`: how far each step is, where it is known."""
    if found.step is None or not (found.unseen and found.trained and found.end):
        return say("last_is_lowest", lowest=f"{found.lowest:,}")
    place, step = _place(found.lowest, epochs), f"{found.step:,}"
    unseen, n = found.unseen.words, f"{found.unseen.n:,}"
    if found.found == "nothing":
        return say("within_chance", place=place, unseen=unseen, step=step, n=n)
    end = say("end", more=found.end.words) if found.step != max(epochs) else ""
    if found.found == "worse":
        return say("worse", place=place, unseen=unseen, step=step, n=n, end=end)
    trained = found.trained.words
    return say("overfitting", place=place, step=step, unseen=unseen, n=n, trained=trained, end=end)


def _place(step: int, epochs: Mapping[int, float | None]) -> Bilingual:
    epoch = epochs[step]
    if not step:
        return say("start")
    if epoch is None:
        return say("step", step=f"{step:,}")
    return say("step_epochs", step=f"{step:,}", epochs=f"{epoch:.1f}")
