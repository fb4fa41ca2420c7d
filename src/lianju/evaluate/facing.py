"""What faces what in the middle couplets of eight-line poems, and what stands beside what.

In regulated verse lines 3 and 4 are parallel 對仗, and lines 5 and 6: word faces word of its kind,
as 明月 faces 清泉. Which characters poets let face each other is counted in the middle couplets of
the corpus, variants folded by `corpus.key`. For two characters a and b

    score(a, b) = log((n(a, b) + r(a, b)) / (e(a, b) + 1))

with n how often they face each other, whichever is above, and e how often they would by chance:
pointwise mutual information, Church and Hanks, Computational Linguistics 16 (1990), with one pair
added, of which r is what it would be worth if it had to be guessed from what each of the two
faces. For that the residuals (n - e) / sqrt(d(a) d(b)), with d(a) how many characters a faces and
ten more, are cut down to rank 40, and

    r(a, b) = max(0.1, 1 + N residual(a, b) / sqrt(d(a) d(b))),    N all n together:

correspondence analysis, Greenacre, Theory and Applications of Correspondence Analysis (1984),
damped for rare characters. A character that faces itself, a classic fault, has log(0.1).

Paraphrases are made from this. `verse.parallelism` judges by what `tools/facing.py` keeps of it.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from lianju.corpus import Poem, key, large_corpus, test_set
from lianju.evaluate.metrics.parallel import eight_lines
from lianju.progress import SILENT, Reporter
from lianju.verse import lines_of

Matrix = NDArray[np.float32]

_SEEN, _DAMPING, _FLOOR = 20, 10, 0.1
_RANK, _SPARE, _ROUNDS = 40, 20, 6


class Facing:
    """What faces what in the middle couplets of some poems, and what stands beside what."""

    def __init__(self, poems: Iterable[Sequence[str]]):
        """Learn from `poems`, each of which is its eight lines: see `eight_lines`.

        `characters`: those that were seen 20 times, each as it is spelled most often. `scores` has
        a row and a column for each of them, `seen` how often each faces another.
        """
        poems = list(poems)
        above = "".join(poem[line] for poem in poems for line in (2, 4))
        below = "".join(poem[line] for poem in poems for line in (3, 5))
        self.characters = _common(above + below)
        self._places = {key(character): place for place, character in enumerate(self.characters)}
        counts = self._counted(above, below)
        counts += counts.T
        np.fill_diagonal(counts, 0)
        self.seen = counts.sum(axis=1)
        self._beside = self._counted(
            "".join(line[:-1] for poem in poems for line in poem),
            "".join(line[1:] for poem in poems for line in poem),
        )
        self.scores, self._space = _learned(counts)

    def alike(self, character: str) -> Iterator[str]:
        """The characters that face what `character` faces, those most like it first.

        By the cosine of their places in the space of rank 40; none if it was seen too seldom.
        """
        place = self._place(character)
        if place < len(self.characters):
            for other in np.argsort(-(self._space @ self._space[place]), kind="stable"):
                if other != place:
                    yield self.characters[other]

    def beside(self, first: str, second: str) -> int:
        """How often `second` follows on `first` within a line."""
        place, after = self._place(first), self._place(second)
        known = max(place, after) < len(self.characters)
        return int(self._beside[place, after]) if known else 0

    def _place(self, character: str) -> int:
        """Its row in the tables; one past their end if it was seen too seldom."""
        return self._places.get(key(character), len(self._places))

    def _at(self, line: str) -> list[int]:
        """The rows of Han characters."""
        places = self._places
        return [places.get(character, len(places)) for character in key(line)]

    def _counted(self, first: str, second: str) -> Matrix:
        size = len(self._places) + 1
        counts = np.zeros((size, size), np.float32)
        np.add.at(counts, (self._at(first), self._at(second)), 1)
        return counts[:-1, :-1]


def learn_facing(reporter: Reporter = SILENT) -> Facing:
    """What the large corpus teaches, without its held-out poems; takes two seconds."""
    return Facing(learnable(large_corpus(reporter)))


def learnable(poems: Sequence[Poem]) -> Iterator[tuple[str, ...]]:
    """The lines of the eight-line poems to learn from.

    Left out are those that are `held_out` or share a line with one that is, or with the
    homework's test set.
    """
    eight = [(held_out(poem), lines) for poem in poems if (lines := eight_lines(poem.text))]
    aside = {key(line) for held, lines in eight if held for line in lines}
    aside.update(key(line) for example in test_set() for line in lines_of(example.text))
    return (lines for _, lines in eight if aside.isdisjoint(map(key, lines)))


def held_out(poem: Poem) -> bool:
    """Whether `poem` is one of the fifth that is not learned from, by the SHA-256 of its text.

    Validation poems, which are those with the lowest, are among them.
    """
    return hashlib.sha256(poem.text.encode()).digest()[0] < 256 // 5


def _common(text: str) -> str:
    """The characters that are common in `text`, each as it is spelled most often there."""
    spellings: dict[str, list[str]] = {}
    counts = Counter(text)
    for character, _ in counts.most_common():
        spellings.setdefault(key(character), []).append(character)
    return "".join(
        variants[0]
        for variants in spellings.values()
        if sum(counts[variant] for variant in variants) >= _SEEN
    )


def _learned(facing: Matrix) -> tuple[Matrix, Matrix]:
    """The score of each pair; and the space, which has a row of length 1 for each character."""
    seen, pairs = facing.sum(axis=1), facing.sum()
    expected = np.outer(seen, seen) / pairs
    scale = np.sqrt(np.outer(seen + _DAMPING, seen + _DAMPING))
    values, vectors = _factors((facing - expected) / scale)
    ratio = np.maximum(_FLOOR, 1 + pairs * ((vectors * values) @ vectors.T) / scale)
    scores = np.log((facing + ratio) / (expected + 1))
    np.fill_diagonal(scores, np.log(_FLOOR))
    space = vectors * np.abs(values)
    space /= np.maximum(np.linalg.norm(space, axis=1, keepdims=True), 1e-9)
    return scores, space


def _factors(matrix: Matrix) -> tuple[Matrix, Matrix]:
    """The largest eigenvalues of a symmetric matrix, by amount, and their vectors.

    Randomised subspace iteration: Halko, Martinsson and Tropp, SIAM Review 53 (2011), algorithm
    4.4 and section 5.3.
    """
    size = min(len(matrix), _RANK + _SPARE)
    basis = np.random.default_rng(0).standard_normal((len(matrix), size), np.float32)
    for _ in range(_ROUNDS):
        basis, _ = np.linalg.qr(matrix @ basis)
    values, vectors = np.linalg.eigh(basis.T @ matrix @ basis)
    largest = np.argsort(-np.abs(values))[:_RANK]
    return values[largest], basis @ vectors[:, largest]
