"""What is exported: the run or adapter that the user means, and what is known of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lianju.config import ModelSettings, PromptSettings, RunSettings
from lianju.errors import UserError
from lianju.files import read_json
from lianju.model import (
    CATALOGUE,
    card_prompt,
    find_adapter,
    is_checkpoint,
    read_card,
    run_of,
    run_settings,
)

# What to do about a damaged summary of a run.
ADVICE = "restore it or, to export without its numbers, remove it"


@dataclass(frozen=True)
class ExportSource:
    """What was trained with its card, the settings of its run, and its numbers if it has any.

    `adapter` is the folder of an adapter or of a checkpoint, whose numbers are not known.
    """

    adapter: Path
    card: dict[str, Any]
    settings: RunSettings
    summary: dict[str, Any] | None

    @property
    def full(self) -> bool:
        """Whether every weight was trained, so that there is no adapter in the strict sense."""
        return bool(self.card.get("kind") == "full")

    @property
    def prompt(self) -> PromptSettings:
        """The prompt that it was trained with."""
        return card_prompt(self.card)

    @property
    def base(self) -> str:
        """The base model as others can find it: its hub id or, failing that, where it lies."""
        name = str(self.card["base"])
        if name in CATALOGUE:
            return CATALOGUE[name].hub
        path = Path(name).expanduser()
        return str(path.resolve()) if path.exists() else name

    @property
    def model(self) -> ModelSettings:
        """How to load the base model to put the training into it: whole, in 16 bits or more."""
        return ModelSettings(name=self.card["base"], trim=False, device="cpu")


def find_source(path: Path) -> ExportSource:
    """What lies at `path`: a run folder, an adapter or a checkpoint. `UserError` if it is none."""
    adapter = find_adapter(path)
    run = run_of(adapter)
    known = (run / "settings.json").is_file()
    return ExportSource(
        adapter,
        read_card(adapter),
        run_settings(run) if known else RunSettings(),
        _summary(run / "summary.json") if known and not is_checkpoint(adapter) else None,
    )


def _summary(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    values = read_json(path, ADVICE)
    if not isinstance(values, dict):
        raise UserError(f"{path} is damaged (it holds no JSON object): {ADVICE}")
    return values
