"""The rows of a batch against the same text put through the network whole, for several families."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    Qwen2Config,
    Qwen3Config,
)

from lianju.config import DecodeSettings
from lianju.decode import Candidate
from lianju.decode.batch import Batch
from lianju.graph import WritingGraph, can_build, writing_graph
from lianju.model import LanguageModel, pack
from lianju.prompt import render
from tests import tiny

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "bos_token_id": 2,
}
# A window that poems outgrow.
WINDOW = {"sliding_window": 24}
FAMILIES: dict[str, Any] = {
    "llama": lambda size: LlamaConfig(vocab_size=size, **SIZES),
    "mistral": lambda size: MistralConfig(vocab_size=size, **SIZES, **WINDOW),
    "qwen2": lambda size: Qwen2Config(vocab_size=size, **SIZES),
    "qwen3": lambda size: Qwen3Config(
        vocab_size=size, **SIZES, **WINDOW, use_sliding_window=True, max_window_layers=1
    ),
    "gemma2": lambda size: Gemma2Config(vocab_size=size, **SIZES, **WINDOW),
    "gemma3": lambda size: Gemma3TextConfig(vocab_size=size, **SIZES, **WINDOW),
    "gpt2": lambda size: GPT2Config(
        vocab_size=size, n_embd=32, n_layer=3, n_head=4, bos_token_id=2, eos_token_id=1
    ),
}


def model_of(family: str) -> LanguageModel:
    model = tiny.model()
    torch.manual_seed(1)
    config = FAMILIES[family](model.vocabulary.size)
    network = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    return replace(model, network=network.eval().requires_grad_(False))


@pytest.mark.parametrize("ready", ["as it is", "packed", "graph"])
@pytest.mark.parametrize("family", FAMILIES)
def test_rows_that_come_and_go_see_all_of_their_own_text(family: str, ready: str) -> None:
    model = model_of(family)
    whole = model_of(family).network
    if ready == "packed":
        pack(model.network)
    if ready == "graph":
        assert can_build(model.network) == (family not in ("gemma2", "gpt2"))
        if not can_build(model.network):
            return
        graph = WritingGraph(writing_graph(model.network, light=False))
        model = replace(model, network=None, graph=graph)
    batch = Batch(model, "plain")
    settings = DecodeSettings(temperature=1, top_p=1)
    lengths = (50, 9, 30, 17, 44, 5)
    candidates = [
        Candidate(couplet, number, None, settings, length)
        for number, ((couplet, _), length) in enumerate(zip(tiny.COUPLETS, lengths, strict=True))
    ]
    batch.join(candidates[:3])
    compared = 0
    for step in range(60):
        if step == 4:
            batch.join(candidates[3:])
        for candidate in batch.candidates:
            [particle] = candidate.particles
            text = [*render("plain", model.vocabulary, candidate.couplet), *particle.written]
            with torch.inference_mode():
                expected = whole(input_ids=torch.tensor([text])).logits[0, -1]
            torch.testing.assert_close(batch._logits[particle.row], expected, atol=2e-5, rtol=1e-4)
            compared += 1
        if batch.candidates:
            batch.step()
    assert compared > 40
