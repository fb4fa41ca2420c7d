"""The training graph against PyTorch's autograd: random networks of every family, and Gemma."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    MistralConfig,
    Qwen2Config,
    Qwen3Config,
)

from lianju.config import LoraSettings, ModelSettings
from lianju.graph import TrainingGraph, precisions
from lianju.likelihood import TokenBatch, collate, encode, summed_loss
from lianju.model import LanguageModel, attach, load_base
from lianju.prompt import LAYOUTS
from tests import tiny

CPU = torch.device("cpu")
_SIZES: dict[str, Any] = {
    "vocab_size": tiny.vocabulary().size,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "pad_token_id": 0,
    "bos_token_id": 2,
    "eos_token_id": 1,
}
_LONG = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
_LONG |= {"original_max_position_embeddings": 16, "rope_theta": 1e4}
# Windows are shorter than the poems.
CONFIGS: dict[str, Callable[[], Any]] = {
    "gemma3": lambda: Gemma3TextConfig(
        **_SIZES,
        head_dim=8,
        query_pre_attn_scalar=8,
        sliding_window=9,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
    ),
    "llama": lambda: LlamaConfig(**_SIZES, tie_word_embeddings=False, rope_parameters=_LONG),
    "llama with biases": lambda: LlamaConfig(**_SIZES, attention_bias=True, mlp_bias=True),
    "mistral": lambda: MistralConfig(**_SIZES, sliding_window=9),
    "qwen2": lambda: Qwen2Config(**_SIZES, tie_word_embeddings=True),
    "qwen3": lambda: Qwen3Config(**_SIZES, head_dim=16),
}


def _model(config: Any, lora: LoraSettings) -> LanguageModel:
    torch.manual_seed(0)
    network = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    for name, weight in network.named_parameters():
        if "norm" in name or "bias" in name:
            weight.data.normal_(std=0.3)
        else:
            weight.data.mul_(4)
    network.eval().requires_grad_(False)
    base = LanguageModel(network, tiny.vocabulary(), "tiny", "0" * 64, CPU)
    return _shaken(attach(base, lora))


def _shaken(model: LanguageModel, scale: float = 0.1) -> LanguageModel:
    """As if the adapter had been trained: a fresh one has gradients of zero."""
    for name, weight in model.network.named_parameters():
        if weight.requires_grad and "lora" in name:
            weight.data += scale * torch.randn_like(weight)
    return model


def _padded(model: LanguageModel, style: str = "plain") -> TokenBatch:
    items = encode(tiny.EXAMPLES, style, model.vocabulary, 256)
    batch = collate(items, model.vocabulary.pad)
    assert batch.padded
    return batch


def taken(batch: TokenBatch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, int]:
    return batch.ids, batch.attention, batch.scored, batch.shared


def _assert_parity(model: LanguageModel, graph: TrainingGraph, batch: TokenBatch) -> None:
    model.network.zero_grad()
    loss = summed_loss(model.network, batch, "fp32")
    loss.backward()
    nats, gradients = graph.gradients(*taken(batch))
    assert nats == pytest.approx(loss.item(), rel=1e-5)
    trained = [weight for weight in model.network.parameters() if weight.requires_grad]
    assert {id(weight) for weight in graph.weights} == {id(weight) for weight in trained}
    for weight, gradient in zip(graph.weights, gradients, strict=True):
        assert weight.grad is not None
        length = weight.grad.norm()
        assert length > 0
        assert (gradient - weight.grad).norm() < 1e-4 * length


@pytest.mark.parametrize("name", CONFIGS)
def test_losses_and_gradients_of_every_family_are_those_of_autograd(name: str) -> None:
    model = _model(CONFIGS[name](), LoraSettings(rank=3, alpha=5))
    _assert_parity(model, TrainingGraph(model.network, "fp32"), _padded(model))


def test_what_all_prompts_begin_with_has_the_gradients_of_all() -> None:
    model = _model(CONFIGS["gemma3"](), LoraSettings(rank=3))
    batch = _padded(model, "homework")
    assert batch.shared > 16
    _assert_parity(model, TrainingGraph(model.network, "fp32"), batch)


@pytest.mark.parametrize("variant", ["rslora", "pissa"])
def test_other_kinds_of_adapter(variant: Any) -> None:
    model = _model(CONFIGS["qwen2"](), LoraSettings(rank=3, alpha=5, variant=variant))
    _assert_parity(model, TrainingGraph(model.network, "fp32"), _padded(model))


@pytest.mark.parametrize("targets", [("v_proj", "layers.1.mlp.down_proj"), ("o_proj", "lm_head")])
def test_only_what_is_adapted_has_gradients(targets: tuple[str, ...]) -> None:
    model = _model(CONFIGS["llama"](), LoraSettings(rank=3, targets=targets))
    _assert_parity(model, TrainingGraph(model.network, "fp32"), _padded(model))


def test_a_batch_gets_the_same_bits_whatever_came_before() -> None:
    """So that a resumed run goes on with them."""
    model = _model(CONFIGS["gemma3"](), LoraSettings(rank=3))
    batch = _padded(model)
    short = collate(encode(tiny.EXAMPLES[:2], "plain", model.vocabulary, 256), 0)
    for precision in precisions():
        graph = TrainingGraph(model.network, precision)
        nats, gradients = graph.gradients(*taken(batch))
        first = [gradient.clone() for gradient in gradients]
        graph.gradients(*taken(short))
        again, gradients = TrainingGraph(model.network, precision).gradients(*taken(batch))
        assert nats == again
        assert all(map(torch.equal, first, gradients))


def test_what_scores_nothing_has_no_gradient() -> None:
    model = _model(CONFIGS["qwen3"](), LoraSettings(rank=3))
    batch = _padded(model)
    graph = TrainingGraph(model.network, "fp32")
    graph.gradients(*taken(batch))
    nats, gradients = graph.gradients(batch.ids, batch.attention, torch.zeros_like(batch.scored))
    assert nats == 0 and not any(gradient.any() for gradient in gradients)


@pytest.fixture(scope="module")
def adapted() -> LanguageModel:
    """The real Gemma with an adapter that is not fresh."""
    base = load_base(ModelSettings(), LAYOUTS, CPU)
    return _shaken(attach(base, LoraSettings()), 0.02)


def test_gemma_in_fp32(adapted: LanguageModel) -> None:
    _assert_parity(adapted, TrainingGraph(adapted.network, "fp32"), _padded(adapted))


@pytest.mark.skipif("bf16" not in precisions(), reason="this CPU has no bf16")
def test_gemma_in_bf16_is_as_near_as_autocast(adapted: LanguageModel) -> None:
    """At most twice as far from fp32 as PyTorch's bf16 is, by the median of the factors."""
    batch = _padded(adapted)
    exact: dict[int, torch.Tensor] = {}
    theirs: dict[int, torch.Tensor] = {}
    graph = TrainingGraph(adapted.network, "bf16")
    nats, gradients = graph.gradients(*taken(batch))
    for found, precision in ((exact, "fp32"), (theirs, "bf16")):
        adapted.network.zero_grad()
        loss = summed_loss(adapted.network, batch, precision)
        loss.backward()
        found |= {id(w): w.grad.clone() for w in graph.weights if w.grad is not None}
        assert nats == pytest.approx(loss.item(), rel=3e-3)
    ours = {id(w): gradient for w, gradient in zip(graph.weights, gradients, strict=True)}

    def distance(found: dict[int, torch.Tensor]) -> torch.Tensor:
        away = [(found[key] - exact[key]).norm() / exact[key].norm() for key in exact]
        return torch.stack(away).median()

    assert distance(ours) < 2 * distance(theirs) < 0.2
