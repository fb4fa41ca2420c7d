"""OpenAI's completions, chat completions and models, as this server takes and gives them.

What OpenAI has and a model of verse cannot do is refused by name, never ignored; `unasked` has
what clients send without asking for anything. Types are strict: "0.7" is no number. Ranges,
defaults and what a setting does come from `lianju.config`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from lianju.config import DecodeSettings, VerseSettings
from lianju.serve.native_schema import StrictModel, VerseRules, decode_field
from lianju.serve.unasked import without_unasked

LONGEST_PROMPT = 600
# Clients send long system texts and whole conversations along, which are not read.
_LONGEST_MESSAGE = 100_000
_COUPLET = "空山新雨後，天氣晚來秋。"


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _text_only(value: Any) -> Any:
    if isinstance(value, list) and any(isinstance(item, int | list) for item in value):
        raise ValueError("tokens are not read: give the prompt as text")
    return _listed(value)


def _zero(value: float) -> float:
    if value:
        raise ValueError("can only be 0: repetition_penalty is what this server has instead")
    return value


def _empty(value: Any) -> Any:
    if value not in ("", [], {}):
        raise ValueError("is not offered: leave it out")
    return value


def _some(value: list[str]) -> list[str]:
    return [one for one in value if one]


def _all_of_them(value: int | None) -> int | None:
    return 0 if value == -1 else value


def _named(value: str | None) -> str | None:
    return value or None


def _no_limit(value: Any) -> Any:
    return None if type(value) is int and value == -1 else value


def _if_any(value: Any) -> Any:
    return None if value is False else value


def _part(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


def _parts(value: Any, info: ValidationInfo) -> Any:
    if value is None and info.data.get("role") != "user":
        return []
    return [value] if isinstance(value, str) else value


_Zero = Annotated[
    float, AfterValidator(_zero), WithJsonSchema({"type": "number", "minimum": 0, "maximum": 0})
]
_Prompt = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_PROMPT)]
_Prompts = Annotated[list[_Prompt], Field(min_length=1, max_length=16)]
_Stop = Annotated[str, StringConstraints(max_length=100)]
_Stops = Annotated[list[_Stop], Field(max_length=64), AfterValidator(_some)]
_Length = Annotated[int, Field(ge=1)]
_MaxTokens = Annotated[
    _Length | None,
    BeforeValidator(_no_limit, json_schema_input_type=_Length | Literal[-1] | None),
]
_Logprobs = Annotated[int, Field(ge=0, le=5)]


# --- what is asked -------------------------------------------------------------------------


class StreamOptions(StrictModel):
    """What a stream brings besides the text."""

    include_usage: bool | None = False
    """Send one more chunk before [DONE], with the tokens counted and no choices."""
    include_obfuscation: Literal[False] | None = None
    """Only false: nothing is added to chunks to hide how long they are."""
    continuous_usage_stats: Literal[False] | None = None
    """Only false: tokens are counted at the end."""


class OpenAIRequest(StrictModel):
    """What both endpoints take. null is the same as leaving a field out."""

    model: Annotated[str | None, AfterValidator(_named)] = Field(None, max_length=300)
    """A name that GET /v1/models lists; null: the first of them. OpenAI's clients always send
    one."""
    n: int | None = Field(1, ge=1, le=16)
    """How many completions (of each prompt). Prompts × n, and with `verse` × particles, are at most
    256."""
    max_tokens: _MaxTokens = None
    """At most so many tokens are written, the one that ends the poem included; never more than the
    server grants, which `lianju.notes` tells. A character is one token; a rare one takes a token
    for each of its bytes. null or -1: as many as needed, but no more than 128 or, with `verse`,
    what the form can need. With `verse` less than that is refused."""
    temperature: float | None = decode_field("temperature")
    top_p: float | None = decode_field("top_p")
    top_k: Annotated[int | None, AfterValidator(_all_of_them)] = Field(0, ge=-1)
    """Draw from the k likeliest tokens only; 0 or -1: from all."""
    min_p: float | None = decode_field("min_p")
    typical_p: float | None = decode_field("typical_p")
    repetition_penalty: float | None = decode_field("repetition_penalty")
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    """The same seed gives the same poems, whatever else the server is writing; null or -1: drawn by
    the server, which tells it in `lianju.seed`. Equal prompts of one request get equal poems."""
    stop: Annotated[
        _Stops | None,
        BeforeValidator(_listed, json_schema_input_type=_Stop | _Stops | None),
    ] = None
    """One or up to 64 texts. A completion ends before the first that comes in it."""
    stream: bool | None = False
    """Send server-sent events as the text grows, instead of one answer at the end. Only text that
    nothing can change any more is sent, in whole characters."""
    stream_options: StreamOptions | None = None
    """What a stream has; of no effect without `stream`."""
    verse: VerseRules | None = None
    """Not OpenAI's: the rules that the poem keeps, by construction. {}: the form that the couplet
    can open, with all its rules; null: no rules, the model writes what it likes. Several poems are
    then written side by side for each completion (`particles`), so a stream has what all of them
    share, and comes in larger pieces."""
    presence_penalty: _Zero | None = 0
    """Only 0; see repetition_penalty."""
    frequency_penalty: _Zero | None = 0
    """Only 0; see repetition_penalty."""
    logit_bias: (
        Annotated[
            dict[str, Any] | list[Any],
            AfterValidator(_empty),
            WithJsonSchema({"type": ["object", "array"], "maxProperties": 0, "maxItems": 0}),
        ]
        | None
    ) = None
    """Only null, {} or []."""
    user: str | None = None
    """Accepted and not used."""

    @field_validator("temperature")
    @classmethod
    def _not_too_small(cls, value: float | None) -> float | None:
        return value if value is None else DecodeSettings._not_too_small(value)

    @model_validator(mode="before")
    @classmethod
    def _only_what_is_asked(cls, body: Any) -> Any:
        return without_unasked(body, cls.model_fields) if isinstance(body, dict) else body

    # Where the text stands, and what errors about a request's parts name.
    field: ClassVar[str]
    params: ClassVar[Mapping[str, str]]

    @property
    def rules(self) -> VerseSettings:
        """The rules that the poem keeps."""
        return self.verse.rules if self.verse else VerseSettings(form="free")

    @property
    def length(self) -> int | None:
        """The most tokens that a completion may have; None: as many as needed."""
        return self.max_tokens


def _params(field: str) -> dict[str, str]:
    return {"max_length": "max_tokens", "couplet": field, "prefix": field}


class CompletionRequest(OpenAIRequest):
    """Asks for text that goes on from a prompt."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"prompt": _COUPLET, "verse": {}, "n": 2, "seed": 7},
                {"prompt": _COUPLET, "logprobs": 3, "stop": "。", "seed": 7},
            ]
        }
    )

    field, params = "prompt", _params("prompt")
    prompt: Annotated[
        _Prompts,
        BeforeValidator(_text_only, json_schema_input_type=_Prompt | _Prompts),
    ]
    """The first couplet of a poem, or several of them as a list; not tokens. What stands after the
    couplet is the poem's beginning, from which it goes on."""
    logprobs: Annotated[
        _Logprobs | None,
        BeforeValidator(_if_any, json_schema_input_type=_Logprobs | Literal[False] | None),
    ] = None
    """List the tokens with their natural log-probability under the model as it is, before
    temperature, rules and cuts; and so many of the likeliest at each place."""
    echo: bool | None = False
    """Begin each text with its prompt. Not with `logprobs`: those of a prompt are not computed."""
    best_of: int | None = Field(None, ge=1, le=16)
    """Only null or the same as `n`."""
    suffix: (
        Annotated[str, AfterValidator(_empty), WithJsonSchema({"type": "string", "maxLength": 0})]
        | None
    ) = None
    """Only null: a poem is written from its beginning on."""

    @field_validator("echo")
    @classmethod
    def _no_scores_of_prompts(cls, value: bool | None, info: ValidationInfo) -> bool | None:
        if value and info.data.get("logprobs") is not None:
            raise ValueError("does not go with logprobs: those of a prompt are not computed")
        return value

    @field_validator("best_of")
    @classmethod
    def _all_are_given(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and value != (info.data.get("n") or 1):
            raise ValueError("can only be the same as n: every completion is in the answer")
        return value


class ContentPart(BaseModel):
    """A part of a message. What else a client says of it is not read."""

    model_config = ConfigDict(strict=True)

    type: str = "text"
    text: str | None = Field(None, max_length=_LONGEST_MESSAGE)


_Text = Annotated[str, StringConstraints(max_length=_LONGEST_MESSAGE)]
_Parts = Annotated[
    list[
        Annotated[ContentPart, BeforeValidator(_part, json_schema_input_type=ContentPart | _Text)]
    ],
    Field(max_length=16),
]


class ChatMessage(BaseModel):
    """One message of a conversation. What else a client says of it is not read."""

    model_config = ConfigDict(strict=True, use_attribute_docstrings=True)

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[
        _Parts, BeforeValidator(_parts, json_schema_input_type=_Text | _Parts | None)
    ] = Field(None, validate_default=True)
    """Text, or a list of parts that are text. Of a message that is not read, such as what a tool
    answered, it can be anything of that kind, null, or missing."""

    @property
    def text(self) -> str:
        """All its text; parts are lines of their own."""
        return "\n".join(part.text for part in self.content if part.text)


class TextFormat(StrictModel):
    """Poems are plain text."""

    type: Literal["text"] = "text"


class ChatRequest(OpenAIRequest):
    """Asks for the poem that the last user message begins."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "messages": [{"role": "user", "content": _COUPLET}],
                    "verse": {"form": "wulu"},
                    "seed": 7,
                },
                {
                    "messages": [
                        {"role": "user", "content": _COUPLET},
                        {"role": "assistant", "content": "明月松間照，"},
                    ],
                    "stream": True,
                },
            ]
        }
    )

    field, params = "messages", _params("messages")
    messages: list[ChatMessage] = Field(min_length=1, max_length=256)
    """The last user message has the first couplet of a poem in it, alone or among other words. An
    assistant message after it is the poem's beginning, from which the answer goes on without
    repeating it. The model knows no conversation: all other messages are not shown to it, which
    `lianju.notes` tells. To a message without a couplet the answer says what to send."""
    max_completion_tokens: _MaxTokens = None
    """OpenAI's newer name of `max_tokens`."""
    logprobs: bool | None = False
    """List the tokens with their natural log-probability under the model as it is, before
    temperature, rules and cuts."""
    top_logprobs: int | None = Field(None, ge=0, le=20)
    """So many of the likeliest tokens at each place. Only with `logprobs`."""
    response_format: TextFormat | None = None
    """Only null or {"type": "text"}."""

    @field_validator("messages")
    @classmethod
    def _someone_asks(cls, value: list[ChatMessage]) -> list[ChatMessage]:
        if all(message.role != "user" for message in value):
            raise ValueError("need a user message: the first couplet of a poem")
        return value

    @field_validator("max_completion_tokens")
    @classmethod
    def _one_length(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("max_tokens") not in (None, value):
            raise ValueError("is another name of max_tokens: give one of them")
        return value

    @field_validator("top_logprobs")
    @classmethod
    def _only_with_logprobs(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value and not info.data.get("logprobs"):
            raise ValueError("needs logprobs to be true")
        return value

    @property
    def length(self) -> int | None:
        """The most tokens that a completion may have; None: as many as needed."""
        return self.max_completion_tokens or self.max_tokens
