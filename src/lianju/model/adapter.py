"""LoRA adapters: put on, written, read and checked."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from lianju.config import LoraSettings
from lianju.errors import UserError
from lianju.files import write_json, writing_folder
from lianju.model.load import LanguageModel

CARD = "lianju.json"
WEIGHTS = "adapter_model.safetensors"


def attach(model: LanguageModel, settings: LoraSettings, seed: int = 0) -> LanguageModel:
    """`model` with a fresh adapter, whose weights are the only ones that train.

    A fresh adapter changes nothing: one of its two factors is zero. The other is drawn; the
    same seed draws the same.
    """
    import torch
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(settings.targets),
    )
    torch.manual_seed(seed)
    try:
        network = get_peft_model(model.network, config)
    except ValueError as error:
        names = ", ".join(settings.targets)
        raise UserError(
            f"lora.targets ({names}) names no layer of {model.name}: {error}"
        ) from error
    return replace(model, network=network, tuned=True)


def save_adapter(model: LanguageModel, folder: Path, card: dict[str, Any]) -> None:
    """Write the adapter in PEFT's format, with a card that says what it fits.

    `card` is added to the base model's name and SHA-256. An adapter already at `folder` is
    replaced only when the new one is whole.
    """
    with writing_folder(folder) as temporary:
        network = model.network
        path_before = {name: c.base_model_name_or_path for name, c in network.peft_config.items()}
        for config in network.peft_config.values():
            config.base_model_name_or_path = model.name
        network.save_pretrained(temporary, safe_serialization=True, save_embedding_layers=False)
        for name, path in path_before.items():
            network.peft_config[name].base_model_name_or_path = path
        (temporary / "README.md").unlink(missing_ok=True)
        write_json(temporary / CARD, {"base": model.name, "base_sha256": model.sha256, **card})


def read_card(folder: Path) -> dict[str, Any]:
    """The card of an adapter; `UserError` if `folder` does not hold one of ours."""
    for name in (WEIGHTS, "adapter_config.json", CARD):
        if not (folder / name).is_file():
            raise UserError(
                f"{folder} is no adapter: it has no {name}. Give the `adapter` folder of a run"
            )
    try:
        card: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
        if {"base", "base_sha256", "prompt", "style"} <= card.keys():
            return card
    except (ValueError, AttributeError):
        pass
    raise UserError(f"{folder / CARD} is damaged; restore or train the adapter again")


def load_adapter(model: LanguageModel, folder: Path, prompt_fingerprint: str) -> LanguageModel:
    """`model` with the adapter of `folder` merged into its weights, in memory.

    Refuses an adapter of another base model, one trained with another prompt than
    `prompt_fingerprint`, and a damaged one.
    """
    from peft import PeftModel

    card = read_card(folder)
    if card["base_sha256"] != model.sha256:
        raise UserError(
            f"the adapter in {folder} was trained on {card['base']} "
            f"({card['base_sha256'][:12]}…), not on this {model.name} ({model.sha256[:12]}…)"
        )
    if card["prompt"] != prompt_fingerprint:
        raise UserError(
            f"the adapter in {folder} was trained with another prompt "
            f"({card['prompt']}, now {prompt_fingerprint}); use the version that trained it"
        )
    try:
        load_file(folder / WEIGHTS)
        network = PeftModel.from_pretrained(model.network, folder)
    except (SafetensorError, ValueError, RuntimeError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0][:200]
        raise UserError(f"the adapter in {folder} is damaged: {reason}") from error
    return replace(model, network=network.merge_and_unload(), tuned=True)
