"""Models from the hub: what can go wrong is found, and said, before anything long starts."""

import errno
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lianju.errors import UserError
from lianju.files import read_json
from lianju.progress import Reporter, Task

# What a model is read from. Subfolders hold other formats and checkpoints of training, and
# `consolidated` files the same weights once more.
_WANTED = ["*.safetensors", "*.json", "tokenizer.model", "*.txt", "*.jinja", "README.md"]
_UNWANTED = ["*/*", "consolidated*"]
_MB = 10**6
_DISK = (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT)


def hub_config(name: str) -> Path:
    """A folder with the `config.json` of hub model `name`, which alone is downloaded.

    The access to a gated model is thereby tried. Raises `UserError` with what to do.
    """
    from huggingface_hub import snapshot_download

    with _explained(name):
        found = snapshot_download(name, allow_patterns="config.json", tqdm_class=_bar(None))
    if not (Path(found) / "config.json").is_file():
        raise UserError(f"{name} has no config.json: it is no model that transformers reads")
    return Path(found)


def hub_folder(name: str, reporter: Reporter) -> Path:
    """The whole of hub model `name`, with what is not here yet downloaded.

    Without a network, or offline by `HF_HUB_OFFLINE`, what was downloaded before is used.
    Raises `UserError` with what to do: before the download where access, format or the disk
    forbid it.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import DryRunError

    wanted: dict[str, Any] = {"allow_patterns": _WANTED, "ignore_patterns": _UNWANTED}
    with _explained(name):
        try:
            files = snapshot_download(name, **wanted, dry_run=True, tqdm_class=_bar(None))
        except DryRunError:
            folder = Path(snapshot_download(name, **wanted, tqdm_class=_bar(None)))
            return _whole(folder, name)
    if not any(file.filename.endswith(".safetensors") for file in files):
        raise UserError(
            f"{name} has no safetensors, and the other formats of weights are never read, since "
            "they can run code: choose another model, or give a folder with converted weights"
        )
    missing = sum(file.file_size or 0 for file in files if file.will_download)
    _check_disk(name, missing)
    with _explained(name), _downloading(name, missing, reporter) as task:
        return Path(snapshot_download(name, **wanted, tqdm_class=_bar(task)))


def _whole(folder: Path, name: str) -> Path:
    """`folder`, unless it is what an interrupted download left."""
    index = folder / "model.safetensors.index.json"
    if index.is_file() or (folder / "model.safetensors").is_file():
        shards = _shards(index) if index.is_file() else []
        if all((folder / shard).is_file() for shard in shards):
            return folder
    raise UserError(
        f"only a part of {name} was downloaded, and the hub cannot be reached for the rest: "
        "try again with a network"
    )


def _shards(index: Path) -> list[str]:
    advice = "remove it, and it is downloaded again"
    found = read_json(index, advice)
    try:
        return [str(name) for name in found["weight_map"].values()]
    except (TypeError, KeyError, AttributeError):
        raise UserError(f"{index} is damaged (it names no weights): {advice}") from None


def _check_disk(name: str, needed: int) -> None:
    from huggingface_hub.constants import HF_HUB_CACHE

    cache = Path(HF_HUB_CACHE)
    there = next(folder for folder in (cache, *cache.parents) if folder.is_dir())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise UserError(
            f"{name} needs {needed / 1e9:.1f} GB more on the disk of {cache}, which has "
            f"{free / 1e9:.1f} GB free: make room, or set HF_HOME to a folder on a larger disk"
        )


@contextmanager
def _downloading(name: str, size: int, reporter: Reporter) -> Iterator[Task | None]:
    if size:
        with reporter.task(f"Downloading {name} (MB)", max(1, size // _MB)) as task:
            yield task
    else:
        yield None


def _bar(task: Task | None) -> type:
    """A class of progress bars for the hub's client that draw nothing and advance `task`."""
    from huggingface_hub.utils import tqdm

    lock, counts, told = threading.Lock(), dict[int, float](), [0]

    class Bar(tqdm):
        def __init__(self, *args: Any, **kwargs: Any):
            self.bytes = kwargs.get("unit") == "B"
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> None:
            """Count bytes. The client has one bar for what came and one for what is written."""
            if task is None or not self.bytes:
                return
            with lock:
                counts[id(self)] = counts.get(id(self), 0) + (n or 0)
                done = int(max(counts.values())) // _MB
                if done > told[0]:
                    task.advance(done - told[0])
                    told[0] = done

    return Bar


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Within, what the hub's client raises becomes a `UserError` that says what to do."""
    from huggingface_hub import constants, errors, get_token, logging

    logging.set_verbosity_error()
    page = f"{constants.ENDPOINT}/{name}"
    try:
        yield
    except errors.GatedRepoError:
        if get_token() is None:
            then = "then log in with `hf auth login`"
        else:
            then = "with the account that you are logged in with (`hf auth whoami`)"
        raise UserError(f"{name} is gated: accept its licence on {page}, {then}") from None
    except errors.RepositoryNotFoundError:
        raise UserError(
            f"the hub has no model {name!r}: check the id, log in with `hf auth login` if it is "
            "private, or give a folder"
        ) from None
    except errors.HFValidationError:
        raise UserError(f"{name!r} is no id of the hub: it is like org/name") from None
    except errors.HfHubHTTPError as error:
        raise UserError(_refusal(name, error.response.status_code)) from None
    except (errors.LocalEntryNotFoundError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in _DISK:
            raise UserError(
                f"cannot write to {constants.HF_HUB_CACHE}: {error.strerror}. Make room, or set "
                "HF_HOME to another folder"
            ) from None
        if isinstance(error.__cause__, errors.HfHubHTTPError):
            raise UserError(_refusal(name, error.__cause__.response.status_code)) from None
        raise UserError(_unreachable(name, error)) from None


def _refusal(name: str, status: int) -> str:
    if status == 401:
        return "the hub does not know your token: log in again with `hf auth login`"
    if status == 403:
        return (
            f"your token may not read {name}: log in with `hf auth login` and a token that can "
            "read gated models"
        )
    return f"the hub answers {status} for {name}: try again later, or give a folder with the model"


def _unreachable(name: str, error: Exception) -> str:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return (
            f"{name} is not wholly in {constants.HF_HUB_CACHE}, and HF_HUB_OFFLINE forbids to "
            "download it: unset that, or give a folder with the model"
        )
    return (
        f"cannot get {name} from the hub ({type(error).__name__}). Check the network, or download "
        "the model elsewhere and give its folder instead of its name"
    )
