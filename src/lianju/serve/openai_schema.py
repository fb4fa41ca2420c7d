"""OpenAI's completions, chat completions and models, as this server takes and gives them.

What OpenAI has and a model of verse cannot do is refused by name, never ignored. Types are
strict: "0.7" is no number. Ranges, defaults and what a setting does come from `lianju.config`.
"""

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
)

from lianju.config import DecodeSettings, VerseSettings
from lianju.serve.native_schema import ErrorAnswer, Verse

LONGEST_PROMPT = 600
# Clients send long system texts and whole conversations along, which are not read.
_LONGEST_MESSAGE = 100_000
_COUPLET = "空山新雨後，天氣晚來秋。"
# What OpenAI's requests can have besides, so that a refusal can say that the name is right.
NOT_OFFERED = {
    *("audio", "function_call", "functions", "metadata", "modalities", "moderation"),
    *("parallel_tool_calls", "prediction", "prompt_cache_key", "prompt_cache_options"),
    *("prompt_cache_retention", "reasoning_effort", "safety_identifier", "service_tier", "store"),
    *("tool_choice", "tools", "verbosity", "web_search_options"),
}


class _Body(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def _decode(name: str) -> Any:
    """A field as `config.DecodeSettings` has it: default, range, description."""
    return DecodeSettings.model_fields[name]


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
    if value:
        raise ValueError("is not offered: leave it out")
    return value


def _parts(value: Any) -> Any:
    return [{"type": "text", "text": value}] if isinstance(value, str) else value


_Zero = Annotated[
    float, AfterValidator(_zero), WithJsonSchema({"type": "number", "minimum": 0, "maximum": 0})
]
_Prompt = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_PROMPT)]
_Prompts = Annotated[list[_Prompt], Field(min_length=1, max_length=16)]
_Stop = Annotated[str, StringConstraints(min_length=1, max_length=100)]
_Stops = Annotated[list[_Stop], Field(max_length=4)]


# --- what is asked -------------------------------------------------------------------------


class StreamOptions(_Body):
    """What a stream brings besides the text."""

    include_usage: bool = False
    """Send one more chunk before [DONE], with the tokens counted and no choices."""


class Asking(_Body):
    """What both endpoints take. null is the same as leaving a field out."""

    model: str | None = Field(None, max_length=300)
    """A name that GET /v1/models lists; null: the first of them. OpenAI's clients always send
    one."""
    n: int | None = Field(1, ge=1, le=16)
    """How many completions (of each prompt). Prompts × n, and with `verse` × particles, are at most
    256."""
    max_tokens: int | None = Field(None, ge=1, le=4096)
    """At most so many tokens are written, the one that ends the poem included. A character is one
    token; a rare one takes a token for each of its bytes. null: as many as needed, but no more than
    128 or, with `verse`, what the form can need. With `verse` less than that is refused."""
    temperature: float | None = _decode("temperature")
    top_p: float | None = _decode("top_p")
    top_k: int | None = _decode("top_k")
    min_p: float | None = _decode("min_p")
    typical_p: float | None = _decode("typical_p")
    repetition_penalty: float | None = _decode("repetition_penalty")
    seed: int | None = Field(None, ge=0, lt=2**63)
    """The same seed gives the same poems, whatever else the server is writing; null: drawn by the
    server, which tells it in `lianju.seed`. Equal prompts of one request get equal poems."""
    stop: Annotated[
        _Stops | None,
        BeforeValidator(_listed, json_schema_input_type=_Stop | _Stops | None),
    ] = None
    """One or up to four texts. A completion ends before the first that comes in it."""
    stream: bool | None = False
    """Send server-sent events as the text grows, instead of one answer at the end. Only text that
    nothing can change any more is sent, in whole characters."""
    stream_options: StreamOptions | None = None
    """Only with `stream`."""
    verse: Verse | None = None
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
            dict[str, float],
            AfterValidator(_empty),
            WithJsonSchema({"type": "object", "maxProperties": 0}),
        ]
        | None
    ) = None
    """Only null or {}."""
    user: str | None = None
    """Accepted and not used."""

    @field_validator("temperature")
    @classmethod
    def _not_too_small(cls, value: float | None) -> float | None:
        return value if value is None else DecodeSettings._not_too_small(value)

    @field_validator("stream_options")
    @classmethod
    def _only_streamed(
        cls, value: StreamOptions | None, info: ValidationInfo
    ) -> StreamOptions | None:
        if value is not None and not info.data.get("stream"):
            raise ValueError("needs stream to be true")
        return value

    # Where the text stands, for errors.
    field: ClassVar[str]

    def decode(self, seed: int) -> DecodeSettings:
        """How the next token is drawn; what the request leaves out is as in `lianju.config`."""
        names = DecodeSettings.model_fields.keys() & type(self).model_fields.keys()
        asked = {name: value for name in names if (value := getattr(self, name)) is not None}
        if self.verse is not None:
            asked["particles"] = self.verse.particles
        asked |= {"seed": seed, "candidates": self.n or 1, "max_length": self.length}
        return DecodeSettings(**asked)

    @property
    def rules(self) -> VerseSettings | None:
        """The rules of verse, None for none."""
        if self.verse is None:
            return None
        return VerseSettings(**self.verse.model_dump(exclude={"particles"}))

    @property
    def rows(self) -> int:
        """How many poems are written side by side for each prompt."""
        ruled = self.verse is not None and self.verse.form != "free"
        return (self.n or 1) * (self.verse.particles if self.verse and ruled else 1)

    @property
    def length(self) -> int | None:
        """The most tokens that a completion may have; None: as many as needed."""
        return self.max_tokens


class CompletionRequest(Asking):
    """Asks for text that goes on from a prompt."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"prompt": _COUPLET, "verse": {}, "n": 2, "seed": 7},
                {"prompt": _COUPLET, "logprobs": 3, "stop": "。"},
            ]
        }
    )

    field = "prompt"
    prompt: Annotated[
        _Prompts,
        BeforeValidator(_text_only, json_schema_input_type=_Prompt | _Prompts),
    ]
    """The first couplet of a poem, or several of them as a list; not tokens. What stands after the
    couplet is the poem's beginning, from which it goes on."""
    logprobs: int | None = Field(None, ge=0, le=5)
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


class TextPart(_Body):
    """A part of a message; parts are read one after the other."""

    type: Literal["text"]
    text: str = Field(max_length=_LONGEST_MESSAGE)


_Text = Annotated[str, StringConstraints(max_length=_LONGEST_MESSAGE)]
_TextParts = Annotated[list[TextPart], Field(max_length=16)]


class Message(_Body):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[
        _TextParts, BeforeValidator(_parts, json_schema_input_type=_Text | _TextParts)
    ]
    name: str | None = None
    """Accepted and not used."""
    refusal: None = None
    """So that a message of an answer can be sent back as it came."""

    @property
    def text(self) -> str:
        """All its parts in one."""
        return "".join(part.text for part in self.content)


class TextFormat(_Body):
    """Poems are plain text."""

    type: Literal["text"]


class ChatRequest(Asking):
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

    field = "messages"
    messages: list[Message] = Field(min_length=1, max_length=256)
    """The last user message is the first couplet of a poem. An assistant message after it is the
    poem's beginning, from which the answer goes on without repeating it. The model knows no
    conversation: all other messages are not shown to it, which `lianju.notes` tells."""
    max_completion_tokens: int | None = Field(None, ge=1, le=4096)
    """OpenAI's newer name of `max_tokens`."""
    logprobs: bool | None = False
    """List the tokens with their natural log-probability under the model as it is, before
    temperature, rules and cuts."""
    top_logprobs: int | None = Field(None, ge=0, le=20)
    """So many of the likeliest tokens at each place. Only with `logprobs`."""
    response_format: TextFormat | None = None
    """Only {"type": "text"}."""

    @field_validator("messages")
    @classmethod
    def _someone_asks(cls, value: list[Message]) -> list[Message]:
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
        if value is not None and not info.data.get("logprobs"):
            raise ValueError("needs logprobs to be true")
        return value

    @property
    def length(self) -> int | None:
        """The most tokens that a completion may have; None: as many as needed."""
        return self.max_completion_tokens or self.max_tokens


# --- what every endpoint can answer --------------------------------------------------------


def _error(
    description: str, message: str, type: str, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    error = {"message": message, "type": type, "param": param, "code": code}
    content = {"application/json": {"example": {"error": error}}}
    return {"model": ErrorAnswer, "description": description, "content": content}


_INVALID = "invalid_request_error"
ERRORS: dict[int | str, dict[str, Any]] = {
    400: _error(
        "A field is unknown, missing, of the wrong type or out of range; or the rules contradict "
        "the couplet.",
        "temperature: input should be less than or equal to 10",
        _INVALID,
        "temperature",
    ),
    401: _error(
        "The server asks for an API key, and this is none of its keys.",
        "give the API key as Authorization: Bearer …",
        _INVALID,
        code="invalid_api_key",
    ),
    404: _error(
        "No such model.", "no model of that name", _INVALID, "model", code="model_not_found"
    ),
    408: _error("The request did not come to its end in time.", "no end", _INVALID),
    413: _error("The request is too long.", "the request is too long", _INVALID),
    429: _error(
        "Too many requests wait already: try again after `retry-after` seconds.",
        "too many requests wait: try again in a moment",
        "rate_limit_error",
        code="rate_limit_exceeded",
    ),
    503: _error("The server is stopping.", "the server is stopping", "server_error"),
    504: _error("It took longer than the server allows.", "time is up", "server_error"),
}
STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The whole answer; with `stream`, server-sent events whose data are chunks "
        "of it, of all choices in turn, and at last [DONE]. An error on the way is such an event.",
        "content": {
            "text/event-stream": {
                "itemSchema": {
                    "type": "object",
                    "required": ["data"],
                    "properties": {"data": {"type": "string"}},
                },
                "example": 'data: {"id": "cmpl-1", "object": "text_completion", "choices": '
                '[{"index": 0, "text": "明", "logprobs": null, "finish_reason": null}], …}\n\n'
                "data: [DONE]\n\n",
            }
        },
    }
}
