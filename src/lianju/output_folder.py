"""The folders that verbs fill over several sessions: runs, evaluations, sweeps.

Such a folder is known by the file that is written into it first. Whatever a folder held before
that belongs to the user, and is neither removed nor replaced.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from lianju.errors import UserError
from lianju.files import locked, naming, sweep


@dataclass(frozen=True)
class Kind:
    """A kind of folder.

    `name` with its article is for messages, `first` is the file that makes a folder one of the
    kind. `start`: paths of other files that only say how the work began, and are no loss.
    """

    name: str
    lock: str
    first: str
    start: frozenset[str] = frozenset()


@contextmanager
def holding(folder: Path, kind: Kind) -> Iterator[bool]:
    """Hold `folder` alone for the body; yields whether it is one of the kind already.

    Else it is new or empty. Raises `UserError`, having touched nothing, where it holds anything
    else or where another process holds it. When the body fails before there is anything to lose,
    what it wrote goes, and with it the folders that were made for it.
    """
    lock = folder / f"{kind.lock}.lock"
    with naming(folder):
        made = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
        if not _left(lock):
            begun(folder, kind)
    try:
        with locked(folder / kind.lock, wait=False):
            sweep(folder, kind.first)
            there = begun(folder, kind)
            try:
                with nullcontext() if there else _taken_back(folder, kind):
                    yield there
            finally:
                lock.unlink(missing_ok=True)
    finally:
        with suppress(OSError):  # the first that is not empty ends it
            for path in made:
                path.rmdir()


def _left(lock: Path) -> bool:
    """Whether a process at work, or a killed one, has its lock there."""
    if not os.path.lexists(lock):
        return False
    if lock.is_symlink() or not lock.is_file() or lock.stat().st_size:
        raise UserError(f"{lock} is in the way: move it, or choose another folder")
    return True


def begun(folder: Path, kind: Kind) -> bool:
    """Whether `folder` is one of the kind; `UserError` if it is anything else but empty."""
    if (folder / kind.first).is_file():
        return True
    if os.path.lexists(folder) and not folder.is_dir():
        raise UserError(f"{folder} is not a folder: choose another --out")
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if names - {f"{kind.lock}.lock"}:
        raise UserError(f"{folder} exists already and is not {kind.name}: choose another --out")
    return False


@contextmanager
def _taken_back(folder: Path, kind: Kind) -> Iterator[None]:
    """Remove what the body wrote if it fails before it wrote more than a beginning."""
    try:
        yield
    except Exception:
        names = {kind.first, f"{kind.lock}.lock", *kind.start}
        files = [path for path in folder.rglob("*") if not path.is_dir()]
        if all(path.relative_to(folder).as_posix() in names for path in files):
            with suppress(OSError):
                for path in files:
                    path.unlink()
                for inner in {path.parent for path in files} - {folder}:
                    inner.rmdir()
        raise
