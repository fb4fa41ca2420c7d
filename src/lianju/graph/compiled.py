"""Graphs, compiled for this machine's CPU."""

from pathlib import Path

import openvino as ov
import torch


def compiled(source: ov.Model | Path, precision: str) -> ov.CompiledModel:
    """A graph, or one saved at a path, with products in `precision`, "f32" or "bf16".

    It computes with as many threads as PyTorch.
    """
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "INFERENCE_PRECISION_HINT": precision,
    }
    return ov.Core().compile_model(source, "CPU", options)
