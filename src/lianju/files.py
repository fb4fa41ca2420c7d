"""Where generated things live, and how they are written so that nothing is ever half there."""

import hashlib
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from safetensors import SafetensorError

from lianju.errors import UserError

if TYPE_CHECKING:
    from pydantic import BaseModel

_Model = TypeVar("_Model", bound="BaseModel")


def cache_dir() -> Path:
    """The folder for everything fetched or converted once.

    `$LIANJU_CACHE`, else `$XDG_CACHE_HOME/lianju`, else `~/.cache/lianju`.
    """
    if own := os.environ.get("LIANJU_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "lianju"


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(value: Any) -> str:
    """The SHA-256, in hex, of a JSON value, whatever the order of its keys.

    Files of a cache are named by it: the same question, the same file.
    """
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def weights_digest(folder: Path) -> str:
    """The first twelve digits of the SHA-256 of each safetensors file in a folder."""
    return "-".join(sha256(file)[:12] for file in sorted(folder.glob("*.safetensors")))


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is synced and renamed onto `path`.

    If the body raises, `path` stays as it was and the temporary file is removed. A disk that
    is full or a folder that cannot be written becomes a `UserError` naming `path`.
    """
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _beside(path, "part")
        # The system takes the umask off; libraries that write the file anew may not.
        with temporary.open("xb") as file:
            mode = os.fstat(file.fileno()).st_mode
        try:
            yield temporary
            _sync(temporary)
            temporary.chmod(mode)
            temporary.replace(path)
            _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def writing_folder(path: Path, replace: bool = True) -> Iterator[Path]:
    """Like `writing`, for a whole folder. An existing folder at `path` is replaced.

    Without `replace` only an empty one is: whatever else stands at `path` when the body is done,
    that is a `UserError`, and it stays as it is.
    """
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _beside(path, "part")
        temporary.mkdir()
        mode = temporary.stat().st_mode
        try:
            yield temporary
            for item in (*temporary.rglob("*"), temporary):
                if item.is_file():
                    item.chmod(mode & 0o666)
                _sync(item)
            if replace and path.exists():
                old = _beside(path, "old")
                path.replace(old)
                temporary.replace(path)
                shutil.rmtree(old)
            else:
                temporary.replace(path)
            _sync(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _beside(path: Path, kind: str) -> Path:
    """A new name in the folder of `path`, by which `sweep` knows what it was for."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.{kind}")


_LEFT = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{16}\.(?P<kind>part|old)", re.DOTALL)


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove what killed processes left of their writing in `folder`: for all names, or for one.

    What a folder that was being replaced held before is put back if nothing took its place. Call
    it only where no other process may be writing: while holding the lock that writers hold.
    """
    if not folder.is_dir():
        return
    for item in sorted(folder.iterdir()):
        found = _LEFT.fullmatch(item.name)
        if not found or (name and found["name"] != name):
            continue
        place = folder / found["name"]
        if found["kind"] == "old" and not place.exists():
            item.replace(place)
        elif item.is_dir() and not item.is_symlink():
            shutil.rmtree(item, ignore_errors=True)
        else:
            item.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[None]:
    """Hold the lock of `path`, first waiting for any other process that holds it.

    What killed holders left of writing `path` is swept. Without `wait`, another holder is a
    `UserError`.
    """
    from filelock import FileLock, Timeout  # takes longer to import than all of this

    lock = FileLock(path.with_name(f"{path.name}.lock"))
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=-1 if wait else 0)
        except Timeout:
            raise UserError(f"another process is at work in {path.parent}: wait for it") from None
    try:
        sweep(path.parent, path.name)
        yield
    finally:
        lock.release()


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with writing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write one JSON object a line, whole or not at all."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def read_json(path: Path, advice: str = "restore it") -> Any:
    """The JSON value in a file; `UserError` naming the file if it cannot be read or is damaged.

    `advice` says what the user can do about that.
    """
    with _reading(path, advice):
        return json.loads(path.read_text(encoding="utf-8"))


def read_as(kind: type[_Model], path: Path, advice: str = "restore it") -> _Model:
    """The `kind` that a JSON file holds; errors as in `read_json`, which name the field too."""
    from pydantic import ValidationError  # no more than reading JSON needs

    read_json(path, advice)  # says best what is empty, too deep, or no JSON at all
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise UserError(
            f"{path} is not as Lianju writes it ({field}: {first['msg']}): {advice}"
        ) from None


def read_jsonl(path: Path, advice: str = "restore it") -> list[dict[str, Any]]:
    """The rows of a file that `write_jsonl` or an appending log wrote; errors as in `read_json`."""
    with _reading(path, advice):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
        if not all(isinstance(row, dict) for row in rows):
            raise ValueError("a line holds no JSON object")
        return rows


# No file of a run or a report comes near it.
_LARGEST = 64 * 2**20


@contextmanager
def opened_inside(folder: Path, name: str) -> Iterator[tuple[int, os.stat_result]]:
    """A regular file that lies in a folder: its descriptor, and what the system says of it.

    Raises `OSError`, also for links, which could lead to any file of the machine, for pipes, which
    would be waited for, and for what is too large to be read.
    """
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
    finally:
        os.close(place)
    try:
        about = os.fstat(file)
        if not stat.S_ISREG(about.st_mode):
            raise OSError("it is no regular file")
        if about.st_size > _LARGEST:
            raise OSError("it is too large")
        yield file, about
    finally:
        os.close(file)


def read_inside(folder: Path, name: str) -> bytes:
    """The bytes of a file that `opened_inside` opens."""
    with opened_inside(folder, name) as (file, _), open(file, "rb", closefd=False) as stream:
        return stream.read(_LARGEST)


@contextmanager
def _reading(path: Path, advice: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        reason = "it is empty" if not path.stat().st_size else _first_line(error)
        raise UserError(f"{path} is damaged ({reason}): {advice}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Within, a write that fails becomes a `UserError` that names `path` and the reason."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"cannot write {path}: {reason}. Free some space or choose another folder."
        ) from error


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
