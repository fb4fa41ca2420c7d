"""The loss of a whole validation set, of which each process takes its share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from lianju.likelihood import Encoded, summed_loss
from lianju.model import VALIDATED
from lianju.progress import SILENT, Reporter
from lianju.training.batches import batch_of, share_of
from lianju.training.processes import ALONE, Processes


@dataclass(frozen=True)
class Loss:
    """Summed negative log-likelihood of completions, in nats, the stop token included."""

    nats: float
    tokens: int
    characters: int
    poems: int

    @property
    def per_character(self) -> float:
        """Nats a character of the text, punctuation counted, the stop token not.

        Comparable between tokenizers, which loss a token is not.
        """
        return self.nats / self.characters


@torch.no_grad()
def validation_loss(
    network: Any,
    items: Sequence[Encoded],
    pad: int,
    precision: str,
    reporter: Reporter = SILENT,
    name: str = "Validating",
    processes: Processes = ALONE,
    share: bool = True,
) -> Loss:
    """The loss of `network`, in eval mode meanwhile, over all `items`, of which each process
    takes its share. For `share` see `batch_of`.
    """
    was_training, device = network.training, next(network.parameters()).device
    network.eval()
    nats = 0.0
    ordered = sorted(range(len(items)), key=lambda index: items[index].length)
    batches = [ordered[start : start + VALIDATED] for start in range(0, len(ordered), VALIDATED)]
    mine = share_of(batches, processes.rank, processes.count)
    with reporter.task(name, sum(map(len, mine))) as task:
        for part in mine:
            batch = batch_of(items, part, pad, share).to(device)
            nats += summed_loss(network, batch, precision).item()
            task.advance(len(part))
    network.train(was_training)
    return Loss(
        processes.sum(nats),
        sum(len(item.completion) for item in items),
        sum(item.characters for item in items),
        len(items),
    )
