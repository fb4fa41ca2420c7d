"""What of a text stands word for word in the large corpus: whole lines, and the longest run.

Both compare Han characters only, with variants folded by `corpus.key`. Both find the true poem
too: a poem of the corpus has all its lines known and is one run from end to end.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lianju.corpus import KnownLines, Poem, key
from lianju.verse import lines_of

# What ends a poem of the corpus and what ends a text: no characters, and never the same.
_END, _STOP = 0, 1


def copied_lines(couplet: str, text: str, known: KnownLines) -> dict[str, Poem]:
    """The lines of `text` that stand in the large corpus, each with the first poem that has it.

    Any five or seven characters that some poet wrote as a line count, however common they are;
    lines of the couplet said again do not.
    """
    given = set(lines_of(couplet))
    lines = dict.fromkeys(line for line in lines_of(text) if line not in given)
    return {line: poems[0] for line in lines if (poems := known.find(line))}


def copied_words(copied: Mapping[str, Poem]) -> str:
    """Lines and where they stand: "更上一層樓 王之渙〈登鸛雀樓〉；…"."""
    return "；".join(f"{line} {poem.author}〈{poem.title}〉" for line, poem in copied.items())


def lines_copied(words: str) -> set[str]:
    """The lines that `copied_words` names."""
    return {part.split(" ")[0] for part in words.split("〉；")}


class Copies:
    """The poems of a corpus, folded, as one array of characters."""

    def __init__(self, poems: Sequence[Poem]):
        self._codes = _codes([key(poem.text) for poem in poems], _END)

    def longest_runs(self, texts: Sequence[str]) -> list[int]:
        """For each text, the length in characters of its longest run that stands in one poem.

        Lines are joined; 0 where no character is in the corpus. Runs of n characters are named
        by numbers, the same run by the same number, and a name with the next character makes a
        name of n + 1: Karp, Miller and Rosenberg, STOC 1972. Nothing is hashed, so the answer is
        exact. Only places whose run some text and some poem share are looked at again, so nearly
        all the time goes into the first three lengths.
        """
        folded = [key(text) for text in texts]
        codes = _codes(folded, _STOP)
        owners = np.repeat(np.arange(len(texts)), [len(text) + 1 for text in folded])
        runs = np.zeros(len(texts), np.int64)
        here, there = np.arange(len(codes)), np.arange(len(self._codes))
        ours, theirs = np.zeros_like(here), np.zeros_like(there)
        length = 0
        while len(here):
            names, ours = np.unique(ours << 32 | codes[here + length], return_inverse=True)
            longer = theirs << 32 | self._codes[there + length]
            # The last name that is not above it: itself, or another if it has none.
            theirs = np.searchsorted(names[1:], longer, side="right")
            same = names[theirs] == longer
            there, theirs = there[same], theirs[same]
            shared = np.zeros(len(names), np.bool_)
            shared[theirs] = True
            same = shared[ours]
            here, ours = here[same], ours[same]
            length += 1
            runs[owners[here]] = length
        return [int(run) for run in runs]


def _codes(texts: Sequence[str], end: int) -> NDArray[np.int64]:
    """The code points of all texts, with `end` after each."""
    joined = "".join(text + chr(end) for text in texts)
    return np.frombuffer(joined.encode("utf-32-le"), np.uint32).astype(np.int64)
