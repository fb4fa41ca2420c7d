"""A cache of poems that holds one poem."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lianju.corpus import Poem, cache
from lianju.corpus.line_index import _build
from lianju.corpus.sources import LARGE_SHA256
from lianju.progress import SILENT

POEM = Poem("1", "王之渙", "登鸛雀樓", ("欲窮千里目，更上一層樓。",))


@contextmanager
def one_poem(folder: Path) -> Iterator[None]:
    """`folder` is the cache; of the large corpus it has only the index, of `POEM`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIANJU_CACHE", str(folder))
        cache.poems_dir().mkdir(parents=True)
        _build([POEM], cache.poems_dir() / f"lines-1-{LARGE_SHA256[:12]}.sqlite", SILENT)
        yield
