"""What training adds to a base model: put on, written, read and checked.

That is a LoRA adapter or, after full fine-tuning, all the weights anew.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from lianju.config import LoraSettings
from lianju.errors import UserError
from lianju.files import write_json, writing_folder
from lianju.model.load import LanguageModel
from lianju.model.vocabulary import Vocabulary

CARD = "lianju.json"
WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
FULL_WEIGHTS = "model.safetensors"
FULL_VOCABULARY = "vocabulary.json"

_INITIAL = {"lora": True, "rslora": True, "dora": True, "pissa": "pissa_niter_16"}


def attach(model: LanguageModel, settings: LoraSettings, seed: int = 0) -> LanguageModel:
    """`model` with a fresh adapter, whose weights are the only ones that train.

    A fresh adapter changes nothing: one of its two factors is zero, or, with PiSSA, their
    product is taken out of the base weights. The other is drawn; the same seed draws the same.
    """
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict

    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(settings.targets),
        init_lora_weights=_INITIAL[settings.variant],
        use_rslora=settings.variant == "rslora",
        use_dora=settings.variant == "dora",
    )
    torch.manual_seed(seed)
    try:
        network = get_peft_model(model.network, config)
    except ValueError as error:
        names = ", ".join(settings.targets)
        raise UserError(
            f"lora.targets ({names}) names no layer of {model.name}: {error}"
        ) from error
    start = None
    if settings.variant == "pissa":
        state = get_peft_model_state_dict(network, save_embedding_layers=False)
        start = {name: weight.detach().clone() for name, weight in state.items()}
    return replace(model, network=network, tuned=True, start=start)


def unfreeze(model: LanguageModel) -> LanguageModel:
    """`model` with every weight ready to train, in fp32."""
    network = model.network.float().requires_grad_(True)
    return replace(model, network=network, tuned=True)


def save_adapter(model: LanguageModel, folder: Path, card: Mapping[str, Any]) -> None:
    """Write what was trained, with a card that says what it fits.

    An adapter is in PEFT's format; after full fine-tuning all weights are written, with the
    vocabulary of their rows. `card` is added to the base model's name and SHA-256. What is
    already at `folder` is replaced only when the new one is whole.
    """
    from peft import PeftModel

    lora = isinstance(model.network, PeftModel)
    with writing_folder(folder) as temporary:
        if lora:
            _write_lora(model, temporary)
        else:
            _write_full(model, temporary)
        kind = {"kind": "lora" if lora else "full", "bits": model.bits}
        base = {"base": model.name, "base_sha256": model.sha256}
        write_json(temporary / CARD, {**base, **kind, **card})


def _write_lora(model: LanguageModel, folder: Path) -> None:
    from peft import get_peft_model_state_dict

    network = model.network
    state = get_peft_model_state_dict(network, save_embedding_layers=False)
    config = replace(network.peft_config["default"], base_model_name_or_path=model.name)
    config.inference_mode = True
    if model.start is not None:
        # What was learned is the difference to the start: AB - A0 B0 = [A A0][B -B0], of twice
        # the rank and the same scale (Meng et al. 2024, appendix C).
        state = {
            name: torch.cat([weight, model.start[name].to(weight.device)], dim=0)
            if "lora_A" in name
            else torch.cat([weight, -model.start[name].to(weight.device)], dim=1)
            for name, weight in state.items()
        }
        config.init_lora_weights = True
        config.r *= 2
        config.lora_alpha *= 2
    save_file({name: weight.contiguous() for name, weight in state.items()}, folder / WEIGHTS)
    config.save_pretrained(folder)


def _write_full(model: LanguageModel, folder: Path) -> None:
    # A tied output layer is the embedding once more.
    state = {name: weight.detach() for name, weight in model.network.named_parameters()}
    save_file({name: weight.contiguous() for name, weight in state.items()}, folder / FULL_WEIGHTS)
    model.vocabulary.save(folder / FULL_VOCABULARY)


def read_card(folder: Path) -> dict[str, Any]:
    """The card of what was trained; `UserError` if `folder` does not hold one of ours."""
    if not (folder / CARD).is_file():
        raise UserError(
            f"{folder} is no adapter: it has no {CARD}. Give the `adapter` folder of a run"
        )
    try:
        card: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
        whole = {"base", "base_sha256", "prompt", "style"} <= card.keys()
    except (ValueError, AttributeError):
        whole = False
    if not whole:
        raise UserError(f"{folder / CARD} is damaged; restore or train the adapter again")
    full = card.get("kind") == "full"
    for name in (FULL_WEIGHTS, FULL_VOCABULARY) if full else (WEIGHTS, CONFIG):
        if not (folder / name).is_file():
            raise UserError(
                f"{folder} is no adapter: it has no {name}. Give the `adapter` folder of a run"
            )
    return card


def load_adapter(model: LanguageModel, folder: Path) -> LanguageModel:
    """`model` as it was trained into `folder`, ready for inference.

    An adapter is merged into 16-bit weights, in memory; on 4-bit weights it stays beside them.
    Refuses an adapter of another base model, one trained with another prompt than the model now
    gets, and a damaged one.
    """
    card = read_card(folder)
    if card["base_sha256"] != model.sha256:
        raise UserError(
            f"the adapter in {folder} was trained on {card['base']} "
            f"({card['base_sha256'][:12]}…), not on this {model.name} ({model.sha256[:12]}…)"
        )
    frame = model.vocabulary.frames.get(card["style"])
    now = frame.fingerprint if frame else "none"
    ids = model.vocabulary.prompt_digest(card["style"]) if frame else "none"
    # Adapters of before part 3 tell nothing of the ids.
    if card["prompt"] != now or card.get("prompt_ids", ids) != ids:
        raise UserError(
            f"the adapter in {folder} was trained with another prompt "
            f"({card['prompt']}, now {now}); use the version that trained it"
        )
    read = _read_full if card.get("kind") == "full" else _read_lora
    try:
        network = read(model, folder)
    except torch.OutOfMemoryError:
        raise
    except (SafetensorError, ValueError, RuntimeError, KeyError, TypeError) as error:
        reason = (str(error).splitlines() or [""])[0][:200]
        raise UserError(f"the adapter in {folder} is damaged: {reason}") from error
    return replace(model, network=network, tuned=True)


def _read_lora(model: LanguageModel, folder: Path) -> Any:
    from peft import PeftModel

    load_file(folder / WEIGHTS)
    network = PeftModel.from_pretrained(model.network, folder)
    return network.eval() if model.bits == 4 else network.merge_and_unload()


@torch.no_grad()
def _read_full(model: LanguageModel, folder: Path) -> Any:
    saved = load_file(folder / FULL_WEIGHTS)
    here, there = _rows(model.vocabulary, Vocabulary.read(folder / FULL_VOCABULARY))
    ends = (model.network.get_input_embeddings(), model.network.get_output_embeddings())
    for name, weight in model.network.named_parameters():
        if any(weight is layer.weight for layer in ends):
            weight[here] = saved[name][there].to(weight)
        else:
            weight.copy_(saved[name])
    return model.network


def _rows(model: Vocabulary, saved: Vocabulary) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the rows that both have stand in the model and in what was saved; either may be
    trimmed.
    """
    place = {original: row for row, original in enumerate(model.original_ids)}
    both = [
        (place[original], row)
        for row, original in enumerate(saved.original_ids)
        if original in place
    ]
    here, there = torch.tensor(both).T
    return here, there
