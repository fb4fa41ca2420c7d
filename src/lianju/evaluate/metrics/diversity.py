"""How unlike each other the poems of a set are, at a fixed number of poems and a fixed length.

More poems, or longer ones, repeat more: numbers of two sets compare only at the same number and
the same length. So everything is taken on so many poems at a time, each cut to its first ten Han
characters; poems with fewer are left out.
"""

import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, zip_longest
from statistics import fmean

from lianju.evaluate.statistics import NOTHING, Figure, halves, share
from lianju.verse import is_han

LENGTH = 10
_ROUNDS = 20
_ORDERS = (1, 2, 3, 4)
# What stands for no match at all: method 1 of Chen and Cherry, WMT 2014, as Texygen has it.
_EPSILON = 0.1


def diversity_figures(groups: Sequence[Sequence[str]], number: int) -> dict[str, Figure]:
    """Figures on the poems of each couplet: distinct_1 and _2, self_bleu, compression, collapse.

    All but `collapse`, which is taken on all poems, are means over random halves of the couplets.
    The poems of a half are taken in turn, the first of each couplet before the second of any, and
    measured `number` at a time. Without a value where a half has fewer, or `number` is below two:
    a poem is no variation on itself.
    """
    cut = [[text for poem in group if len(text := _cut(poem)) == LENGTH] for group in groups]

    def on_halves(measure: Callable[[Sequence[str]], float]) -> Figure:
        def of_half(half: Sequence[int]) -> float | None:
            sets = list(_sets([cut[index] for index in half], number))
            return fmean(map(measure, sets)) if sets else None

        if number < 2:
            return NOTHING

        return halves(len(cut), of_half, _ROUNDS)

    return {
        "distinct_1": _capped(on_halves(lambda texts: distinct(texts, 1))),
        "distinct_2": _capped(on_halves(lambda texts: distinct(texts, 2))),
        "self_bleu": _capped(on_halves(self_bleu)),
        "compression": on_halves(compression),
        "collapse": collapse(groups),
    }


def _capped(figure: Figure) -> Figure:
    """With an interval that keeps to what a number of at most 1 can be."""
    if figure.high is None:
        return figure
    return figure.model_copy(update={"high": min(1.0, figure.high)})


def beginning(text: str) -> str:
    """The first two Han characters of a poem; fewer where it has fewer."""
    return _han(text)[:2]


def distinct(texts: Sequence[str], order: int) -> float:
    """Different n-grams of characters as a share of all: distinct-n.

    Li et al., A Diversity-Promoting Objective Function, NAACL 2016; they divide by the number of
    tokens, here it is that of n-grams, so that 1 is "no n-gram twice" for every n.
    """
    grams = list(chain.from_iterable(_grams(text, order) for text in texts))
    return len(set(grams)) / len(grams)


def self_bleu(texts: Sequence[str]) -> float:
    """The mean BLEU-4 on characters of each text with all the others as references, 0 to 1.

    Zhu et al., Texygen, SIGIR 2018. A precision of 0 becomes 0.1 matches (`_EPSILON`), but a text
    that has no character of the others scores 0. All texts are of one length: none is too brief.
    """
    scores = [1.0] * len(texts)
    for order in _ORDERS:
        counts = [Counter(_grams(text, order)) for text in texts]
        most = _two_most(counts)
        for index, own in enumerate(counts):
            matched: float = sum(min(n, most[gram][most[gram][0] == n]) for gram, n in own.items())
            if order > 1 and not matched:
                matched = _EPSILON
            scores[index] *= (matched / own.total()) ** (1 / len(_ORDERS))
    return fmean(scores)


def _two_most(counts: Sequence[Counter[str]]) -> dict[str, tuple[int, int]]:
    """How often a text has each n-gram, at most and, among the others, at most.

    A text that has it most often is compared with the second, any other with the first.
    """
    most: dict[str, tuple[int, int]] = {}
    for own in counts:
        for gram, n in own.items():
            first, second = most.get(gram, (0, 0))
            most[gram] = (n, first) if n > first else (first, max(second, n))
    return most


def compression(texts: Sequence[str]) -> float:
    """How many times smaller the texts are when zlib has packed them: more is more repetition.

    Shaib et al., Standardizing the Measurement of Text Diversity, 2024: bytes of the texts, one a
    line, in UTF-8, over bytes packed.
    """
    data = "\n".join(texts).encode()
    return len(data) / len(zlib.compress(data, 9))


def collapse(groups: Sequence[Sequence[str]]) -> Figure:
    """The share of poems that begin with the two characters with which most of them begin."""
    openings = [[beginning(text) for text in group] for group in groups]
    found = Counter(chain.from_iterable(openings))
    top = max(found, key=lambda opening: found[opening], default="")
    return share([[opening == top for opening in group] for group in openings])


def _sets(groups: Sequence[Sequence[str]], number: int) -> Iterator[list[str]]:
    """Whole sets of `number` poems, taken from the couplets in turn."""
    turns = chain.from_iterable(zip_longest(*groups))
    texts = [text for text in turns if text is not None]
    for start in range(0, len(texts) - number + 1, number):
        yield texts[start : start + number]


def _cut(text: str) -> str:
    return _han(text)[:LENGTH]


def _han(text: str) -> str:
    return "".join(filter(is_han, text))


def _grams(text: str, order: int) -> Iterator[str]:
    return (text[start : start + order] for start in range(len(text) - order + 1))
