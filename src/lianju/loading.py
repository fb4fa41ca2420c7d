"""Models that write, opened: a base model with the adapter that taught it, and its prompt."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

from lianju.config import PromptSettings, load_settings
from lianju.model import (
    LanguageModel,
    WritingCopy,
    card_prompt,
    choose_device,
    graphs_here,
    load_adapter,
    load_base,
    made_ready,
    read_card,
    reference_adapter,
    weights_dtype,
)
from lianju.progress import SILENT, Reporter
from lianju.prompt import LAYOUTS, layouts_of

# An adapter's folder, None for the untouched base model, and the prompt to ask it with.
_Wanted = tuple[Path | None, PromptSettings]


def default_adapter() -> Path:
    """The adapter trained last in ./runs; where there is none, the one that the package carries."""
    found = sorted(Path("runs").glob("*/adapter/lianju.json"), key=lambda p: p.stat().st_mtime)
    return found[-1].parent if found else reference_adapter()


@dataclass(frozen=True)
class LoadedModel:
    """A model that writes, and the prompt `style` that it knows, by its name.

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
    exact: bool = False,
    scoring: bool = False,
) -> list[LoadedModel]:
    """A base model, loaded once, with each of the adapters in `folders` in a copy of its own.

    `name`: the base model; None: the first adapter's own, or the default recipe's. `untouched`: the
    base is wanted too, last, as it is alone where there are no adapters, or where they are not
    wanted but for the prompt of the first, since not `tuned`. On a CPU a graph with weights in 8
    bits writes, unless `exact`; a network is then there only if the models are to score, too.
    Raises `UserError` where anything is missing or damaged.
    """
    default = load_settings()
    cards = [read_card(folder) for folder in folders]
    prompts = [card_prompt(card) for card in cards]
    first = next(iter(cards), {"base": default.model.name})
    base = name or first["base"]
    asked = {"model.name": base, "model.bits": first.get("bits", 16)}
    settings = load_settings("default", asked).model
    device = choose_device(settings)
    wanted: list[_Wanted] = []
    if tuned:
        wanted += zip(folders, prompts, strict=True)
    if untouched or not wanted:
        wanted.append((None, next(iter(prompts), default.prompt)))
    copies = []
    if not (exact or scoring) and graphs_here(device, settings.bits):
        copies = [
            WritingCopy.of(settings, layouts_of(prompt), folder, reporter)
            for folder, prompt in wanted
        ]
    if copies and all(copy.is_whole(reporter) for copy in copies):
        models = [copy.open() for copy in copies]
    else:
        dtype = weights_dtype(device, first.get("precision", "auto"))

        def load(prompt: PromptSettings) -> LanguageModel:
            return load_base(settings, layouts_of(prompt), device, dtype, reporter)

        models = [
            _written_by_copy(model, place, reporter) if place else made_ready(model, exact)
            for model, place in zip_longest(_with_adapters(load, wanted), copies)
        ]
    reporter.say(f"{settings.name} on {device} by {models[0].engine}")
    return [
        LoadedModel(model, prompt.name, base, folder)
        for model, (folder, prompt) in zip(models, wanted, strict=True)
    ]


def _with_adapters(
    load: Callable[[PromptSettings], LanguageModel], wanted: Sequence[_Wanted]
) -> Iterator[LanguageModel]:
    """The base model with each of the adapters, in a copy of its own.

    It is loaded once for all prompts that a trimmed model holds anyway, and once more for each
    prompt of one's own: what an adapter writes does not depend on those beside it.
    """
    plain: dict[str, LanguageModel] = {}
    keys = ["" if prompt.name in LAYOUTS else prompt.name for _, prompt in wanted]
    for number, (key, (folder, prompt)) in enumerate(zip(keys, wanted, strict=True), 1):
        if key not in plain:
            plain[key] = load(prompt)
        own = plain[key]
        if key in keys[number:]:
            own = replace(own, network=copy.deepcopy(own.network))
        yield load_adapter(own, folder) if folder else own


def _written_by_copy(model: LanguageModel, place: WritingCopy, reporter: Reporter) -> LanguageModel:
    """`model` from its copy, which is made here; itself where there can be none."""
    if not place.can_hold(model):
        return made_ready(model)
    place.make(model, reporter)
    return place.open()


def load_model(
    folder: Path | None,
    name: str | None,
    reporter: Reporter = SILENT,
    tuned: bool = True,
    **how: bool,
) -> tuple[LanguageModel, str]:
    """One model of `load_models`, and the prompt style that it knows.

    `folder`: its adapter's, None for the untouched base model.
    """
    [loaded] = load_models([folder] if folder else [], name, reporter, tuned=tuned, **how)
    return loaded.model, loaded.style


def loader_in_turn(
    card: Mapping[str, Any], reporter: Reporter = SILENT, exact: bool = False
) -> Callable[[Path | None], LanguageModel]:
    """What loads a base model with one adapter after another, or with None; ready to score too.

    `card` is that of one of the adapters, which are all of the same run. Nothing is read before
    the first call. On a CPU the base model is read once and copied; on a GPU, where two may not
    fit, it is read again each time.
    """

    def read() -> LanguageModel:
        asked = {"model.name": card["base"], "model.bits": card.get("bits", 16)}
        settings = load_settings("default", asked).model
        device = choose_device(settings)
        dtype = weights_dtype(device, card.get("precision", "auto"))
        return load_base(settings, layouts_of(card_prompt(card)), device, dtype, reporter)

    kept = cache(read)

    def load(folder: Path | None) -> LanguageModel:
        if choose_device(load_settings().model).type == "cpu":
            model = replace(kept(), network=copy.deepcopy(kept().network))
        else:
            model = read()
        return made_ready(load_adapter(model, folder) if folder else model, exact)

    return load
