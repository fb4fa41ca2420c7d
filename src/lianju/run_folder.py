"""The folder of a run: its settings, the results of its stages, what it has spent."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lianju import machine
from lianju.config import RunSettings, validate
from lianju.errors import UserError
from lianju.files import write_json
from lianju.processes import ALONE, Processes
from lianju.progress import SILENT, Reporter

_LOCK = "run.lock"


@dataclass
class Run:
    """A run folder with its settings, where to report, and who helps to fine-tune.

    Only the main process has one.
    `stages/` holds the result of each finished stage, and `spent.json` the seconds of each
    and the most memory, over all the sessions that a run took.
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
        finally:
            spent = self.spent()
            spent["seconds"][name] = spent["seconds"].get(name, 0.0) + time.perf_counter() - start
            spent["memory_gb"] = max(spent["memory_gb"], machine.peak_memory_gb())
            spent["gpu_gb"] = max(spent["gpu_gb"], machine.peak_gpu_memory_gb())
            write_json(self.folder / "stages" / "spent.json", spent)

    def spent(self) -> dict[str, Any]:
        """`seconds` by stage, `memory_gb` at most, and `gpu_gb` at most on a GPU."""
        path = self.folder / "stages" / "spent.json"
        if not path.is_file():
            return {"seconds": {}, "memory_gb": 0.0, "gpu_gb": 0.0}
        spent: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return spent

    def once(self, stage: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The result of a stage: read if it stands already, else worked out and written."""
        path = self.folder / "stages" / f"{stage}.json"
        if path.is_file():
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return found
        with self.stage(stage):
            result = work()
            write_json(path, result)
        return result


def new_run(
    folder: Path,
    settings: RunSettings,
    reporter: Reporter = SILENT,
    processes: Processes = ALONE,
) -> Run:
    """Create a run folder holding `settings.json`. A folder that holds a run is refused."""
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if there - {"settings.json", "stages", _LOCK} or folder.is_file():
        raise UserError(
            f"{folder} exists already: choose another --out, or go on with --resume {folder}"
        )
    # What is left of a run that failed before it produced anything.
    shutil.rmtree(folder / "stages", ignore_errors=True)
    write_json(folder / "settings.json", settings.model_dump(mode="json"))
    return Run(folder, settings, reporter, processes)


def open_run(folder: Path, reporter: Reporter = SILENT, processes: Processes = ALONE) -> Run:
    """Open an existing run folder, to go on with it."""
    path = folder / "settings.json"
    try:
        settings = validate(json.loads(path.read_text(encoding="utf-8")))
        return Run(folder, settings, reporter, processes)
    except OSError:
        raise UserError(f"{folder} is no run folder: it has no settings.json") from None
    except ValueError:
        raise UserError(f"{path} is damaged: it is not JSON") from None
