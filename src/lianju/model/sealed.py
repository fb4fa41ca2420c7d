"""Folders of weights that say what they hold, so that damage is found before it is loaded."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from lianju.errors import UserError
from lianju.files import locked, read_json, sha256, write_json
from lianju.model.file_digests import digests
from lianju.progress import Reporter

IDENTITY = "identity.json"
_READ = (".json", ".safetensors")


class _Seal(BaseModel):
    """`sha256` tells the base model from any other; `files` holds the SHA-256 of each file."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    files: dict[str, str]


def seal(folder: Path, digest: str) -> None:
    """Write down that `folder` holds the weights of base model `digest`, in these very files."""
    files = {file.name: sha256(file) for file in sorted(folder.iterdir())}
    write_json(folder / IDENTITY, _Seal(sha256=digest, files=files).model_dump())


def sealed_digest(folder: Path, reporter: Reporter) -> str:
    """The SHA-256 of the base model in a sealed folder. `ValueError` says what is wrong with it."""
    try:
        found = _Seal.model_validate(read_json(folder / IDENTITY))
    except (UserError, ValidationError):
        raise ValueError(f"its {IDENTITY} is missing, damaged or of another version") from None
    for name in found.files:
        if not (folder / name).is_file():
            raise ValueError(f"it lacks {name}")
    # What else lies there might be read in the place of what was written.
    for file in sorted(folder.iterdir()):
        if file.name not in (*found.files, IDENTITY) and file.suffix in _READ:
            raise ValueError(f"it was written without {file.name}")
    known = digests([folder / name for name in found.files], reporter)
    for (name, wanted), digest in zip(found.files.items(), known, strict=True):
        if digest != wanted:
            raise ValueError(f"{name} is not what was written")
    return found.sha256


def is_whole(folder: Path, digest: str, reporter: Reporter) -> bool:
    """Whether a folder of the cache holds base model `digest`, in the very files written."""
    return folder.is_dir() and not _fault(folder, digest, reporter)


def _fault(folder: Path, digest: str, reporter: Reporter) -> str:
    try:
        found = sealed_digest(folder, reporter)
    except (OSError, ValueError) as error:
        return str(error)
    return "" if found == digest else "it holds another model"


def made_once(folder: Path, digest: str, make: Callable[[], None], reporter: Reporter) -> None:
    """Call `make` to write and seal `folder` of the cache, unless it is there and whole.

    What is damaged is made anew, and that is said. Where all is well nothing is written; what
    killed processes left of making it is swept.
    """
    if is_whole(folder, digest, reporter):
        if any(folder.parent.glob(f".{folder.name}.*")):
            with suppress(UserError), locked(folder, wait=False):
                pass
        return
    with locked(folder):
        if not is_whole(folder, digest, reporter):
            if folder.exists():
                fault = _fault(folder, digest, reporter)
                reporter.say(f"{folder} is made anew: {fault}")
            make()
