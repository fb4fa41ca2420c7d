"""Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from lianju.serve.errors import ApiError
from lianju.serve.service import log


def event(name: str, data: str) -> str:
    """One event; `data` is JSON on one line."""
    return f"event: {name}\ndata: {data}\n\n"


def documented(description: str, example: str, **schemas: dict[str, Any]) -> dict[str, Any]:
    """An answer of 200 in an OpenAPI document that may also be a stream.

    `schemas`: by the name of an event, the JSON schema of its data (OpenAPI 3.2, section 4.14.4).
    """
    items = [
        {
            "type": "object",
            "required": ["event", "data"],
            "properties": {
                "event": {"const": name},
                "data": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": schema,
                },
            },
        }
        for name, schema in schemas.items()
    ]
    content = {"text/event-stream": {"itemSchema": {"oneOf": items}, "example": example}}
    return {"description": description, "content": content}


async def stream(
    chunks: AsyncGenerator[str, None], broken: Callable[[ApiError], str]
) -> StreamingResponse:
    """An answer that sends `chunks`, each one event, as they come.

    It begins with the first chunk: what is raised before keeps its own status. What is raised
    later is sent as the event that `broken` makes of it, the last one.
    """
    first = await anext(chunks)
    return _Stream(_sent(first, chunks, broken))


async def _sent(
    first: str, rest: AsyncGenerator[str, None], broken: Callable[[ApiError], str]
) -> AsyncGenerator[str, None]:
    try:
        async with aclosing(rest):
            yield first
            async for chunk in rest:
                yield chunk
    except ApiError as error:
        yield broken(error)
    except Exception:
        log.exception("a stream broke")
        yield broken(ApiError(500, "the server failed; its log says why", type="server_error"))


class _Stream(StreamingResponse):
    """Ends its content with the connection, however that ends."""

    media_type = "text/event-stream"

    def __init__(self, content: AsyncGenerator[str, None]):
        # Proxies are to pass on each event at once.
        super().__init__(content, headers={"cache-control": "no-cache", "x-accel-buffering": "no"})
        self._content = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._content):
            await super().__call__(scope, receive, send)
