"""What readers chose: whom they prefer, and how far they agree."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from lianju.errors import UserError
from lianju.evaluate.blind.reading_test import BlindKey, KeyPair
from lianju.evaluate.pairs import PairResult, Preference, preference
from lianju.evaluate.statistics import Figure, share
from lianju.files import read_as

Preferred = Literal["left", "right", "same"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ReaderChoices(_Part):
    """The file that a reader sends back."""

    kind: Literal["lianju-blind-choices"]
    version: Literal[1]
    digest: str
    reader: str
    made: str
    choices: list[Preferred]
    """In the page's order; fewer than its pairs where the reader stopped."""


class Reader(_Part):
    """One reader."""

    name: str
    """The file."""
    preference: Preference
    left: Figure
    """Of choices for a poem, the share for the one on the left; 0.5: no preference for a side."""


class Agreement(_Part):
    """How far readers agree on the pairs that several have read."""

    same: Figure
    """The share of pairs of readers who chose alike, over all pairs of poems that both read."""
    alpha: float | None
    """1: always; 0: as by chance. Krippendorff's alpha, nominal; None if only one choice occurs.

    K. Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011.
    """


class ReadPair(_Part):
    """One pair and how many chose what."""

    suite: str
    couplet: str
    first: str
    second: str
    chosen: dict[PairResult, int]


class BlindResult(_Part):
    """The first system against the second, in readers' opinion."""

    labels: tuple[str, str]
    together: Preference
    """By pairs: what most of a pair's readers chose, a tie where as many chose either."""
    readers: list[Reader]
    agreement: Agreement | None
    """None where no pair was read by two."""
    pairs: list[ReadPair]


def blind_results(files: Sequence[Path], key_file: Path) -> BlindResult:
    """Read the choices of one or more readers with the key of their page.

    Raises `UserError` for files that are no choices, were made on another page, or are of one
    reader twice.
    """
    key = read_as(BlindKey, key_file, "give the key of a reading test, blind-key.json")
    readers = _readers(files, key)
    votes = [
        [(number, _outcome(key.pairs[number], choice)) for number, choice in enumerate(one.choices)]
        for one in readers
    ]
    by_pair: list[list[PairResult]] = [[] for _ in key.pairs]
    for number, outcome in (vote for reader in votes for vote in reader):
        by_pair[number].append(outcome)
    return BlindResult(
        labels=key.labels,
        together=preference([_majority(outcomes) for outcomes in by_pair if outcomes]),
        readers=[
            Reader(
                name=str(path),
                preference=preference([outcome for _, outcome in reader]),
                left=share([[choice == "left"] for choice in one.choices if choice != "same"]),
            )
            for path, one, reader in zip(files, readers, votes, strict=True)
        ],
        agreement=agreement(by_pair),
        pairs=[_read_pair(pair, by_pair[number]) for number, pair in enumerate(key.pairs)],
    )


def agreement(by_pair: Sequence[Sequence[str]]) -> Agreement | None:
    """How far the choices on each pair agree, over pairs that have two or more.

    Alpha is 1 less the disagreement that was seen over that expected if the same choices fell
    on pairs by chance.
    """
    several = [choices for choices in by_pair if len(choices) > 1]
    if not several:
        return None
    totals = Counter(choice for choices in several for choice in choices)
    n = totals.total()
    expected = n * n - sum(count * count for count in totals.values())
    # Each pair weighs as many as its readers are.
    seen = sum(
        (len(choices) ** 2 - sum(count * count for count in Counter(choices).values()))
        / (len(choices) - 1)
        for choices in several
    )
    return Agreement(
        same=share([[a == b for a, b in combinations(choices, 2)] for choices in several]),
        alpha=1 - (n - 1) * seen / expected if expected else None,
    )


def _readers(files: Sequence[Path], key: BlindKey) -> list[ReaderChoices]:
    found: dict[str, Path] = {}
    readers = []
    for path in files:
        one = read_as(ReaderChoices, path, "give the choices of a reader, choices.json")
        if one.digest != key.digest:
            raise UserError(f"{path} was made on another page than this key's: give its own key")
        if len(one.choices) > len(key.pairs):
            raise UserError(f"{path} has more choices than the page has pairs")
        if one.reader in found:
            raise UserError(f"{path} is of the same reader as {found[one.reader]}: give the newer")
        if not one.choices:
            raise UserError(f"{path} holds no choice yet")
        found[one.reader] = path
        readers.append(one)
    return readers


def _outcome(pair: KeyPair, choice: Preferred) -> PairResult:
    if choice == "same":
        return "tie"
    if choice == "left":
        return pair.left
    return "second" if pair.left == "first" else "first"


def _majority(outcomes: Sequence[PairResult]) -> PairResult:
    lead = sum((outcome == "first") - (outcome == "second") for outcome in outcomes)
    return "first" if lead > 0 else "second" if lead < 0 else "tie"


def _read_pair(pair: KeyPair, outcomes: Sequence[PairResult]) -> ReadPair:
    return ReadPair(
        suite=pair.suite,
        couplet=pair.couplet,
        first=pair.first,
        second=pair.second,
        chosen=dict(Counter(outcomes)),
    )
