"""What goes wrong in the poems of a suite: kinds of fault, and how many poems have each."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from lianju.evaluate.page_poems import Card, ShownPoem
from lianju.verse import words

_KINDS = 12


class FaultKind(NamedTuple):
    """A kind of fault: of shape, which every poem can have, or of the rules of verse."""

    name: str
    of_shape: bool


class FaultCount(NamedTuple):
    """How many poems have a fault, of those that could: all, or those that were judged."""

    poems: int
    judged: int


def fault_counts(
    cards: Sequence[Card], places: Sequence[int]
) -> list[tuple[FaultKind, list[FaultCount]]]:
    """What goes wrong in the poems of a suite, the most frequent first, by the systems' places.

    A poem counts once for each kind of fault that it has. Faults of shape are told apart by
    their words with the numbers left out, and are a share of all poems; faults of rhyme and tone
    are a share of the poems judged on them: of right shape, after a couplet that can be judged.
    """
    sides = [side for card in cards for side in card.sides]
    poems = [[one for side in sides if side.place == at for one in side.written] for at in places]
    counts = [Counter(kind for one in part for kind in _kinds(one)) for part in poems]
    total = sum(counts, Counter[FaultKind]())
    pairs = list(zip(counts, poems, strict=True))
    return [
        (kind, [FaultCount(count[kind], _judged(part, kind)) for count, part in pairs])
        for kind in sorted(total, key=lambda kind: (-total[kind], kind))[:_KINDS]
    ]


def _kinds(written: ShownPoem) -> set[FaultKind]:
    """ "a line of the wrong length 字數不合", of shape; "off the rhyme 落韻", of rule."""
    if written.verdict is None:
        fault = written.poem.marks.get("fault")
        return {FaultKind(_of_shape(fault), of_shape=True)} if isinstance(fault, str) else set()
    said = (words.fault_words(written.verdict, one, "en") for one in written.faults)
    # "落韻 off the rhyme, line 4, …"
    rules = (sentence.split(",")[0].partition(" ") for sentence in said)
    return {FaultKind(f"{english} {chinese}", of_shape=False) for chinese, _, english in rules}


def _of_shape(fault: str) -> str:
    if re.fullmatch(r"line \d+ has \d+ characters, not \d+", fault):
        return "a line of the wrong length 字數不合"
    return f"shape: {re.sub('[0-9]+', 'n', fault)}"


def _judged(poems: Sequence[ShownPoem], kind: FaultKind) -> int:
    return sum(kind.of_shape or bool(one.verdict and one.judged) for one in poems)
