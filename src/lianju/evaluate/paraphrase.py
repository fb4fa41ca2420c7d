"""Lines that are nearly a real one: its characters shuffled, or one of them changed.

A model that has met a poem likes its lines much better than these; one that has not, less so.
"""

import random
from itertools import islice, pairwise

from lianju.corpus import key
from lianju.evaluate.facing import Facing
from lianju.verse import LEVEL, OBLIQUE, likely, lines_of

# So many characters of like use are tried at each place.
_TRIED = 5


def shuffled(line: str, seed: int) -> str:
    """The characters of `line` in another order, the same for the same seed.

    Never the line itself, unless all its characters are equal.
    """
    generator = random.Random(f"{seed} {line}")
    other = line
    while other == line and len(set(line)) > 1:
        other = "".join(generator.sample(line, len(line)))
    return other


def paraphrased(text: str, facing: Facing) -> str:
    """`text` with one character of each line changed for one of like use; punctuation is kept.

    Every place but the last, where the rhyme stands, is tried with the five characters that face
    most nearly what its own faces (`Facing.alike`), have its tones, and do not stand in the
    text. Of all these the one is taken whose joins with its neighbours the poets know best: whose
    rarer join is the most frequent, then the one most like what it stands for. A doubled word,
    such as 悠悠, stays, and so does a line of rare characters only.
    """
    rest, changed = text, ""
    for line in lines_of(text):
        before, _, rest = rest.partition(line)
        changed += before + _changed(line, text, facing)
    return changed + rest


def _changed(line: str, text: str, facing: Facing) -> str:
    best, chosen, taken = (-1, 0), line, key(text)
    for place, character in enumerate(line[:-1]):
        if character * 2 in line:
            continue
        fitting = (
            other
            for other in facing.alike(character)
            if key(other) not in taken and _tones(other) == _tones(character)
        )
        for rank, other in enumerate(islice(fitting, _TRIED)):
            changed = line[:place] + other + line[place + 1 :]
            near = changed[max(0, place - 1) : place + 2]
            known = min(facing.beside(*join) for join in pairwise(near))
            if (known, -rank) > best:
                best, chosen = (known, -rank), changed
    return chosen


def _tones(character: str) -> tuple[bool, bool]:
    """Whether poets used a character as level, and as oblique."""
    groups = likely(character)
    return bool(groups & LEVEL), bool(groups & OBLIQUE)
