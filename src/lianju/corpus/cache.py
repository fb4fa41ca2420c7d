"""The cache of poems: verified on every read, written whole, by one process at a time."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from lianju.errors import UserError
from lianju.files import cache_dir, writing
from lianju.progress import Reporter

T = TypeVar("T")


class UnavailableError(Exception):
    """A source does not give the poems; the message says why in a few words."""


def poems_dir() -> Path:
    """Where fetched poems are kept."""
    return cache_dir() / "poems"


def first_of(
    sources: Sequence[tuple[str, Callable[[], T]]], reporter: Reporter, advice: str
) -> tuple[str, T]:
    """The name and the answer of the first source that has one; each failure is told.

    Raises `UserError` with all failures and the `advice` when none has.
    """
    tried = []
    for name, source in sources:
        try:
            return name, source()
        except UnavailableError as reason:
            tried.append(f"{name}: {reason}")
            reporter.say(f"No poems from {tried[-1]}")
    raise UserError(f"no source gave the poems ({'; '.join(tried)}). {advice}")


def verified(data: bytes, sha256: str) -> bytes:
    """`data`, when its SHA-256 is the expected one."""
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise UnavailableError(
            f"damaged or changed: its SHA-256 begins with {found[:12]}, not {sha256[:12]}"
        )
    return data


def read(name: str, sha256: str) -> bytes:
    """A file of the cache, if it is there and whole."""
    try:
        data = (poems_dir() / name).read_bytes()
    except FileNotFoundError:
        raise UnavailableError("not there yet") from None
    except OSError as error:
        raise UnavailableError(error.strerror or str(error)) from None
    return verified(data, sha256)


def store(name: str, data: bytes) -> None:
    """Put a verified file into the cache, whole or not at all."""
    with writing(poems_dir() / name) as temporary:
        temporary.write_bytes(data)


@contextmanager
def fetching(reporter: Reporter) -> Iterator[None]:
    """Be the only process that fetches poems, after clearing what a killed one left.

    What finished files the cache holds may have changed while this waited.
    """
    from filelock import FileLock, Timeout  # takes longer to import than this whole room

    folder = poems_dir()
    lock = FileLock(folder / "lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            reporter.say("Another process is fetching the poems; waiting for it.")
            lock.acquire()
        _sweep(folder)
        yield
    except OSError as error:
        raise UserError(
            f"cannot write {folder}: {error.strerror or error}. "
            "Set LIANJU_CACHE to a folder that can be written."
        ) from None
    finally:
        lock.release()


def _sweep(folder: Path) -> None:
    """Remove temporary files and folders: only the holder of the lock makes any."""
    for leftover in folder.glob(".*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
