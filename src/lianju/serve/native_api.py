"""The native API: poems with their annotations, the next token, the checker, settings."""

import json
import secrets
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from lianju.config import DecodeSettings, VerseSettings
from lianju.corpus import to_traditional
from lianju.decode import Ended, Grown, Step, next_tokens, prefix_ids
from lianju.serve import annotate, sse
from lianju.serve.ask import Asked, as_max_tokens, ask, check_rows
from lianju.serve.checking import check_one, check_several
from lianju.serve.errors import ApiError
from lianju.serve.known import Known, some_openings
from lianju.serve.native_answers import (
    CheckAnswer,
    Done,
    Draft,
    ExamplesAnswer,
    NextAnswer,
    NextChoice,
    NextStage,
    Poem,
    PoemsAnswer,
    PoemsCheckAnswer,
    SettingAnswer,
    SettingsAnswer,
)
from lianju.serve.native_schema import (
    Asking,
    CheckPoemsRequest,
    CheckRequest,
    NextRequest,
    PoemsRequest,
    Verse,
)
from lianju.serve.responses import ERRORS
from lianju.serve.service import Service
from lianju.serve.stream import events
from lianju.serve.written import Written
from lianju.verse import GROUPS
from lianju.writer import continuation

_Responses = dict[int | str, dict[str, Any]]
_READING: _Responses = {code: ERRORS[code] for code in (400, 401, 408, 413)}
_WRITING: _Responses = {code: ERRORS[code] for code in (400, 401, 404, 408, 413, 429, 503, 504)}
_POEMS: _Responses = {
    200: sse.documented(
        "The poems. With `stream`, server-sent events: `draft` as a candidate grows, `poem` as it "
        "ends, and at the end `done`, or `error`.",
        sse.event("draft", '{"index": 0, "settled": "明月", "text": "明月松"}'),
        draft=Draft.model_json_schema(),
        poem={"$ref": "#/components/schemas/Poem"},
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
        asked = _ask(service, body, DecodeSettings(**_sampling(body)))
        return _next_answer(asked, await _step(service, asked, body.top))

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


def _ask(service: Service, body: Asking, settings: DecodeSettings, growing: bool = False) -> Asked:
    rules = body.verse.rules if body.verse else VerseSettings()
    try:
        return ask(
            service,
            model=body.model,
            couplet=body.couplet,
            verse=rules,
            decode=settings,
            prefix=body.prefix,
            growing=growing,
        )
    except ApiError as error:
        error.message = as_max_tokens(error.message)
        raise


def _sampling(body: Asking) -> dict[str, Any]:
    """What a request says of `DecodeSettings` under their own names."""
    return body.model_dump(include=set(DecodeSettings.model_fields) - {"seed"})


# --- poems ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Writing:
    """A request for poems that has been read. `given`: the numbers of lines that were given."""

    service: Service
    known: Known
    asked: Asked
    seed: int
    given: frozenset[int]

    @cached_property
    def begun(self) -> str:
        """What stands after the couplet before anything is written."""
        return self.asked.served.model.vocabulary.decode(self.asked.order.jobs[0].prefix)

    @cached_property
    def head(self) -> dict[str, Any]:
        """What belongs to all poems."""
        return {
            "id": f"poems-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": self.asked.served.name,
            "seed": self.seed,
            **annotate.noted([*self.asked.notes, *self.known.notes]),
        }

    async def poem(self, event: Ended) -> Poem:
        """A candidate that has ended, annotated: a few milliseconds, for a thread of its own."""

        def annotated() -> Poem:
            ruled = self.asked.constraint is not None
            written = continuation(event.completion, ruled, self.known.find)
            return annotate.poem(event.number, written, self.begun, self.given)

        return await run_in_threadpool(annotated)


def _writing(service: Service, known: Known, body: PoemsRequest) -> _Writing:
    seed = secrets.randbelow(2**31) if body.seed is None else body.seed
    settings = DecodeSettings(**_sampling(body), candidates=body.n, seed=seed)
    if body.verse:
        settings = settings.model_copy(update={"particles": body.verse.particles})
    ruled = not body.verse or body.verse.form != "free"
    check_rows(body.n * (settings.particles if ruled else 1), "n")
    if body.max_tokens:
        # max_tokens counts what is written, the engine's limit also what stands already.
        begun = prefix_ids(service.served(body.model).model, to_traditional(body.prefix).text)
        settings = settings.model_copy(update={"max_length": body.max_tokens + len(begun)})
    asked = _ask(service, body, settings, growing=body.stream)
    return _Writing(service, known, asked, seed, frozenset(body.verse.given if body.verse else ()))


async def _whole(writing: _Writing) -> PoemsAnswer:
    """All poems, when all have ended."""
    async with aclosing(events(writing.service, writing.asked)) as heard:
        poems = [await writing.poem(event) async for event in heard if isinstance(event, Ended)]
    return PoemsAnswer(**writing.head, poems=annotate.ranked(poems))


async def _events(writing: _Writing) -> AsyncGenerator[str, None]:
    """The poems as they grow, as server-sent events."""
    growing = [_Growing(number, writing.begun) for number in range(len(writing.asked.order.jobs))]
    poems = []
    async with aclosing(events(writing.service, writing.asked)) as heard:
        async for event in heard:
            if isinstance(event, Ended):
                poems.append(await writing.poem(event))
                yield _event("poem", poems[-1])
            elif draft := growing[event.number].grow(event):
                yield _event("draft", draft)
    order = [poem.index for poem in annotate.ranked(poems)]
    yield _event("done", Done(**writing.head, order=order))


class _Growing:
    """The text of one candidate, out of the bytes of its tokens."""

    def __init__(self, number: int, begun: str):
        self._last = Draft(index=number, settled=begun, text=begun)
        self._written = Written()

    def grow(self, event: Grown) -> Draft | None:
        """The text after what has happened, if it is another one."""
        settled = self._last.settled + self._written.take(event.tokens).text
        draft = Draft(index=event.number, settled=settled, text=event.draft)
        if draft == self._last:
            return None
        self._last = draft
        return draft


def _event(name: str, data: BaseModel) -> str:
    return sse.event(name, data.model_dump_json())


def _broken(error: ApiError) -> str:
    return sse.event("error", json.dumps(error.body(), ensure_ascii=False))


# --- the next token ------------------------------------------------------------------------


async def _step(service: Service, asked: Asked, top: int) -> Step:
    """The distribution of the next token, worked out between two steps of the engine."""
    served, job = asked.served, asked.order.jobs[0]
    begun = served.model.vocabulary.decode(job.prefix)
    return await service.compute(
        lambda: next_tokens(
            served.model, served.style, asked.couplet, job.settings, asked.constraint, begun, top
        )
    )


def _next_answer(asked: Asked, step: Step) -> NextAnswer:
    stops = asked.served.model.vocabulary.stops
    return NextAnswer(
        model=asked.served.name,
        **annotate.noted(asked.notes),
        prefix=step.prefix,
        stages=[
            NextStage(
                name=stage.name,
                entropy=stage.entropy,
                bits=stage.bits,
                effective=stage.effective,
                left=stage.left,
                cut=stage.cut,
            )
            for stage in step.stages
        ],
        choices=[
            NextChoice(
                token=choice.token,
                text=choice.text,
                ends=choice.token in stops,
                probabilities=list(choice.probabilities),
                cut_at=choice.cut_at,
            )
            for choice in step.choices
        ],
        rest=list(step.rest),
    )


# --- the checker, and what can be set ------------------------------------------------------


def _settings() -> SettingsAnswer:
    decode = PoemsRequest.model_json_schema()["properties"]
    verse = Verse.model_json_schema()["properties"]
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
