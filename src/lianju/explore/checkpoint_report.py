"""What a judging of checkpoints found, as one JSON value and as a table for a terminal."""

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel

from lianju import __version__
from lianju.decode import Completion
from lianju.evaluate import METRICS, Figure, Measured, interval_words, mean, value_words
from lianju.explore.checkpoint_judging import (
    CheckpointJudging,
    CheckpointPlan,
    JudgedCheckpoint,
)
from lianju.explore.metric_words import MetricWords
from lianju.explore.overfitting import Overfitting, find_overfitting, overfitting_words, say
from lianju.files import read_jsonl
from lianju.model import run_settings
from lianju.verse import Bilingual

Row = dict[str, Any]
Measure = Callable[[Sequence[Sequence[Completion]], Sequence[str | None]], Measured]


def _words(name: str, digits: int | None = None) -> MetricWords:
    one = METRICS[name]
    return MetricWords(name, one.title, one.chinese, one.limits, one.better, digits)


_LOSSES = (
    MetricWords("unseen", "Loss, unseen poems", "未見之詩的損失", "", "less", 2),
    MetricWords("trained", "Loss, poems of the training", "訓練之詩的損失", "", "less", 2),
)
PANELS: dict[str, tuple[MetricWords, ...]] = {
    "Loss, nats a character 損失": _LOSSES,
    "Form 格律": (_words("shape"), _words("rhyme"), _words("full")),
    "Variety 變化": (_words("distinct_2"), _words("collapse"), _words("repeats")),
    "Copying 襲用": (_words("known_lines"),),
}
"""The curves of each panel."""
SHOWN_METRICS = tuple(metric for panel in PANELS.values() for metric in panel)


class CheckpointNumbers(BaseModel):
    """The numbers of one checkpoint.

    `epoch`: how often each poem had been seen, None where the run has not ended. `kept`: whether
    the run's adapter is of it. `logged`: the validation loss in the log of the run, which is on
    other poems. `figures`: the losses in nats a character as `unseen` and `trained`, and the
    metrics by name.
    """

    step: int
    epoch: float | None
    kept: bool
    logged: float | None
    figures: dict[str, Figure]
    seconds: float


class FinishedCouplet(BaseModel):
    """A test couplet, how the real poem goes on, and what each checkpoint made of it, by step."""

    couplet: str
    truth: str | None
    poems: dict[int, Row]


class CheckpointsReport(BaseModel):
    """A judging of all checkpoints of a run."""

    lianju: str
    run: str
    model: str
    couplets: int
    decoding: Row
    validations: dict[int, float]
    """The validation losses of the log by step, those of checkpoints that are gone among them."""
    checkpoints: list[CheckpointNumbers]
    overfitting: Overfitting
    shown: list[FinishedCouplet]

    def sentences(self) -> list[Bilingual]:
        """Where overfitting begins, and where the form was better than at the step kept."""
        epochs = {one.step: one.epoch for one in self.checkpoints}
        said = [overfitting_words(self.overfitting, epochs)]
        kept = next((one for one in self.checkpoints if one.kept), None)
        best = max(self.checkpoints, key=lambda one: one.figures["shape"].value or 0.0)
        if kept and _above(best.figures["shape"], kept.figures["shape"]):
            highest, had = (_share(one.figures["shape"]) for one in (best, kept))
            steps = {"step": f"{best.step:,}", "kept": f"{kept.step:,}"}
            said.append(say("form", best=highest, had=had, **steps))
        return said

    def table(self) -> list[list[str]]:
        """A row a checkpoint with every figure and its interval, and its n where that is not the
        number of couplets; the head first.
        """
        head = ["step", "epochs", *(metric.title for metric in SHOWN_METRICS)]
        rows = [
            [
                f"{one.step}{' *' if one.kept else ''}",
                "–" if one.epoch is None else f"{one.epoch:.1f}",
                *(self._cell(metric, one.figures[metric.name]) for metric in SHOWN_METRICS),
            ]
            for one in self.checkpoints
        ]
        return [head, *rows]

    def _cell(self, metric: MetricWords, figure: Figure) -> str:
        if figure.value is None:
            return "–"
        n = "" if figure.n == self.couplets else f", n {figure.n}"
        return f"{metric.number(figure.value)} ({metric.interval(figure)}{n})"


def _share(figure: Figure) -> str:
    value = value_words(figure.value or 0.0, "share")
    return f"{value} ({interval_words(figure, 'share')})"


def _above(one: Figure, other: Figure) -> bool:
    """Whether the intervals lie apart."""
    return one.low is not None and other.high is not None and one.low > other.high


def report_checkpoints(judging: CheckpointJudging, measure: Measure) -> CheckpointsReport:
    """Measure what all checkpoints wrote."""
    plan, judged = judging.plan, judging.judged()
    log = read_jsonl(judging.run / "steps.jsonl")
    validations = {r["step"]: r["loss_per_character"] for r in log if r["kind"] == "validation"}
    best = min(validations, key=lambda step: validations[step], default=None)
    epochs = _epochs(judging, log)
    numbers = []
    with judging.reporter.task("Measuring", len(judged)) as task:
        for one in judged:
            numbers.append(
                CheckpointNumbers(
                    step=one.step,
                    epoch=epochs and epochs * one.step,
                    kept=one.step == best,
                    logged=validations.get(one.step),
                    figures=_figures(plan, one, measure),
                    seconds=one.seconds,
                )
            )
            task.advance()
    return CheckpointsReport(
        lianju=__version__,
        run=judging.run.resolve().name,
        model=plan.model,
        couplets=len(plan.unseen),
        decoding=plan.decode.model_dump(exclude={"candidates", "particles", "taste"}),
        validations=validations,
        checkpoints=numbers,
        overfitting=find_overfitting(
            {one.step: one.unseen for one in judged}, {one.step: one.trained for one in judged}
        ),
        shown=_finished(plan, judged, measure),
    )


def _epochs(judging: CheckpointJudging, log: Sequence[Row]) -> float | None:
    """Epochs a step; None in a run that has not ended, of which nobody knows how many."""
    if not (judging.run / "stages/finetune.json").is_file():
        return None
    steps = max(row["step"] for row in log)
    return float(run_settings(judging.run).train.epochs / steps)


def _figures(plan: CheckpointPlan, one: JudgedCheckpoint, measure: Measure) -> dict[str, Figure]:
    groups = [[poem] for poem in one.poems("written")]
    measured = measure(groups, [couplet.truth for couplet in plan.unseen]).figures
    losses = {"unseen": one.unseen, "trained": one.trained}
    figures = {name: mean([[nats] for nats in found]) for name, found in losses.items()}
    return figures | {
        metric.name: measured[metric.name] for metric in SHOWN_METRICS if metric.name not in figures
    }


def _finished(
    plan: CheckpointPlan, judged: Sequence[JudgedCheckpoint], measure: Measure
) -> list[FinishedCouplet]:
    """The couplets that are shown, with what is right and wrong about each poem."""
    truths = [couplet.truth for couplet in plan.shown]
    found: list[dict[int, Row]] = [{} for _ in plan.shown]
    for one in judged:
        poems = one.poems("shown")
        marks = measure([[poem] for poem in poems], truths).marks
        for place, poem, [mark] in zip(found, poems, marks, strict=True):
            said = {name: mark.get(name) for name in ("form", "fault", "copied")}
            place[one.step] = {"text": poem.text, **said}
    return [
        FinishedCouplet(couplet=couplet.couplet, truth=couplet.truth, poems=poems)
        for couplet, poems in zip(plan.shown, found, strict=True)
    ]
