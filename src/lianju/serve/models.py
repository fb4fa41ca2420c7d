"""The models that are served: loaded once, with the proof that each adapter does something."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lianju import __version__
from lianju.decode import Masks
from lianju.errors import UserError
from lianju.files import weights_digest
from lianju.loading import LoadedModel, load_models
from lianju.model import adapter_name, find_adapter, read_card
from lianju.progress import Reporter

BASE = "base"


@dataclass(frozen=True)
class Served(LoadedModel):
    """A model under the name that requests give.

    `fingerprint` changes with the weights and with the program.
    """

    name: str
    masks: Masks
    fingerprint: str


def load_served(
    adapters: Mapping[str, Path], base: str | None, also_base: bool, exact: bool, reporter: Reporter
) -> list[Served]:
    """Load a base model once and every adapter onto a copy of it, in the order given.

    `base`: which base model; None: the adapters' own. The untouched base is served too, last, if
    `also_base` or where there is no adapter. `exact`: see `load_models`. Raises `UserError` where
    adapters have different bases, where one is damaged, and where one changes nothing.
    """
    folders = {name: find_adapter(folder) for name, folder in adapters.items()}
    cards = {name: read_card(folder) for name, folder in folders.items()}
    first = next(iter(cards.values()), {})
    for name, card in cards.items():
        if card["base_sha256"] != first["base_sha256"]:
            raise UserError(
                f"adapter {name} was trained on {card['base']}, the first one on {first['base']}: "
                "start one server for each base model"
            )
    loaded = load_models([*folders.values()], base, reporter, untouched=also_base, exact=exact)
    names = [*folders, BASE][: len(loaded)]
    for name, one in zip(folders, loaded, strict=False):
        changed = f"{one.model.changed:.2f} nats"
        reporter.say(f"{name}: changes log-probabilities by up to {changed}")
    return [_served(name, one) for name, one in zip(names, loaded, strict=True)]


def _served(name: str, loaded: LoadedModel) -> Served:
    weights = weights_digest(loaded.folder) if loaded.folder else ""
    parts = (f"lianju-{__version__}", loaded.model.sha256[:12], weights, loaded.model.engine)
    fingerprint = "-".join(filter(None, parts))
    masks = Masks(loaded.model.vocabulary)
    return Served(**vars(loaded), name=name, masks=masks, fingerprint=fingerprint)


def named(folders: Sequence[str]) -> dict[str, Path]:
    """Adapters by the names they are served under: NAME=FOLDER, or after the run they lie in.

    Raises `UserError` for a name that is given twice, or is `base`.
    """
    adapters: dict[str, Path] = {}
    for given in folders:
        name, sign, folder = given.partition("=")
        path = Path(folder if sign else given)
        if not sign:
            name = adapter_name(path)
        if name in adapters or name == BASE or not name:
            raise UserError(
                f"{name or given} cannot be the name of two models: give --adapter NAME=FOLDER"
            )
        adapters[name] = path
    return adapters
