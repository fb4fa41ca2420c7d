"""Run folders with random training in tiny models of every architecture, and their reference."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from lianju.config import LoraSettings, ModelSettings, PromptSettings, validate
from lianju.export import ExportSource, find_source
from lianju.files import write_json
from lianju.model import LanguageModel, attach, load_adapter, load_base, save_adapter, unfreeze
from lianju.prompt import fingerprint, layouts_of

CPU = torch.device("cpu")
COUPLETS = [
    "白日依山盡，黃河入海流。",
    "朝辭白帝彩雲間，千里江陵一日還。",
    "空山新雨後，天氣晚來秋。",
]


def write_run(
    folder: Path,
    build: Callable[[Path], Path],
    style: str = "plain",
    lora: LoraSettings | None = None,
    settings: dict[str, Any] | None = None,
    prompt: dict[str, Any] | None = None,
) -> ExportSource:
    """A run on the checkpoint that `build` writes: its adapter has drawn weights, all nonzero.

    Without `lora` settings, every weight is trained instead. `prompt`: more of it than its style.
    """
    asked = PromptSettings.model_validate({"style": style, **(prompt or {})})
    base = build(folder / "base")
    trim = (settings or {}).get("model", {}).get("trim", True)
    model = load_base(ModelSettings(name=str(base), trim=trim), layouts_of(asked), CPU)
    model = attach(model, lora) if lora else unfreeze(model)
    torch.manual_seed(1)
    for weight in model.network.parameters():
        if weight.requires_grad:
            weight.data += torch.randn_like(weight) * (0.1 if lora else 0.02)
    run = folder / "run"
    said = asked.model_dump(mode="json", exclude_none=True)
    card = {"prompt": fingerprint(asked.name, model.vocabulary), **said, "poems": 7}
    save_adapter(model, run / "adapter", card)
    values = {"prompt": said, **(settings or {})}
    if lora:
        values["lora"] = lora.model_dump(mode="json")
    write_json(run / "settings.json", validate(values).model_dump(mode="json"))
    return find_source(run)


def tuned(source: ExportSource) -> LanguageModel:
    """Our own untrimmed model in 32 bits, with the training in it."""
    model = load_base(source.model, layouts_of(source.prompt), CPU)
    return load_adapter(model, source.adapter)


@torch.no_grad()
def greedy(network: Any, prompt: list[int], allowed: list[int], steps: int) -> list[int]:
    """The likeliest of the `allowed` tokens, again and again."""
    ids, rows = list(prompt), torch.tensor(allowed)
    for _ in range(steps):
        scores = network(input_ids=torch.tensor([ids])).logits[0, -1, rows]
        ids.append(allowed[int(scores.argmax())])
    return ids[len(prompt) :]
