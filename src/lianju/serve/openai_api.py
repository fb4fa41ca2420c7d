"""OpenAI's endpoints: completions, chat completions and models, so that its clients just work.

A prompt is the first couplet of a poem, with as much of what follows as stands already; a
conversation is the couplet in its last user message. What of a request the model cannot see is
told in the answer, beside the choices.
"""

import time
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter

from lianju.serve.api_errors import ApiError
from lianju.serve.conversation import FoundCouplet, opening_in, parted, what_to_send
from lianju.serve.openai_answers import (
    AnswerShape,
    ChatCompletion,
    ChatShape,
    ServedModel,
    ServedModels,
    TextCompletion,
    TextShape,
)
from lianju.serve.openai_call import Call, answer, told_call, written_call
from lianju.serve.openai_schema import ChatRequest, CompletionRequest, OpenAIRequest
from lianju.serve.poem_call import read_call
from lianju.serve.responses import ERRORS, STREAMED
from lianju.serve.service import Service


def router(service: Service) -> APIRouter:
    """The endpoints, answered by `service`."""
    routes = APIRouter(prefix="/v1", tags=["OpenAI"], responses=ERRORS)
    loaded = int(time.time())

    @routes.post("/completions", response_model=TextCompletion, responses=STREAMED)
    async def completions(body: CompletionRequest) -> Any:
        """Go on from a prompt.

        Takes what OpenAI's completions take, and rules of verse in `verse`.
        """
        found = [parted(text) or opening_in(text) or FoundCouplet(text) for text in body.prompt]
        echo = [text for text in body.prompt for _ in range(body.n or 1)] if body.echo else []
        shape = TextShape(body.logprobs is not None, echo)
        return await answer(_call(service, body, found, shape, body.logprobs or 0, []))

    @routes.post("/chat/completions", response_model=ChatCompletion, responses=STREAMED)
    async def chat_completions(body: ChatRequest) -> Any:
        """Go on from the couplet in the last user message.

        Takes what OpenAI's chat completions take, and rules of verse in `verse`.
        """
        said, begun, notes = _conversation(body)
        shape = ChatShape(bool(body.logprobs))
        if (found := opening_in(said)) is None:
            notes.append("The message has no couplet, so the model wrote nothing.")
            served = service.served(body.model)
            return await answer(told_call(body, served, what_to_send(said), shape, notes))
        found = FoundCouplet(found.couplet, found.begun + begun, found.alone)
        return await answer(_call(service, body, [found], shape, body.top_logprobs or 0, notes))

    def described(name: str | None) -> ServedModel:
        served = service.served(name)
        return ServedModel(
            id=served.name,
            created=loaded,
            base=served.base,
            style=served.style,
            tuned=served.folder is not None,
        )

    @routes.get("/models", response_model=ServedModels)
    async def models() -> Any:
        """The models that are served, the default first."""
        # While models are loading there are no names, and to ask for the default is refused.
        names: list[str | None] = [*service.names]
        return ServedModels(data=[described(name) for name in names or [None]])

    @routes.get("/models/{model:path}", response_model=ServedModel)
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
    body: OpenAIRequest,
    found: Sequence[FoundCouplet],
    shape: AnswerShape,
    top: int,
    notes: list[str],
) -> Call:
    """Read a request. `found`: couplet and beginning of each prompt."""
    call = read_call(
        service,
        body,
        [(one.couplet, one.begun) for one in found],
        n=body.n or 1,
        length=body.length,
        seed=body.seed,
        top=top,
        until=body.stop or (),
    )
    for number, (one, request) in enumerate(zip(found, call.requests, strict=True), 1):
        where = f"Prompt {number}: " if len(found) > 1 else ""
        if not one.alone:
            notes.append(f"{where}Of the text only {one.couplet}{one.begun} was read.")
        notes += [where + note for note in request.notes]
    return written_call(body, call, shape, notes)
