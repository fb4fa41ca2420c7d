"""Attention for models whose query heads share keys, without copying the keys for each of them.

transformers' eager attention repeats keys and values for every query head, which costs more than
the attention itself where many short texts stand side by side. Grouped-query attention: Ainslie
et al., GQA: Training Generalized Multi-Query Transformer Models, 2023.
"""

from typing import Any

import torch
from torch import Tensor

NAME = "lianju_grouped"


def grouped_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    softcap: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attend with queries (rows, heads, tokens, width) to keys and values of fewer heads.

    Returns (rows, tokens, heads, width). Masks are those of eager attention: added to the scores.
    """
    assert options.get("s_aux") is None, "attention sinks are not computed here"
    rows, heads, tokens, width = query.shape
    kinds, length = key.shape[1], key.shape[2]
    together = query.reshape(rows, kinds, heads // kinds * tokens, width)
    scores = together @ key.transpose(2, 3) * (width**-0.5 if scaling is None else scaling)
    if softcap is not None:
        scores = (scores / softcap).tanh() * softcap
    scores = scores.view(rows, heads, tokens, length)
    if attention_mask is not None:
        scores = scores + attention_mask
    shares = scores.softmax(dim=-1, dtype=torch.float32).to(query.dtype)
    out = shares.view(rows, kinds, -1, length) @ value
    return out.view(rows, heads, tokens, width).transpose(1, 2).contiguous(), None


def use_grouped(network: Any) -> None:
    """Let a network that attends eagerly attend so, where its heads share keys; in place."""
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, eager_mask

    config = network.config.get_text_config()
    shared = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    if config._attn_implementation == "eager" and shared < config.num_attention_heads:
        AttentionInterface.register(NAME, grouped_attention)
        AttentionMaskInterface.register(NAME, eager_mask)
        network.set_attn_implementation(NAME)
