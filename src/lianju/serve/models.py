"""The models that are served: loaded once, with the proof that each adapter does something."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lianju import __version__
from lianju.config import ModelSettings
from lianju.decode import Masks
from lianju.errors import UserError
from lianju.files import weights_digest
from lianju.model import (
    LanguageModel,
    adapter_name,
    choose_device,
    find_adapter,
    load_adapter,
    load_base,
    pack,
    read_card,
    weights_dtype,
)
from lianju.progress import Reporter
from lianju.prompt import LAYOUTS

BASE = "base"


@dataclass(frozen=True)
class Served:
    """A model under the name that requests give.

    `base`: the model's name in the catalogue or on the hub; `folder`: its adapter, None for the
    untouched base. `changed`: by how much the adapter changes the log-probabilities after a
    couplet, in nats, at most. `fingerprint` changes with the weights and with the program.
    """

    name: str
    model: LanguageModel
    style: str
    base: str
    folder: Path | None
    changed: float
    masks: Masks
    fingerprint: str


def load_served(
    adapters: Mapping[str, Path],
    base: str | None,
    also_base: bool,
    default: ModelSettings,
    style: str,
    reporter: Reporter,
) -> list[Served]:
    """Load a base model once and every adapter onto a copy of it, in the order given.

    `base`: which base model; None: the adapters' own. The untouched base is served too, last, if
    `also_base` or where there is no adapter; `default` and `style` say which and how then. Raises
    `UserError` where adapters have different bases, where one is damaged, and where one changes
    nothing.
    """
    adapters = {name: find_adapter(folder) for name, folder in adapters.items()}
    cards = {name: read_card(folder) for name, folder in adapters.items()}
    first = next(iter(cards.values()), {"base": default.name, "style": style})
    for name, card in cards.items():
        if card["base_sha256"] != first["base_sha256"]:
            raise UserError(
                f"adapter {name} was trained on {card['base']}, the first one on {first['base']}: "
                "start one server for each base model"
            )
    settings = ModelSettings(name=base or first["base"], bits=first.get("bits", 16))
    device = choose_device(settings)
    dtype = weights_dtype(device, first.get("precision", "auto"))
    untouched = load_base(settings, LAYOUTS, device, dtype, reporter)
    also_base = also_base or not adapters
    served = []
    for number, (name, folder) in enumerate(adapters.items(), 1):
        own = untouched
        if also_base or number < len(adapters):
            own = replace(untouched, network=copy.deepcopy(untouched.network))
        served.append(_tuned(own, name, folder, cards[name]["style"], settings.name, reporter))
    if also_base:
        served.append(_served(untouched, BASE, first["style"], settings.name, None))
    return served


def _tuned(
    model: LanguageModel, name: str, folder: Path, style: str, base: str, reporter: Reporter
) -> Served:
    """`model` with an adapter in it."""
    tuned = load_adapter(model, folder)
    reporter.say(f"{name}: changes log-probabilities by up to {tuned.changed:.2f} nats")
    return _served(tuned, name, style, base, folder)


def _served(model: LanguageModel, name: str, style: str, base: str, folder: Path | None) -> Served:
    pack(model.network)
    weights = weights_digest(folder) if folder else ""
    fingerprint = "-".join(
        part for part in (f"lianju-{__version__}", model.sha256[:12], weights) if part
    )
    masks = Masks(model.vocabulary)
    return Served(name, model, style, base, folder, model.changed, masks, fingerprint)


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
