"""Streams of server-sent events whose refusals have a status of their own."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from fastapi.sse import EventSourceResponse
from starlette.types import Receive, Scope, Send

from lianju.serve.api_errors import FAILED, ApiError, log


async def stream(
    events: AsyncGenerator[bytes, None], broken: Callable[[ApiError], bytes]
) -> EventSourceResponse:
    """An answer that sends `events` as they come.

    It begins with the first one: what is raised before keeps its own status. What is raised later
    is sent as the event that `broken` makes of it, the last one.
    """
    first = await anext(events)
    return _Stream(_sent(first, events, broken))


async def _sent(
    first: bytes, rest: AsyncGenerator[bytes, None], broken: Callable[[ApiError], bytes]
) -> AsyncGenerator[bytes, None]:
    try:
        async with aclosing(rest):
            yield first
            async for event in rest:
                yield event
    except ApiError as error:
        yield broken(error)
    except Exception:
        log.exception("a stream broke")
        yield broken(ApiError(500, FAILED, type="server_error"))


class _Stream(EventSourceResponse):
    """Ends its content with the connection, however that ends."""

    def __init__(self, content: AsyncGenerator[bytes, None]):
        # Proxies are to pass on each event at once.
        super().__init__(content, headers={"cache-control": "no-cache", "x-accel-buffering": "no"})
        self._content = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._content):
            await super().__call__(scope, receive, send)
