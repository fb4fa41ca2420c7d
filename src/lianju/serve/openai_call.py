"""How a request to OpenAI's endpoints is answered: whole, or as a stream of chunks."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from lianju.decode import Ended, Grown
from lianju.prompt import render
from lianju.serve import sse
from lianju.serve.ask import Asked
from lianju.serve.errors import ApiError
from lianju.serve.models import Served
from lianju.serve.openai_answers import Extension, Shape, Usage
from lianju.serve.openai_schema import Asking
from lianju.serve.service import Service
from lianju.serve.stream import events
from lianju.serve.written import Piece, Written

_T = TypeVar("_T")
# (choice, what is new of it, how it ended or "", the tokens written if it ended)
Writing = AsyncGenerator[tuple[int, Piece, str, int], None]
_DONE = "data: [DONE]\n\n"


@dataclass(frozen=True)
class Call:
    """One request and what becomes of it: `choices` completions, which `written` brings.

    `prompts`: how many tokens the prompts have.
    """

    body: Asking
    served: Served
    choices: int
    prompts: int
    shape: Shape
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
        return Usage(
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


def asked_call(
    service: Service, body: Asking, asked: Sequence[Asked], shape: Shape, about: Extension
) -> Call:
    """A call that the engine answers: `n` completions of each prompt."""
    each = body.n or 1
    prompts = 0
    for one in asked:
        prompts += len(render(one.served.style, one.served.model.vocabulary, one.couplet))
        prompts += len(one.order.jobs[0].prefix)

    async def written() -> Writing:
        writing = [Written(body.stop or []) for _ in range(each * len(asked))]
        streams = [events(service, one) for one in asked]
        async with aclosing(merged(streams)) as stream:
            async for prompt, event in stream:
                index = prompt * each + event.number
                if isinstance(event, Grown):
                    piece = writing[index].take(event.tokens)
                    if piece.tokens or piece.text:
                        yield index, piece, "", 0
                elif isinstance(event, Ended):
                    piece = writing[index].end(event.tokens)
                    finish = "stop" if writing[index].stopped else event.completion.finish
                    yield index, piece, finish, event.completion.tokens

    return Call(body, asked[0].served, each * len(asked), prompts, shape, about, written)


def told_call(
    service: Service, body: Asking, said: str, shape: Shape, notes: Sequence[str]
) -> Call:
    """A call that is answered with words, for the model has nothing to go on from."""
    each = body.n or 1

    async def written() -> Writing:
        for index in range(each):
            yield index, Piece(said, (), ()), "stop", 0

    about = Extension(seed=body.seed or 0, notes=list(notes))
    return Call(body, service.served(body.model), each, 0, shape, about, written)


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
    choices = [
        call.shape.choice(index, pieces[index], finishes[index]) for index in range(call.choices)
    ]
    about = {"usage": call.usage(total), "lianju": call.about.model_dump()}
    return {**call.head(call.shape.whole), "choices": choices, **about}


async def _chunks(call: Call) -> AsyncGenerator[dict[str, Any], None]:
    """The chunks of a stream; `lianju` is in the first. None comes before some text is written, so
    that a refusal still has a status of its own.
    """
    counted = bool(call.body.stream_options and call.body.stream_options.include_usage)
    head = call.head(call.shape.chunk) | ({"usage": None} if counted else {})
    first = [call.shape.first(number) for number in range(call.choices)]
    held: list[Any] = [*filter(None, first)]
    begun, total = False, 0
    async with aclosing(call.written()) as written:
        async for index, piece, finish, tokens in written:
            if piece.text or piece.tokens:
                held.append(call.shape.grown(index, piece))
            if finish:
                held.append(call.shape.last(index, finish))
            total += tokens
            if not begun and not piece.text:
                continue
            for choice in held:
                about = {} if begun else {"lianju": call.about.model_dump()}
                yield {**head, "choices": [choice], **about}
                begun = True
            held = []
    if not begun:
        raise call.nothing()
    if counted:
        yield {**head, "choices": [], "usage": call.usage(total)}


async def _events(call: Call) -> AsyncGenerator[str, None]:
    async with aclosing(_chunks(call)) as chunks:
        async for chunk in chunks:
            yield _event(chunk)
    yield _DONE


def _broken(error: ApiError) -> str:
    return _event(error.body()) + _DONE


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


async def merged(
    streams: Sequence[AsyncIterator[_T]],
) -> AsyncGenerator[tuple[int, _T], None]:
    """What several streams yield, as it comes, with the number of its stream.

    All are closed when this one is closed, or when one of them fails.
    """
    queue: asyncio.Queue[tuple[int, _T] | Exception | None] = asyncio.Queue()

    async def pump(number: int, stream: AsyncIterator[_T]) -> None:
        try:
            async for item in stream:
                queue.put_nowait((number, item))
            queue.put_nowait(None)
        except Exception as error:
            queue.put_nowait(error)

    tasks = [asyncio.create_task(pump(*pair)) for pair in enumerate(streams)]
    try:
        left = len(tasks)
        while left:
            item = await queue.get()
            if isinstance(item, Exception):
                raise item
            if item is None:
                left -= 1
            else:
                yield item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
