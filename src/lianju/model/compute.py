"""Where and in which precision to compute: chosen once, with the reason in words."""

import os
import time
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from lianju.config import ModelSettings
from lianju.errors import UserError
from lianju.extras import require

# The size of one projection of the base model over one batch of quatrains.
_PROBE = (512, 640, 2048)
# bf16 costs casts of weights and activations; below this gain it does not pay.
_WORTH = 1.3


@dataclass(frozen=True)
class Compute:
    """A device, the precision of matrix products in training, and why.

    `peak_gflops` is the rate measured here for products of that precision; None if not
    measured. `engine` takes the steps of training: pytorch, or openvino, as one graph.
    """

    device: torch.device
    precision: str
    reason: str
    peak_gflops: float | None = None
    engine: Literal["pytorch", "openvino"] = "pytorch"

    def lighten(self, network: Any) -> None:
        """Hold frozen matrices in bf16 while training in bf16, where autocast would cast them
        anew in every pass; in place. The embedding and the output layer stay as they are. A
        graph holds its own.
        """
        if self.precision != "bf16" or self.engine == "openvino":
            return
        output = network.get_output_embeddings()
        for module in network.modules():
            frozen = isinstance(module, nn.Linear) and not module.weight.requires_grad
            # The weights of a 4-bit layer are bytes.
            if frozen and module is not output and module.weight.is_floating_point():
                module.weight.data = module.weight.data.bfloat16()


def choose_device(settings: ModelSettings) -> torch.device:
    """The device that the settings ask for; auto takes a CUDA GPU when there is one.

    Of several processes on a machine each has the GPU of its own number. What is lacking for the
    settings is a `UserError`, before anything is fetched.
    """
    if settings.bits == 4:
        require("4bit")
    there = torch.cuda.is_available()
    if settings.device == "cuda" and not there:
        raise UserError(
            f"model.device is cuda, but torch {torch.__version__} sees no such device here; "
            "use auto or cpu"
        )
    if not there or settings.device == "cpu":
        return torch.device("cpu")
    number = int(os.environ.get("LOCAL_RANK", "0"))
    if number >= torch.cuda.device_count():
        raise UserError(
            f"process {number} of this machine has no GPU, for there are "
            f"{torch.cuda.device_count()}: start one process a GPU"
        )
    return torch.device("cuda", number)


def weights_dtype(device: torch.device, precision: str = "auto") -> torch.dtype:
    """The precision in which base weights are held, and in which `device` decodes.

    fp32 on a CPU, where a batch then gives what each poem alone gives. On a GPU `precision`;
    auto is bf16 where the GPU has units for it, else fp32.
    """
    if device.type == "cpu":
        return torch.float32
    if precision == "auto":
        precision = "bf16" if _has_bf16(device) else "fp32"
    return _DTYPES[precision]


def _has_bf16(device: torch.device) -> bool:
    gpu = device.type == "cuda"
    return gpu and torch.cuda.is_bf16_supported(including_emulation=False)


def has_bf16_units() -> bool:
    """Whether this CPU multiplies bf16 in hardware."""
    can = torch.cpu.get_capabilities()
    return bool(can.get("avx512_bf16") or can.get("amx_bf16"))


def choose_compute(settings: ModelSettings) -> Compute:
    """Device and training precision; on a CPU, auto measures fp32 against bf16."""
    device = choose_device(settings)
    if device.type != "cpu":
        return _on_accelerator(device, settings.precision)
    if settings.precision == "fp16":
        return Compute(device, "fp16", "as asked")
    rates = {name: _gflops(_DTYPES[name]) for name in ("fp32", "bf16")}
    measured = f"bf16 runs at {rates['bf16']:.0f} GFLOP/s here, fp32 at {rates['fp32']:.0f}"
    if settings.precision != "auto":
        precision, reason = settings.precision, f"as asked; {measured}"
    elif rates["bf16"] > _WORTH * rates["fp32"]:
        precision, reason = "bf16", measured
    else:
        precision, reason = "fp32", f"{measured}, not enough to pay for the casts"
    return Compute(device, precision, reason, rates[precision])


def _on_accelerator(device: torch.device, precision: str) -> Compute:
    if precision != "auto":
        return Compute(device, precision, "as asked")
    if _has_bf16(device):
        return Compute(device, "bf16", f"{torch.cuda.get_device_name(device)} has bf16 units")
    return Compute(device, "fp32", "no bf16 units on this device")


_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def _gflops(dtype: torch.dtype) -> float:
    """The best of several rounds of one projection, in 10⁹ operations a second."""
    rows, inner, columns = _PROBE
    left = torch.ones(rows, inner, dtype=dtype)
    right = torch.ones(columns, inner, dtype=dtype)
    best = float("inf")
    for _ in range(12):
        start = time.perf_counter()
        torch.nn.functional.linear(left, right)
        best = min(best, time.perf_counter() - start)
    return 2 * rows * inner * columns / best / 1e9
