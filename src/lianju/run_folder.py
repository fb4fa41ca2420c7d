"""The folder of a run: its settings, the results of its stages, what it has spent."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from lianju import machine
from lianju.config import RunSettings
from lianju.errors import UserError
from lianju.files import read_json, sweep, write_json
from lianju.model import run_settings
from lianju.output_folder import Kind, holding
from lianju.processes import ALONE, Processes
from lianju.progress import SILENT, Reporter

SETTINGS = "settings.json"
_SPENT = "spent"
_START = frozenset(f"stages/{name}.json" for name in ("poems", "compute", "plan", _SPENT))
_RUN = Kind("a run", "run", SETTINGS, _START)


@dataclass
class Run:
    """A run folder that is held, its settings, where to report, and who helps to fine-tune.

    Only the main process has one.
    `stages/NAME.json` holds the `result` of a finished stage and what it has `spent`, written at
    once; `stages/spent.json` what was spent otherwise.
    """

    folder: Path
    settings: RunSettings
    reporter: Reporter = SILENT
    processes: Processes = ALONE

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time and memory of the body to what the run has spent, also if it fails."""
        start = time.perf_counter()
        try:
            yield
        except BaseException:
            with suppress(UserError):  # what went wrong first is what is to be told
                self._spend(name, start)
            raise
        self._spend(name, start)

    def _spend(self, name: str, start: float) -> None:
        path = self.folder / "stages" / f"{_SPENT}.json"
        write_json(path, _read_spent(path).plus(Spent.since(name, start)).model_dump())

    def spent(self) -> dict[str, Any]:
        """Over all sessions: `seconds` by stage, `memory_gb` at most, `gpu_gb` at most on a GPU."""
        folder = self.folder / "stages"
        total = _read_spent(folder / f"{_SPENT}.json")
        for path in sorted(folder.glob("*.json")):
            if path.stem != _SPENT:
                total = total.plus(_spent_on(path, counted=path.stem in total.seconds))
        return total.model_dump()

    def once(
        self,
        stage: str,
        work: Callable[[], dict[str, Any]],
        check: Callable[[dict[str, Any]], object] = lambda result: None,
    ) -> dict[str, Any]:
        """The result of a stage: read if it stands already, else worked out and written.

        It is worked out again, which is said, where the file is damaged or `check` of the result
        raises a `UserError`, or an error of a missing key or a wrong type or value.
        """
        path = self.folder / "stages" / f"{stage}.json"
        if path.is_file():
            try:
                result = _read_stage(path).result
                check(result)
                return result
            except (UserError, LookupError, TypeError, ValueError) as error:
                reason = error if isinstance(error, UserError) else f"{path} is damaged"
                self.reporter.say(f"The stage {stage!r} is done again: {reason}.")
        start = time.perf_counter()
        try:
            result = work()
        except BaseException:
            with suppress(UserError):
                self._spend(stage, start)
            raise
        spent = Spent.since(stage, start)
        write_json(path, {"result": result, "spent": spent.model_dump()})
        return result


class Spent(BaseModel):
    """Seconds by stage, and the most memory in 10⁹ bytes, on the machine and on its GPU."""

    seconds: dict[str, float] = {}
    memory_gb: float = 0.0
    gpu_gb: float = 0.0

    @classmethod
    def since(cls, stage: str, start: float) -> "Spent":
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
    result: dict[str, Any]
    spent: Spent | None


def _read_spent(path: Path) -> Spent:
    """What the file says; nothing if it is not there or damaged."""
    try:
        return Spent.model_validate(read_json(path))
    except (UserError, ValidationError):
        return Spent()


def _spent_on(path: Path, counted: bool) -> Spent:
    """What was spent on the stage of the file; nothing if it is damaged or `counted` already."""
    with suppress(UserError, ValidationError):
        stage = _read_stage(path)
        if stage.spent:
            return stage.spent
        # Before part 6 it stood in spent.json, unless the run was killed in between.
        if not counted:
            return Spent(seconds={path.stem: stage.result.get("seconds", 0.0)})
    return Spent()


def _read_stage(path: Path) -> _Stage:
    """A stage's file; `UserError` if it is damaged."""
    values = read_json(path, "its result is lost")
    if isinstance(values, dict) and values and "result" not in values:
        values = {"result": values, "spent": None}
    try:
        return _Stage.model_validate(values)
    except ValidationError:
        raise UserError(f"{path} is damaged: it holds no result") from None


def stage_result(folder: Path, stage: str) -> dict[str, Any]:
    """The result of a finished stage of the run in `folder`; `UserError` if there is none."""
    return _read_stage(folder / "stages" / f"{stage}.json").result


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
    """A run in a new or empty folder, which is held for the body; see `holding`.

    A folder that holds a run, or anything else, is refused.
    """
    with holding(folder, _RUN) as begun:
        if begun:
            raise UserError(
                f"{folder} exists already: choose another --out, or go on with --resume {folder}"
            )
        write_json(folder / SETTINGS, settings.model_dump(mode="json"))
        yield Run(folder, settings, reporter, processes)


@contextmanager
def open_run(
    folder: Path, reporter: Reporter = SILENT, processes: Processes = ALONE
) -> Iterator[Run]:
    """The run that a folder holds, to go on with it; the folder is held for the body."""
    read_settings(folder)  # what is not a run is not to be locked
    with holding(folder, _RUN):
        settings = read_settings(folder)
        for place in (folder, folder / "stages", folder / "checkpoints"):
            sweep(place)
        yield Run(folder, settings, reporter, processes)
