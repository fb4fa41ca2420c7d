"""Tiny random checkpoints of the real architectures, with tokenizers of the real families.

Each is a folder as the hub gives it: config, safetensors, tokenizer, chat template. Only the
sizes of the layers are made up.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaTokenizer,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

from lianju.config import ModelSettings
from lianju.model import LanguageModel, load_base
from lianju.prompt import LAYOUTS
from tests import families, tiny

# Layouts that the models' own cards describe.
LLAMA_2 = (
    "{% if messages[0].role == 'system' %}{% set head = '<<SYS>>\n' + messages[0].content + "
    "'\n<</SYS>>\n\n' %}{% set rest = messages[1:] %}{% else %}{% set head = '' %}{% set rest = "
    "messages %}{% endif %}{% for m in rest %}{% if m.role == 'user' %}{{ bos_token + '[INST] ' + "
    "(head if loop.first else '') + m.content.strip() + ' [/INST]' }}{% else %}{{ ' ' + "
    "m.content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)
BREEZE = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{{ messages[0].content }}{% set rest = "
    "messages[1:] %}{% else %}{{ 'You are a helpful AI assistant built by MediaTek Research.' }}"
    "{% set rest = messages %}{% endif %}{{ '  ' }}{% for m in rest %}{% if m.role == 'user' %}"
    "{{ '[INST] ' + m.content + ' [/INST] ' }}{% else %}{{ m.content + ' ' }}{% endif %}"
    "{% endfor %}"
)
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no "
    "system role') }}{% endif %}{{ '<start_of_turn>' + m.role + '\n' + m.content + "
    "'<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}"
    "{% endif %}"
)
_SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 512,
}


@cache
def _extended(words: int) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges of Mistral's 32,000 pieces with Chinese ones added, as TAIDE and
    Breeze added theirs: characters that were lacking, then words.
    """
    model = families.mistral_sentencepiece()
    ids = {model.id_to_piece(index): index for index in range(len(model))}
    added = [
        c for c in sorted({c for pair in tiny.COUPLETS for c in "".join(pair)}) if c not in ids
    ]
    lines = [text for pair in tiny.COUPLETS for text in pair]
    pairs = {text[at : at + 2] for text in lines for at in range(len(text) - 1)}
    added += sorted(pair for pair in pairs if pair not in ids)[:words]
    ids |= {piece: len(ids) + number for number, piece in enumerate(added)}
    special = {"<unk>", "<s>", "</s>"}
    # What SentencePiece merges, best score first, which is the order of the ids.
    merges = [
        (piece[:cut], piece[cut:])
        for piece in ids
        if piece not in special and not piece.startswith("<0x")
        for cut in range(1, len(piece))
        if piece[:cut] in ids and piece[cut:] in ids
    ]
    return ids, merges


def _sentencepiece(template: str, words: int = 60) -> PreTrainedTokenizerFast:
    ids, merges = _extended(words)
    tokenizer = LlamaTokenizer(vocab=ids, merges=merges, legacy=True)
    tokenizer.chat_template = template
    return tokenizer


def _byte_level(template: str) -> PreTrainedTokenizerFast:
    """SmolLM2's tokenizer with the controls that Qwen's models have."""
    return PreTrainedTokenizerFast(
        tokenizer_object=families.smollm2_tokenizer(),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=template,
    )


def _gemma(template: str) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=families.gemma_tokenizer(),
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        chat_template=template,
    )


def _write(folder: Path, config: Any, tokenizer: Any, seed: int, stops: list[int]) -> Path:
    torch.manual_seed(seed)
    network = AutoModelForCausalLM.from_config(config).eval()
    network.generation_config.eos_token_id = stops
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def llama(folder: Path, seed: int = 0, template: str = LLAMA_2) -> Path:
    """As TAIDE-7B: Llama 2, every head with keys of its own, an extended vocabulary."""
    tokenizer = _sentencepiece(template)
    config = LlamaConfig(
        vocab_size=len(tokenizer), bos_token_id=1, eos_token_id=2, rms_norm_eps=1e-5, **_SIZES
    )
    return _write(folder, config, tokenizer, seed, [2])


def mistral(folder: Path, seed: int = 0) -> Path:
    """As Breeze-7B: Mistral, shared keys, an extended vocabulary."""
    tokenizer = _sentencepiece(BREEZE)
    config = MistralConfig(
        vocab_size=len(tokenizer) + 3,  # rows are padded to a round number
        num_key_value_heads=2,
        sliding_window=None,
        bos_token_id=1,
        eos_token_id=2,
        **_SIZES,
    )
    return _write(folder, config, tokenizer, seed, [2])


def qwen2(folder: Path, seed: int = 0) -> Path:
    """As Qwen2.5: biases on the projections, tied output, two stop tokens."""
    tokenizer = _byte_level(CHATML)
    stops = [tokenizer.convert_tokens_to_ids(t) for t in ("<|im_end|>", "<|endoftext|>")]
    config = Qwen2Config(
        vocab_size=len(tokenizer), num_key_value_heads=2, tie_word_embeddings=True, **_SIZES
    )
    return _write(folder, config, tokenizer, seed, stops)


def qwen3(folder: Path, seed: int = 0) -> Path:
    """As Qwen3: normalised queries and keys, heads wider than their share."""
    tokenizer = _byte_level(CHATML)
    stops = [tokenizer.convert_tokens_to_ids(t) for t in ("<|im_end|>", "<|endoftext|>")]
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        num_key_value_heads=2,
        head_dim=32,
        tie_word_embeddings=True,
        **_SIZES,
    )
    return _write(folder, config, tokenizer, seed, stops)


def gemma3(folder: Path, seed: int = 0) -> Path:
    """As Gemma-3-1B: one key head, a sliding window, all 262,144 rows."""
    tokenizer = _gemma(GEMMA)
    config = Gemma3TextConfig(
        vocab_size=len(tokenizer),
        num_key_value_heads=1,
        head_dim=16,
        query_pre_attn_scalar=16,
        sliding_window=64,
        bos_token_id=2,
        eos_token_id=1,
        pad_token_id=0,
        **_SIZES,
    )
    return _write(folder, config, tokenizer, seed, [1, 106])


@cache
def _read(folder: str, trim: bool) -> LanguageModel:
    settings = ModelSettings(name=folder, trim=trim)
    return load_base(settings, LAYOUTS, torch.device("cpu"))


def loaded(folder: str | Path, trim: bool = True) -> LanguageModel:
    """The model in a folder, read once; the caller may change it."""
    model = _read(str(folder), trim)
    return replace(model, network=copy.deepcopy(model.network))


ARCHITECTURES: dict[str, Callable[[Path], Path]] = {
    "llama": llama,
    "mistral": mistral,
    "qwen2": qwen2,
    "qwen3": qwen3,
    "gemma3": gemma3,
}
