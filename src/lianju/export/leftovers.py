"""What killed exports left beside the folder that they were to write."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lianju.files import naming, sweep


@contextmanager
def sweeping(out: Path) -> Iterator[None]:
    """Before and while `out` is written: sweep what killed exports to it left behind.

    Exports hold a lock on the folder that `out` is to lie in, since a user's folder is no place
    for files of ours. Where another export holds it, nothing is swept.
    """
    with naming(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(out.parent, os.O_RDONLY)
    try:
        if _locks(handle, fcntl.LOCK_EX):
            sweep(out.parent, out.name)
        _locks(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def _locks(handle: int, kind: int) -> bool:
    """Whether the lock was free. Some network disks have none."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
