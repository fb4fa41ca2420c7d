"""What a file type does to weights."""

from typing import Any, Literal

import gguf
import torch

FileType = Literal["f16", "bf16", "q8_0"]

GGML = {
    "f16": gguf.GGMLQuantizationType.F16,
    "bf16": gguf.GGMLQuantizationType.BF16,
    "q8_0": gguf.GGMLQuantizationType.Q8_0,
}
_BLOCK = 32
_ROWS = 4096
# How far rounding may move the logits, as a share of their spread. Measured on Gemma-3-270M and
# SmolLM2-135M: f16 0.1%, bf16 0.5 to 0.6%, q8_0 0.9 to 2.6%; on tiny random models up to 3.4%.
TOLERANCE: dict[FileType, float] = {"f16": 0.02, "bf16": 0.1, "q8_0": 0.15}


def ggml_type(weight: torch.Tensor, kind: FileType) -> gguf.GGMLQuantizationType:
    """As what a GGUF file of type `kind` holds `weight`: vectors stay in 32 bits."""
    if weight.ndim < 2:
        return gguf.GGMLQuantizationType.F32
    if kind == "q8_0" and weight.shape[-1] % _BLOCK:
        return gguf.GGMLQuantizationType.F16
    return GGML[kind]


@torch.no_grad()
def round_matrices(network: Any, kind: FileType) -> None:
    """Give the matrices of `network`, in place, the values that a GGUF of `kind` can hold.

    Writing them is then exact, and so is what is read back.
    """
    for weight in network.parameters():
        held = ggml_type(weight, kind)
        if held != gguf.GGMLQuantizationType.F32:
            # In parts: the copies of a whole embedding would take gigabytes.
            for part in weight.split(_ROWS):
                packed = gguf.quantize(part.numpy(), held)
                part.copy_(torch.from_numpy(gguf.dequantize(packed, held)))


@torch.no_grad()
def round_all(network: Any) -> None:
    """Give all weights of `network`, in place, values of bf16."""
    for weight in network.parameters():
        for part in weight.split(_ROWS):
            part.copy_(part.bfloat16())
