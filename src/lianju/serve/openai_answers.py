"""OpenAI's answers: their models, and how texts and tokens become them, whole or streamed."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from lianju.decode import Token
from lianju.serve.detokenize import Piece

_Finish = Literal["stop", "length"]
# What OpenAI gives for a token that is all but impossible; JSON has no minus infinity.
_LEAST = -9999.0
_END = "<|endoftext|>"


class _Answer(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class TokenUsage(_Answer):
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


class TextLogprobs(_Answer):
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


class TextChoice(_Answer):
    """One completion. With several prompts they are numbered prompt by prompt."""

    index: int
    text: str
    """What was written, without the prompt and without the stop text."""
    logprobs: TextLogprobs | None
    finish_reason: _Finish | None
    """stop: it ended by itself or by a stop text; length: it was cut off."""


class _Answered(_Answer):
    id: str
    object: str
    created: int
    """Seconds since 1970."""
    model: str
    system_fingerprint: str
    """Tells base model and adapter: with the same one a seed gives the same poems."""
    usage: TokenUsage
    lianju: Extension


class TextCompletion(_Answered):
    """The completions of all prompts."""

    object: Literal["text_completion"]
    choices: list[TextChoice]


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


class ChatCompletion(_Answered):
    """The answer to a conversation."""

    object: Literal["chat.completion"]
    choices: list[ChatChoice]


class ServedModel(_Answer):
    """A model that is served."""

    id: str
    object: Literal["model"] = "model"
    created: int
    """When the server loaded it, in seconds since 1970."""
    owned_by: Literal["lianju"] = "lianju"
    base: str
    """The base model."""
    style: str
    """How a couplet is put to it: plain, homework or chat; digits follow where texts of the prompt
    are the user's own."""
    tuned: bool
    """Whether an adapter is in it."""


class ServedModels(_Answer):
    """All models that are served, the default first."""

    object: Literal["list"] = "list"
    data: list[ServedModel]


class AnswerShape(ABC):
    """How one endpoint answers, whole or in the chunks of a stream.

    `id`: what the ids of answers begin with; `whole` and `chunk`: the `object` of each. `listed`:
    whether the tokens of choices are listed. `echo`: the text that each choice begins with.
    """

    id: ClassVar[str]
    whole: ClassVar[str]
    chunk: ClassVar[str]

    def __init__(self, listed: bool, echo: Sequence[str] = ()):
        self._listed, self._echo = listed, echo

    @abstractmethod
    def content(self, text: str | None, whole: bool = False) -> dict[str, Any]:
        """What a choice says, or a chunk of it; None: that it has ended."""

    @abstractmethod
    def logprobs(self, pieces: Sequence[Piece]) -> BaseModel:
        """The tokens of a choice."""

    def first(self, index: int) -> dict[str, Any] | None:
        """What a choice says before its text, if anything."""
        return self.content(self._echo[index]) if self._echo else None

    def choice(self, index: int, pieces: Sequence[Piece], finish: str) -> dict[str, Any]:
        """A choice that has ended."""
        text = (self._echo[index] if self._echo else "") + "".join(piece.text for piece in pieces)
        return self.part(index, self.content(text, whole=True), finish, pieces)

    def part(
        self,
        index: int,
        content: dict[str, Any],
        finish: str | None = None,
        pieces: Sequence[Piece] | None = None,
    ) -> dict[str, Any]:
        """A choice, or its part in a chunk; `pieces`: those of which tokens are listed."""
        listed = self._listed and pieces is not None
        logprobs = self.logprobs(pieces or ()).model_dump() if listed else None
        return {"index": index, **content, "logprobs": logprobs, "finish_reason": finish}


class TextShape(AnswerShape):
    """The shape of completions."""

    id, whole, chunk = "cmpl", "text_completion", "text_completion"

    def content(self, text: str | None, whole: bool = False) -> dict[str, Any]:
        """See `AnswerShape`."""
        return {"text": text or ""}

    def logprobs(self, pieces: Sequence[Piece]) -> TextLogprobs:
        """See `AnswerShape`."""
        tokens = _tokens(pieces)
        return TextLogprobs(
            tokens=[_name(token.data) for token in tokens],
            token_logprobs=[_finite(token.logprob) for token in tokens],
            top_logprobs=[_likeliest(token) for token in tokens],
            text_offset=[offset for piece in pieces for offset in piece.offsets],
            bytes=[list(token.data) for token in tokens],
        )


class ChatShape(AnswerShape):
    """The shape of chat completions."""

    id, whole, chunk = "chatcmpl", "chat.completion", "chat.completion.chunk"

    def content(self, text: str | None, whole: bool = False) -> dict[str, Any]:
        """See `AnswerShape`."""
        if whole:
            return {"message": {"role": "assistant", "content": text, "refusal": None}}
        return {"delta": {} if text is None else {"content": text}}

    def first(self, index: int) -> dict[str, Any]:
        """See `AnswerShape`."""
        return {"delta": {"role": "assistant", "content": ""}}

    def logprobs(self, pieces: Sequence[Piece]) -> ChatLogprobs:
        """See `AnswerShape`."""
        tokens = _tokens(pieces)
        return ChatLogprobs(
            content=[
                TokenLogprob(
                    **_scored(token.data, token.logprob),
                    top_logprobs=[TopLogprob(**_scored(*one[1:])) for one in token.top],
                )
                for token in tokens
            ]
        )


def _scored(data: bytes, logprob: float) -> dict[str, Any]:
    return {"token": _name(data), "logprob": _finite(logprob), "bytes": list(data) or None}


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
