"""Which poem a line stands in: an index of every line of the large corpus."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from lianju.corpus import cache
from lianju.corpus.cache import UnavailableError
from lianju.corpus.characters import key, line_keys
from lianju.corpus.poems import Poem
from lianju.corpus.sources import LARGE_SHA256, cached_large
from lianju.files import locked, writing
from lianju.progress import SILENT, Reporter

_SCHEMA = """
CREATE TABLE poems (number INTEGER PRIMARY KEY, id TEXT, author TEXT, title TEXT);
CREATE TABLE lines (line TEXT, poem INTEGER, PRIMARY KEY (line, poem)) WITHOUT ROWID;
"""


class KnownLines:
    """The lines of the large corpus, compared with variants folded (see `key`)."""

    def __init__(self, path: Path):
        self._base = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)

    def find(self, line: str) -> list[Poem]:
        """The poems that have this line word for word, in corpus order, without their texts."""
        rows = self._base.execute(
            "SELECT id, author, title FROM lines JOIN poems ON poem = number "
            "WHERE line = ? ORDER BY poem",
            (key(line),),
        )
        return [Poem(name, author, title, ()) for name, author, title in rows]


def known_lines(reporter: Reporter = SILENT) -> KnownLines | None:
    """The index, built once; None where the large corpus has not been fetched yet."""
    path = cache.poems_dir() / f"lines-1-{LARGE_SHA256[:12]}.sqlite"
    if path.is_file():
        return KnownLines(path)
    try:
        poems = cached_large()
    except UnavailableError:
        return None
    with locked(path):
        if not path.is_file():
            with writing(path) as temporary:
                _build(poems, temporary, reporter)
    return KnownLines(path)


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

        base.executemany("INSERT OR IGNORE INTO lines VALUES (?, ?)", lines())
    base.close()
