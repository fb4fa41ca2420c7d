"""Which poem a line stands in: an index of every line of the large corpus."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from lianju.corpus import cache
from lianju.corpus.cache import UnavailableError, fetching
from lianju.corpus.characters import key, line_keys
from lianju.corpus.poems import Poem
from lianju.corpus.sources import LARGE_SHA256, cached_large
from lianju.files import writing
from lianju.progress import SILENT, Reporter

_SCHEMA = """
CREATE TABLE poems (number INTEGER PRIMARY KEY, id TEXT, author TEXT, title TEXT);
CREATE TABLE lines (line TEXT, poem INTEGER, PRIMARY KEY (line, poem)) WITHOUT ROWID;
"""


class KnownLines:
    """The lines of the large corpus, compared with variants folded (see `key`).

    May be asked from any thread.
    """

    def __init__(self, path: Path):
        self._address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        # sqlite3 binds a connection to its thread.
        self._own = threading.local()

    @property
    def base(self) -> sqlite3.Connection:
        """This thread's connection."""
        if not hasattr(self._own, "base"):
            self._own.base = sqlite3.connect(self._address, uri=True)
        base: sqlite3.Connection = self._own.base
        return base

    def find(self, line: str) -> list[Poem]:
        """The poems that have this line word for word, in corpus order, without their texts."""
        rows = self.base.execute(
            "SELECT id, author, title FROM lines JOIN poems ON poem = number "
            "WHERE line = ? ORDER BY poem",
            (key(line),),
        )
        return [Poem(name, author, title, ()) for name, author, title in rows]


def known_lines(reporter: Reporter = SILENT) -> KnownLines | None:
    """The index, built once; None where the large corpus has not been fetched yet.

    One that is damaged is built again, which is told.
    """
    path = cache.poems_dir() / f"lines-1-{LARGE_SHA256[:12]}.sqlite"
    if path.is_file() and _is_whole(path):
        return KnownLines(path)
    try:
        poems = cached_large()
    except UnavailableError:
        return None
    with fetching(reporter):
        damaged = path.is_file() and not _is_whole(path)
        if damaged:
            reporter.say(f"{path} is damaged or of an older version: building it again")
        if damaged or not path.is_file():
            with writing(path) as temporary:
                _build(poems, temporary, reporter)
    return KnownLines(path)


def _is_whole(path: Path) -> bool:
    """Whether the index has all of its pages and poems, none of them damaged."""
    try:
        base = KnownLines(path).base
        [(verdict,)] = base.execute("PRAGMA quick_check(1)")
        [(poems,)] = base.execute("SELECT count(*) FROM poems")
        [(numbered,)] = base.execute("PRAGMA user_version")
        base.close()
    except (sqlite3.Error, ValueError):
        return False
    return bool(verdict == "ok" and poems == numbered > 0)


def _build(poems: list[Poem], path: Path, reporter: Reporter) -> None:
    base = sqlite3.connect(path)
    with base, reporter.task("Indexing the corpus (once)", len(poems)) as task:
        base.executescript(_SCHEMA)
        rows = ((number, p.id, p.author, p.title) for number, p in enumerate(poems))
        base.executemany("INSERT INTO poems VALUES (?, ?, ?, ?)", rows)

        def lines() -> Iterator[tuple[str, int]]:
            for number, poem in enumerate(poems):
                for line in line_keys("".join(poem.paragraphs)):
                    yield line, number
                task.advance()

        # In the order of its key: a tree that is filled at random slows down as it grows.
        base.executemany("INSERT OR IGNORE INTO lines VALUES (?, ?)", sorted(lines()))
        base.execute(f"PRAGMA user_version = {len(poems)}")
    base.close()
