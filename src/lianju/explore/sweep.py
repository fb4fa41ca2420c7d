"""A sweep: every cell of a grid writes poems on the same couplets with the same random numbers.

The folder holds `sweep.json`, all on which the poems depend, and `cells/NNN.json`, one file a
finished cell. A sweep that was stopped goes on where it was; what is measured on the poems is
computed from these files without the model. Several processes divide the cells, each in a folder
of its own, from which `gather` takes them.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from lianju.config import DecodeSettings, Settings, VerseSettings
from lianju.corpus import Example
from lianju.decode import Completion, Constraint, complete, length_limit
from lianju.errors import UserError
from lianju.evaluate import Figure, Mark
from lianju.explore.example_distribution import ExampleDistribution, find_example
from lianju.explore.grid import Cell, Grid
from lianju.progress import SILENT, Reporter, Task
from lianju.shards import WHOLE, Shard
from lianju.work_folder import FolderKind, WorkFolder

if TYPE_CHECKING:
    from lianju.evaluate import Measured
    from lianju.model import LanguageModel

_CHOICES = "choices.json"
_COMPLETION = TypeAdapter(Completion)
# What `measure` is once its tools are in place.
Measure = Callable[[Sequence[Sequence[Completion]], Sequence[str | None]], "Measured"]


class SweepCouplet(Settings):
    """A couplet to complete, how the real poem goes on if there is one, and where it is from."""

    couplet: str
    truth: str | None = None
    source: str = ""

    @classmethod
    def of(cls, example: Example) -> "SweepCouplet":
        """The couplet of an example of the corpus."""
        return cls(couplet=example.couplet, truth=example.completion, source=example.source)

    def example(self) -> Example:
        """What `of` was given."""
        return Example(self.couplet, self.truth or "", self.source)


class SweepPlan(Settings):
    """All on which the poems of a sweep depend."""

    version: Literal[1] = 1
    model: str
    adapter: str
    """What `files.weights_digest` has of the adapter; empty for the base model alone."""
    style: str
    suite: str
    """The suite that the couplets are from; empty for couplets of the user's own."""
    openings: tuple[SweepCouplet, ...]
    grid: Grid
    seeds: int
    """Poems on each couplet in each cell."""
    seed: int
    max_length: int | None
    repetition_penalty: float
    particles: int
    verse: VerseSettings
    exact: bool = True
    """Whether fp32 was asked for; sweeps of before 0.3 do not say, and were written so."""

    @property
    def couplets(self) -> list[str]:
        """The couplets alone."""
        return [opening.couplet for opening in self.openings]

    @property
    def poems_each(self) -> int:
        """Poems a cell."""
        return len(self.openings) * self.seeds

    def settings(self, cell: Cell) -> DecodeSettings:
        """All decoding settings of a cell."""
        return DecodeSettings(
            **dict(cell),
            candidates=self.seeds,
            seed=self.seed,
            max_length=self.max_length,
            repetition_penalty=self.repetition_penalty,
            particles=self.particles,
            # What the parameters do is seen best without a choice among what they give.
            taste=0.0,
        )


@dataclass(frozen=True)
class WrittenCell:
    """What one cell wrote: poems by couplet, then by seed."""

    number: int
    cell: Cell
    seconds: float
    poems: list[list[Completion]]


@dataclass(frozen=True)
class ScoredCell:
    """A cell with the marks of each poem, as `poems` of it, and the figures of all."""

    written: WrittenCell
    marks: list[list[dict[str, Mark]]]
    figures: dict[str, Figure]

    @property
    def cell(self) -> Cell:
        """The decoding parameters."""
        return self.written.cell


class _CellPoems(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="constants")

    couplet: str
    poems: list[dict[str, Any]]


class _CellFile(BaseModel):
    """The file of a finished cell."""

    model_config = ConfigDict(ser_json_inf_nan="constants")

    cell: dict[str, Any]
    seconds: float
    couplets: list[_CellPoems]


@dataclass
class Sweep(WorkFolder):
    """The folder of a sweep, and all on which its poems depend."""

    KIND: ClassVar[FolderKind] = FolderKind(
        "a sweep", "sweep", "sweep.json", frozenset({_CHOICES}), ("cells", "plots")
    )

    plan: SweepPlan = field(kw_only=True)
    shard: Shard = field(default=WHOLE, kw_only=True)

    @property
    def numbers(self) -> range:
        """The numbers of the cells that are written here."""
        return self.shard.every(len(self.plan.grid.cells()))

    def missing(self) -> list[int]:
        """Those of `numbers` whose cells are not finished, or whose files are damaged."""
        return [number for number in self.numbers if not _there(partial(self._read, number))]

    def gather(self) -> None:
        """Take the cells that are missing here from the folders of shards beside this one."""
        for other in self.shards(self.plan):
            self.agree(self.plan)
            missing = self.missing()
            for number in missing:
                file = _cell_file(number)
                read = partial(other.read, file, _CellFile, self._poems)
                if _there(read):
                    self.once(file, _CellFile, read)
            if not _there(self.choices) and (other.folder / _CHOICES).is_file():
                read_choices = partial(other.read, _CHOICES, ExampleDistribution)
                self.once(_CHOICES, ExampleDistribution, read_choices)
            taken = len(missing) - len(self.missing())
            self.reporter.say(f"Cells taken from {other.folder}: {taken}")

    def finished(self) -> bool:
        """Whether nothing is left to write that needs the model."""
        return _there(self.choices) and not self.missing()

    def written(self) -> list[WrittenCell]:
        """Every cell; all must be finished."""
        return [self._read(number) for number in self.numbers]

    def choices(self) -> ExampleDistribution:
        """The distribution that the page explains the parameters with.

        Raises `UserError` where its file is missing or damaged.
        """
        return self.read(_CHOICES, ExampleDistribution)

    def write_cell(self, number: int, work: Callable[[], list[list[Completion]]]) -> float:
        """Keep the poems of a cell, unless they are there already; how long they took."""

        def timed() -> _CellFile:
            start = time.monotonic()
            groups = [
                _CellPoems(
                    couplet=couplet,
                    poems=[_COMPLETION.dump_python(one, exclude={"couplet"}) for one in poems],
                )
                for couplet, poems in zip(self.plan.couplets, work(), strict=True)
            ]
            cell, seconds = self.plan.grid.cells()[number], time.monotonic() - start
            return _CellFile(cell=cell.model_dump(), seconds=seconds, couplets=groups)

        return self.once(_cell_file(number), _CellFile, timed, self._poems).seconds

    def _read(self, number: int) -> WrittenCell:
        found = self.read(_cell_file(number), _CellFile, self._poems)
        cell = self.plan.grid.cells()[number]
        return WrittenCell(number, cell, found.seconds, self._poems(found))

    def _poems(self, found: _CellFile) -> list[list[Completion]]:
        """The poems by couplet; `ValueError` where they are not those of the plan."""
        poems = [
            [_COMPLETION.validate_python({**poem, "couplet": couplet}) for poem in group.poems]
            for couplet, group in zip(self.plan.couplets, found.couplets, strict=True)
        ]
        if any(len(group) != self.plan.seeds for group in poems):
            raise ValueError("poems are lost")
        return poems


def _cell_file(number: int) -> str:
    return f"cells/{number:03}.json"


def _there(read: Callable[[], object]) -> bool:
    try:
        read()
    except UserError:
        return False
    return True


@contextmanager
def open_sweep(
    folder: Path, plan: SweepPlan, reporter: Reporter = SILENT, shard: Shard = WHOLE
) -> Iterator[Sweep]:
    """A new sweep in `folder`, or the one that is there if its plan is the same.

    The folder is held for the body. A shard of several writes its cells in a folder beside it, and
    the whole takes what it finds there. Raises `UserError` where another plan, or something else,
    is there.
    """
    sweep = Sweep(shard.beside(folder), reporter, plan=plan, shard=shard)
    with sweep.held() as begun:
        if begun:
            sweep.agree(plan)
        if shard.count == 1:
            sweep.gather()
        yield sweep


def write_poems(
    sweep: Sweep, model: "LanguageModel", constraints: Sequence[Constraint | None]
) -> None:
    """Have the model write the poems of every cell that is missing.

    Raises `UserError` before that if poems cannot get as long as the rules need.
    """
    plan, cells, missing = sweep.plan, sweep.plan.grid.cells(), sweep.missing()
    for constraint in constraints:
        length_limit(constraint, plan.settings(cells[0]))
    sweep.agree(plan)
    sweep.once(
        _CHOICES, ExampleDistribution, lambda: find_example(model, plan.style, plan.couplets)
    )
    # Hot cells write longer than cold ones. In a random order the time of those that are done
    # foretells that of the rest.
    random.Random(0).shuffle(missing)
    begun = time.monotonic()
    with sweep.reporter.task("Sweeping", len(missing) * plan.poems_each) as task:
        for done, number in enumerate(missing):
            note = f"cell {done + 1} of {len(missing)}"
            if done:
                note += f", {_left(time.monotonic() - begun, done, len(missing))}"
            write = partial(
                complete,
                model,
                plan.style,
                plan.couplets,
                plan.settings(cells[number]),
                _Onward(task, note),
                constraints=constraints,
            )
            seconds = sweep.write_cell(number, write)
            if done == 0 and len(missing) > 1:
                left = _left(seconds, 1, len(missing))
                sweep.reporter.say(f"The first cell took {seconds:.1f} s: {left}")


def _left(seconds: float, done: int, total: int) -> str:
    """How long the rest may take, when `done` of `total` cells took so many seconds."""
    rest = seconds / done * (total - done)
    return f"about {rest:.0f} s left" if rest < 90 else f"about {rest / 60:.0f} min left"


class _Onward(Reporter, Task):
    """Carries the poems of one cell on to the bar of the whole sweep."""

    def __init__(self, whole: Task, note: str):
        self.whole, self.note = whole, note

    @contextmanager
    def task(self, name: str, total: int) -> Iterator[Task]:
        yield self

    def advance(self, units: int = 1, note: str = "") -> None:
        self.whole.advance(units, self.note)


def score(sweep: Sweep, measure: Measure) -> list[ScoredCell]:
    """Measure the poems of every cell."""
    truths = [opening.truth for opening in sweep.plan.openings]
    scored = []
    written = sweep.written()
    with sweep.reporter.task("Measuring", len(written)) as task:
        for cell in written:
            measured = measure(cell.poems, truths)
            scored.append(ScoredCell(cell, measured.marks, measured.figures))
            task.advance()
    return scored
