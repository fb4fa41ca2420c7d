"""OpenAI's endpoints: completions, chat completions and models, so that its clients just work.

A prompt is the first couplet of a poem, with as much of what follows as stands already; a
conversation is its last user message. What of a request the model cannot see is told in the
answer, beside the choices.
"""

import asyncio
import json
import re
import secrets
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import APIRouter

from lianju.corpus import hear_text
from lianju.decode import Ended, Grown, prefix_ids
from lianju.errors import UserError
from lianju.prompt import render
from lianju.serve import sse
from lianju.serve.ask import Asked, ask, check_rows
from lianju.serve.errors import ApiError
from lianju.serve.openai_answers import (
    ChatCompletion,
    ChatShape,
    Completion,
    Extension,
    Model,
    ModelList,
    Shape,
    TextShape,
    Usage,
)
from lianju.serve.openai_schema import ERRORS, STREAMED, Asking, ChatRequest, CompletionRequest
from lianju.serve.service import Service
from lianju.serve.stream import events
from lianju.serve.written import Piece, Written
from lianju.verse import is_han
from lianju.verse.poem import STOPS

_T = TypeVar("_T")
_DONE = "data: [DONE]\n\n"
_COUPLET = re.compile(rf"\s*([^{STOPS}\s]+)[{STOPS}\s]+([^{STOPS}\s]+)[{STOPS}\s]*")


def router(service: Service) -> APIRouter:
    """The endpoints, answered by `service`."""
    routes = APIRouter(prefix="/v1", tags=["OpenAI"], responses=ERRORS)
    loaded = int(time.time())

    @routes.post("/completions", response_model=Completion, responses=STREAMED)
    async def completions(body: CompletionRequest) -> Any:
        """Go on from a prompt.

        Takes what OpenAI's completions take, and rules of verse in `verse`.
        """
        openings = [parted(text) for text in body.prompt]
        echo = [text for text in body.prompt for _ in range(body.n or 1)] if body.echo else None
        shape = TextShape(body.logprobs, echo)
        return await _answer(await _call(service, body, openings, shape, body.logprobs, []))

    @routes.post("/chat/completions", response_model=ChatCompletion, responses=STREAMED)
    async def chat_completions(body: ChatRequest) -> Any:
        """Go on from the couplet in the last user message.

        Takes what OpenAI's chat completions take, and rules of verse in `verse`.
        """
        opening, notes = _conversation(body)
        top = (body.top_logprobs or 0) if body.logprobs else None
        shape = ChatShape(bool(body.logprobs))
        return await _answer(await _call(service, body, [opening], shape, top, notes))

    def described(name: str | None) -> Model:
        served = service.served(name)
        return Model(
            id=served.name,
            created=loaded,
            base=served.base,
            style=served.style,
            tuned=served.folder is not None,
        )

    @routes.get("/models", response_model=ModelList)
    async def models() -> Any:
        """The models that are served, the default first."""
        # While models are loading there are no names, and to ask for the default is refused.
        names: list[str | None] = [*service.names]
        return ModelList(data=[described(name) for name in names or [None]])

    @routes.get("/models/{model:path}", response_model=Model)
    async def model(model: str) -> Any:
        """One of the models."""
        return described(model)

    return routes


def parted(text: str) -> tuple[str, str]:
    """The couplet that a text begins with, and what follows; all is couplet where there is none.

    >>> parted("空山新雨後，天氣晚來秋。明月松間照，")
    ('空山新雨後，天氣晚來秋。', '明月松間照，')
    >>> parted("空山新雨後，天氣晚來秋。")
    ('空山新雨後，天氣晚來秋。', '')
    """
    # Line breaks are white space like any other; a couplet's reader takes no others for text.
    text = " ".join(text.split())
    found = _COUPLET.match(text)
    if found and len(found[1]) == len(found[2]) and is_han(found[1] + found[2]):
        return found[0].strip(), text[found.end() :]
    return text, ""


def _conversation(body: ChatRequest) -> tuple[tuple[str, str], list[str]]:
    """Couplet and beginning in a conversation, and what of it is not shown to the model."""
    last = max(at for at, message in enumerate(body.messages) if message.role == "user")
    couplet, begun = parted(body.messages[last].text)
    begun += "".join(m.text for m in body.messages[last:] if m.role == "assistant")
    notes = []
    if any(message.role in ("system", "developer") for message in body.messages):
        notes.append(
            "The model's prompt is fixed by its training: system and developer messages were not "
            "shown to it."
        )
    if earlier := sum(m.role in ("user", "assistant") for m in body.messages[:last]):
        notes.append(
            f"The model knows no conversation: {earlier} earlier "
            f"{'messages were' if earlier > 1 else 'message was'} not shown to it."
        )
    return (couplet, begun), notes


@dataclass(frozen=True)
class _Call:
    """One request: what is asked of the engine for each prompt, and how it is answered."""

    service: Service
    body: Asking
    asked: Sequence[Asked]
    shape: Shape
    about: Extension

    @property
    def each(self) -> int:
        """How many completions of each prompt."""
        return self.body.n or 1

    @property
    def choices(self) -> int:
        """How many completions in all."""
        return self.each * len(self.asked)

    def head(self, kind: str) -> dict[str, Any]:
        """What an answer and every chunk begin with."""
        served = self.asked[0].served
        return {
            "id": f"{self.shape.id}-{uuid.uuid4().hex}",
            "object": kind,
            "created": int(time.time()),
            "model": served.name,
            "system_fingerprint": served.fingerprint,
        }

    def usage(self, written: int) -> dict[str, int]:
        """Tokens counted."""
        prompts = 0
        for one in self.asked:
            words = one.served.model.vocabulary
            prompts += len(render(one.served.style, words, one.couplet))
            prompts += len(one.order.jobs[0].prefix)
        return Usage(
            prompt_tokens=prompts, completion_tokens=written, total_tokens=prompts + written
        ).model_dump()

    async def written(self) -> AsyncGenerator[tuple[int, Piece, str, int], None]:
        """(choice, what is new of it, how it ended or "", the tokens written if it ended)."""
        writing = [Written(self.body.stop or []) for _ in range(self.choices)]
        streams = [events(self.service, one) for one in self.asked]
        async with aclosing(merged(streams)) as stream:
            async for prompt, event in stream:
                if isinstance(event, Grown):
                    index = prompt * self.each + event.number
                    piece = writing[index].take(event.tokens)
                    if piece.tokens or piece.text:
                        yield index, piece, "", 0
                elif isinstance(event, Ended):
                    index = prompt * self.each + event.number
                    piece = writing[index].end(event.tokens)
                    finish = "stop" if writing[index].stopped else event.completion.finish
                    yield index, piece, finish, event.completion.tokens


async def _call(
    service: Service,
    body: Asking,
    openings: Sequence[tuple[str, str]],
    shape: Shape,
    top: int | None,
    notes: list[str],
) -> _Call:
    """Reads a request. `openings`: couplet and beginning of each prompt."""
    check_rows(len(openings) * body.rows, "n")
    seed = secrets.randbelow(2**31) if body.seed is None else body.seed
    asked = [_asked(service, body, opening, seed, top) for opening in openings]
    for number, one in enumerate(asked, 1):
        where = f"Prompt {number}: " if len(asked) > 1 else ""
        notes += [where + note for note in one.notes]
    return _Call(service, body, asked, shape, Extension(seed=seed, notes=notes))


def _asked(
    service: Service, body: Asking, opening: tuple[str, str], seed: int, top: int | None
) -> Asked:
    couplet, prefix = opening
    settings = body.decode(seed)
    try:
        if settings.max_length and prefix:
            # max_tokens counts what is written, the engine's limit also what stands already.
            begun = prefix_ids(service.served(body.model).model, hear_text(prefix).text)
            settings = settings.model_copy(update={"max_length": settings.max_length + len(begun)})
        return ask(
            service,
            model=body.model,
            couplet=couplet,
            verse=body.rules,
            decode=settings,
            prefix=prefix,
            top=top or 0,
            until=tuple(body.stop or ()),
            growing=bool(body.stream),
        )
    except UserError as error:
        raise ApiError(400, str(error), body.field) from None
    except ApiError as error:
        if error.param in ("couplet", "prefix"):
            error.param = body.field
        error.message = error.message.replace("max_length", "max_tokens")
        raise


async def _answer(call: _Call) -> Any:
    """The whole answer, or a stream of it."""
    return await (sse.stream(_events(call), _broken) if call.body.stream else _whole(call))


async def _whole(call: _Call) -> dict[str, Any]:
    pieces: list[list[Piece]] = [[] for _ in range(call.choices)]
    finishes, total = [""] * call.choices, 0
    async for index, piece, finish, tokens in call.written():
        pieces[index].append(piece)
        finishes[index] = finish
        total += tokens
    choices = [
        call.shape.choice(index, pieces[index], finishes[index]) for index in range(call.choices)
    ]
    about = {"usage": call.usage(total), "lianju": call.about.model_dump()}
    return {**call.head(call.shape.whole), "choices": choices, **about}


async def _chunks(call: _Call) -> AsyncGenerator[dict[str, Any], None]:
    """The chunks of a stream; `lianju` is in the first. None comes before something is written, so
    that a refusal still has a status of its own.
    """
    counted = bool(call.body.stream_options and call.body.stream_options.include_usage)
    head = call.head(call.shape.chunk) | ({"usage": None} if counted else {})
    begun, total = False, 0
    async with aclosing(call.written()) as written:
        async for index, piece, finish, tokens in written:
            choices = [] if begun else [call.shape.first(number) for number in range(call.choices)]
            if piece.text or piece.tokens:
                choices.append(call.shape.grown(index, piece))
            if finish:
                choices.append(call.shape.last(index, finish))
            for choice in filter(None, choices):
                about = {} if begun else {"lianju": call.about.model_dump()}
                yield {**head, "choices": [choice], **about}
                begun = True
            total += tokens
    if counted:
        yield {**head, "choices": [], "usage": call.usage(total)}


async def _events(call: _Call) -> AsyncGenerator[str, None]:
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
