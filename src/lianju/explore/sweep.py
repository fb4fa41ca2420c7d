"""A sweep: every cell of a grid writes poems on the same couplets with the same random numbers.

The folder holds `sweep.json`, all on which the poems depend, and `cells/NNN.json`, one file a
finished cell. A sweep that was stopped goes on where it was; what is measured on the poems is
computed from these files without the model.
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from lianju.config import DecodeSettings, Settings, VerseSettings
from lianju.corpus import Example
from lianju.decode import Completion, Constraint, complete, length_limit
from lianju.errors import UserError
from lianju.evaluate import Figure, Mark
from lianju.explore.choices import Choices, choices
from lianju.explore.grid import Cell, Grid
from lianju.files import write_json
from lianju.progress import Reporter, Task

if TYPE_CHECKING:
    from lianju.evaluate import Measured
    from lianju.model import LanguageModel

LOCK = "sweep"
"""The name that `files.locked` takes for the lock of a sweep's folder."""
_PLAN, _CHOICES = "sweep.json", "choices.json"
# What `measure` is once its tools are in place.
Measure = Callable[[Sequence[Sequence[Completion]], Sequence[str | None]], "Measured"]


class Opening(Settings):
    """A couplet to complete, how the real poem goes on if there is one, and where it is from."""

    couplet: str
    truth: str | None = None
    source: str = ""

    @classmethod
    def of(cls, example: Example) -> "Opening":
        """The couplet of an example of the corpus."""
        return cls(couplet=example.couplet, truth=example.completion, source=example.source)


class Plan(Settings):
    """All on which the poems of a sweep depend."""

    version: Literal[1] = 1
    model: str
    adapter: str
    """What `files.weights_digest` has of the adapter; empty for the base model alone."""
    style: str
    suite: str
    """The suite that the couplets are from; empty for couplets of the user's own."""
    openings: tuple[Opening, ...]
    grid: Grid
    seeds: int
    """Poems on each couplet in each cell."""
    seed: int
    max_length: int | None
    repetition_penalty: float
    particles: int
    verse: VerseSettings

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
        )


@dataclass(frozen=True)
class Written:
    """What one cell wrote: poems by couplet, then by seed."""

    number: int
    cell: Cell
    seconds: float
    poems: list[list[Completion]]


@dataclass(frozen=True)
class Scored:
    """A cell with the marks of each poem, as `poems` of it, and the figures of all."""

    written: Written
    marks: list[list[dict[str, Mark]]]
    figures: dict[str, Figure]

    @property
    def cell(self) -> Cell:
        """The decoding parameters."""
        return self.written.cell


@dataclass(frozen=True)
class Sweep:
    """A folder with its plan."""

    folder: Path
    plan: Plan

    def begin(self, constraints: Sequence[Constraint | None]) -> None:
        """Write the plan. Raises `UserError` before that if poems cannot get as long as needed."""
        settings = self.plan.settings(self.plan.grid.cells()[0])
        for constraint in constraints:
            length_limit(constraint, settings)
        write_json(self.folder / _PLAN, self.plan.model_dump(mode="json"))

    def missing(self) -> list[int]:
        """The numbers of the cells that are not finished."""
        cells = range(len(self.plan.grid.cells()))
        return [number for number in cells if not self._file(number).is_file()]

    def written(self) -> list[Written]:
        """Every cell; all must be finished."""
        return [self._read(number, cell) for number, cell in enumerate(self.plan.grid.cells())]

    def choices(self) -> Choices:
        """The distribution that the page explains the parameters with.

        Raises `UserError` where its file was removed since the sweep began, or is damaged.
        """
        path = self.folder / _CHOICES
        try:
            return Choices.model_validate_json(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValidationError, UnicodeDecodeError):
            raise UserError(
                f"{path} is missing or damaged: remove it and {self._file(0)}, and the same "
                "command writes both again"
            ) from None

    def _file(self, number: int) -> Path:
        return self.folder / "cells" / f"{number:03}.json"

    def _read(self, number: int, cell: Cell) -> Written:
        values = json.loads(self._file(number).read_text(encoding="utf-8"))
        poems = [
            [Completion(couplet=group["couplet"], **poem) for poem in group["poems"]]
            for group in values["couplets"]
        ]
        return Written(number, cell, values["seconds"], poems)

    def write(self, cell: Written) -> None:
        """Keep what a cell wrote; from then on it is finished."""
        groups = []
        for poems in cell.poems:
            rows = [asdict(poem) for poem in poems]
            groups.append({"couplet": poems[0].couplet, "poems": rows})
            for row in rows:
                del row["couplet"]
        values = {"cell": cell.cell.model_dump(), "seconds": cell.seconds, "couplets": groups}
        write_json(self._file(cell.number), values)


def open_sweep(folder: Path, plan: Plan) -> Sweep:
    """A new sweep in `folder`, or the one that is there if its plan is the same.

    Writes nothing yet: `write_poems` does, when it is known that the rules can be kept.
    Raises `UserError` where another plan, or something that is no sweep, is there.
    """
    path = folder / _PLAN
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if path.is_file():
        _check_same(path, plan)
    elif folder.is_file() or there - {f"{LOCK}.lock"}:
        raise UserError(f"{folder} exists already and is no sweep: choose another --out")
    return Sweep(folder, plan)


def _check_same(path: Path, plan: Plan) -> None:
    try:
        found = Plan.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError):
        raise UserError(f"{path} is damaged: choose another --out") from None
    differ = [name for name, value in plan if getattr(found, name) != value]
    if differ:
        raise UserError(
            f"{path.parent} holds a sweep with another {', '.join(differ)}: choose another --out, "
            "or give the settings that it was begun with"
        )


def write_poems(
    sweep: Sweep,
    model: "LanguageModel",
    constraints: Sequence[Constraint | None],
    reporter: Reporter,
) -> None:
    """Have the model write the poems of every cell that is missing."""
    sweep.begin(constraints)
    plan, cells, missing = sweep.plan, sweep.plan.grid.cells(), sweep.missing()
    if not (sweep.folder / _CHOICES).is_file():
        found = choices(model, plan.style, plan.couplets)
        write_json(sweep.folder / _CHOICES, found.model_dump(mode="json"))
    # Hot cells write longer than cold ones. In a random order the time of those that are done
    # foretells that of the rest.
    random.Random(0).shuffle(missing)
    begun = time.monotonic()
    with reporter.task("Sweeping", len(missing) * plan.poems_each) as task:
        for done, number in enumerate(missing):
            start = time.monotonic()
            note = f"cell {done + 1} of {len(missing)}"
            if done:
                note += f", {_left(start - begun, done, len(missing))}"
            poems = complete(
                model,
                plan.style,
                plan.couplets,
                plan.settings(cells[number]),
                _Onward(task, note),
                constraints=constraints,
            )
            seconds = time.monotonic() - start
            sweep.write(Written(number, cells[number], seconds, poems))
            if done == 0 and len(missing) > 1:
                left = _left(seconds, 1, len(missing))
                reporter.say(f"The first cell took {seconds:.1f} s: {left}")


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


def score(sweep: Sweep, measure: Measure, reporter: Reporter) -> list[Scored]:
    """Measure the poems of every cell."""
    truths = [opening.truth for opening in sweep.plan.openings]
    scored = []
    written = sweep.written()
    with reporter.task("Measuring", len(written)) as task:
        for cell in written:
            measured = measure(cell.poems, truths)
            scored.append(Scored(cell, measured.marks, measured.figures))
            task.advance()
    return scored
