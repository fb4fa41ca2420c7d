"""What is exported: the run or adapter that the user means, and what is known of it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lianju.config import ModelSettings, RunSettings, validate
from lianju.errors import UserError
from lianju.model import CATALOGUE, read_card


@dataclass(frozen=True)
class Source:
    """A trained adapter with its card, the settings of its run, and its numbers if it has any."""

    adapter: Path
    card: dict[str, Any]
    settings: RunSettings
    summary: dict[str, Any] | None

    @property
    def full(self) -> bool:
        """Whether every weight was trained, so that there is no adapter in the strict sense."""
        return bool(self.card.get("kind") == "full")

    @property
    def style(self) -> str:
        """The prompt style it was trained with."""
        return str(self.card["style"])

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


def find_source(path: Path) -> Source:
    """What lies at `path`, a run folder or an adapter folder. `UserError` if it is neither."""
    run = path if (path / "adapter").is_dir() else path.resolve().parent
    adapter = path / "adapter" if run == path else path
    if not adapter.is_dir():
        raise UserError(f"{path} is neither a run folder nor an adapter folder")
    card = read_card(adapter)
    settings = _read(run / "settings.json")
    return Source(
        adapter,
        card,
        validate(settings) if settings else RunSettings(),
        _read(run / "summary.json"),
    )


def _read(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise UserError(f"{path} is damaged: it is not JSON") from None
    return values
