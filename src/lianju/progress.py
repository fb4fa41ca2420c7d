"""How long work says how far it is. Rooms report here; only the command line draws."""

from collections.abc import Iterator
from contextlib import contextmanager


class Task:
    """One long step with a known number of units."""

    def advance(self, units: int = 1, note: str = "") -> None:
        """Say that `units` more are done; `note` is a few words such as the current loss."""


class Reporter:
    """Listens to progress. This one is silent; the command line draws bars or prints lines."""

    def say(self, line: str) -> None:
        """Tell one fact that a user wants to know."""

    @contextmanager
    def task(self, name: str, total: int) -> Iterator[Task]:
        """Open a long step of `total` units."""
        yield Task()


SILENT = Reporter()
UNSEEN = Task()
