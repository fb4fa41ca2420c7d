"""What a user sees: bars on a terminal, plain lines in a pipe."""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from lianju.progress import Reporter, Task


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave what to do to the command line; rich would exit with 1."""
        raise BrokenPipeError


# Results go to standard output, everything about the work to standard error.
out = _Console(highlight=False, soft_wrap=True)
err = _Console(stderr=True, highlight=False, soft_wrap=True)

_QUIET_SECONDS = 10.0
_WIDEST = 10_000


def print_line(line: str) -> None:
    """Print a line of the result, its brackets as they are."""
    out.print(line, markup=False)


def print_notes(notes: Iterable[str]) -> None:
    """Print what there is to say of what the user asked, a line each."""
    for note in notes:
        err.print(note, markup=False)


def print_table(
    rows: Iterable[Sequence[str | Text]], align: str, head: Sequence[str] | None = None
) -> None:
    """Print rows in columns, each flush left < or right >, two spaces apart.

    It is as wide as it needs to be: no poem is cut short in a pipe or on a narrow terminal.
    """
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.show_header = head is not None
    for side, title in zip(align, head or align, strict=True):
        table.add_column(Text(title), justify="right" if side == ">" else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    for line in out.render_lines(table, out.options.update(width=_WIDEST), pad=False):
        text = Text.assemble(*((part.text, part.style or "") for part in line))
        text.rstrip()
        out.print(text)


class TerminalReporter(Reporter):
    """Live bars on a terminal; elsewhere a line at most every ten seconds."""

    def say(self, line: str) -> None:
        """Print one line."""
        err.print(escape(line))

    @contextmanager
    def task(self, name: str, total: int) -> Iterator[Task]:
        """Show a bar, or print lines."""
        if not err.is_terminal:
            yield from _lines(name, total)
            return
        progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=err,
        )
        with progress:
            yield _Bar(progress, progress.add_task(escape(name), total=total, note=""))


class _Bar(Task):
    def __init__(self, progress: Progress, task: TaskID):
        self.progress, self.id = progress, task

    def advance(self, units: int = 1, note: str = "") -> None:
        self.progress.update(self.id, advance=units, note=escape(note))


class _Lines(Task):
    def __init__(self, name: str, total: int):
        self.name, self.total, self.done = name, total, 0
        self.start = self.said = time.monotonic()

    def advance(self, units: int = 1, note: str = "") -> None:
        self.done += units
        if time.monotonic() - self.said > _QUIET_SECONDS:
            self.said = time.monotonic()
            self.print(f"{self.done}/{self.total} {note}")

    def print(self, text: str) -> None:
        print(f"{self.name}: {text.rstrip()}", file=sys.stderr, flush=True)


def _lines(name: str, total: int) -> Iterator[Task]:
    task = _Lines(name, total)
    yield task
    task.print(f"{task.done}/{total}, {time.monotonic() - task.start:.1f} s")
