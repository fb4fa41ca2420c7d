"""The couplets that systems are evaluated on, by name.

`hw5`: the homework's 15 test couplets with their ground truths. `heldout`: 500 poems that no
recipe trains on, the validation poems of a run. `legal`: 600 poems whose couplet can open
regulated verse, which share no line with any of those or with the training poems.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Literal, get_args

from lianju.corpus import (
    Example,
    large_corpus,
    legal_poems,
    line_keys,
    split,
    test_set,
    training_corpus,
)
from lianju.errors import UserError
from lianju.progress import SILENT, Reporter

Name = Literal["hw5", "heldout", "legal"]
NAMES: tuple[Name, ...] = get_args(Name)


def suite(name: str, n: int | None = None, reporter: Reporter = SILENT) -> list[Example]:
    """The first `n` couplets of a suite, or all: each with the real continuation.

    A smaller `n` gives the first of a larger one. Raises `UserError` for an unknown name, for more
    than there are, and where the poems cannot be had.
    """
    if name not in NAMES:
        raise UserError(f"no suite {name!r}: give one of {', '.join(NAMES)}")
    examples = test_set() if name == "hw5" else _unseen(name, reporter)
    if n is not None and not 1 <= n <= len(examples):
        raise UserError(f"the suite {name} has {len(examples)} couplets, not {n}")
    return list(examples[:n])


def couplets_digest(examples: Sequence[Example]) -> str:
    """Twelve digits that change with the couplets, their continuations, or their order."""
    text = "\n".join(example.text for example in examples)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@cache
def _unseen(name: str, reporter: Reporter) -> list[Example]:
    large = large_corpus(reporter)
    training, test = training_corpus(reporter=reporter), test_set()
    parts = split(training, test, large)
    if name == "heldout":
        return parts.validation
    seen = [*training.examples, *parts.validation, *test]
    return legal_poems(large, set().union(*(line_keys(example.text) for example in seen)))
