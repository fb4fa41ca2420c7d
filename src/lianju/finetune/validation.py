"""The loss of a batch, and of a whole validation set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from lianju.finetune.batches import Batch, Encoded, collate
from lianju.progress import SILENT, Reporter

_BATCH = 32


@dataclass(frozen=True)
class Loss:
    """Summed negative log-likelihood of completions, in nats, the stop token included."""

    nats: float
    tokens: int
    characters: int
    poems: int

    @property
    def per_token(self) -> float:
        """Nats a token."""
        return self.nats / self.tokens

    @property
    def per_character(self) -> float:
        """Nats a character of the text, punctuation counted, the stop token not.

        Comparable between tokenizers, which loss a token is not.
        """
        return self.nats / self.characters


def summed_loss(network: Any, batch: Batch, precision: str) -> torch.Tensor:
    """Cross-entropy in nats, summed over the scored tokens of `batch`.

    Matrix products run in `precision` ("fp32" or "bf16"); the softmax is always fp32.
    Logits are computed for the last `batch.keep` + 1 positions only. A batch without padding
    goes without a mask, which is the same and faster.
    """
    mask = None if bool(batch.attention.all()) else batch.attention
    bf16 = precision == "bf16"
    with torch.autocast(batch.ids.device.type, torch.bfloat16, enabled=bf16):
        logits = network(
            input_ids=batch.ids,
            attention_mask=mask,
            use_cache=False,
            logits_to_keep=batch.keep + 1,
        ).logits
    scored = batch.scored[:, -batch.keep :]
    return torch.nn.functional.cross_entropy(
        logits[:, :-1][scored].float(), batch.ids[:, -batch.keep :][scored], reduction="sum"
    )


@torch.no_grad()
def validation_loss(
    network: Any,
    items: Sequence[Encoded],
    pad: int,
    precision: str,
    reporter: Reporter = SILENT,
    name: str = "Validating",
) -> Loss:
    """The loss of `network`, in eval mode meanwhile, over all `items`."""
    was_training, device = network.training, next(network.parameters()).device
    network.eval()
    nats = 0.0
    ordered = sorted(items, key=lambda item: item.length)
    with reporter.task(name, len(items)) as task:
        for start in range(0, len(ordered), _BATCH):
            part = ordered[start : start + _BATCH]
            nats += summed_loss(network, collate(part, pad).to(device), precision).item()
            task.advance(len(part))
    network.train(was_training)
    return Loss(
        nats,
        sum(len(item.completion) for item in items),
        sum(item.characters for item in items),
        len(items),
    )
