"""How much of the real poem stands in a completion: recall of a known poem, not quality.

Poets do not agree either: what a second good poet would write shares hardly a character with
what the first one wrote.
"""

from collections import Counter

from lianju.corpus import key
from lianju.evaluate.schema import Mark

_ORDERS = range(1, 7)
_BETA = 2


def overlap_marks(text: str, truth: str | None) -> dict[str, Mark]:
    """`recall_f1` and `recall_chrf` against the real continuation; None where it is not known.

    Punctuation plays no part, and variants of a character are the same one (`corpus.key`).
    """
    if truth is None:
        return {"recall_f1": None, "recall_chrf": None}
    ours, theirs = key(text), key(truth)
    return {"recall_f1": character_f1(ours, theirs), "recall_chrf": chrf(ours, theirs)}


def character_f1(ours: str, theirs: str) -> float:
    """F1 of the characters of two texts, in whatever order they stand; 0 to 1."""
    shared = (Counter(ours) & Counter(theirs)).total()
    return 2 * shared / (len(ours) + len(theirs)) if shared else 0.0


def chrf(ours: str, theirs: str) -> float:
    """chrF2 of two texts, 0 to 1: Popović, chrF, WMT 2015, with n to 6 and beta 2.

    As sacreBLEU's: precision and recall are means over the n for which both texts have n-grams.
    """
    scores = []
    for order in _ORDERS:
        grams, known = _grams(ours, order), _grams(theirs, order)
        if grams and known:
            shared = (grams & known).total()
            scores.append((shared / grams.total(), shared / known.total()))
    precision = sum(score[0] for score in scores)
    recall = sum(score[1] for score in scores)
    if not precision:
        return 0.0
    beta = _BETA**2
    return (1 + beta) * precision * recall / (beta * precision + recall) / len(scores)


def _grams(text: str, order: int) -> Counter[str]:
    return Counter(text[start : start + order] for start in range(len(text) - order + 1))
