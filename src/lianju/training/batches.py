"""Which examples each step sees: the plan of an epoch, and its batches.

Batches are cut from poems of similar length, so that little is padded.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import replace

from lianju.likelihood import Encoded, TokenBatch, collate

_SPREAD = 1.4


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
) -> TokenBatch:
    """The batch of `indices`; without any, one that computes as others do and scores nothing.

    Without `share`, what all rows begin with is computed for each of them.
    """
    batch = collate([items[index] for index in indices or (0,)], pad)
    if not indices:
        batch.scored.zero_()
    return batch if share else replace(batch, shared=0)
