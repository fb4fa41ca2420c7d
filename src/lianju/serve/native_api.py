"""The native API: poems with their annotations, the next token, the checker, settings."""

import json
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from fastapi.sse import format_sse_event
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from lianju.decode import Ended, Step, next_tokens
from lianju.request import PoemRequest
from lianju.serve import annotate, sse
from lianju.serve.api_errors import ApiError
from lianju.serve.detokenize import Detokenizer
from lianju.serve.known import Known, some_openings
from lianju.serve.native_answers import (
    CheckAnswer,
    Done,
    Draft,
    ExamplesAnswer,
    NextAnswer,
    PoemAnswer,
    PoemsAnswer,
    PoemsCheckAnswer,
    SettingAnswer,
    SettingsAnswer,
)
from lianju.serve.native_schema import (
    CheckPoemsRequest,
    CheckRequest,
    NextRequest,
    PoemsRequest,
    VerseRules,
)
from lianju.serve.poem_call import PoemCall, read_call
from lianju.serve.poem_check import check_one, check_several
from lianju.serve.responses import ERRORS, streamed
from lianju.serve.service import Service
from lianju.verse import GROUPS
from lianju.writer import continuation

_Responses = dict[int | str, dict[str, Any]]
_READING: _Responses = {code: ERRORS[code] for code in (400, 401, 408, 413)}
_WRITING: _Responses = {code: ERRORS[code] for code in (400, 401, 404, 408, 413, 429, 503, 504)}
_POEMS: _Responses = {
    200: streamed(
        "The poems. With `stream`, server-sent events: `draft` as a candidate grows, `poem` as it "
        "ends, and at the end `done`, or `error`.",
        'event: draft\ndata: {"index": 0, "settled": "明月", "text": "明月松"}\n\n',
        draft=Draft.model_json_schema(),
        poem={"$ref": "#/components/schemas/PoemAnswer"},
        done=Done.model_json_schema(),
        error={"$ref": "#/components/schemas/ErrorAnswer"},
    )
}


class _Some(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    count: int = Field(6, ge=1, le=50)
    """How many."""


def router(service: Service) -> APIRouter:
    """/v1/poems, /v1/explore/next, /v1/check, /v1/check/poems, /v1/examples and /v1/settings."""
    api = APIRouter(prefix="/v1", tags=["poems"])
    known = Known()
    settings = _settings()

    @api.post("/poems", response_model=PoemsAnswer, responses=_WRITING | _POEMS)
    async def poems(body: PoemsRequest) -> Response | PoemsAnswer:
        """Write poems that go on from a couplet, with their tones, rhymes, faults and sources."""
        writing = _writing(service, known, body)
        if not body.stream:
            return await _whole(writing)
        return await sse.stream(_events(writing), _broken)

    @api.post("/explore/next", responses=_WRITING)
    async def explore_next(body: NextRequest) -> NextAnswer:
        """What the next token could be, and what rules, temperature and each cut make of that."""
        call = read_call(service, body, [(body.couplet, body.prefix)], seed=0)
        step = await _step(call, body.top)
        notes = annotate.noted(call.requests[0].notes)
        return NextAnswer(model=call.served.name, **notes, **step.as_row())

    @api.post("/check", responses=_READING)
    def check_poem(body: CheckRequest) -> CheckAnswer:
        """Judge a poem: its form, tones, rhymes and faults, and lines that other poems have."""
        return check_one(known, body)

    @api.post("/check/poems", responses=_READING)
    def check_poems(body: CheckPoemsRequest) -> PoemsCheckAnswer:
        """Judge one or several poems: one a line, or with blank lines between them."""
        return check_several(known, body)

    @api.get("/examples", responses=_READING)
    def examples(some: Annotated[_Some, Query()]) -> ExamplesAnswer:
        """Couplets to begin with: of real poems that no recipe trains on, drawn at random."""
        return ExamplesAnswer(couplets=some_openings(some.count))

    @api.get("/settings", responses={401: ERRORS[401]})
    def every_setting() -> SettingsAnswer:
        """Every decoding and verse setting: its default, its range and what it does."""
        return settings

    return api


# --- poems ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Writing:
    """A request for poems that has been read. `given`: the numbers of lines that were given."""

    known: Known
    call: PoemCall
    given: frozenset[int]

    @property
    def request(self) -> PoemRequest:
        """The couplet and what is to be written after it."""
        return self.call.requests[0]

    @cached_property
    def begun(self) -> str:
        """What stands after the couplet before anything is written."""
        return self.call.served.model.vocabulary.decode(self.request.begun)

    @cached_property
    def head(self) -> dict[str, Any]:
        """What belongs to all poems."""
        return {
            "id": f"poems-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": self.call.served.name,
            "seed": self.call.seed,
            **annotate.noted([*self.request.notes, *self.known.notes]),
        }

    async def poem(self, event: Ended) -> PoemAnswer:
        """A candidate that has ended, annotated: a few milliseconds, for a thread of its own."""

        def annotated() -> PoemAnswer:
            ruled = self.request.constraint is not None
            written = continuation(event.completion, ruled, self.known.find)
            return annotate.poem(event.number, written, self.begun, self.given)

        return await run_in_threadpool(annotated)


def _writing(service: Service, known: Known, body: PoemsRequest) -> _Writing:
    couplet = (body.couplet, body.prefix)
    call = read_call(service, body, [couplet], n=body.n, length=body.max_tokens, seed=body.seed)
    return _Writing(known, call, frozenset(body.verse.given if body.verse else ()))


async def _parts(writing: _Writing, growing: bool) -> AsyncGenerator[Draft | PoemAnswer, None]:
    """The poems as they end; before that, how each grows."""
    numbers = range(len(writing.request.candidates))
    drafts = [Draft(index=at, settled=writing.begun, text=writing.begun) for at in numbers]
    texts = [Detokenizer() for _ in numbers]
    async with aclosing(writing.call.events(growing)) as heard:
        async for event in heard:
            if isinstance(event, Ended):
                yield await writing.poem(event)
                continue
            at = event.number
            settled = drafts[at].settled + texts[at].take(event.tokens).text
            draft = Draft(index=at, settled=settled, text=event.draft)
            if draft != drafts[at]:
                drafts[at] = draft
                yield draft


async def _whole(writing: _Writing) -> PoemsAnswer:
    """All poems, when all have ended."""
    async with aclosing(_parts(writing, growing=False)) as parts:
        poems = [part async for part in parts if isinstance(part, PoemAnswer)]
    return PoemsAnswer(**writing.head, poems=annotate.ranked(poems))


async def _events(writing: _Writing) -> AsyncGenerator[bytes, None]:
    """The poems as they grow, as server-sent events."""
    poems = []
    async with aclosing(_parts(writing, growing=True)) as parts:
        async for part in parts:
            if isinstance(part, PoemAnswer):
                poems.append(part)
            yield _event("poem" if isinstance(part, PoemAnswer) else "draft", part)
    order = [poem.index for poem in annotate.ranked(poems)]
    yield _event("done", Done(**writing.head, order=order))


def _event(name: str, data: BaseModel) -> bytes:
    return format_sse_event(event=name, data_str=data.model_dump_json())


def _broken(error: ApiError) -> bytes:
    body = json.dumps(error.body(), ensure_ascii=False)
    return format_sse_event(event="error", data_str=body)


# --- the next token ------------------------------------------------------------------------


async def _step(call: PoemCall, top: int) -> Step:
    """The distribution of the next token, worked out between two steps of the engine."""
    served, [request] = call.served, call.requests
    begun = served.model.vocabulary.decode(request.begun)
    settings, constraint = request.candidates[0].settings, request.constraint
    return await call.service.compute(
        lambda: next_tokens(
            served.model, served.style, request.couplet, settings, constraint, begun, top
        )
    )


# --- the checker, and what can be set ------------------------------------------------------


def _settings() -> SettingsAnswer:
    decode = PoemsRequest.model_json_schema()["properties"]
    verse = VerseRules.model_json_schema()["properties"]
    asked = {"couplet", "model", "verse", "prefix", "stream"}
    return SettingsAnswer(
        decode={name: _setting(field) for name, field in decode.items() if name not in asked},
        verse={name: _setting(field) for name, field in verse.items() if name != "given"},
        rhymes=[group.title for group in GROUPS[:30]],
    )


def _setting(field: dict[str, Any]) -> SettingAnswer:
    """A setting from its JSON schema."""
    # A setting that may be null says the rest in its first alternative.
    field = field | field.get("anyOf", [{}])[0]
    exclusive = "exclusiveMinimum" in field
    above = field.get("exclusiveMaximum")
    return SettingAnswer(
        default=field["default"],
        minimum=field["exclusiveMinimum"] if exclusive else field.get("minimum"),
        maximum=field.get("maximum") if above is None else above - 1,
        exclusive=exclusive,
        choices=field.get("enum", []),
        description=" ".join(field["description"].split()),
    )
