"""Between the engine's thread and the server's event loop."""

import asyncio
from collections.abc import AsyncGenerator
from time import monotonic

from lianju.decode import ClosedError, Ended, Event, Failed, FullError, Grown
from lianju.serve.ask import Asked
from lianju.serve.errors import CLOSING, ApiError, too_many, too_slow, unavailable
from lianju.serve.service import Service, log
from lianju.verse import Said

_FAILED = Said("the model failed; the server's log says why", "模型出錯，原因見伺服器日誌")


async def events(service: Service, asked: Asked) -> AsyncGenerator[Grown | Ended, None]:
    """Carry out an order; ends when all its candidates have ended.

    The order is forgotten as soon as nobody iterates any more. Raises `ApiError`: 429 where too
    many wait, 503 while shutting down, 504 past the time limit, 500 where something broke.
    """
    loop = asyncio.get_running_loop()
    heard: asyncio.Queue[Event] = asyncio.Queue()
    order = asked.order
    order.hear = lambda event: _put(loop, heard, event)
    submit(service, asked)
    until = monotonic() + service.settings.seconds
    left = len(order.jobs)
    try:
        while left:
            event = await _next(heard, until, service.settings.seconds)
            if isinstance(event, Failed):
                raise _failure(event.error)
            left -= isinstance(event, Ended)
            yield event
    finally:
        if left:
            service.forget(order)


def submit(service: Service, asked: Asked) -> None:
    """Give an order to the engine."""
    try:
        service.engine.submit(asked.order)
    except FullError:
        raise too_many(service.settings.queue) from None
    except ClosedError:
        raise _failure(ClosedError()) from None


async def _next(heard: "asyncio.Queue[Event]", until: float, seconds: float) -> Event:
    try:
        # Before Python 3.12 `wait_for` can lose a cancellation.
        async with asyncio.timeout(until - monotonic()):
            return await heard.get()
    except TimeoutError:
        raise too_slow(seconds) from None


def _failure(error: BaseException) -> ApiError:
    if isinstance(error, ClosedError):
        return unavailable(CLOSING)
    log.error("the engine failed", exc_info=error)
    return ApiError(500, _FAILED, type="server_error")


def _put(loop: asyncio.AbstractEventLoop, heard: "asyncio.Queue[Event]", event: Event) -> None:
    # The loop may be gone at the very end, and with it whoever listened.
    if not loop.is_closed():
        loop.call_soon_threadsafe(heard.put_nowait, event)
