"""A sweep: every cell of a grid writes poems on the same couplets with the same random numbers.

The folder holds `sweep.json`, all on which the poems depend, and `cells/NNN.json`, one file a
finished cell. A sweep that was stopped goes on where it was; what is measured on the poems is
computed from these files without the model.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter, ValidationError

from lianju.config import DecodeSettings, Settings, VerseSettings
from lianju.corpus import Example
from lianju.decode import Completion, Constraint, complete, length_limit
from lianju.errors import UserError
from lianju.evaluate import Figure, Mark
from lianju.explore.example_distribution import ExampleDistribution, find_example
from lianju.explore.grid import Cell, Grid
from lianju.files import read_json, write_json
from lianju.files import sweep as sweep_up
from lianju.output_folder import Kind, begun
from lianju.progress import Reporter, Task

if TYPE_CHECKING:
    from lianju.evaluate import Measured
    from lianju.model import LanguageModel

_PLAN, _CHOICES = "sweep.json", "choices.json"
SWEEP = Kind("a sweep", "sweep", _PLAN, frozenset({_CHOICES}))
"""How the folder of a sweep is known."""
_COMPLETION = TypeAdapter(Completion)
_AGAIN = "the same command writes it again"
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


@dataclass(frozen=True)
class Sweep:
    """A folder with its plan."""

    folder: Path
    plan: SweepPlan

    def begin(self, constraints: Sequence[Constraint | None]) -> None:
        """Write the plan. Raises `UserError` before that if poems cannot get as long as needed."""
        settings = self.plan.settings(self.plan.grid.cells()[0])
        for constraint in constraints:
            length_limit(constraint, settings)
        write_json(self.folder / _PLAN, self.plan.model_dump(mode="json"))

    def missing(self) -> list[int]:
        """The numbers of the cells that are not finished, or whose files are damaged."""
        return [number for number in range(len(self.plan.grid.cells())) if not self._has(number)]

    def finished(self) -> bool:
        """Whether nothing is left to write that needs the model."""
        return self._has_choices() and not self.missing()

    def written(self) -> list[WrittenCell]:
        """Every cell; all must be finished."""
        return [self._read(number) for number in range(len(self.plan.grid.cells()))]

    def choices(self) -> ExampleDistribution:
        """The distribution that the page explains the parameters with.

        Raises `UserError` where its file is missing or damaged.
        """
        path = self.folder / _CHOICES
        try:
            return ExampleDistribution.model_validate(read_json(path, _AGAIN))
        except ValidationError:
            raise UserError(f"{path} is damaged: {_AGAIN}") from None

    def _file(self, number: int) -> Path:
        return self.folder / "cells" / f"{number:03}.json"

    def _has(self, number: int) -> bool:
        try:
            self._read(number)
        except UserError:
            return False
        return True

    def _has_choices(self) -> bool:
        try:
            self.choices()
        except UserError:
            return False
        return True

    def _read(self, number: int) -> WrittenCell:
        path, plan = self._file(number), self.plan
        values = read_json(path, _AGAIN)
        try:
            poems = [
                [
                    _COMPLETION.validate_python({**poem, "couplet": couplet})
                    for poem in group["poems"]
                ]
                for couplet, group in zip(plan.couplets, values["couplets"], strict=True)
            ]
            seconds = float(values["seconds"])
        except (LookupError, TypeError, ValueError):
            poems = []
        if [len(group) for group in poems] != [plan.seeds] * len(plan.couplets):
            raise UserError(f"{path} is damaged: {_AGAIN}")
        return WrittenCell(number, plan.grid.cells()[number], seconds, poems)

    def write(self, cell: WrittenCell) -> None:
        """Keep what a cell wrote; from then on it is finished."""
        groups = []
        for poems in cell.poems:
            rows = [asdict(poem) for poem in poems]
            groups.append({"couplet": poems[0].couplet, "poems": rows})
            for row in rows:
                del row["couplet"]
        values = {"cell": cell.cell.model_dump(), "seconds": cell.seconds, "couplets": groups}
        write_json(self._file(cell.number), values)


def open_sweep(folder: Path, plan: SweepPlan) -> Sweep:
    """A new sweep in `folder`, or the one that is there if its plan is the same.

    Writes nothing yet: `write_poems` does, when it is known that the rules can be kept. The
    folder must be held. Raises `UserError` where another plan, or something else, is there.
    """
    if begun(folder, SWEEP):
        _check_same(folder / _PLAN, plan)
        for place in (folder, folder / "cells", folder / "plots"):
            sweep_up(place)
    return Sweep(folder, plan)


def _check_same(path: Path, plan: SweepPlan) -> None:
    try:
        found = SweepPlan.model_validate_json(path.read_text(encoding="utf-8"))
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
    if not sweep._has_choices():
        found = find_example(model, plan.style, plan.couplets)
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
            if sweep._file(number).is_file():
                reporter.say(f"{sweep._file(number)} is damaged: its poems are written again")
            poems = complete(
                model,
                plan.style,
                plan.couplets,
                plan.settings(cells[number]),
                _Onward(task, note),
                constraints=constraints,
            )
            seconds = time.monotonic() - start
            sweep.write(WrittenCell(number, cells[number], seconds, poems))
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


def score(sweep: Sweep, measure: Measure, reporter: Reporter) -> list[ScoredCell]:
    """Measure the poems of every cell."""
    truths = [opening.truth for opening in sweep.plan.openings]
    scored = []
    written = sweep.written()
    with reporter.task("Measuring", len(written)) as task:
        for cell in written:
            measured = measure(cell.poems, truths)
            scored.append(ScoredCell(cell, measured.marks, measured.figures))
            task.advance()
    return scored
