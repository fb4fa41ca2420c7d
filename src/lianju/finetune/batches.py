"""From examples to batches: encoding, the plan of an epoch, padding.

Poems have four lengths, so batches are cut from poems sorted by length and hold almost no
padding; short and long batches alternate.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import torch

from lianju.corpus import Example
from lianju.errors import UserError
from lianju.model import Vocabulary
from lianju.prompt import render, render_completion

# As many as there are lengths of poems.
_QUARTERS = 4


@dataclass(frozen=True)
class Encoded:
    """An example as ids. `completion` ends in the stop token; `characters` counts its text."""

    prompt: list[int]
    completion: list[int]
    characters: int

    @property
    def length(self) -> int:
        """Tokens of prompt and completion together."""
        return len(self.prompt) + len(self.completion)


@dataclass(frozen=True)
class Batch:
    """Right-padded tensors. `scored` marks, in `ids[:, 1:]`, the tokens that the loss covers.

    `keep` is how many last positions hold all scored predictions.
    """

    ids: torch.Tensor
    attention: torch.Tensor
    scored: torch.Tensor
    keep: int

    def to(self, device: torch.device) -> "Batch":
        """The same batch on `device`."""
        return Batch(
            self.ids.to(device), self.attention.to(device), self.scored.to(device), self.keep
        )


def encode(
    examples: Sequence[Example], style: str, vocabulary: Vocabulary, cutoff: int
) -> list[Encoded]:
    """Examples as ids, in order.

    Raises `UserError`, naming the example, where a completion is empty or an example has more
    than `cutoff` tokens: nothing is truncated, and nothing trained on nothing.
    """
    encoded = []
    for example in examples:
        item = Encoded(
            render(style, vocabulary, example.couplet),
            render_completion(vocabulary, example.completion),
            len(example.completion),
        )
        if not example.completion:
            raise UserError(f"{example.source} has an empty completion: nothing to train on")
        if item.length > cutoff:
            raise UserError(
                f"{example.source} has {item.length} tokens, more than train.cutoff {cutoff}: "
                "raise the cutoff or drop the poem"
            )
        encoded.append(item)
    return encoded


def plan(
    lengths: Sequence[int], batch_size: int, accumulation: int, epochs: int, seed: int
) -> list[list[list[int]]]:
    """Which examples each step sees: steps of micro-batches of indices.

    A pure function of its arguments, so a resumed run goes on with the same batches. Each
    epoch sees every example once. A micro-batch holds `batch_size` examples of nearly equal
    length, and each four in a row cover short, middling and long ones: a model that saw one
    length for many steps would forget how to count the others. The last may hold fewer.
    """
    steps = []
    for epoch in range(epochs):
        draw = random.Random(f"{seed}/{epoch}")
        order = list(range(len(lengths)))
        draw.shuffle(order)
        order.sort(key=lambda index: lengths[index])
        micro = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
        micro = _spread(micro, draw)
        steps += [
            micro[start : start + accumulation] for start in range(0, len(micro), accumulation)
        ]
    return steps


def _spread(batches: list[list[int]], draw: random.Random) -> list[list[int]]:
    """`batches`, sorted by length, in an order that takes from each quarter in turn."""
    size = math.ceil(len(batches) / _QUARTERS)
    quarters = [batches[start : start + size] for start in range(0, len(batches), size)]
    for quarter in quarters:
        draw.shuffle(quarter)
    order = []
    for turn in zip_longest(*quarters):
        present = [batch for batch in turn if batch is not None]
        draw.shuffle(present)
        order += present
    return order


def collate(items: Sequence[Encoded], pad: int) -> Batch:
    """Pad `items` on the right to the longest of them."""
    width = max(item.length for item in items)
    ids = torch.full((len(items), width), pad)
    attention = torch.zeros(len(items), width, dtype=torch.long)
    scored = torch.zeros(len(items), width - 1, dtype=torch.bool)
    for row, item in enumerate(items):
        ids[row, : item.length] = torch.tensor(item.prompt + item.completion)
        attention[row, : item.length] = 1
        scored[row, len(item.prompt) - 1 : item.length - 1] = True
    keep = width - min(len(item.prompt) for item in items)
    return Batch(ids, attention, scored, keep)
