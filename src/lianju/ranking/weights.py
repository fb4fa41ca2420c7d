"""The weights of the features, and the numbers that they give."""

import json
import math
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple

from lianju.ranking.poem_features import features

# Less than any lines of verse can have.
_SHAPELESS = -1e6
# Characters of a line that can be rated.
RATED_LENGTHS = (5, 7)


class _Stage(NamedTuple):
    """What was learned of so many couplets of a poem: weights, a constant, and the mean and the
    standard deviation of the log-odds of what the model writes.
    """

    weights: dict[str, float]
    constant: float
    mean: float
    spread: float


def rating(couplet: Sequence[str], lines: Sequence[str]) -> float:
    """How far `lines` stand out, after the two of `couplet`, from what the reference model writes.

    Their `log_odds` in standard deviations above the mean of the model's own poems of that length:
    0 is usual for it, and some 1 to 2 are a poet's. It compares continuations of one couplet. A
    million below nought where the lines are not all of five or all of seven characters, or no
    whole couplets.
    """
    if not _even(couplet, lines):
        return _SHAPELESS
    stage = _stage(len(lines) // 2, len(lines) // 2)
    return (log_odds(couplet, lines) - stage.mean) / stage.spread


def log_odds(couplet: Sequence[str], lines: Sequence[str], last: int | None = None) -> float:
    """How sure one can be that a poet and not the model wrote `lines` after the two of `couplet`,
    if both were as likely before: log p / (1 - p), in nats.

    `last`: how many lines the poem is to have, where `lines` is only its beginning, some couplets.
    A million below nought where `rating` is.
    """
    if not _even(couplet, lines):
        return _SHAPELESS
    last = last or len(lines) + 2
    stage = _stage(len(lines) // 2, last // 2 - 1)
    shown = features(couplet, lines, last)
    return stage.constant + math.fsum(
        weight * shown[name] for name, weight in stage.weights.items()
    )


def _even(couplet: Sequence[str], lines: Sequence[str]) -> bool:
    """Whether all are of five or all of seven characters, two and some couplets more."""
    couplets = len(couplet) == 2 and len(lines) > 0 and len(lines) % 2 == 0
    length = len(couplet[0]) if couplet else 0
    return (
        couplets
        and length in RATED_LENGTHS
        and all(len(line) == length for line in (*couplet, *lines))
    )


def _stage(written: int, wanted: int) -> _Stage:
    """That of so many new couplets, of so many."""
    if wanted == 1:
        return _stages()["1/1"]
    return _stages()["3/3" if written == wanted else f"{min(written, 2)}/3"]


@cache
def _stages() -> dict[str, _Stage]:
    text = (resources.files(__package__) / "data" / "weights.json").read_text(encoding="utf-8")
    return {name: _Stage(**stage) for name, stage in json.loads(text)["stages"].items()}
