"""Every setting of every verb: what it means, its range, its default. Loads without torch.

A recipe is a YAML file of these settings. What it leaves out has the default written here;
`--set section.name=value` on the command line overrides both.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from lianju.errors import UserError
from lianju.setting_errors import short, told, unknown
from lianju.yaml_values import LONGEST, read_yaml

# Where a rhyme character is left open; other signs that people write for a gap are taken for it.
OPEN_RHYME = "_"
_OPEN_SIGNS = "＿〇？?□*."

# Longer than any path, name or key can be.
_PATH = 4096
_Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Line = Annotated[str, StringConstraints(max_length=200)]
_Key = Annotated[str, StringConstraints(max_length=4096)]


class Settings(BaseModel):
    """Frozen settings that refuse unknown keys."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    @field_validator("*", mode="before")
    @classmethod
    def _is_utf8(cls, value: Any) -> Any:
        for text in value if isinstance(value, list | tuple) else [value]:
            if isinstance(text, str) and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text):
                raise ValueError("input should be UTF-8 text")
        return value


class DataSettings(Settings):
    """Which poems."""

    source: str | None = Field(None, min_length=1, max_length=_PATH)
    """A file of poems, or a folder that holds Tang_training_data.json; none: the homework's
    5,001."""
    poems: int = Field(2000, ge=1, le=10**6)
    """How many poems to train on; all, where there are fewer."""
    selection: Literal["balanced", "first"] = "balanced"
    """Take as many poems of each form, drawn by the seed, or the first ones in order."""
    validation: int | None = Field(None, ge=1, le=10_000)
    """How many unseen poems to validate on; none: 500, or with fewer than 1,000 poems to train on
    half as many as those, but 64 at least."""


class ModelSettings(Settings):
    """Which base model, and how it is loaded."""

    name: str = Field("gemma-3-270m", min_length=1, max_length=_PATH)
    """A name of the catalogue, a folder, a GGUF file, or a hub id such as Qwen/Qwen3-0.6B."""
    trim: bool = True
    """Keep only the vocabulary rows that verse needs: exact, and several times faster."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; auto takes a GPU when there is one."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Precision of matrix products in training; auto measures fp32 and bf16 on a CPU, and on a
    GPU takes bf16 where it has units for it. fp16 is for GPUs that have none, such as the T4."""
    bits: Literal[4, 16] = 16
    """4: hold the frozen weights in 4-bit NF4, quantised twice (Dettmers et al., QLoRA, 2023).
    That saves memory, never time."""


class PromptSettings(Settings):
    """How a couplet is put to the model, in training and in completing alike."""

    style: Literal["plain", "homework", "chat"] = "plain"
    """plain: the couplet alone. homework: system text, instruction and couplet in the layout of
    Llama 2, which is TAIDE's. chat: the same in the layout of the model's own chat template."""


class LoraSettings(Settings):
    """The adapter. See Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, 2021."""

    variant: Literal["lora", "rslora", "dora", "pissa"] = "lora"
    """lora; rslora scales by alpha / sqrt(rank) (Kalajdzievski 2023); dora trains magnitude and
    direction apart (Liu et al. 2024); pissa starts from the largest singular values (Meng et al.
    2024)."""
    rank: int = Field(16, ge=1, le=4096)
    """Rank of the two factors."""
    alpha: float = Field(32, gt=0, le=10**6)
    """The product of the factors is scaled by alpha / rank."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of the adapter's inputs dropped in training."""
    targets: tuple[_Name, ...] = Field(
        ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
        min_length=1,
        max_length=100,
    )
    """Which linear layers get an adapter."""


class TrainSettings(Settings):
    """The loop."""

    method: Literal["lora", "full"] = "lora"
    """lora: train an adapter. full: train every weight, for small models."""
    epochs: int = Field(1, ge=1, le=10_000)
    """How often each poem is seen."""
    batch_size: int = Field(8, ge=1, le=65_536)
    """Poems a forward pass."""
    accumulation: int = Field(1, ge=1, le=65_536)
    """Forward passes an optimizer step; the loss is that of one large batch."""
    learning_rate: float = Field(1.5e-3, gt=0, le=10)
    """Highest learning rate, after warm-up."""
    warmup: float = Field(0.05, ge=0, lt=1)
    """Share of the steps in which the learning rate rises from zero."""
    weight_decay: float = Field(0.0, ge=0, le=100)
    """AdamW's decoupled weight decay."""
    max_grad_norm: float = Field(1.0, gt=0, le=10**6)
    """Gradients longer than this are scaled down to it."""
    gradient_checkpointing: Literal["auto", "on", "off"] = "auto"
    """Compute activations twice and keep them once: saves memory, costs a third of the speed.
    auto: only where memory would not suffice."""
    sharding: Literal["auto", "on", "off"] = "auto"
    """With several GPUs: divide the weights among them (FSDP2) instead of holding a copy on each
    (DDP). auto: only where a copy does not fit."""
    cutoff: int = Field(256, ge=8, le=32_768)
    """Examples of more tokens than this are refused, not truncated."""
    validations: int = Field(4, ge=1, le=1000)
    """How often to validate and write a checkpoint, spread evenly over training."""
    validation_part: int = Field(64, ge=1, le=10_000)
    """How many of the validation poems are looked at while training."""

    @field_validator("gradient_checkpointing", "sharding", mode="before")
    @classmethod
    def _switch(cls, value: Any) -> Any:
        # YAML reads a bare on or off as true or false.
        return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


class DecodeSettings(Settings):
    """How the next character is drawn."""

    temperature: float = Field(1.0, ge=0, le=10)
    """Below 1 safer and more alike, above 1 wilder; 0 always takes the likeliest."""
    top_k: int = Field(0, ge=0, le=10**6)
    """Draw from the k likeliest tokens only; 0: from all."""
    top_p: float = Field(0.3, gt=0, le=1)
    """Draw from the likeliest tokens that together have this probability; 1: from all."""
    min_p: float = Field(0.0, ge=0, le=1)
    """Draw only from tokens at least this many times as likely as the likeliest; 0: from all."""
    typical_p: float = Field(1.0, gt=0, le=1)
    """Draw from the tokens about as surprising as is to be expected here, until they together
    have this probability; 1: from all."""
    max_length: int | None = Field(None, ge=1, le=4096)
    """Stop after this many new tokens, finished or not; none: 128, or what the form can need."""
    repetition_penalty: float = Field(1.0, ge=1, le=10)
    """Above 1, tokens that stand in the poem already become less likely."""
    seed: int = Field(0, ge=0, lt=2**63)
    """The same seed gives the same poems."""
    candidates: int = Field(1, ge=1, le=1000)
    """How many completions of each couplet."""
    particles: int = Field(4, ge=1, le=64)
    """Poems written side by side for each candidate in a form; where the rules force the model,
    those it likes better multiply (sequential Monte Carlo)."""

    @field_validator("temperature")
    @classmethod
    def _not_too_small(cls, value: float) -> float:
        if 0 < value < 0.001:
            raise ValueError("a temperature is 0 or at least 0.001")
        return value


# What people call the forms, besides the names that settings have.
_FORMS = {
    name: form
    for form, names in {
        "auto": "自動 自动",
        "wujue": "五絕 五绝 五言絕句 五言绝句",
        "qijue": "七絕 七绝 七言絕句 七言绝句",
        "wulu": "五律 五言律詩 五言律诗 wulü wulv",
        "qilu": "七律 七言律詩 七言律诗 qilü qilv",
        "free": "自由",
    }.items()
    for name in names.split()
}


class VerseSettings(Settings):
    """The rules that a completion must keep. Each is kept from the first character on."""

    form: Literal["auto", "wujue", "qijue", "wulu", "qilu", "free"] = "auto"
    """wujue 五絕, qijue 七絕, wulu 五律, qilu 七律, in either script; auto: what the couplet can
    open, the model choosing four or eight lines; free: no rule at all."""
    rhyme: str = Field("auto", max_length=100)
    """auto: the couplet's own rhyme; or a Pingshui group such as 東; or off. An oblique rhyme
    leaves the tones free."""
    tone: Literal["on", "off"] = "on"
    """Whether level 平 and oblique 仄 tones keep the metre."""
    lines: int | None = Field(None, ge=4, le=100)
    """Lines of the whole poem, an even number; ten or more make a pailü 排律."""
    acrostic: str = Field("", max_length=400)
    """藏頭: characters with which the lines begin, those to be written or all."""
    rhymes: str = Field("", max_length=400, exclude_if=lambda text: not text)
    """限韻: characters with which the even lines end, those to be written or all; _ leaves a line
    open."""
    given: dict[int, _Line] = Field({}, max_length=98, exclude_if=lambda lines: not lines)
    """Whole lines by their number, 3 or more, which stand as they are while the others are
    written."""

    @field_validator("form", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return _FORMS.get(value, value) if isinstance(value, str) else value

    @field_validator("lines")
    @classmethod
    def _even(cls, value: int | None) -> int | None:
        if value is not None and value % 2:
            raise ValueError("lines of verse come in couplets, so their number is even")
        return value

    @field_validator("rhymes")
    @classmethod
    def _rhymes(cls, value: str) -> str:
        marked = "".join(OPEN_RHYME if c in _OPEN_SIGNS else c for c in value)
        found = "".join(c for c in marked if c == OPEN_RHYME or not (c.isspace() or _is_mark(c)))
        if not all(c == OPEN_RHYME or _is_han(c) for c in found):
            raise ValueError(f"give Han characters, and {OPEN_RHYME} for a line that is left open")
        return found

    @field_validator("given")
    @classmethod
    def _lines(cls, value: dict[int, str]) -> dict[int, str]:
        found = {}
        for number, text in sorted(value.items()):
            if number < 3:
                raise ValueError(f"line {number} is the couplet's: give lines from 3 on")
            found[number] = "".join(c for c in text if not (c.isspace() or _is_mark(c)))
            if not found[number] or not all(map(_is_han, found[number])):
                raise ValueError(f"line {number} is to be of Han characters only")
        return found


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("P")


def _is_han(character: str) -> bool:
    name = unicodedata.name(character, "")
    return name.startswith(("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "IDEOGRAPHIC NUMBER"))


class ServeSettings(Settings):
    """What a server grants."""

    queue: int = Field(64, ge=1, le=100_000)
    """How many requests may wait; what comes beyond is told to come again (429)."""
    seconds: float = Field(120, gt=0, le=86_400)
    """A request that takes longer is given up (504)."""
    tokens: int = Field(1024, ge=1, le=4096)
    """How many tokens each candidate of a request may have at most."""
    api_keys: tuple[_Key, ...] = Field((), max_length=1000)
    """Requests must carry one of these; none: everybody may ask."""
    origins: tuple[_Key, ...] = Field((), max_length=1000)
    """Web pages of these origins may ask (CORS); none: only the server's own page."""
    log_prompts: bool = False
    """Write the couplets that are asked for to the log."""


class RunSettings(Settings):
    """All settings of `lianju run`."""

    recipe: str = Field("default", max_length=_PATH)
    """Name of the recipe these settings came from."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Seed of poem selection, adapter initialisation, batch order and dropout."""
    shape_couplets: int = Field(500, ge=0, le=10_000)
    """How many validation couplets the tuned model completes, to judge their shape."""
    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    prompt: PromptSettings = PromptSettings()
    lora: LoraSettings = LoraSettings()
    train: TrainSettings = TrainSettings()
    decode: DecodeSettings = DecodeSettings()

    @model_validator(mode="after")
    def _fitting(self) -> "RunSettings":
        full = self.train.method == "full"
        if self.model.bits == 4 and (full or self.lora.variant == "pissa"):
            what = "train.method=full changes" if full else "lora.variant=pissa splits"
            raise ValueError(f"{what} the base weights, which needs model.bits=16")
        return self


def recipe_names() -> list[str]:
    """The recipes that come with the package."""
    folder = resources.files("lianju") / "recipes"
    return sorted(file.name.removesuffix(".yaml") for file in folder.iterdir() if file.is_file())


def load_settings(
    recipe: str | RunSettings = "default", overrides: Mapping[str, Any] | None = None
) -> RunSettings:
    """Read a recipe, by name or as a YAML file, or take settings; and lay `overrides` over them.

    Keys of `overrides` are dotted names such as `train.learning_rate`; values are given as
    in YAML. Paths are made absolute, so that a run can be resumed from any folder. Raises
    `UserError` naming every key that is unknown or has a bad value.
    """
    if isinstance(recipe, RunSettings):
        values = recipe.model_dump(mode="json")
    else:
        values = _read_recipe(recipe)
    for key, value in (overrides or {}).items():
        _put(values, key, value)
    settings = validate(values)
    source, model = settings.data.source, settings.model.name
    return settings.model_copy(
        update={
            "data": settings.data.model_copy(update={"source": source and _absolute(source)}),
            "model": settings.model.model_copy(
                update={"name": _absolute(model) if _is_path(model) else model}
            ),
        }
    )


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())


def _is_path(model: str) -> bool:
    """Whether a model's name is that of a file or folder here, and not of the catalogue."""
    try:
        return ("/" in model or model.endswith(".gguf")) and Path(model).expanduser().exists()
    except (OSError, ValueError):
        return False


def validate(values: Any) -> RunSettings:
    """Settings from plain values, as a recipe or a run's `settings.json` holds them."""
    return _validated(RunSettings, values)


_Model = TypeVar("_Model", bound=Settings)


def from_flags(model: type[_Model], values: Mapping[str, Any]) -> _Model:
    """Settings from what flags of their names gave. Raises `UserError` naming the bad flags."""
    return _validated(model, values, lambda name: f"--{name.replace('_', '-')}")


def writing_settings(asked: Mapping[str, Any]) -> tuple[VerseSettings, DecodeSettings]:
    """The rules and the decoding that keywords of both ask for; the recipe's where they do not.

    Raises `UserError` naming the keywords with a bad value, and one that is unknown with the
    nearest that there is.
    """
    verse, decode = VerseSettings.model_fields, DecodeSettings.model_fields
    for name in asked:
        if name not in verse and name not in decode:
            raise UserError(unknown(name, [*verse, *decode]))
    rules = _validated(VerseSettings, {name: asked[name] for name in asked if name in verse})
    given = {name: asked[name] for name in asked if name in decode}
    base = load_settings().decode.model_dump()
    return rules, _validated(DecodeSettings, base | given)


def _validated(model: type[_Model], values: Any, called: Callable[[str], str] = str) -> _Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(told(error, setting_names(), called)) from None


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """`["train.epochs=2"]` as `{"train.epochs": 2}`; values are read as YAML."""
    parsed = {}
    for assignment in assignments:
        key, sign, value = assignment.partition("=")
        if not sign:
            raise UserError(f"--set takes name=value, not {short(repr(assignment))}")
        parsed[key.strip()] = read_yaml(value, f"the value of --set {short(key.strip())}")
    return parsed


def _read_recipe(recipe: str) -> dict[str, Any]:
    name = recipe
    if recipe in recipe_names():
        text = (resources.files("lianju") / "recipes" / f"{recipe}.yaml").read_text("utf-8")
    else:
        name, text = Path(recipe).stem, _recipe_file(recipe)
    values = read_yaml(text, recipe) or {}
    if not isinstance(values, dict):
        raise UserError(f"{recipe} is no recipe: it must hold `name: value` lines")
    return {"recipe": name, **values}


def _recipe_file(recipe: str) -> str:
    try:
        if Path(recipe).is_file():
            with Path(recipe).open(encoding="utf-8") as file:
                return file.read(LONGEST + 1)
    except UnicodeDecodeError:
        raise UserError(f"{recipe} is not UTF-8 text") from None
    except OSError as error:
        raise UserError(f"cannot read {short(recipe)}: {error.strerror or error}") from None
    known = ", ".join(recipe_names())
    raise UserError(f"no recipe {short(repr(recipe))}: give one of {known}, or a YAML file")


def _put(values: dict[str, Any], dotted: str, value: Any) -> None:
    section, dot, name = dotted.rpartition(".")
    if dotted not in setting_names() and (dot or dotted not in RunSettings.model_fields):
        raise UserError(unknown(dotted, setting_names()))
    if dot:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise UserError(f"{section} is a section of settings, not {short(repr(values))}")
    values[name] = value


def setting_names() -> list[str]:
    """Every setting's dotted name."""
    names = []
    for name, field in RunSettings.model_fields.items():
        if isinstance(field.default, Settings):
            names += [f"{name}.{inner}" for inner in type(field.default).model_fields]
        else:
            names.append(name)
    return names
