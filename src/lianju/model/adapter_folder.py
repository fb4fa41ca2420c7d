"""What training left on the disk: an adapter's folder or a checkpoint of a run, found and read."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import lianju
from lianju.config import LoraSettings, PromptSettings, PromptStyle, RunSettings, validate
from lianju.errors import UserError
from lianju.files import read_json
from lianju.model.sources import base_folder, identity
from lianju.progress import SILENT

CARD = "lianju.json"
WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
FULL_WEIGHTS = "model.safetensors"
FULL_VOCABULARY = "vocabulary.json"
# The adapter that the package carries.
REFERENCE = "reference"
# What a checkpoint of a run consists of; the trained weights have names that begin with "weight/".
MANIFEST = "checkpoint.json"
STATE = "state.safetensors"
_STEP = re.compile(r"step-(\d{6,})")

_ADVICE = "restore it, or train the adapter again"


class _Card(BaseModel):
    """What a card must say. It may say more."""

    model_config = ConfigDict(strict=True)

    base: str = Field(min_length=1)
    base_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    prompt: str
    prompt_ids: str | None = None
    style: PromptStyle
    system: str | None = None
    instruction: str | None = None
    template: str | None = None
    kind: Literal["lora", "full"] = "lora"
    bits: Literal[4, 16] = 16
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    poems: int | None = Field(None, ge=0)


class _Config(BaseModel):
    """PEFT's settings of a LoRA adapter, as far as training can choose them."""

    model_config = ConfigDict(strict=True)

    peft_type: Literal["LORA"]
    r: int = Field(ge=1)
    lora_alpha: float = Field(gt=0, le=1e6)
    lora_dropout: float = Field(0.0, ge=0, lt=1)
    target_modules: list[str] = Field(min_length=1)
    init_lora_weights: bool = True
    use_rslora: bool = False
    use_dora: bool = False


# PEFT's settings that say nothing of what an adapter computes.
_FREE = {
    *("auto_mapping", "base_model_name_or_path", "inference_mode", "peft_version", "revision"),
    *("task_type",),
}


def reference_adapter() -> Path:
    """The folder of the adapter that the package carries."""
    return Path(lianju.__file__).with_name(REFERENCE) / "adapter"


def find_adapter(path: Path) -> Path:
    """The folder of what was trained: `path` itself, or the adapter of the run in `path`.

    That is an adapter's folder or a checkpoint's. `reference`, where nothing here has that name, is
    the adapter that the package carries. Raises `UserError` where there is neither.
    """
    if path == Path(REFERENCE) and not path.exists():
        return reference_adapter()
    try:
        if (path / CARD).is_file() or is_checkpoint(path):
            return path
        if (path / "adapter").is_dir():
            return path / "adapter"
        steps = [*checkpoints_in(path).values(), *checkpoints_in(path / "checkpoints").values()]
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    if steps:
        raise UserError(f"{path} holds no adapter yet: name a checkpoint, such as {steps[-1]}")
    raise UserError(
        f"{path} is no adapter: it has no {CARD}. Give the folder of a run, its `adapter`, or one "
        "of its checkpoints"
    )


def is_checkpoint(folder: Path) -> bool:
    """Whether `folder` is a checkpoint of a run rather than an adapter."""
    return (folder / MANIFEST).is_file()


def checkpoints_in(folder: Path) -> dict[int, Path]:
    """The folders of checkpoints that lie in `folder`, by their steps, in order."""
    found = ((_STEP.fullmatch(path.name), path) for path in folder.glob("step-*"))
    return dict(sorted((int(name[1]), path) for name, path in found if name))


def run_of(folder: Path) -> Path:
    """The folder of the run that an adapter or a checkpoint lies in, if it lies in one."""
    parent = folder.resolve().parent
    return parent.parent if parent.name == "checkpoints" else parent


def adapter_name(folder: Path) -> str:
    """A short name: that of the run, with the step of a checkpoint; else the folder's own."""
    whole = folder.resolve()
    if whole.parent.name == "checkpoints":
        return f"{run_of(folder).name}-{whole.name}"
    return whole.parent.name if whole.name == "adapter" else whole.name


def read_card(folder: Path) -> dict[str, Any]:
    """The card of what was trained: what it fits, and how it was made.

    `folder` is what `find_adapter` takes. Raises `UserError` where the card is damaged or a file
    is missing. A checkpoint has the card of its run's adapter or, in a run that has none yet, one
    that says no prompt.
    """
    folder = find_adapter(folder)
    if is_checkpoint(folder):
        run = run_of(folder)
        made = (run / "adapter" / CARD).is_file()
        return read_card(run / "adapter") if made else _card_of(run_settings(run))
    if not (folder / CARD).is_file():
        raise UserError(f"{folder} is no adapter: it has no {CARD}; {_ADVICE}")
    card: dict[str, Any] = read_json(folder / CARD, _ADVICE)
    _checked(_Card, card, folder / CARD)
    _checked(PromptSettings, _prompt_values(card), folder / CARD)
    full = card.get("kind") == "full"
    for name in (FULL_WEIGHTS, FULL_VOCABULARY) if full else (WEIGHTS, CONFIG):
        if not (folder / name).is_file():
            raise UserError(f"{folder} is no adapter: it has no {name}; {_ADVICE}")
    return card


def _card_of(settings: RunSettings) -> dict[str, Any]:
    model = settings.model
    return {
        "base": model.name,
        "base_sha256": identity(base_folder(model.name, SILENT)),
        "kind": settings.train.method,
        "bits": model.bits,
        **settings.prompt.model_dump(exclude_none=True),
        "precision": model.precision,
    }


def card_prompt(card: Mapping[str, Any]) -> PromptSettings:
    """The prompt that what has this card was trained with."""
    return PromptSettings.model_validate(_prompt_values(card))


def _prompt_values(card: Mapping[str, Any]) -> dict[str, Any]:
    return {name: card[name] for name in PromptSettings.model_fields if card.get(name) is not None}


def run_settings(run: Path) -> RunSettings:
    """The settings of a run, by its folder; `UserError` where they are missing or damaged."""
    path, advice = run / "settings.json", "restore it, or begin a new run"
    values = read_json(path, advice)
    try:
        return validate(values)
    except UserError as error:
        raise UserError(f"{path} is damaged ({error}): {advice}") from None


def read_lora(folder: Path) -> LoraSettings:
    """How the LoRA adapter in `folder` is built, from PEFT's file beside it.

    Raises `UserError` for what our training cannot have chosen.
    """
    path = folder / CONFIG
    values = read_json(path, _ADVICE)
    config = _checked(_Config, values, path)
    _check_rest(values, path)
    if config.use_dora and config.use_rslora:
        raise UserError(
            f"{path} is damaged (use_dora and use_rslora exclude each other): {_ADVICE}"
        )
    # Not validated: an adapter that began as PiSSA is of twice the rank that was asked for.
    return LoraSettings.model_construct(
        variant="dora" if config.use_dora else "rslora" if config.use_rslora else "lora",
        rank=config.r,
        alpha=config.lora_alpha,
        dropout=config.lora_dropout,
        targets=tuple(sorted({*config.target_modules})),
    )


def _check_rest(values: Mapping[str, Any], path: Path) -> None:
    """Refuse every other setting that changes what the adapter computes."""
    from peft import LoraConfig

    usual = LoraConfig().to_dict()
    for name, value in values.items():
        known = name in usual and name not in _FREE and name not in _Config.model_fields
        if known and value != usual[name]:
            raise UserError(f"{path} asks for {name}, which no training of ours does: {_ADVICE}")


_Model = TypeVar("_Model", bound=BaseModel)


def _checked(kind: type[_Model], values: object, path: Path) -> _Model:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "all of it"
        raise UserError(f"{path} is damaged ({where}: {first['msg']}): {_ADVICE}") from None
