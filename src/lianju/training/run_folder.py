"""The folder of a run: its settings, the results of its stages, what it has spent."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, model_validator

from lianju import machine
from lianju.config import RunSettings
from lianju.errors import UserError
from lianju.files import write_json
from lianju.model import run_settings
from lianju.progress import SILENT, Reporter
from lianju.training.processes import ALONE, Processes
from lianju.work_folder import FolderKind, WorkFolder

SETTINGS = "settings.json"
_SPENT = "stages/spent.json"


class Spent(BaseModel):
    """Seconds by stage, and the most memory in 10⁹ bytes, on the machine and on its GPU."""

    seconds: dict[str, float] = {}
    memory_gb: float = 0.0
    gpu_gb: float = 0.0

    @classmethod
    def since(cls, stage: str, start: float) -> Self:
        """What a stage has spent that began at `start` of `time.perf_counter`."""
        seconds = time.perf_counter() - start
        return cls(
            seconds={stage: seconds},
            memory_gb=machine.peak_memory_gb(),
            gpu_gb=machine.peak_gpu_memory_gb(),
        )

    def plus(self, other: "Spent") -> "Spent":
        """What both have spent."""
        names = {**self.seconds, **other.seconds}
        parts = (self.seconds, other.seconds)
        return Spent(
            seconds={name: sum(part.get(name, 0.0) for part in parts) for name in names},
            memory_gb=max(self.memory_gb, other.memory_gb),
            gpu_gb=max(self.gpu_gb, other.gpu_gb),
        )


class _Stage(BaseModel):
    """The file of a finished stage: its result, and what it has spent."""

    # A loss may be no number.
    model_config = ConfigDict(ser_json_inf_nan="constants")

    result: dict[str, Any]
    spent: Spent | None

    @model_validator(mode="before")
    @classmethod
    def _as_before_part_6(cls, values: Any) -> Any:
        """Then the result was all of it, and what it had spent stood in spent.json."""
        if isinstance(values, dict) and values and "result" not in values:
            return {"result": values, "spent": None}
        return values


@dataclass
class Run(WorkFolder):
    """A run folder that is held, its settings, where to report, and who helps to fine-tune.

    Only the main process has one.
    `stages/NAME.json` holds the `result` of a finished stage and what it has `spent`, written at
    once; `stages/spent.json` what was spent otherwise.
    """

    KIND: ClassVar[FolderKind] = FolderKind(
        name="a run",
        lock="run",
        first=SETTINGS,
        start=frozenset(f"stages/{name}.json" for name in ("poems", "compute", "plan", "spent")),
        parts=("stages", "checkpoints"),
    )

    settings: RunSettings = field(kw_only=True)
    processes: Processes = field(default=ALONE, kw_only=True)

    def stage(
        self,
        name: str,
        work: Callable[[], dict[str, Any]],
        check: Callable[[dict[str, Any]], object] = lambda result: None,
    ) -> dict[str, Any]:
        """The result of a stage: read if it stands already, else worked out; see `once`."""

        def work_and_count() -> _Stage:
            with self._counted_if_it_fails(name) as start:
                return _Stage(result=work(), spent=Spent.since(name, start))

        return self.once(_file(name), _Stage, work_and_count, lambda one: check(one.result)).result

    @contextmanager
    def spending(self, name: str) -> Iterator[None]:
        """Add the time and memory of the body to what the run has spent, also if it fails."""
        with self._counted_if_it_fails(name) as start:
            yield
        self._spend(name, start)

    @contextmanager
    def _counted_if_it_fails(self, name: str) -> Iterator[float]:
        start = time.perf_counter()
        try:
            yield start
        except BaseException:
            with suppress(UserError):  # what went wrong first is what is to be told
                self._spend(name, start)
            raise

    def _spend(self, name: str, start: float) -> None:
        total = self._outside_stages().plus(Spent.since(name, start))
        write_json(self.folder / _SPENT, total.model_dump())

    def _outside_stages(self) -> Spent:
        """What was spent on no finished stage; nothing where the file is gone or damaged."""
        with suppress(UserError):
            return self.read(_SPENT, Spent)
        return Spent()

    def spent(self) -> dict[str, Any]:
        """Over all sessions: `seconds` by stage, `memory_gb` at most, `gpu_gb` at most on a GPU."""
        total = self._outside_stages()
        for path in sorted((self.folder / "stages").glob("*.json")):
            if path.name != Path(_SPENT).name:
                total = total.plus(self._spent_on(path.stem, counted=path.stem in total.seconds))
        return total.model_dump()

    def _spent_on(self, name: str, counted: bool) -> Spent:
        """What was spent on a stage; nothing if its file is damaged or it is `counted` already."""
        with suppress(UserError):
            stage = self.read(_file(name), _Stage)
            if stage.spent:
                return stage.spent
            # Before part 6 it stood in spent.json, unless the run was killed in between.
            if not counted:
                return Spent(seconds={name: stage.result.get("seconds", 0.0)})
        return Spent()


def _file(stage: str) -> str:
    return f"stages/{stage}.json"


def read_settings(folder: Path) -> RunSettings:
    """The settings of the run in `folder`; `UserError` if it holds none or they are damaged."""
    if not (folder / SETTINGS).is_file():
        raise UserError(f"{folder} is not a run folder: it has no {SETTINGS}")
    return run_settings(folder)


def default_folder(settings: RunSettings) -> Path:
    """Where a run goes that names no folder: into ./runs, named after its recipe and the time."""
    return Path("runs") / f"{settings.recipe}-{datetime.now():%Y%m%d-%H%M%S}"


@contextmanager
def new_run(
    folder: Path,
    settings: RunSettings,
    reporter: Reporter = SILENT,
    processes: Processes = ALONE,
) -> Iterator[Run]:
    """A run in a new or empty folder, which is held for the body; see `WorkFolder.held`.

    A folder that holds a run, or anything else, is refused.
    """
    run = Run(folder, reporter, settings=settings, processes=processes)
    with run.held() as begun:
        if begun:
            raise UserError(
                f"{folder} exists already: choose another --out, or go on with --resume {folder}"
            )
        write_json(folder / SETTINGS, settings.model_dump(mode="json"))
        yield run


@contextmanager
def open_run(
    folder: Path, reporter: Reporter = SILENT, processes: Processes = ALONE
) -> Iterator[Run]:
    """The run that a folder holds, to go on with it; the folder is held for the body."""
    settings = read_settings(folder)  # what is not a run is not to be locked
    run = Run(folder, reporter, settings=settings, processes=processes)
    with run.held():
        run.settings = read_settings(folder)  # another process may have worked on it
        run.tidy()
        yield run
