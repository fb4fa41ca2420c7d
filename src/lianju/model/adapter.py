"""What training adds to a base model: put on, and written.

That is a LoRA adapter or, after full fine-tuning, all the weights anew.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from lianju.config import LoraSettings
from lianju.errors import UserError
from lianju.files import write_json, writing_folder
from lianju.model.adapter_folder import CARD, FULL_VOCABULARY, FULL_WEIGHTS, WEIGHTS
from lianju.model.load import LanguageModel

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
    if settings.variant == "dora":
        _keep_unpacked(network)
    start = None
    if settings.variant == "pissa":
        state = get_peft_model_state_dict(network, save_embedding_layers=False)
        start = {name: weight.detach().clone() for name, weight in state.items()}
    return replace(model, network=network, tuned=True, start=start)


def _keep_unpacked(network: Any) -> None:
    """Keep 4-bit layers from what they do on some CPUs when they are first evaluated.

    bitsandbytes 0.50 then packs their weights, whose lengths DoRA reads wrongly after that.
    """
    for module in network.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


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
            write_lora(model, temporary)
        else:
            _write_full(model, temporary)
        kind = {"kind": "lora" if lora else "full", "bits": model.bits}
        base = {"base": model.name, "base_sha256": model.sha256}
        write_json(temporary / CARD, {**base, **kind, **card})


def write_lora(model: LanguageModel, folder: Path) -> None:
    """Write the adapter beside `model`'s weights into `folder`, in PEFT's format."""
    from peft import get_peft_model_state_dict

    network = model.network
    state = get_peft_model_state_dict(network, save_embedding_layers=False)
    config = replace(network.peft_config["default"], base_model_name_or_path=model.name)
    config.inference_mode = True
    # PEFT holds a set, whose order differs from process to process.
    config.target_modules = sorted(config.target_modules)
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
