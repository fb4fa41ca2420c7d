"""What each setting means, its range, its default."""

import hashlib
from typing import Annotated, Any, Literal
from unicodedata import category

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from lianju.config.prompt_texts import (
    INSTRUCTION,
    SYSTEM,
    PromptTexts,
    check_template,
    filled,
)

# Tokens of a completion that keeps no rules, where nothing else is asked.
FREE_LENGTH = 128
# The most poems that may be shown before a couplet.
MOST_SHOTS = 16
# Longer than any path, name or key can be.
PATH = 4096
_Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Key = Annotated[str, StringConstraints(max_length=4096)]
# Of a prompt; longer than any that a model of ours could be trained with.
_LONGEST_TEXT = 2000
_PromptText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=_LONGEST_TEXT)]


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

    source: str | None = Field(None, min_length=1, max_length=PATH)
    """A file of poems, or a folder that holds Tang_training_data.json; none:
    those of `corpus`."""
    corpus: Literal["homework", "tang", "tang-song"] = "homework"
    """Which poems, where no source is named. homework: its 5,001. tang: all Tang poems in one of
    the four forms, some 39,000. tang-song: these and the Song poems in one of them; as many of
    either dynasty as of the other, while there are some."""
    leave_out: str | None = Field(None, min_length=1, max_length=PATH)
    """A file of lines to keep apart, one a line: for each the first 16 hexadecimal digits of the
    SHA-256 of its characters. No poem with such a line is trained or validated on."""
    poems: int = Field(2000, ge=1, le=10**6)
    """How many poems to train on; all, where there are fewer."""
    selection: Literal["balanced", "first"] = "balanced"
    """Take as many poems of each form, drawn by the seed, or the first ones in order."""
    validation: int | None = Field(None, ge=1, le=10_000)
    """How many unseen poems to validate on; none: 500, or with fewer than 1,000 poems to train on
    half as many as those, but 64 at least."""


class ModelSettings(Settings):
    """Which base model, and how it is loaded."""

    name: str = Field("gemma-3-270m", min_length=1, max_length=PATH)
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


# How a prompt is laid out.
PromptStyle = Literal["plain", "homework", "chat"]


class PromptSettings(Settings):
    """How a couplet is put to the model, in training and in completing alike."""

    style: PromptStyle = "plain"
    """plain: the couplet alone. homework: system text, instruction and couplet in the layout of
    Llama 2, which is TAIDE's. chat: the same in the layout of the model's own chat template."""
    system: _PromptText | None = None
    """Who the model is to be; none: in homework and chat the homework's text, in plain no text.
    Empty: no such text in any style."""
    instruction: _PromptText | None = None
    """What it is asked to do, before the couplet; none and empty: as with system."""
    template: str | None = Field(None, min_length=1, max_length=_LONGEST_TEXT)
    """The message, with {couplet} once where the couplet goes, and {instruction} and, in plain,
    {system} where these go; none: one after the other, a line each."""

    @field_validator("system", "instruction", "template")
    @classmethod
    def _is_plain(cls, value: str | None) -> str | None:
        for character in value or "":
            if category(character) in ("Cc", "Co") and character not in "\n\t":
                raise ValueError(f"no prompt can hold U+{ord(character):04X}")
        return value

    @field_validator("template")
    @classmethod
    def _with_its_places(cls, value: str | None, info: ValidationInfo) -> str | None:
        known = info.data
        places = {"couplet": True, "instruction": bool(known.get("instruction"))}
        if known.get("style") == "plain":
            places["system"] = bool(known.get("system"))
        if value is not None:
            check_template(value, places)
        return value

    @property
    def texts(self) -> PromptTexts:
        """The texts around the couplet."""
        fixed = self.style != "plain"
        system, instruction = (
            (own if own is not None else usual if fixed else "")
            for own, usual in ((self.system, SYSTEM), (self.instruction, INSTRUCTION))
        )
        places = {"instruction": instruction} | ({} if fixed else {"system": system})
        if self.template is None:
            first = [text for text in ("" if fixed else system, instruction) if text]
            return PromptTexts(system if fixed else "", "".join(f"{text}\n" for text in first), "")
        before, after = filled(self.template, places)
        return PromptTexts(system if fixed else "", before, after)

    @property
    def name(self) -> str:
        """Tells this prompt from others: its style and, where a text is not the style's own, eight
        digits of the texts.
        """
        texts = self.texts
        if texts == PromptSettings(style=self.style).texts:
            return self.style
        return f"{self.style}-{hashlib.sha256(repr(tuple(texts)).encode()).hexdigest()[:8]}"


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
    loss: Literal["completion", "poem"] = "completion"
    """What is learned from: what goes on from the couplet; or the couplet's own characters too,
    where it stands alone in the prompt. Validation always covers the former."""
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
    keep: Literal["best", "all"] | Annotated[int, Field(ge=1, le=1000)] = "best"
    """Which checkpoints stay. best: the last and the best. A number: so many of the last, and the
    best. all: that of every validation. Of the older ones only the weights stay, a third."""

    @field_validator("keep", mode="before")
    @classmethod
    def _keep(cls, value: Any) -> Any:
        number = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1000
        if number or value in ("best", "all"):
            return value
        raise ValueError("give best, all, or how many of the last, from 1 to 1000")

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
    top_p: float = Field(0.5, gt=0, le=1)
    """Draw from the likeliest tokens that together have this probability; 1: from all."""
    min_p: float = Field(0.0, ge=0, le=1)
    """Draw only from tokens at least this many times as likely as the likeliest; 0: from all."""
    typical_p: float = Field(1.0, gt=0, le=1)
    """Draw from the tokens about as surprising as is to be expected here, until they together
    have this probability; 1: from all."""
    max_length: int | None = Field(None, ge=1, le=4096)
    """Stop after this many new tokens, finished or not; none: 128, or what the form can need."""
    repetition_penalty: float = Field(1.3, ge=1, le=10)
    """Above 1, characters that stand in the poem already become less likely, punctuation does
    not."""
    seed: int = Field(0, ge=0, lt=2**63)
    """The same seed gives the same poems."""
    candidates: int = Field(1, ge=1, le=1000)
    """How many completions of each couplet."""
    particles: int = Field(4, ge=1, le=64)
    """Poems written side by side for each candidate in a form; where the rules force the model,
    those it likes better multiply (sequential Monte Carlo)."""
    taste: float = Field(1.0, ge=0, le=10)
    """How strongly particles whose couplets read like a poet's are favoured; 0: not at all, 1: by
    the odds that a poet wrote them."""

    @property
    def free_length(self) -> int:
        """Tokens that a completion without rules may have."""
        return self.max_length or FREE_LENGTH

    @field_validator("temperature")
    @classmethod
    def _not_too_small(cls, value: float) -> float:
        if 0 < value < 0.001:
            raise ValueError("a temperature is 0 or at least 0.001")
        return value


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

    recipe: str = Field("default", max_length=PATH)
    """Name of the recipe these settings came from."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Seed of poem selection, adapter initialisation, batch order and dropout."""
    shape_couplets: int = Field(500, ge=0, le=10_000)
    """How many validation couplets the tuned model completes, to judge their shape."""
    shots: int = Field(0, ge=0, le=MOST_SHOTS)
    """How many whole training poems are also shown to the base model before each couplet, so that
    the report has it as strong as prompting makes it; 0: it is judged without only."""
    log: Literal["tensorboard", "wandb", "trackio", "mlflow"] | None = None
    """Where each row of the log of steps also goes as it is written; none: into steps.jsonl only.
    Nothing of the poems is sent, and no account is asked for: wandb stays offline without a key."""
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
        if self.train.loss == "poem" and self.prompt.name != "plain":
            raise ValueError("train.loss=poem needs prompt.style=plain, with no text around it")
        return self
