"""Several runs side by side: how their settings differ, what came of each, and whether a
difference between them could be chance.

Runs that were judged on the same validation poems are compared in pairs, poem by poem, with the
run of the lowest loss against each of the others. What only looks alike is not compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from lianju.errors import UserError
from lianju.evaluate import NOTHING, Comparison, Figure, flip_test, holm, mean, sign_test
from lianju.experiments.run_list import RunRow, differing, plain, rows_of, setting_words
from lianju.experiments.run_reading import FoundRun, PoemResults

# Curves of more runs cannot be told apart.
MOST = 24
# More settings than this say less than a name.
_FEW = 3
# Two losses of the same poem may differ in the last bits, and that is no win.
_EQUAL = 1e-9
# What decides on which poems a run is validated.
_DATA = ("data.source", "data.corpus", "data.leave_out", "data.validation")
LOSS, SHAPE = "loss", "shape"


@dataclass(frozen=True)
class ComparedRun:
    """A run in a comparison: the run, its row, and its results poem by poem, where it has them."""

    run: FoundRun
    row: RunRow
    each: PoemResults | None

    @cached_property
    def loss(self) -> Figure:
        """The validation loss, with an interval where it is known poem by poem."""
        if self.each is None:
            return NOTHING.model_copy(update={"value": self.row.loss, "n": self.row.loss_n or 0})
        pairs = zip(self.each.losses, self.each.characters, strict=True)
        there = [(loss, size) for loss, size in pairs if loss is not None]
        return _weighted([loss for loss, _ in there], [size for _, size in there])


@dataclass(frozen=True)
class RunTest:
    """The best run (`first`) against another, in pairs of poems: numbers in `compared`."""

    first: int
    second: int
    compared: Comparison


@dataclass(frozen=True)
class RunComparison:
    """Runs in the order in which they were named.

    `ranked`: the numbers of those that were validated on the same poems, or may have been, that
    with the lowest loss first; fewer than two where no two can be compared. `tests` are of the
    first of these against the others.
    """

    runs: list[ComparedRun]
    ranked: list[int]
    tests: list[RunTest]

    @cached_property
    def labels(self) -> list[str]:
        """What a sentence calls the runs: a ranked one by the settings that set it apart from the
        others that are ranked, if they are few.
        """
        names = differing(self.runs[number].run for number in self.ranked)
        labels = [one.row.name for one in self.runs]
        if 0 < len(names) <= _FEW:
            for number in self.ranked:
                settings = self.runs[number].run.settings
                said = ", ".join(f"{name} {setting_words(settings.get(name))}" for name in names)
                labels[number] = f"{said} ({labels[number]})"
        return labels

    def test(self, second: int, metric: str) -> Comparison | None:
        """The best run against another in one metric; None where they cannot be paired."""
        found = (one.compared for one in self.tests if one.second == second)
        return next((one for one in found if one.metric == metric), None)


def compare_runs(runs: Sequence[FoundRun]) -> RunComparison:
    """Compare at least two finished runs, of different names.

    Raises `UserError` for fewer, for more than `MOST`, and for one that has not finished, with
    what to do about it.
    """
    if not 2 <= len(runs) <= MOST:
        raise UserError(f"compare 2 to {MOST} runs, not {len(runs)}")
    places = [run.folder.resolve() for run in runs]
    if twice := next((run for run in runs if places.count(run.folder.resolve()) > 1), None):
        raise UserError(f"{plain(str(twice.folder))} is named twice: name another run")
    for run in runs:
        if run.state != "finished":
            raise UserError(f"{plain(str(run.folder))} cannot be compared: {run.advice}")
    runs = _named_apart(runs)
    rows = zip(runs, rows_of(runs), strict=True)
    compared = [ComparedRun(run, row, run.each()) for run, row in rows]
    ranked = _ranked(compared)
    return RunComparison(compared, ranked, _tests(compared, ranked))


def _named_apart(runs: Sequence[FoundRun]) -> list[FoundRun]:
    """The same runs; those of one name in several places by their places."""
    names = [run.name for run in runs]
    return [
        replace(run, name=str(run.folder)) if names.count(run.name) > 1 else run for run in runs
    ]


def _ranked(runs: Sequence[ComparedRun]) -> list[int]:
    """The most runs that were validated on the same poems, by their loss.

    Runs that keep no results poem by poem, which say of themselves only from where they took their
    poems and how many, count as validated on those of the others where that is the same.
    """
    groups: dict[Any, list[int]] = {}
    there = [number for number, one in enumerate(runs) if one.row.loss is not None]
    for number in there:
        if each := runs[number].each:
            groups.setdefault(each.poems, []).append(number)
    for number in there:
        if runs[number].each is None:
            told = _told(runs[number])
            found = (key for key, group in groups.items() if _told(runs[group[0]]) == told)
            groups.setdefault(next(found, told), []).append(number)
    largest = max(groups.values(), key=len, default=[])
    return sorted(largest, key=lambda number: runs[number].row.loss or 0.0)


def _told(one: ComparedRun) -> tuple[Any, ...]:
    return (one.row.loss_n, *(setting_words(one.run.settings.get(name)) for name in _DATA))


def _tests(runs: Sequence[ComparedRun], ranked: Sequence[int]) -> list[RunTest]:
    """The first of the ranked runs against every other, corrected after Holm for all of them."""
    found = [
        RunTest(ranked[0], second, compared)
        for second in ranked[1:]
        for metric in (LOSS, SHAPE)
        if (compared := _paired(runs[ranked[0]].each, runs[second].each, metric))
    ]
    corrected = holm([one.compared.p for one in found])
    return [
        replace(one, compared=one.compared.model_copy(update={"adjusted": p}))
        for one, p in zip(found, corrected, strict=True)
    ]


def _paired(
    first: PoemResults | None, second: PoemResults | None, metric: str
) -> Comparison | None:
    """One metric of two runs, not yet corrected; None where they have no poem in common.

    What is asked of a loss is its mean, as its interval is; of shapes, how often each is right.
    """
    if first is None or second is None or first.poems != second.poems:
        return None
    ours, theirs = (each.losses if metric == LOSS else each.right_shape for each in (first, second))
    # The loss of a whole set is one of its characters, not of its poems.
    sizes = first.characters if metric == LOSS else [1] * len(ours)
    rows = zip(ours, theirs, sizes, strict=False)
    pairs = [(float(a) - float(b), n) for a, b, n in rows if a is not None and b is not None]
    figure = _weighted([value for value, _ in pairs], [size for _, size in pairs])
    if figure.value is None:
        return None
    higher = sum(value > _EQUAL for value, _ in pairs)
    lower = sum(value < -_EQUAL for value, _ in pairs)
    wins, losses = (lower, higher) if metric == LOSS else (higher, lower)
    if metric == LOSS:
        p = flip_test([value for value, _ in pairs], [size for _, size in pairs])
    else:
        p = sign_test(wins, losses)
    return Comparison(
        suite="validation",
        metric=metric,
        difference=figure,
        wins=wins,
        losses=losses,
        ties=len(pairs) - higher - lower,
        p=p,
        adjusted=p,
    )


def _weighted(values: Sequence[float], sizes: Sequence[int]) -> Figure:
    """The mean over poems that weigh as much as they are long; `n` counts the poems."""
    figure = mean([[value] * size for value, size in zip(values, sizes, strict=True)])
    return figure.model_copy(update={"n": sum(size > 0 for size in sizes)})
