"""The main job as Python calls it: poems, before, fine-tuning, after, and a report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lianju.config import RunSettings, load_settings
from lianju.console import TerminalReporter
from lianju.errors import UserError
from lianju.progress import Reporter
from lianju.run import execute
from lianju.run_folder import default_folder, new_run, open_run
from lianju.writer import Writer


@dataclass(frozen=True)
class FinishedRun:
    """A run that has ended: its folder, and `metrics`, which stand in its summary.json."""

    folder: Path
    metrics: dict[str, Any]

    @property
    def adapter(self) -> Path:
        """The folder of what was trained, for PEFT."""
        return self.folder / "adapter"

    def writer(self) -> Writer:
        """The tuned model, to write with."""
        return Writer.load(self.folder)


def train(
    recipe: str | RunSettings = "default",
    *,
    source: str | Path | None = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    reporter: Reporter | None = None,
) -> FinishedRun:
    """Fine-tune a model on Tang poems, and judge it before and after, as `lianju run` does.

    `recipe`: a recipe's name or file, or settings. `source`: a file of poems of one's own, or a
    folder that has one. `out`: the run's folder, which must be new; None: one in ./runs named
    after the recipe and the time. `settings`: more, by their dotted names, such as
    {"train.epochs": 2}. `resume`: a run's folder to go on with, which is then given alone; what
    was begun is lost neither by Ctrl-C nor by a crash. `reporter` hears how far it is; None: bars
    on a terminal, lines elsewhere. Raises `UserError` for a bad setting, for poems that cannot be
    read, and for a folder that is there.
    """
    reporter = reporter or TerminalReporter()
    more = dict(settings or {})
    if source is not None:
        more["data.source"] = str(source)
    if resume is not None:
        if more or out is not None or recipe != "default":
            raise UserError("resume keeps the run's own settings: give it alone")
        opened = open_run(Path(resume), reporter)
    else:
        chosen = load_settings(recipe, more)
        opened = new_run(Path(out) if out else default_folder(chosen), chosen, reporter)
    with opened as run:
        return FinishedRun(run.folder, execute(run))
