"""What an untouched model does, kept in the cache: no run changes it, and it takes long."""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lianju
from lianju import machine
from lianju.errors import UserError
from lianju.files import cache_dir, digest, locked, read_json, write_json
from lianju.progress import SILENT, Reporter
from lianju.prompt import fingerprint

if TYPE_CHECKING:
    from lianju.model import LanguageModel

# What of a machine can change the last digits of a result.
_MACHINE = ("cpu", "gpu", "torch", "transformers")


def folder() -> Path:
    """Where what untouched models do is kept."""
    return cache_dir() / "untouched"


def cached_result(
    name: str,
    asked: Mapping[str, Any],
    work: Callable[[str], Any],
    reporter: Reporter = SILENT,
) -> Any:
    """What `work(name)` gives, as JSON, or what it gave before where the same was `asked`.

    It is worked out anew with other code of ours, on another machine, and where the file is
    damaged, which is told. Where the cache cannot be written nothing is kept.
    """
    here = machine.describe()
    asked = {**asked, "code": _code(), "machine": {part: here[part] for part in _MACHINE}}
    path = folder() / f"{digest(asked)[:24]}.json"
    try:
        found = _read(path)
    except UserError as error:
        reporter.say(f"{name}: {error}")
    else:
        if found is not None:
            reporter.say(f"{name}: from the cache")
            return found["result"]
    result = json.loads(json.dumps(work(name)))
    held = {"asked": asked, "result": result}
    with suppress(UserError), locked(path):
        write_json(path, {**held, "sha256": digest(held)})
    return result


def model_identity(model: "LanguageModel", style: str) -> dict[str, Any]:
    """What all that a model says in one prompt style depends on."""
    words = model.vocabulary
    spelling = repr((*words.tokens, *words.original_ids, words.stops))
    return {
        "model": [model.sha256, model.engine, str(model.network.dtype), model.device.type],
        "prompt": [fingerprint(style, words), words.prompt_digest(style)],
        "vocabulary": hashlib.sha256(spelling.encode()).hexdigest(),
    }


def _read(path: Path) -> Any:
    """What is kept in a file, None if there is no file; `UserError` where it is damaged."""
    if not path.is_file():
        return None
    held = read_json(path, advice="it is worked out again")
    if not isinstance(held, dict) or held.pop("sha256", "") != digest(held):
        raise UserError(f"{path} is damaged: it is worked out again")
    return held


@cache
def _code() -> str:
    """Changes with every line of this program: what is decoded or counted otherwise is new."""
    total = hashlib.sha256()
    for file in sorted(Path(lianju.__file__).parent.rglob("*")):
        if file.suffix in (".py", ".toml", ".csv", ".tsv", ".txt"):
            total.update(file.read_bytes())
    return total.hexdigest()[:12]
