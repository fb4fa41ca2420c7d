"""A training grid: a run for every combination of settings, all judged on the same couplets.

The folder holds `grid.json`, all on which the cells depend; `cells/NNN/`, the run of each, which
`lianju run --resume` takes on to the homework's hand-in; `judged/NNN.json`, what came of it; and
`judged/base.json`, what the untouched model does on the same couplets. A grid that was stopped goes
on where it was; pages and tables are made from these files without the model. Several processes
divide the cells, each in a folder of its own, from which `gather` takes what came of them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from lianju.config import RunSettings, Settings
from lianju.decode import Completion
from lianju.errors import UserError
from lianju.experiments.axes import Axis, Choice, cell_settings, choices
from lianju.experiments.order import Cost, telling_order
from lianju.progress import SILENT, Reporter
from lianju.shards import WHOLE, Shard, parts_beside
from lianju.work_folder import FolderKind, WorkFolder

_COMPLETION = TypeAdapter(Completion)
# Of the untouched model, which never stops by itself, so many poems are enough.
BASE_POEMS = 20
_BASE = "judged/base.json"


class GridCouplet(Settings):
    """A couplet, and how the real poem goes on."""

    couplet: str
    truth: str


class GridPlan(Settings):
    """All on which the cells of a training grid depend."""

    version: Literal[1] = 1
    settings: RunSettings
    """What all cells have in common."""
    axes: tuple[Axis, ...]
    unseen: tuple[GridCouplet, ...]
    """The couplets that all cells are judged on; no cell trains on their poems."""
    shown: tuple[GridCouplet, ...]
    """The couplets of the homework's test, which all cells complete to be read."""

    @property
    def choices(self) -> list[Choice]:
        """The cells in the order of their numbers."""
        return choices(self.axes)

    def order(self) -> list[int]:
        """The numbers of the cells, those that tell most first."""
        return telling_order([len(axis.values) for axis in self.axes])

    def cell(self, number: int) -> RunSettings:
        """The settings of a cell."""
        return cell_settings(self.settings, self.choices[number])

    def poems_shown(self, number: int) -> int:
        """How many poems the steps of a cell go through, where there are as many as it wants."""
        settings = self.cell(number)
        return settings.data.poems * settings.train.epochs


class JudgedModel(BaseModel):
    """What a model does on the couplets of a grid.

    `losses`: of the real continuations of `unseen`, in nats a character. `unseen`, `shown`: the
    completions of the first couplets of that name.
    """

    model_config = ConfigDict(ser_json_inf_nan="constants", frozen=True)

    losses: list[float]
    unseen: list[dict[str, Any]]
    shown: list[dict[str, Any]]

    def unseen_poems(self, plan: GridPlan) -> list[Completion]:
        """What it wrote on unseen couplets."""
        return [_completion(*pair) for pair in zip(self.unseen, plan.unseen, strict=False)]

    def shown_poems(self, plan: GridPlan) -> list[Completion]:
        """What it wrote on the couplets that are shown."""
        return [_completion(*pair) for pair in zip(self.shown, plan.shown, strict=True)]


class JudgedCell(JudgedModel):
    """The same of a cell, with what its fine-tuning came to."""

    training: float
    """Seconds of its steps."""
    rest: float
    """Seconds of all else, judging included."""
    memory_gb: float
    gpu_gb: float
    trained_on: int
    """How many poems."""
    steps: int
    best_step: int
    trainable: int
    """How many numbers were trained."""
    failed: str = ""
    """Why it could not be trained to the end; its poems and losses are then missing."""


def _completion(row: dict[str, Any], couplet: GridCouplet) -> Completion:
    return _COMPLETION.validate_python({**row, "couplet": couplet.couplet})


def completion_row(poem: Completion) -> dict[str, Any]:
    """A completion as `JudgedModel` holds it."""
    row: dict[str, Any] = _COMPLETION.dump_python(poem, exclude={"couplet"})
    return row


@dataclass
class TrainingGrid(WorkFolder):
    """The folder of a training grid, and all on which its cells depend."""

    KIND: ClassVar[FolderKind] = FolderKind(
        "a training grid", "grid", "grid.json", parts=("judged", "plots")
    )

    plan: GridPlan = field(kw_only=True)
    shard: Shard = field(default=WHOLE, kw_only=True)

    def order(self) -> list[int]:
        """The numbers of the cells that are trained here, those that tell most first."""
        whole = self.plan.order()
        return [whole[at] for at in self.shard.every(len(whole))]

    def gather(self) -> None:
        """Take what came of cells that are missing here from the folders of shards beside it."""
        for other in self.shards(self.plan):
            self.agree(self.plan)
            files = [judged_file(n) for n in self.plan.order() if n not in self.finished()]
            taken = [file for file in files if (other.folder / file).is_file()]
            for file in taken:
                self.once(file, JudgedCell, partial(other.read, file, JudgedCell, self.check))
            if (other.folder / _BASE).is_file():
                self.once(_BASE, JudgedModel, partial(other.read, _BASE, JudgedModel, self.check))
            self.reporter.say(f"Runs taken from {other.folder}: {len(taken)}")

    def finished(self) -> dict[int, JudgedCell]:
        """What came of the cells that are finished, by their numbers."""
        found = {}
        for number in range(len(self.plan.choices)):
            with suppress(UserError):
                found[number] = self.read(judged_file(number), JudgedCell, self.check)
        return found

    def base(self) -> JudgedModel:
        """What the untouched model does. Raises `UserError` where that was not asked yet."""
        return self.read(_BASE, JudgedModel, self.check)

    def check(self, judged: JudgedModel) -> None:
        """Raise `ValueError` for what does not belong to the couplets of the plan."""
        if isinstance(judged, JudgedCell) and judged.failed:
            return
        judged.unseen_poems(self.plan)
        judged.shown_poems(self.plan)
        if len(judged.losses) != len(self.plan.unseen):
            raise ValueError("losses are lost")

    def run_folder(self, number: int) -> Path:
        """The folder of the run of a cell; that of a shard where it was trained there."""
        here = self.folder / "cells" / f"{number:03}"
        beside = parts_beside(self.folder) if self.shard.count == 1 and not here.exists() else []
        there = (folder / "cells" / here.name for folder in beside)
        return next((folder for folder in there if folder.exists()), here)

    def judge_base(self, work: Callable[[], JudgedModel]) -> None:
        """Keep what the untouched model does, unless it is there already."""
        self.once(_BASE, JudgedModel, work, self.check)

    def costs(self) -> list[Cost]:
        """What the finished cells took."""
        return [
            Cost(self.plan.poems_shown(number), cell.training, cell.rest)
            for number, cell in self.finished().items()
        ]


def judged_file(number: int) -> str:
    """Where in the folder it stands what came of a cell."""
    return f"judged/{number:03}.json"


@contextmanager
def open_grid(
    folder: Path, plan: GridPlan, reporter: Reporter = SILENT, shard: Shard = WHOLE
) -> Iterator[TrainingGrid]:
    """A new grid in `folder`, or the one that is there if its plan is the same.

    The folder is held for the body. A shard of several trains its cells in a folder beside it, and
    the whole takes what it finds there. Raises `UserError` where another plan, or something else,
    is there.
    """
    grid = TrainingGrid(shard.beside(folder), reporter, plan=plan, shard=shard)
    with grid.held() as begun:
        if begun:
            grid.agree(plan)
        if shard.count == 1:
            grid.gather()
        yield grid
