"""Graphs, compiled for this machine's CPU."""

from typing import Any

import openvino as ov
import torch


def precisions() -> tuple[str, ...]:
    """In which precisions this CPU can compute a graph's products."""
    able = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return ("fp32", "bf16") if "BF16" in able else ("fp32",)


def options(precision: str) -> dict[str, Any]:
    """How a graph is compiled: with products in `precision`, "f32" or "bf16", and for as many
    threads as PyTorch has.
    """
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "INFERENCE_PRECISION_HINT": precision,
    }


def compiled(graph: ov.Model, precision: str) -> ov.CompiledModel:
    """A graph, ready to run; see `options`."""
    return ov.Core().compile_model(graph, "CPU", options(precision))
