"""Lines that are kept apart for judging, of which only digests are known."""

import hashlib
import re
from collections.abc import Set
from pathlib import Path

from lianju.corpus.file_reading import read_bytes, shown
from lianju.errors import UserError
from lianju.verse import lines_of

_DIGEST = re.compile(r"[0-9a-f]{16}")


def digests_of(path: Path) -> frozenset[str]:
    """The digests in a file, one a line: the first 16 hexadecimal digits of the SHA-256 of a line's
    Han characters in UTF-8. Raises `UserError` for a line that is none.
    """
    found = read_bytes(path).decode(errors="replace").split("\n")
    for number, digest in enumerate(found, 1):
        if digest.strip() and not _DIGEST.fullmatch(digest.strip()):
            raise UserError(
                f"{shown(path)}, line {number}: expected the first 16 hexadecimal digits of a "
                f"SHA-256, not {shown(digest)}"
            )
    return frozenset(digest.strip() for digest in found if digest.strip())


def has_line(text: str, digests: Set[str]) -> bool:
    """Whether a line of a poem has one of the digests."""
    return bool(digests) and any(_digest(line) in digests for line in lines_of(text))


def _digest(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()[:16]
