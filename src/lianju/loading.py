"""Models that write, opened: a base model with the adapter that taught it, and its prompt."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lianju.config import load_settings
from lianju.errors import UserError
from lianju.model import (
    LanguageModel,
    choose_device,
    load_adapter,
    load_base,
    pack,
    read_card,
    weights_dtype,
)
from lianju.progress import SILENT, Reporter
from lianju.prompt import LAYOUTS
from lianju.verse import Bilingual


def newest_adapter() -> Path:
    """The adapter trained last in ./runs. Raises `UserError` if there is none."""
    found = sorted(Path("runs").glob("*/adapter/lianju.json"), key=lambda p: p.stat().st_mtime)
    if not found:
        raise UserError(
            Bilingual(
                "no adapter in ./runs yet: train one with `lianju run`, name one with --adapter, "
                "or see the untouched model with --base",
                "./runs 裡還沒有轉接器：請用 `lianju run` 訓練，或以 --adapter 指定，"
                "或加 --base 看未經微調的模型",
            )
        )
    return found[-1].parent


@dataclass(frozen=True)
class LoadedModel:
    """A model that writes, and the prompt `style` that it knows.

    `base`: the base model's name in the catalogue or on the hub; `folder`: its adapter's, None for
    the untouched base.
    """

    model: LanguageModel
    style: str
    base: str
    folder: Path | None


def load_models(
    folders: Sequence[Path],
    name: str | None = None,
    reporter: Reporter = SILENT,
    *,
    tuned: bool = True,
    untouched: bool = False,
) -> list[LoadedModel]:
    """A base model, loaded once, with each of the adapters in `folders` in a copy of its own.

    `name`: the base model; None: the first adapter's own, or the default recipe's. `untouched`: the
    base is wanted too, last, as it is alone where there are no adapters, or where they are not
    wanted but for the prompt of the first, since not `tuned`. Raises `UserError` where anything is
    missing or damaged.
    """
    default = load_settings()
    cards = [read_card(folder) for folder in folders]
    first = next(iter(cards), {"base": default.model.name, "style": default.prompt.style})
    base = name or first["base"]
    asked = {"model.name": base, "model.bits": first.get("bits", 16)}
    settings = load_settings("default", asked).model
    device = choose_device(settings)
    dtype = weights_dtype(device, first.get("precision", "auto"))
    network = load_base(settings, LAYOUTS, device, dtype, reporter)
    held = "4 bits" if network.bits == 4 else str(dtype).removeprefix("torch.")
    reporter.say(f"{settings.name} on {device} in {held}")
    wanted = list(zip(folders, cards, strict=True)) if tuned else []
    untouched = untouched or not wanted
    loaded = []
    for number, (folder, card) in enumerate(wanted, 1):
        own = network
        if untouched or number < len(wanted):
            own = replace(network, network=copy.deepcopy(network.network))
        loaded.append(LoadedModel(load_adapter(own, folder), card["style"], base, folder))
    if untouched:
        loaded.append(LoadedModel(network, first["style"], base, None))
    for one in loaded:
        pack(one.model.network)
    return loaded


def load_model(
    folder: Path | None, name: str | None, reporter: Reporter = SILENT, tuned: bool = True
) -> tuple[LanguageModel, str]:
    """One model of `load_models`, and the prompt style that it knows.

    `folder`: its adapter's, None for the untouched base model.
    """
    [loaded] = load_models([folder] if folder else [], name, reporter, tuned=tuned)
    return loaded.model, loaded.style
