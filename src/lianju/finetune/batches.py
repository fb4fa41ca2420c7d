"""From examples to batches: encoding, the plan of an epoch, padding.

Batches are cut from poems of similar length, so that little is padded.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import torch

from lianju.corpus import Example
from lianju.errors import UserError
from lianju.model import Vocabulary
from lianju.prompt import render, render_completion

_SPREAD = 1.4
# A prefix shorter than this is not worth a pass of its own.
_PREFIX = 16


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

    `keep` is how many last positions hold all scored predictions. `padded`: whether any position is
    padding. The first `shared` positions are the same in every row, and need computing only once.
    """

    ids: torch.Tensor
    attention: torch.Tensor
    scored: torch.Tensor
    keep: int
    padded: bool
    shared: int = 0

    def to(self, device: torch.device) -> "Batch":
        """The same batch on `device`."""
        return replace(
            self,
            ids=self.ids.to(device),
            attention=self.attention.to(device),
            scored=self.scored.to(device),
        )

    @property
    def computed(self) -> int:
        """How many positions go through the network, padding left out."""
        return int(self.attention.sum()) - self.shared * (len(self.ids) - 1)


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
    epoch sees every example once. A micro-batch holds `batch_size` examples of one bucket of
    similar lengths, see `_buckets`, and the buckets take turns. The last ones may hold fewer.
    """
    steps = []
    for epoch in range(epochs):
        draw = random.Random(f"{seed}/{epoch}")
        placed = []
        for bucket in _buckets(lengths):
            draw.shuffle(bucket)
            parts = [bucket[at : at + batch_size] for at in range(0, len(bucket), batch_size)]
            # Spread evenly over the epoch, whatever the number of batches in the other buckets.
            placed += [((at + draw.random()) / len(parts), part) for at, part in enumerate(parts)]
        micro = [part for _, part in sorted(placed)]
        steps += [micro[at : at + accumulation] for at in range(0, len(micro), accumulation)]
    return steps


def _buckets(lengths: Sequence[int]) -> list[list[int]]:
    """Indices in buckets whose longest example is at most `_SPREAD` times the shortest.

    Poems of four lines, of five and of seven characters, share one, and so do those of eight.
    The padding that this costs, some 12%, buys batches that show both lengths of line, from
    which the model learns sooner to count (docs/log.md, 2026-11-22).
    """
    buckets: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: lengths[index]):
        if not buckets or lengths[index] > _SPREAD * lengths[buckets[-1][0]]:
            buckets.append([])
        buckets[-1].append(index)
    return buckets


def share_of(micro_batches: list[list[int]], rank: int, count: int) -> list[list[int]]:
    """What process `rank` of `count` computes of `micro_batches`: whole ones if there are enough.

    Together they see every example once. Each gets as many batches as any other, for all must
    take part in every pass; so some may be empty.
    """
    pieces = math.ceil(count / len(micro_batches))
    parts = [micro[piece::pieces] for micro in micro_batches for piece in range(pieces)]
    parts += [[]] * (-len(parts) % count)
    return parts[rank::count]


def batch_of(
    items: Sequence[Encoded], indices: Sequence[int], pad: int, share: bool = True
) -> Batch:
    """The batch of `indices`; without any, one that computes as others do and scores nothing.

    Without `share`, what all rows begin with is computed for each of them.
    """
    batch = collate([items[index] for index in indices or (0,)], pad)
    if not indices:
        batch.scored.zero_()
    return batch if share else replace(batch, shared=0)


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
    padded = any(item.length < width for item in items)
    return Batch(ids, attention, scored, keep, padded, _shared([item.prompt for item in items]))


def _shared(prompts: list[list[int]]) -> int:
    """How many ids all prompts begin with, the last of each left out, if that is many."""
    # The first prediction that is scored is made at a prompt's last token.
    columns = zip(*(prompt[:-1] for prompt in prompts), strict=False)
    common = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
    return common if len(prompts) > 1 and common >= _PREFIX else 0
