"""A network made ready to be asked on a CPU."""

from typing import Any

import torch
from torch import Tensor, nn

from lianju.model.grouped import use_grouped

# Whether oneDNN can pack for this CPU: one without AVX-512 cannot in 16 bits.
_PACKS = {
    torch.bfloat16: torch.ops.mkldnn._is_mkldnn_bf16_supported,
    torch.float16: torch.ops.mkldnn._is_mkldnn_fp16_supported,
}


class PackedLinear(nn.Module):
    """A linear layer whose fp32 weights lie in oneDNN's blocked order.

    Products of few rows are several times faster than with the plain layout, and a row comes out
    the same, bit for bit, whatever other rows are beside it (of at least two).
    """

    def __init__(self, linear: nn.Linear):
        super().__init__()
        self.bias = linear.bias
        self.weight = _packed(linear.weight.data)
        # The same in the precision of autocast, made when it is first asked for.
        self.low: dict[torch.dtype, Tensor] = {}

    def forward(self, rows: Tensor) -> Tensor:
        """The layer's output for inputs (…, features)."""
        weight: Tensor = self.weight
        bias: Tensor | None = self.bias
        if torch.is_autocast_enabled("cpu"):
            dtype = torch.get_autocast_dtype("cpu")
            packs = _PACKS[dtype]()
            if dtype not in self.low:
                low = self.weight.to_dense().to(dtype)
                self.low[dtype] = _packed(low) if packs else low
            rows, weight = rows.to(dtype), self.low[dtype]
            bias = None if bias is None else bias.to(dtype)
            if not packs:
                return nn.functional.linear(rows, weight, bias)
        out: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
        return out


def _packed(weight: Tensor) -> Tensor:
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, None)
    return packed


def pack(network: Any) -> None:
    """Make a network that computes in fp32 on a CPU faster, in place: linear layers are laid out
    anew, and heads that share keys attend together.

    After it the network can be asked, not trained, saved or merged with an adapter. On other
    devices nothing changes.
    """
    if next(network.parameters()).device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return
    use_grouped(network)
    for module in list(network.modules()):
        for name, layer in module.named_children():
            if type(layer) is nn.Linear and layer.weight.dtype == torch.float32:
                setattr(module, name, PackedLinear(layer))
    # What is left may lie in a file that is mapped into memory, and would keep all of it there.
    for weight in network.parameters():
        weight.data = weight.data.clone()
