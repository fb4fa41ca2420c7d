"""A network on several processes: copied (DDP) or divided (FSDP2), and its weights made whole."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from lianju.training.processes import Processes


def spread(network: Any, device: torch.device, processes: Processes, sharding: bool) -> Any:
    """`network` as it computes together with the other processes.

    Their gradients are averaged. With `sharding` each process holds its part of every weight;
    the network may then lie on the CPU before.
    """
    if processes.count == 1:
        return network
    if not sharding:
        return DistributedDataParallel(network, broadcast_buffers=False)
    options: dict[str, Any] = {"mesh": init_device_mesh(device.type, (processes.count,))}
    # What transformers would not split is what is gathered at a time: the layers.
    layers = [m for m in network.modules() if type(m).__name__ in network._no_split_modules]
    for module in [*layers, network]:
        # The outermost, too: between steps no weight is whole.
        fully_shard(module, **options, reshard_after_forward=True)
    return network


def apart(network: Any) -> AbstractContextManager[Any]:
    """Within, a backward pass keeps its gradients to itself; a later one sums them all up."""
    # Gathering only once would hold the gradients of all weights whole where they are divided.
    return network.no_sync() if isinstance(network, DistributedDataParallel) else nullcontext()


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """A weight, its gradient's norm or its optimizer's state, with the parts of all processes."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


@torch.no_grad()
def fill(target: torch.Tensor, source: torch.Tensor | None, processes: Processes) -> None:
    """Copy `source`, whole and on the main process, into everybody's `target`."""
    if isinstance(target, DTensor):
        given = torch.empty(target.shape, dtype=target.dtype, device=target.device)
        if source is not None:
            given.copy_(source)
        target.copy_(distribute_tensor(given, target.device_mesh, target.placements))
        return
    if source is not None:
        target.copy_(source)
    if processes.count > 1:
        dist.broadcast(target, 0)


@torch.no_grad()
def settle(network: Any, weights: dict[str, torch.Tensor]) -> None:
    """Put `weights`, by name and whole, into `network`, on the main process alone.

    A weight that was divided is replaced: the network can be written then, but not compute.
    """
    places = {id(weight): name for name, weight in network.named_parameters() if name in weights}
    replaced: dict[str, nn.Parameter] = {}
    for module in network.modules():
        for key, weight in list(module.named_parameters(recurse=False)):
            name = places.get(id(weight))
            if name is None:
                continue
            if isinstance(weight, DTensor):
                # Tied weights stay tied.
                replaced.setdefault(name, nn.Parameter(weights[name]))
                setattr(module, key, replaced[name])
            else:
                weight.copy_(weights[name])
