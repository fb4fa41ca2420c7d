"""What every request passes before it is looked at: its size, its key, whether anybody waits."""

import asyncio
import hmac
from time import monotonic

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lianju.serve.errors import ApiError
from lianju.serve.metrics import Metrics

# Room for the longest poem and every option, many times over.
LARGEST = 256 * 1024
_BODY_SECONDS = 20.0
# Anybody may see whether the server is alive, and the page that asks for the key.
_OPEN = ("/healthz", "/readyz", "/page/", "/docs", "/openapi.json", "/static-offline-docs/")


class Guard:
    """Reads a request's body whole, refuses what is too large, too slow or has no key, and gives
    up the work for a client that has gone away.
    """

    def __init__(self, app: ASGIApp, keys: tuple[str, ...], metrics: Metrics):
        self.app, self.metrics = app, metrics
        self.keys = [key.encode() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = monotonic(), 0

        async def counted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            self._check_key(scope)
            body = await _body(Headers(scope=scope), receive)
            await _while_there(self.app, scope, body, receive, counted)
        except ApiError as error:
            await answer(error)(scope, receive, counted)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self.metrics.requests.labels(route, str(status)).inc()
            self.metrics.seconds.labels(route).observe(monotonic() - start)

    def _check_key(self, scope: Scope) -> None:
        path = scope["path"]
        if not self.keys or path == "/" or path.startswith(_OPEN) or scope["method"] == "OPTIONS":
            return
        given = Headers(scope=scope).get("authorization", "").removeprefix("Bearer ").encode()
        if not any(hmac.compare_digest(given, key) for key in self.keys):
            raise ApiError(
                401,
                "this server needs an API key: send the header `Authorization: Bearer KEY`",
                code="invalid_api_key",
                type="authentication_error",
                headers={"www-authenticate": "Bearer"},
            )


def answer(error: ApiError) -> JSONResponse:
    """The response for an error."""
    return JSONResponse(error.body(), error.status, headers=error.headers)


async def _body(headers: Headers, receive: Receive) -> bytes:
    """The whole body of a request."""
    parts: list[bytes] = []
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    break
                parts.append(message.get("body", b""))
                more = message.get("more_body", False)
                if sum(map(len, parts)) > LARGEST:
                    raise ApiError(
                        413,
                        f"the request is larger than {LARGEST // 1024} kB",
                        code="too_large",
                        headers={"connection": "close"},
                    )
    except TimeoutError:
        raise ApiError(408, "the request did not come to its end", code="timeout") from None
    return b"".join(parts)


async def _while_there(
    app: ASGIApp, scope: Scope, body: bytes, receive: Receive, send: Send
) -> None:
    """Run `app` on a request as long as the client is there."""
    gone = asyncio.ensure_future(_gone(receive))
    run = asyncio.ensure_future(app(scope, _replay(body, gone), send))
    try:
        await asyncio.wait({gone, run}, return_when=asyncio.FIRST_COMPLETED)
        if not run.done():
            # A stream hears of it too, and ends by itself.
            run.cancel()
        await asyncio.gather(run, return_exceptions=gone.done())
    finally:
        gone.cancel()
        run.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _replay(body: bytes, gone: "asyncio.Future[None]") -> Receive:
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        await asyncio.shield(gone)
        return {"type": "http.disconnect"}

    return receive
