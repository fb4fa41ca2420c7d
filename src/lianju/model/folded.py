"""LoRA's product, folded into the product of the layer that it adapts."""

from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn


class _FoldedProduct(torch.autograd.Function):
    """x Wᵀ + b + s (x Aᵀ) Bᵀ, with gradients for x, A and B: Hu et al., LoRA, 2021, section 4.1.

    Modules of their own for each product make four tensors of the output's size; this makes one.
    """

    @staticmethod
    def forward(
        context: Any,
        rows: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        a: Tensor,
        b: Tensor,
        scale: float,
    ) -> Tensor:
        flat = rows.reshape(-1, rows.shape[-1])
        inner = flat @ a.T
        out = nn.functional.linear(flat, weight, bias).addmm_(inner, b.T, alpha=scale)
        context.save_for_backward(flat, weight, a, b, inner)
        context.scale, context.shape = scale, rows.shape
        return out.view(*rows.shape[:-1], -1)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        flat, weight, a, b, inner = context.saved_tensors
        down = gradients[0].reshape(-1, gradients[0].shape[-1])
        low = (down @ b).mul_(context.scale)
        rows = None
        if context.needs_input_grad[0]:
            rows = (down @ weight).addmm_(low, a).view(context.shape)
        return rows, None, None, low.T @ flat, (down.T @ inner).mul_(context.scale), None


def fold(network: Any) -> None:
    """Let the adapted layers of a PEFT network compute so, in place, where they are plain LoRA on
    weights of 16 or 32 bits, without dropout.
    """
    from peft.tuners.lora import Linear

    for module in network.modules():
        if type(module) is Linear and _is_plain(module):
            module.forward = MethodType(_forward, module)


def _is_plain(layer: Any) -> bool:
    [name] = layer.lora_A
    dropout, base = layer.lora_dropout[name], layer.base_layer
    plain = type(base) is nn.Linear and isinstance(dropout, nn.Identity)
    return plain and not layer.lora_variant and not layer.fan_in_fan_out


def _forward(layer: Any, rows: Tensor) -> Tensor:
    """In the precision of autocast where that is on, else in that of the base weights."""
    [name] = layer.lora_A
    base, kind = layer.base_layer, rows.device.type
    dtype = base.weight.dtype
    if torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
    a, b = layer.lora_A[name].weight, layer.lora_B[name].weight
    bias = None if base.bias is None else base.bias.to(dtype)
    parts = (part.to(dtype) for part in (rows, base.weight))
    out: Tensor = _FoldedProduct.apply(*parts, bias, a.to(dtype), b.to(dtype), layer.scaling[name])
    return out
