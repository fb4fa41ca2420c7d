"""Write `verse/data/facing.tsv`: how characters face each other in the poets' middle couplets.

Run from a checkout: `python -m tools.facing [DIGESTS]`. It counts in the large corpus, which it
fetches if need be: see `lianju.evaluate.facing`, and there, which poems are held out. DIGESTS is a
file of the SHA-256 of lines, cut to 16 digits; poems that have one of these lines are left out as
well.

The scores of the pairs, weighted by how often each of the two faces another, are cut down to rank
32. What is left is a row of 32 numbers for each character. The score of two is the sum of what the
numbers of one and those of the other give multiplied, place by place, each with its place's sign.
"""

import hashlib
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
from pathlib import Path

import numpy as np

from lianju.corpus import Poem, key, large_corpus
from lianju.evaluate.facing import Facing, Matrix, learnable
from lianju.files import write_text
from lianju.verse import is_han, lines_of
from lianju.verse.parallelism import UNIT, ZERO

OUT = Path(__file__).parents[1] / "src/lianju/verse/data/facing.tsv"
HEAD = (
    "# How characters face each other in the middle couplets of {poems:,} poems of eight lines.\n"
    "# Written by tools/facing.py. First the signs of the places; then the shapes of a character\n"
    "# and its numbers, one a place, in 20ths: O is 0, P 1, N -1.\n"
)
_RANK = 32
_DIGITS = 16
_LAST = 0x323AF  # of the Han characters


def main(digests: Path | None = None) -> None:
    """Count, cut down and write."""
    aside = frozenset(digests.read_text(encoding="utf-8").split()) if digests else frozenset()
    poems = list(learnable([poem for poem in large_corpus() if not has_one(poem, aside)]))
    facing = Facing(poems)
    signs, numbers = cut_down(facing.scores, facing.seen)
    shapes = shapes_of(facing.characters)
    rows = [f"{shapes[key(c)]}\t{row}\n" for c, row in zip(facing.characters, numbers, strict=True)]
    write_text(OUT, HEAD.format(poems=len(poems)) + "".join([f"\t{signs}\n", *rows]))


def has_one(poem: Poem, digests: Set[str]) -> bool:
    """Whether a line of `poem`, its Han characters alone, has one of the digests."""
    lines = ("".join(filter(is_han, line)) for line in lines_of(poem.text))
    return any(hashlib.sha256(s.encode()).hexdigest()[:_DIGITS] in digests for s in lines)


def cut_down(scores: Matrix, seen: Matrix) -> tuple[str, Iterator[str]]:
    """The signs of the places, + first; and the row of each character, in letters."""
    weights = np.sqrt(seen.astype(np.float64))
    values, vectors = np.linalg.eigh(scores * np.outer(weights, weights))
    largest = np.argsort(-np.abs(values))[:_RANK]
    values, vectors = values[largest], vectors[:, largest]
    numbers = vectors * np.sqrt(np.abs(values)) / weights[:, None]
    letters = np.rint(numbers * UNIT).astype(int) + ZERO
    signs = "".join("+" if value > 0 else "-" for value in values)
    return signs, ("".join(map(chr, row)) for row in letters)


def shapes_of(characters: Iterable[str]) -> dict[str, str]:
    """All shapes of each character, by its key: as it is spelled most often first."""
    shapes = defaultdict(str, {key(character): character for character in characters})
    for other in map(chr, range(0x3400, _LAST + 1)):
        if is_han(other) and (folded := key(other)) in shapes and other not in shapes[folded]:
            shapes[folded] += other
    return shapes


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
