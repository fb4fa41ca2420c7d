"""What every request passes before it is looked at: for whom it is, its key, its size; and what
becomes of it when nobody waits any more.
"""

import asyncio
import hmac
import re
from collections.abc import Callable, Sequence
from time import monotonic

import anyio
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lianju.config import ServeSettings
from lianju.serve.api_errors import FAILED, ApiError, log, too_slow
from lianju.serve.metrics import Metrics
from lianju.verse import Bilingual

# Room for the longest poem and every option, many times over.
LARGEST = 256 * 1024
# So much more is read and dropped, so that a client that sends too much hears why it is refused.
_DROPPED = 64 * 2**20
_BODY_SECONDS = 20.0
# A request has ended by then, or its reader has stopped reading.
_GRACE = 10.0
# Nginx's status for a client that has gone; nobody receives it, only the metrics.
_GONE = 499
# A name or an address with a port; of IPv6 in brackets.
_HOST = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::\d*)?")
_NO_KEY = Bilingual(
    "this server needs an API key: send the header `Authorization: Bearer KEY`",
    "此伺服器須用 API 金鑰：請送出標頭 `Authorization: Bearer KEY`",
)
_UNFINISHED = Bilingual("the request did not come to its end", "要求未傳送完畢")
# Anybody may see whether the server is alive, and the page that asks for the key.
_OPEN = ("/healthz", "/readyz", "/page/", "/docs", "/openapi.json", "/static-offline-docs/")


class Guard:
    """Refuses requests for another host, those without a key, and those that are too large or slow;
    gives up the work for a client that has gone away or stopped reading.

    `hosts`: the names under which this server may be asked; none: any.
    """

    def __init__(
        self, app: ASGIApp, settings: ServeSettings, hosts: Sequence[str], metrics: Metrics
    ):
        self.app, self.hosts, self.metrics = app, hosts, metrics
        self.seconds = settings.seconds + _GRACE
        # HTTP drops white space at the end of a header, so a key is compared without.
        self.keys = [key.encode().rstrip(b" \t") for key in settings.api_keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            scope, send = {**scope, "method": "GET"}, _headers_only(send)
        start, status = monotonic(), _GONE

        async def counted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._answer(scope, receive, counted, lambda: status != _GONE)
        except ApiError as error:
            await answer(error)(scope, receive, counted)
        except Exception as error:
            log.error("%r failed", scope["path"], exc_info=error)
            if status == _GONE:
                failed = ApiError(500, FAILED, type="server_error")
                await answer(failed)(scope, receive, counted)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self.metrics.requests.labels(route, str(status)).inc()
            self.metrics.seconds.labels(route).observe(monotonic() - start)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, begun: Callable[[], bool]
    ) -> None:
        headers = Headers(scope=scope)
        self._check_host(headers)
        self._check_key(scope, headers)
        body = await _body(receive)
        with anyio.move_on_after(self.seconds) as time:
            await _while_there(self.app, scope, body, receive, send)
        if time.cancelled_caught and not begun():
            raise too_slow(self.seconds)

    def _check_host(self, headers: Headers) -> None:
        given = headers.get("host", "")
        found = _HOST.fullmatch(given)
        host = found[1].removesuffix(".").lower() if found else given
        if self.hosts and host not in self.hosts:
            there = ", ".join(self.hosts)
            said = f"this server answers for {there} only, not {host!r}"
            raise ApiError(400, Bilingual(said, f"此伺服器只回應 {there}，不回應 {host!r}"))

    def _check_key(self, scope: Scope, headers: Headers) -> None:
        path = scope["path"]
        if not self.keys or path == "/" or path.startswith(_OPEN) or scope["method"] == "OPTIONS":
            return
        scheme, _, key = headers.get("authorization", "").partition(" ")
        given = key.encode("latin-1")
        # Every key is looked at, so that the time says nothing of which one is near.
        matches = [hmac.compare_digest(given, each) for each in self.keys]
        if scheme.lower() != "bearer" or True not in matches:
            raise ApiError(
                401,
                _NO_KEY,
                code="invalid_api_key",
                type="authentication_error",
                headers={"www-authenticate": "Bearer"},
            )


def _headers_only(send: Send) -> Send:
    """For HEAD: the answer to GET without its body."""

    async def headers(message: Message) -> None:
        await send({**message, "body": b""} if "body" in message else message)

    return headers


def answer(error: ApiError) -> JSONResponse:
    """The response for an error."""
    return JSONResponse(error.body(), error.status, headers=error.headers)


async def _body(receive: Receive) -> bytes:
    """The whole body of a request."""
    parts: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while more and size < _DROPPED:
                message = await receive()
                if message["type"] == "http.disconnect":
                    break
                part = message.get("body", b"")
                size += len(part)
                if size <= LARGEST:
                    parts.append(part)
                more = message.get("more_body", False)
    except TimeoutError:
        raise ApiError(408, _UNFINISHED, code="timeout", headers={"connection": "close"}) from None
    if size > LARGEST:
        most = LARGEST // 1024
        said = Bilingual(f"the request is larger than {most} kB", f"要求大於 {most} kB")
        raise ApiError(413, said, code="too_large", headers={"connection": "close"})
    return b"".join(parts)


async def _while_there(
    app: ASGIApp, scope: Scope, body: bytes, receive: Receive, send: Send
) -> None:
    """Run `app` on a request as long as the client is there.

    Cancelled by a scope of anyio's, which lets functions that run in threads come to their end.
    """
    gone = asyncio.ensure_future(_gone(receive))
    with anyio.CancelScope() as waiting:
        gone.add_done_callback(lambda _: waiting.cancel())
        try:
            await app(scope, _replay(body, gone), send)
        finally:
            gone.cancel()


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
