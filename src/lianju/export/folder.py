"""Exports that transformers and PEFT read: a merged model, or an adapter beside its base."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from lianju.config import DecodeSettings
from lianju.errors import UserError
from lianju.export.source import ExportSource
from lianju.export.tokenizer import ExportTokenizer, save_tokenizer
from lianju.files import read_json, write_json
from lianju.model import (
    ADAPTER_CARD,
    ADAPTER_CONFIG,
    LanguageModel,
    kept_ids,
    read_config,
    write_lora,
)


def check_unquantized(folder: Path, bits: int = 16) -> None:
    """Refuse to merge into weights of few bits, whose errors the adapter has learned to live with
    and a second rounding would not keep.
    """
    config = read_config(folder)
    if bits < 16 or "quantization_config" in config:
        raise UserError(
            f"the base weights in {folder} are quantised, and merges go into 16-bit weights only: "
            "train and export with model.name set to the unquantised model (model.bits=4 holds it "
            "in 4 bits while training), or export --to adapter"
        )


def write_merged(
    model: LanguageModel,
    words: ExportTokenizer,
    decode: DecodeSettings,
    trimmed: bool,
    folder: Path,
) -> None:
    """Write the untrimmed `model`, whose weights have values of bf16, as plain transformers
    reads it. Its weights are bf16 afterwards.
    """
    check_unquantized(model.folder, model.bits)
    network = model.network.to(torch.bfloat16)
    network.generation_config = _generation(words, decode, trimmed)
    network.save_pretrained(folder)
    save_tokenizer(words, folder)


def write_adapter(
    model: LanguageModel, source: ExportSource, words: ExportTokenizer, trimmed: bool, folder: Path
) -> None:
    """Write the adapter beside `model`'s weights as plain PEFT reads it, with the tokenizer that
    spells.
    """
    write_lora(model, folder)
    config = read_json(folder / ADAPTER_CONFIG)
    write_json(folder / ADAPTER_CONFIG, {**config, "base_model_name_or_path": source.base})
    # A checkpoint of a run that never ended has nowhere said what its prompt is.
    ids = words.vocabulary.prompt_digest(source.prompt.name)
    prompt = {"prompt": words.frame.fingerprint, "prompt_ids": ids}
    write_json(folder / ADAPTER_CARD, {**source.card, **prompt})
    _generation(words, source.settings.decode, trimmed).save_pretrained(folder)
    save_tokenizer(words, folder)


def _generation(words: ExportTokenizer, decode: DecodeSettings, trimmed: bool) -> Any:
    """How to generate: the run's decoding, every stop token, and, where the model was trained
    without the tokens that verse does not need, those suppressed.
    """
    from transformers import GenerationConfig

    vocabulary = words.vocabulary
    sampling = {
        name: getattr(decode, name)
        for name in ("temperature", "top_k", "top_p", "min_p", "typical_p")
    }
    spelled = kept_ids(replace(vocabulary, frames={}))
    kept = set(spelled if trimmed else range(vocabulary.full_size))
    return GenerationConfig(
        bos_token_id=vocabulary.bos,
        eos_token_id=list(vocabulary.stops),
        pad_token_id=vocabulary.pad,
        max_new_tokens=decode.free_length,
        # A penalty of other programs holds back commas, too, which verse must repeat.
        repetition_penalty=1.0,
        suppress_tokens=[i for i in range(vocabulary.full_size) if i not in kept] or None,
        do_sample=decode.temperature > 0,
        **(sampling if decode.temperature > 0 else {}),
    )
