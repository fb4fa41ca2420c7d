"""OpenAI's endpoints: completions, chat completions and models, so that its clients just work.

A prompt is the first couplet of a poem, with as much of what follows as stands already; a
conversation is the couplet in its last user message. What of a request the model cannot see is
told in the answer, beside the choices.
"""

import secrets
import time
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter

from lianju.corpus import to_traditional
from lianju.decode import prefix_ids
from lianju.errors import UserError
from lianju.serve.ask import Asked, ask, check_rows
from lianju.serve.conversation import Opening, opening_in, parted, what_to_send
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
)
from lianju.serve.openai_call import Call, answer, asked_call, told_call
from lianju.serve.openai_schema import Asking, ChatRequest, CompletionRequest
from lianju.serve.responses import ERRORS, STREAMED
from lianju.serve.service import Service


def router(service: Service) -> APIRouter:
    """The endpoints, answered by `service`."""
    routes = APIRouter(prefix="/v1", tags=["OpenAI"], responses=ERRORS)
    loaded = int(time.time())

    @routes.post("/completions", response_model=Completion, responses=STREAMED)
    async def completions(body: CompletionRequest) -> Any:
        """Go on from a prompt.

        Takes what OpenAI's completions take, and rules of verse in `verse`.
        """
        openings = [parted(text) or opening_in(text) or Opening(text) for text in body.prompt]
        echo = [text for text in body.prompt for _ in range(body.n or 1)] if body.echo else None
        shape = TextShape(body.logprobs, echo)
        return await answer(_call(service, body, openings, shape, body.logprobs, []))

    @routes.post("/chat/completions", response_model=ChatCompletion, responses=STREAMED)
    async def chat_completions(body: ChatRequest) -> Any:
        """Go on from the couplet in the last user message.

        Takes what OpenAI's chat completions take, and rules of verse in `verse`.
        """
        said, begun, notes = _conversation(body)
        shape = ChatShape(bool(body.logprobs))
        if (opening := opening_in(said)) is None:
            notes.append("The message has no couplet, so the model wrote nothing.")
            return await answer(told_call(service, body, what_to_send(said), shape, notes))
        opening = Opening(opening.couplet, opening.begun + begun, opening.alone)
        top = (body.top_logprobs or 0) if body.logprobs else None
        return await answer(_call(service, body, [opening], shape, top, notes))

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


def _conversation(body: ChatRequest) -> tuple[str, str, list[str]]:
    """The message that is answered, what of the answer stands already, and what is not shown to
    the model.
    """
    messages = body.messages
    last = max(at for at, message in enumerate(messages) if message.role == "user")
    for number, part in enumerate(messages[last].content):
        if part.text is None:
            field = f"messages.{last}.content.{number}.type"
            raise ApiError(400, f"{field}: only parts of type 'text' are read", field)
    begun = "".join(m.text for m in messages[last:] if m.role == "assistant")
    notes = []
    if any(message.role in ("system", "developer") for message in messages):
        notes.append(
            "The model's prompt is fixed by its training: system and developer messages were not "
            "shown to it."
        )
    if earlier := sum(m.role not in ("system", "developer") for m in messages[:last]):
        notes.append(
            f"The model knows no conversation: {earlier} earlier "
            f"{'messages were' if earlier > 1 else 'message was'} not shown to it."
        )
    if any(message.role in ("tool", "function") for message in messages[last:]):
        notes.append("The model uses no tools: what they answered was not shown to it.")
    return messages[last].text, begun, notes


def _call(
    service: Service,
    body: Asking,
    openings: Sequence[Opening],
    shape: Shape,
    top: int | None,
    notes: list[str],
) -> Call:
    """Reads a request. `openings`: couplet and beginning of each prompt."""
    check_rows(len(openings) * body.rows, "n")
    drawn = body.seed is None or body.seed == -1
    seed = secrets.randbelow(2**31) if drawn else (body.seed or 0) % 2**63
    asked = [_asked(service, body, opening, seed, top) for opening in openings]
    for number, (one, opening) in enumerate(zip(asked, openings, strict=True), 1):
        where = f"Prompt {number}: " if len(asked) > 1 else ""
        if not opening.alone:
            notes.append(f"{where}Of the text only {opening.couplet}{opening.begun} was read.")
        notes += [where + note for note in one.notes]
    return asked_call(service, body, asked, shape, Extension(seed=seed, notes=notes))


def _asked(service: Service, body: Asking, opening: Opening, seed: int, top: int | None) -> Asked:
    settings = body.decode(seed)
    try:
        if body.length:
            # max_tokens counts what is written, the engine's limit also what stands already.
            model = service.served(body.model).model
            begun = prefix_ids(model, to_traditional(opening.begun).text)
            settings = settings.model_copy(update={"max_length": body.length + len(begun)})
        return ask(
            service,
            model=body.model,
            couplet=opening.couplet,
            verse=body.rules,
            decode=settings,
            prefix=opening.begun,
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
