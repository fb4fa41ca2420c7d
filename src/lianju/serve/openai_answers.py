"""OpenAI's answers: their models, and how texts and tokens become them, whole or streamed."""

from collections.abc import Iterable
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from lianju.decode import Token
from lianju.serve.written import Piece

_Finish = Literal["stop", "length"]
# What OpenAI gives for a token that is all but impossible; JSON has no minus infinity.
_LEAST = -9999.0
_END = "<|endoftext|>"


class _Answer(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class Usage(_Answer):
    """Tokens counted."""

    prompt_tokens: int
    """Of the prompts, with the fixed text around them and the beginnings given."""
    completion_tokens: int
    """Written in all completions, the tokens that end them included."""
    total_tokens: int


class Extension(_Answer):
    """What is not OpenAI's."""

    seed: int
    """The seed that was used: with it the same request gives the same poems."""
    notes: list[str]
    """How the request was read, what of it was not used, and what cannot be kept."""


class CompletionLogprobs(_Answer):
    """The tokens of a completion. One that is part of a character is named by its bytes, as
    bytes:\\xe7\\xa9; one that stands for no text, as what ends a poem, is listed only among the
    likeliest, as <|endoftext|>.
    """

    tokens: list[str]
    token_logprobs: list[float]
    """Natural log-probability of each under the model as it is."""
    top_logprobs: list[dict[str, float]]
    """The likeliest tokens at each place, and the one that was drawn."""
    text_offset: list[int]
    """Where in `text`, without an echoed prompt, the character begins that each belongs to."""
    bytes: list[list[int]]
    """The bytes of each; not OpenAI's."""


class CompletionChoice(_Answer):
    """One completion. With several prompts they are numbered prompt by prompt."""

    index: int
    text: str
    """What was written, without the prompt and without the stop text."""
    logprobs: CompletionLogprobs | None
    finish_reason: _Finish | None
    """stop: it ended by itself or by a stop text; length: it was cut off."""


class Completion(_Answer):
    """The completions of all prompts."""

    id: str
    object: Literal["text_completion"]
    created: int
    """Seconds since 1970."""
    model: str
    system_fingerprint: str
    """Tells base model and adapter: with the same one a seed gives the same poems."""
    choices: list[CompletionChoice]
    usage: Usage
    lianju: Extension


class TopLogprob(_Answer):
    """A token that could have stood there."""

    token: str
    logprob: float
    bytes: list[int] | None
    """None for a token that stands for no text, as what ends a poem."""


class TokenLogprob(TopLogprob):
    """A token. One that is part of a character is named by its bytes, as bytes:\\xe7\\xa9."""

    top_logprobs: list[TopLogprob]
    """The likeliest tokens there, the likeliest first."""


class ChatLogprobs(_Answer):
    """The tokens of a message; what ends a poem is not listed."""

    content: list[TokenLogprob]
    refusal: None = None


class AnswerMessage(_Answer):
    """What the poem goes on with."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ChatChoice(_Answer):
    """One way in which the poem goes on."""

    index: int
    message: AnswerMessage
    logprobs: ChatLogprobs | None
    finish_reason: _Finish
    """stop: it ended by itself or by a stop text; length: it was cut off."""


class ChatCompletion(_Answer):
    """The answer to a conversation."""

    id: str
    object: Literal["chat.completion"]
    created: int
    """Seconds since 1970."""
    model: str
    system_fingerprint: str
    """Tells base model and adapter: with the same one a seed gives the same poems."""
    choices: list[ChatChoice]
    usage: Usage
    lianju: Extension


class Model(_Answer):
    """A model that is served."""

    id: str
    object: Literal["model"] = "model"
    created: int
    """When the server loaded it, in seconds since 1970."""
    owned_by: Literal["lianju"] = "lianju"
    base: str
    """The base model."""
    style: str
    """How a couplet is put to it: plain, homework or chat."""
    tuned: bool
    """Whether an adapter is in it."""


class ModelList(_Answer):
    """All models that are served, the default first."""

    object: Literal["list"] = "list"
    data: list[Model]


class Shape(Protocol):
    """How one endpoint answers: a choice as a whole, or in chunks of a stream."""

    id: str
    whole: str
    chunk: str

    def choice(self, index: int, pieces: list[Piece], finish: str) -> dict[str, Any]:
        """A choice that has ended."""

    def first(self, index: int) -> dict[str, Any] | None:
        """What a stream sends of a choice before its text, if anything."""

    def grown(self, index: int, piece: Piece) -> dict[str, Any]:
        """A choice in a chunk: only what is new."""

    def last(self, index: int, finish: str) -> dict[str, Any]:
        """A choice in its last chunk, after all its text."""


class TextShape:
    """The shape of completions; `echo`: the text that each choice begins with."""

    id, whole, chunk = "cmpl", "text_completion", "text_completion"

    def __init__(self, top: int | None, echo: list[str] | None):
        self._top, self._echo = top, echo

    def choice(self, index: int, pieces: list[Piece], finish: str) -> dict[str, Any]:
        """See `Shape`."""
        text = (self._echo[index] if self._echo else "") + _text(pieces)
        return _choice(index, finish, self._logprobs(pieces), text=text)

    def first(self, index: int) -> dict[str, Any] | None:
        """See `Shape`."""
        return _choice(index, None, None, text=self._echo[index]) if self._echo else None

    def grown(self, index: int, piece: Piece) -> dict[str, Any]:
        """See `Shape`."""
        return _choice(index, None, self._logprobs([piece]), text=piece.text)

    def last(self, index: int, finish: str) -> dict[str, Any]:
        """See `Shape`."""
        return _choice(index, finish, None, text="")

    def _logprobs(self, pieces: list[Piece]) -> dict[str, Any] | None:
        if self._top is None:
            return None
        tokens = _tokens(pieces)
        return CompletionLogprobs(
            tokens=[_name(token.data) for token in tokens],
            token_logprobs=[_finite(token.logprob) for token in tokens],
            top_logprobs=[_likeliest(token) for token in tokens],
            text_offset=[offset for piece in pieces for offset in piece.offsets],
            bytes=[list(token.data) for token in tokens],
        ).model_dump()


class ChatShape:
    """The shape of chat completions."""

    id, whole, chunk = "chatcmpl", "chat.completion", "chat.completion.chunk"

    def __init__(self, logprobs: bool):
        self._listed = logprobs

    def choice(self, index: int, pieces: list[Piece], finish: str) -> dict[str, Any]:
        """See `Shape`."""
        message = AnswerMessage(content=_text(pieces)).model_dump()
        return _choice(index, finish, self._logprobs(pieces), message=message)

    def first(self, index: int) -> dict[str, Any] | None:
        """See `Shape`."""
        return _choice(index, None, None, delta={"role": "assistant", "content": ""})

    def grown(self, index: int, piece: Piece) -> dict[str, Any]:
        """See `Shape`."""
        return _choice(index, None, self._logprobs([piece]), delta={"content": piece.text})

    def last(self, index: int, finish: str) -> dict[str, Any]:
        """See `Shape`."""
        return _choice(index, finish, None, delta={})

    def _logprobs(self, pieces: list[Piece]) -> dict[str, Any] | None:
        if not self._listed:
            return None
        content = [
            TokenLogprob(
                token=_name(token.data),
                logprob=_finite(token.logprob),
                bytes=list(token.data),
                top_logprobs=[
                    TopLogprob(token=_name(data), logprob=_finite(value), bytes=list(data) or None)
                    for _, data, value in token.top
                ],
            )
            for token in _tokens(pieces)
        ]
        return ChatLogprobs(content=content).model_dump()


def _choice(
    index: int, finish: str | None, logprobs: dict[str, Any] | None, **content: Any
) -> dict[str, Any]:
    return {"index": index, **content, "logprobs": logprobs, "finish_reason": finish}


def _text(pieces: Iterable[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def _tokens(pieces: Iterable[Piece]) -> list[Token]:
    return [token for piece in pieces for token in piece.tokens]


def _name(data: bytes) -> str:
    """A token in words: what it reads as, or its bytes if that is no text."""
    try:
        return data.decode() or _END
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in data)


def _likeliest(token: Token) -> dict[str, float]:
    """The likeliest tokens by name, the likelier of two that share one, and the token itself."""
    named: dict[str, float] = {}
    for _, data, value in token.top:
        named.setdefault(_name(data), _finite(value))
    named[_name(token.data)] = _finite(token.logprob)
    return named


def _finite(logprob: float) -> float:
    return max(logprob, _LEAST)
