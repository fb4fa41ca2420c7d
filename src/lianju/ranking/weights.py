"""The weights of the features, and the order that they give."""

import json
import math
from collections.abc import Sequence
from functools import cache
from importlib import resources

from lianju.ranking.poem_features import features

# What lines are rated that are not all of five or all of seven characters: less than any others.
_SHAPELESS = -1e6
_LENGTHS = ({5}, {7})


def rating(couplet: Sequence[str], lines: Sequence[str], last: int | None = None) -> float:
    """How sure one can be that a poet and not the model wrote `lines` after the two of `couplet`.

    In nats, a log-odds, up to a constant: it compares with those of as many lines after the same
    couplet. `last`: how many lines the poem is to have, where `lines` is only its beginning, some
    couplets. A million below nought, and less, where the lines are not all of five or all of seven
    characters, and where there are not some couplets of them.
    """
    even = len(couplet) == 2 and lines and len(lines) % 2 == 0
    if not even or {len(line) for line in (*couplet, *lines)} not in _LENGTHS:
        return _SHAPELESS - 1 / (1 + len(lines))
    last = last or len(lines) + 2
    weights = _weights()[_stage(len(lines) // 2, last // 2 - 1)]
    shown = features(couplet, lines, last)
    return math.fsum(weight * shown[name] for name, weight in weights.items())


def _stage(written: int, wanted: int) -> str:
    """Of which poems the weights were learned: so many new couplets, of so many."""
    if wanted == 1:
        return "1/1"
    return "3/3" if written == wanted else f"{min(written, 2)}/3"


@cache
def _weights() -> dict[str, dict[str, float]]:
    text = (resources.files(__package__) / "data" / "weights.json").read_text(encoding="utf-8")
    stages: dict[str, dict[str, float]] = json.loads(text)["weights"]
    return stages
