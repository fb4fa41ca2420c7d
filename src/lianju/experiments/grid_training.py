"""Training the cells of a grid, and judging each on the same couplets."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import Any

from lianju import machine
from lianju.config import RunSettings, VerseSettings
from lianju.corpus import Example, run_poems
from lianju.errors import UserError
from lianju.evaluate import cached_result, markup, model_identity, write_poems
from lianju.experiments.axes import Axis, choice_words
from lianju.experiments.order import Forecast, forecast
from lianju.experiments.training_grid import (
    BASE_POEMS,
    GridCouplet,
    GridPlan,
    JudgedCell,
    JudgedModel,
    TrainingGrid,
    completion_row,
    judged_file,
)
from lianju.files import read_jsonl
from lianju.likelihood import true_losses
from lianju.loading import load_model
from lianju.model import (
    LanguageModel,
    choose_device,
    find_adapter,
    load_base,
    made_ready,
    read_card,
    weights_dtype,
)
from lianju.progress import SILENT, Reporter, Task
from lianju.prompt import layouts_of
from lianju.training import STEPS, DivergedError, Run, new_run, open_run, train_only

_FREE = VerseSettings(form="free")


def plan_grid(
    settings: RunSettings, axes: Sequence[Axis], couplets: int, reporter: Reporter = SILENT
) -> GridPlan:
    """The plan of a grid whose cells are judged on so many unseen couplets, or on as many as there
    are.
    """
    data = settings.data.model_copy(update={"validation": couplets})
    settings = settings.model_copy(update={"data": data})
    poems = run_poems(**data.model_dump(), seed=settings.seed, reporter=reporter)
    unseen, shown = (
        tuple(GridCouplet(couplet=one.couplet, truth=one.completion) for one in part)
        for part in (poems.split.validation, poems.test)
    )
    return GridPlan(settings=settings, axes=tuple(axes), unseen=unseen, shown=shown)


def train_cells(
    grid: TrainingGrid, budget: float | None = None, first: Forecast | None = None
) -> list[int]:
    """Train and judge the cells that are missing, those that tell most first.

    `budget`: seconds; cells that are not expected to end within them are left for another time, and
    their numbers returned. `first`: what cells are expected to take before one has been timed.
    Raises `Interrupted` where the user stops it; the cell that was being trained is then kept as it
    is.
    """
    started = time.monotonic()
    plan, finished = grid.plan, grid.finished()
    grid.agree(plan)
    grid.judge_base(lambda: _judge_base(grid))
    missing = [number for number in grid.order() if number not in finished]
    left_out = []
    for place, number in enumerate(missing):
        expected = forecast(costs) if (costs := grid.costs()) else first
        if budget is not None:
            one = expected.seconds([plan.poems_shown(number)]) if expected else 0.0
            if time.monotonic() - started + one > budget:
                left_out.append(number)
                continue
        ahead = "" if expected is None else _ahead(plan, expected, missing[place:])
        words = choice_words(plan.choices[number])
        grid.reporter.say(f"Cell {place + 1} of {len(missing)}: {words}{ahead}")
        grid.once(judged_file(number), JudgedCell, partial(_cell, grid, number), grid.check)
    return left_out


def _ahead(plan: GridPlan, expected: Forecast, numbers: Sequence[int]) -> str:
    seconds = expected.seconds([plan.poems_shown(number) for number in numbers])
    return f"; all that is left takes about {markup.duration(round(seconds))}"


def _cell(grid: TrainingGrid, number: int) -> JudgedCell:
    """Train a cell, or go on with it, and judge it."""
    machine.forget_peaks()
    reporter = _OnlySteps(grid.reporter)
    with _run(grid, number, reporter) as run:
        try:
            outcome = train_only(run)
        except DivergedError as error:
            return _diverged(grid, run, error)
        spent = run.spent()
    judging = time.monotonic()
    model, style = load_model(find_adapter(run.folder), None, reporter, scoring=True)
    judged = _judge(grid.plan, model, style, len(grid.plan.unseen), reporter)
    rest = sum(spent["seconds"].values()) - outcome.seconds + time.monotonic() - judging
    return JudgedCell(
        **judged.model_dump(),
        training=outcome.seconds,
        rest=rest,
        memory_gb=max(spent["memory_gb"], machine.peak_memory_gb()),
        gpu_gb=max(spent["gpu_gb"], machine.peak_gpu_memory_gb()),
        trained_on=read_card(run.folder)["poems"],
        steps=outcome.steps,
        best_step=outcome.best_step,
        trainable=outcome.trainable_parameters,
    )


def _run(grid: TrainingGrid, number: int, reporter: Reporter) -> AbstractContextManager[Run]:
    """The run of a cell, begun or gone on with."""
    folder = grid.run_folder(number)
    if (folder / "settings.json").is_file():
        return open_run(folder, reporter)
    return new_run(folder, grid.plan.cell(number), reporter)


def _diverged(grid: TrainingGrid, run: Run, error: UserError) -> JudgedCell:
    """A cell whose fine-tuning cannot go on, which is a result too."""
    grid.reporter.say(f"This cell cannot be trained: {error}")
    rows: list[dict[str, Any]] = []
    with suppress(UserError):
        rows = read_jsonl(run.folder / STEPS)
    spent = run.spent()
    seconds = sum(row["seconds"] for row in rows if row["kind"] == "train")
    return JudgedCell(
        losses=[],
        unseen=[],
        shown=[],
        training=seconds,
        rest=sum(spent["seconds"].values()) - seconds,
        memory_gb=spent["memory_gb"],
        gpu_gb=spent["gpu_gb"],
        trained_on=run.settings.data.poems,
        steps=len(rows),
        best_step=0,
        trainable=0,
        failed=str(error),
    )


def _judge_base(grid: TrainingGrid) -> JudgedModel:
    """What the untouched model does, from the cache where another grid or run asked it before."""
    settings, plan = grid.plan.settings, grid.plan
    grid.reporter.say(f"The untouched {settings.model.name} first")
    reporter = _OnlySteps(grid.reporter)
    device, layouts = choose_device(settings.model), layouts_of(settings.prompt)
    plain = load_base(settings.model, layouts, device, weights_dtype(device), reporter)
    model, style = made_ready(plain), settings.prompt.name
    asked = {
        "unseen": [one.model_dump() for one in plan.unseen],
        "shown": [one.couplet for one in plan.shown],
        "decoding": settings.decode.model_dump(),
        "poems": BASE_POEMS,
    }
    found = cached_result(
        "The untouched model",
        model_identity(model, style) | asked,
        lambda _: _judge(plan, model, style, BASE_POEMS, grid.reporter).model_dump(),
        grid.reporter,
    )
    return JudgedModel.model_validate(found)


def _judge(
    plan: GridPlan, model: LanguageModel, style: str, poems: int, reporter: Reporter
) -> JudgedModel:
    """What a model does on the couplets of the plan, poems on the first so many of `unseen`."""
    # Nothing is forced, so particles play no part.
    decode = plan.settings.decode.model_copy(update={"candidates": 1, "particles": 1})
    examples = [Example(one.couplet, one.truth, "") for one in plan.unseen]
    losses = true_losses(model, style, examples, reporter=reporter)
    couplets = [one.couplet for one in (*plan.shown, *plan.unseen[:poems])]
    groups = write_poems(model, style, couplets, _FREE, decode, reporter, "Couplets")
    rows = [completion_row(group[0]) for group in groups]
    return JudgedModel(
        losses=[loss for loss in losses if loss is not None],
        unseen=rows[len(plan.shown) :],
        shown=rows[: len(plan.shown)],
    )


class _OnlySteps(Reporter):
    """Passes on how far the steps of training are, and nothing else: there are many cells."""

    def __init__(self, whole: Reporter):
        self.whole = whole

    @contextmanager
    def task(self, name: str, total: int) -> Iterator[Task]:
        """Show the bar of the steps."""
        with (self.whole if name == "Fine-tuning" else SILENT).task(name, total) as task:
            yield task
