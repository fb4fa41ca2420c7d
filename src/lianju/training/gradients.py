"""What computes the gradients of a step: PyTorch, or one graph by OpenVINO, and which of them."""

from contextlib import nullcontext
from typing import Any, Protocol

import torch

from lianju.config import RunSettings
from lianju.likelihood import TokenBatch, summed_loss
from lianju.model import Compute, graphs_here
from lianju.training.distributed import apart


class Gradients(Protocol):
    """What adds to the gradients of the weights that train."""

    def add(self, batch: TokenBatch, factor: float, last: bool) -> float:
        """Add the gradient of `factor` times the summed loss of `batch`; returns that loss, in
        nats. `last`: whether the step has no more batches.
        """
        ...


class PyTorchGradients:
    """Those that autograd finds, of a network that may be spread over several processes.

    They are scaled by `scaler`, which does so only in fp16.
    """

    def __init__(self, network: Any, compute: Compute, scaler: torch.amp.GradScaler):
        self._network, self._compute, self._scaler = network, compute, scaler

    def add(self, batch: TokenBatch, factor: float, last: bool) -> float:
        """See `Gradients`; after the last batch processes exchange what they have."""
        with nullcontext() if last else apart(self._network):
            moved = batch.to(self._compute.device)
            loss = summed_loss(self._network, moved, self._compute.precision)
            self._scaler.scale(loss * factor).backward()
        return loss.item()


class GraphGradients:
    """Those of a network with a LoRA adapter, on the CPU, by a graph.

    `largest` is a batch as large as any to come: memory that grows with every batch that is
    larger than those before it is taken twice.
    """

    def __init__(self, network: Any, precision: str, largest: TokenBatch):
        from lianju.graph import TrainingGraph

        self._graph = TrainingGraph(network, precision)
        self._of(largest)

    def add(self, batch: TokenBatch, factor: float, last: bool) -> float:
        """See `Gradients`."""
        nats, gradients = self._of(batch)
        for weight, gradient in zip(self._graph.weights, gradients, strict=True):
            if weight.grad is None:
                weight.grad = gradient * factor
            else:
                weight.grad.add_(gradient, alpha=factor)
        return nats

    def _of(self, batch: TokenBatch) -> tuple[float, list[torch.Tensor]]:
        return self._graph.gradients(batch.ids, batch.attention, batch.scored, batch.shared)


def why_no_graph(
    settings: RunSettings, compute: Compute, config: Any, processes: int
) -> str | None:
    """Why a graph cannot take the steps of a run on a CPU; None where it can.

    `config` is the model's transformers configuration, `processes` how many train it.
    """
    train, lora = settings.train, settings.lora
    if not graphs_here(compute.device, settings.model.bits):
        return "OpenVINO is not installed" if settings.model.bits == 16 else "weights in 4 bits"
    from lianju.graph import LINEAR_LAYERS, can_build_from, precisions

    if not can_build_from(config) or getattr(config, "attention_dropout", False):
        return f"no graph for {getattr(config, 'model_type', 'this model')}"
    named = {target.rpartition(".")[2] for target in lora.targets}
    against = {
        "every weight trains": train.method == "full",
        "lora.variant is dora": lora.variant == "dora",
        "lora.dropout is not 0": lora.dropout > 0,
        "lora.targets name other layers": not named <= LINEAR_LAYERS,
        f"products in {compute.precision}": compute.precision not in precisions(),
        "several processes": processes > 1,
        "activations are computed twice": train.gradient_checkpointing == "on",
    }
    return next((words for words, there in against.items() if there), None)
