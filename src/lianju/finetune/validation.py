"""The loss of a batch, and of a whole validation set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from lianju.finetune.batches import Batch, Encoded, batch_of, share_of
from lianju.processes import ALONE, Processes
from lianju.progress import SILENT, Reporter

_BATCH = 32
_LOW = {"bf16": torch.bfloat16, "fp16": torch.float16}


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


def summed_loss(network: Any, batch: Batch, precision: str) -> torch.Tensor:
    """Cross-entropy in nats, summed over the scored tokens of `batch`.

    Matrix products run in `precision`; the softmax is always fp32.
    Logits are computed for the last `batch.keep` + 1 positions only.
    """
    with torch.autocast(batch.ids.device.type, _LOW.get(precision), enabled=precision in _LOW):
        logits = last_logits(network, batch)
    scored = batch.scored[:, -batch.keep :]
    return torch.nn.functional.cross_entropy(
        logits[:, :-1][scored].float(), batch.ids[:, -batch.keep :][scored], reduction="sum"
    )


def last_logits(network: Any, batch: Batch) -> torch.Tensor:
    """Logits of the last `batch.keep` + 1 positions of every row.

    What all rows begin with goes through the network once, with the gradients of all. A batch
    without padding goes without a mask, which is the same and faster.
    """
    ids, cache = batch.ids, None
    if batch.shared:
        first = network(input_ids=ids[:1, : batch.shared], use_cache=True, logits_to_keep=1)
        cache = first.past_key_values
        cache.batch_repeat_interleave(len(ids))
        ids = ids[:, batch.shared :]
    logits: torch.Tensor = network(
        input_ids=ids,
        attention_mask=batch.attention if batch.padded else None,
        past_key_values=cache,
        use_cache=cache is not None,
        logits_to_keep=batch.keep + 1,
    ).logits
    return logits


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
    batches = [ordered[start : start + _BATCH] for start in range(0, len(ordered), _BATCH)]
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
