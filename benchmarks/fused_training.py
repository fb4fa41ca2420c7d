"""The two ways of taking a LoRA step on a CPU, by PyTorch and by one OpenVINO graph, side by side.

    python -m benchmarks.fused_training [fp32|bf16] [batches]

They take turns on the same batches of the default recipe: losses, gradients, seconds. The poems are
the recipe's own; the factors are drawn, since fresh ones have no gradients.
"""

import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

import torch

from lianju.config import load_settings
from lianju.corpus import run_poems
from lianju.graph import TrainingGraph
from lianju.likelihood import TokenBatch, encode, summed_loss
from lianju.model import Compute, attach, load_base
from lianju.progress import SILENT
from lianju.prompt import LAYOUTS
from lianju.training.batches import batch_of, plan


def _batches(settings: Any, vocabulary: Any, number: int) -> list[TokenBatch]:
    """The first batches of the recipe's training, the largest first."""
    poems = run_poems(**settings.data.model_dump(), seed=settings.seed, reporter=SILENT)
    items = encode(poems.train, settings.prompt.style, vocabulary, settings.train.cutoff)
    lengths, train = [item.length for item in items], settings.train
    steps = plan(lengths, train.batch_size, train.accumulation, train.epochs, settings.seed)
    parts = [part for step in steps for part in step][:number]
    batches = [batch_of(items, part, vocabulary.pad) for part in parts]
    return sorted(batches, key=lambda batch: -batch.ids.numel())


def _by_pytorch(
    network: Any, weights: Sequence[Any], batch: TokenBatch, precision: str
) -> tuple[float, list[torch.Tensor]]:
    network.zero_grad()
    loss = summed_loss(network, batch, precision)
    torch.autograd.backward(loss)
    return loss.item(), [weight.grad for weight in weights]


def main(precision: str = "bf16", number: str = "12") -> None:
    """Measure, and print a line a batch and the sums."""
    settings = load_settings()
    base = load_base(settings.model, LAYOUTS, torch.device("cpu"), torch.float32, SILENT)
    batches = _batches(settings, base.vocabulary, int(number))
    network = attach(base, settings.lora).network
    for weight in network.parameters():
        if weight.requires_grad:
            weight.data.normal_(0, 0.02)
    start = time.perf_counter()
    graph = TrainingGraph(network, precision)
    print(f"graph made in {time.perf_counter() - start:.1f} s")
    Compute(torch.device("cpu"), precision, "as asked").lighten(network)
    network.train()
    spent: dict[str, list[float]] = {"OpenVINO": [], "PyTorch": []}
    for batch in [batches[0], *batches, *batches]:
        begun = time.perf_counter()
        nats, ours = graph.gradients(batch.ids, batch.attention, batch.scored, batch.shared)
        between = time.perf_counter()
        loss, theirs = _by_pytorch(network, graph.weights, batch, precision)
        spent["OpenVINO"].append(between - begun)
        spent["PyTorch"].append(time.perf_counter() - between)
        pairs = zip(ours, theirs, strict=True)
        apart = statistics.median(float((a - b).norm() / b.norm()) for a, b in pairs)
        print(
            f"{tuple(batch.ids.shape)}: loss {nats:.2f} and {loss:.2f}, gradients differ by "
            f"{apart:.1e}; {spent['OpenVINO'][-1]:.3f} and {spent['PyTorch'][-1]:.3f} s"
        )
    # The first round compiles what each shape needs.
    rounds = {name: taken[1 + len(batches) :] for name, taken in spent.items()}
    for name, taken in rounds.items():
        print(f"{name}: median {statistics.median(taken):.3f} s, {sum(taken):.1f} s a round")
    ratios = [slow / fast for fast, slow in zip(*rounds.values(), strict=True)]
    print(f"median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
