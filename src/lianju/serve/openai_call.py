"""How a request to OpenAI's endpoints is answered: whole, or as a stream of chunks."""

import json
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from fastapi.sse import format_sse_event

from lianju.decode import Grown
from lianju.prompt import render
from lianju.serve import sse
from lianju.serve.api_errors import ApiError
from lianju.serve.detokenize import Detokenizer, Piece
from lianju.serve.models import Served
from lianju.serve.openai_answers import AnswerShape, Extension, TokenUsage
from lianju.serve.openai_schema import OpenAIRequest
from lianju.serve.poem_call import PoemCall

# (choice, what is new of it, how it ended or "", the tokens written if it ended)
Writing = AsyncGenerator[tuple[int, Piece, str, int], None]


@dataclass(frozen=True)
class Call:
    """One request and what becomes of it: `choices` completions, which `written` brings.

    `prompts`: how many tokens the prompts have.
    """

    body: OpenAIRequest
    served: Served
    choices: int
    prompts: int
    shape: AnswerShape
    about: Extension
    written: Callable[[], Writing]

    def head(self, kind: str) -> dict[str, Any]:
        """What an answer and every chunk begin with."""
        return {
            "id": f"{self.shape.id}-{uuid.uuid4().hex}",
            "object": kind,
            "created": int(time.time()),
            "model": self.served.name,
            "system_fingerprint": self.served.fingerprint,
        }

    def usage(self, written: int) -> dict[str, int]:
        """Tokens counted."""
        return TokenUsage(
            prompt_tokens=self.prompts,
            completion_tokens=written,
            total_tokens=self.prompts + written,
        ).model_dump()

    def nothing(self) -> ApiError:
        """Why an answer without any text is none."""
        return ApiError(
            400,
            "the model wrote nothing here: the poem may be complete, or a stop text came first; "
            "send fewer lines, another seed or no stop",
            self.body.field,
            "empty_completion",
        )


def written_call(
    body: OpenAIRequest, call: PoemCall, shape: AnswerShape, notes: Sequence[str]
) -> Call:
    """A call that the engine answers: `n` completions of each prompt."""
    served, choices = call.served, len(call.candidates)
    prompts = sum(
        len(render(served.style, served.model.vocabulary, one.couplet)) + len(one.begun)
        for one in call.requests
    )

    async def written() -> Writing:
        texts = [Detokenizer(body.stop or []) for _ in range(choices)]
        async with aclosing(call.events(growing=bool(body.stream))) as heard:
            async for event in heard:
                text = texts[event.number]
                if isinstance(event, Grown):
                    yield event.number, text.take(event.tokens), "", 0
                else:
                    piece = text.end(event.tokens)
                    finish = "stop" if text.stopped else event.completion.finish
                    yield event.number, piece, finish, event.completion.tokens

    about = Extension(seed=call.seed, notes=list(notes))
    return Call(body, served, choices, prompts, shape, about, written)


def told_call(
    body: OpenAIRequest, served: Served, said: str, shape: AnswerShape, notes: Sequence[str]
) -> Call:
    """A call that is answered with words, for the model has nothing to go on from."""

    async def written() -> Writing:
        for index in range(body.n or 1):
            yield index, Piece(said, (), ()), "stop", 0

    about = Extension(seed=body.seed or 0, notes=list(notes))
    return Call(body, served, body.n or 1, 0, shape, about, written)


async def answer(call: Call) -> Any:
    """The whole answer, or a stream of it."""
    return await (sse.stream(_events(call), _broken) if call.body.stream else _whole(call))


async def _whole(call: Call) -> dict[str, Any]:
    pieces: list[list[Piece]] = [[] for _ in range(call.choices)]
    finishes, total = [""] * call.choices, 0
    async for index, piece, finish, tokens in call.written():
        pieces[index].append(piece)
        finishes[index] = finish
        total += tokens
    if not any(piece.text for some in pieces for piece in some):
        raise call.nothing()
    return {
        **call.head(call.shape.whole),
        "choices": [call.shape.choice(at, pieces[at], finishes[at]) for at in range(call.choices)],
        "usage": call.usage(total),
        "lianju": call.about.model_dump(),
    }


async def _chunks(call: Call) -> AsyncGenerator[dict[str, Any], None]:
    """The chunks of a stream; `lianju` is in the first. None comes before some text is written, so
    that a refusal still has a status of its own.
    """
    shape = call.shape
    counted = bool(call.body.stream_options and call.body.stream_options.include_usage)
    head = call.head(shape.chunk) | ({"usage": None} if counted else {})
    first = [(index, shape.first(index)) for index in range(call.choices)]
    held = [shape.part(index, content) for index, content in first if content]
    about, total = {"lianju": call.about.model_dump()}, 0
    async with aclosing(call.written()) as written:
        async for index, piece, finish, tokens in written:
            if piece.text or piece.tokens:
                held.append(shape.part(index, shape.content(piece.text), None, [piece]))
            if finish:
                held.append(shape.part(index, shape.content(None), finish))
            total += tokens
            if about and not piece.text:
                continue
            for choice in held:
                yield {**head, "choices": [choice], **about}
                about = {}
            held = []
    if about:
        raise call.nothing()
    if counted:
        yield {**head, "choices": [], "usage": call.usage(total)}


async def _events(call: Call) -> AsyncGenerator[bytes, None]:
    async with aclosing(_chunks(call)) as chunks:
        async for chunk in chunks:
            yield _event(chunk)
    yield _DONE


def _event(value: dict[str, Any]) -> bytes:
    return format_sse_event(data_str=json.dumps(value, ensure_ascii=False))


def _broken(error: ApiError) -> bytes:
    return _event(error.body()) + _DONE


_DONE = format_sse_event(data_str="[DONE]")
