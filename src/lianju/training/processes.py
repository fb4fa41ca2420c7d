"""Several processes that train one model, as `torchrun` and `accelerate launch` start them.

The main process decides, writes and speaks. The others take part in fine-tuning, and learn
from it all they need, so that they may run on machines that share no folder with it. What is
told here goes between CPUs, whatever device computes.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

# The others wait for all that the main process does alone. One that dies is noticed at once.
_PATIENCE = timedelta(days=1)


@dataclass(frozen=True)
class Processes:
    """All `count` processes of a run, seen by the one of number `rank`; 0 is the main one.

    Every method must be called by all of them, in the same order.
    """

    rank: int = 0
    count: int = 1

    @property
    def main(self) -> bool:
        """Whether this is the process that decides, writes and speaks."""
        return self.rank == 0

    def share(self, value: Any = None) -> Any:
        """The main process's `value`, which must be one that JSON can hold, on every process."""
        if self.count == 1:
            return value
        text = bytearray(json.dumps(value).encode() if self.main else b"")
        size = torch.tensor([len(text)])
        dist.broadcast(size, 0)
        sent = torch.frombuffer(text, dtype=torch.uint8) if self.main else _bytes(int(size))
        dist.broadcast(sent, 0)
        return value if self.main else json.loads(sent.numpy().tobytes())

    def sum(self, value: float) -> float:
        """The sum of every process's `value`."""
        if self.count == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64)
        dist.all_reduce(total)
        return total.item()

    def any(self, flag: bool) -> bool:
        """Whether `flag` is set on some process."""
        return self.sum(float(flag)) > 0

    def gather(self, row: torch.Tensor) -> torch.Tensor:
        """The equally long `row` of every process on a CPU, in the order of their numbers."""
        rows = [torch.empty_like(row) for _ in range(self.count)]
        if self.count == 1:
            return row[None]
        dist.all_gather(rows, row)
        return torch.stack(rows)

    def part(self) -> None:
        """End the company: from here on each process goes its own way."""
        if self.count > 1:
            dist.destroy_process_group()


ALONE = Processes()


@contextmanager
def together() -> Iterator[Processes]:
    """Join the processes that were started with this one, if any, for the length of the body.

    Where one of them fails, all fail, and its exception alone is raised; the others exit
    with 1 and say nothing. Ctrl-C is for the main one to speak of.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield ALONE
        return
    store, rank, _ = next(rendezvous("env://"))
    gpus = torch.cuda.is_available()
    if gpus:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    backend = "cpu:gloo,cuda:nccl" if gpus else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=_PATIENCE)
    try:
        yield Processes(rank, count)
    except KeyboardInterrupt:
        if rank > 0:
            raise SystemExit(130) from None
        raise
    except Exception:
        # Whoever fails later fails because the first one has gone.
        if store.add("lianju/failures", 1) > 1:
            raise SystemExit(1) from None
        raise


def _bytes(size: int) -> torch.Tensor:
    return torch.empty(size, dtype=torch.uint8)
