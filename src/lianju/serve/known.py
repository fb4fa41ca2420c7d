"""What the server has of the large corpus, which it never downloads: known lines, couplets."""

import random
import threading
from functools import cache

from lianju.corpus import KnownLines, Poem, known_lines, test_set
from lianju.corpus.cache import UnavailableError
from lianju.corpus.sources import cached_large
from lianju.corpus.split import validation_poems
from lianju.verse import lines_of, opening

_UNSEEN = 500
# Couplets that open regulated verse and are not among the homework's poems.
FAMOUS = (
    "空山新雨後，天氣晚來秋。",
    "移舟泊煙渚，日暮客愁新。",
    "海上生明月，天涯共此時。",
    "紅豆生南國，春來發幾枝。",
    "青山橫北郭，白水遶東城。",
    "君問歸期未有期，巴山夜雨漲秋池。",
    "遠上寒山石徑斜，白雲生處有人家。",
    "煙籠寒水月籠沙，夜泊秦淮近酒家。",
)


class Known:
    """Finds the poems that a line stands in; may be asked from any thread.

    The index is built here if it was not yet, which takes some seconds once.
    """

    def __init__(self) -> None:
        self.there = known_lines() is not None
        # sqlite3 binds a connection to its thread.
        self._own = threading.local()

    @property
    def notes(self) -> list[str]:
        """What to tell a reader who sees no line marked as copied."""
        if self.there:
            return []
        return ["Copied lines are not marked, for the corpus of Tang poems is not on this machine."]

    def find(self, line: str) -> list[Poem]:
        """The poems of the corpus that have this line; none where the corpus is not there."""
        index: KnownLines | None = getattr(self._own, "index", None)
        if index is None and self.there:
            index = self._own.index = known_lines()
        return index.find(line) if index else []


def some_openings(count: int) -> list[str]:
    """At most so many couplets to begin with, drawn at random."""
    every = _openings()
    return random.sample(every, min(count, len(every)))


@cache
def _openings() -> tuple[str, ...]:
    """First couplets that open regulated verse, of real poems that nobody trains on; a few famous
    ones where the corpus is not there.
    """
    try:
        large = cached_large()
    except UnavailableError:
        return FAMOUS
    unseen = (poem.couplet for poem in validation_poems(large, test_set(), _UNSEEN))
    return tuple(couplet for couplet in unseen if _opens(couplet))


def _opens(couplet: str) -> bool:
    found = opening(lines_of(couplet))
    return not found.faults and not found.rare
