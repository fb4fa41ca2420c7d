"""An OpenAI-style chat endpoint: one request, asked again when that may help.

Waits between tries grow exponentially and are drawn at random ("full jitter", M. Brooker,
Exponential Backoff And Jitter, AWS Architecture Blog, 2015), so that requests that failed together
do not return together; a Retry-After is kept to.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any

import httpx2

from lianju.errors import UserError
from lianju.progress import SILENT, Reporter

Message = dict[str, str]
_TRANSIENT = (408, 409, 429)
_LONGEST_PAUSE, _LONGEST_WAIT = 60.0, 600.0
# Newer models want the first under another name, and some will not be told the second.
_REPLACED = {"max_tokens": "max_completion_tokens", "temperature": None}
_QUOTED = 300


@dataclass(frozen=True)
class Endpoint:
    """Where the judge is, and how patiently it is asked.

    `base` is the address before `/chat/completions`. `pause` is what the first wait is drawn
    below, and `timeout` what a connection may stay silent; both in seconds.
    """

    base: str
    model: str
    key: str = field(default="", repr=False)
    timeout: float = 120.0
    pause: float = 2.0
    tries: int = 5

    def __post_init__(self) -> None:
        try:
            url = httpx2.URL(self.base)
        except httpx2.InvalidURL as error:
            raise UserError(f"the endpoint {self.base} is no address: {error}") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise UserError(
                f"the endpoint {self.base} is no address such as http://localhost:8000/v1"
            )
        if not (self.key.isascii() and self.key.isprintable()):
            raise UserError("the API key has characters that no key has: look at its variable")

    @property
    def url(self) -> str:
        """Where requests go."""
        return f"{self.base.rstrip('/').removesuffix('/chat/completions')}/chat/completions"


class NoAnswerError(Exception):
    """This request got no answer after all tries; others may fare better."""


class _RetryError(Exception):
    """Worth another try, `after` at least so many seconds."""

    def __init__(self, reason: str, after: float = 0.0):
        super().__init__(reason)
        self.after = after


class Client:
    """Asks one endpoint; used as an async context manager."""

    def __init__(self, endpoint: Endpoint, reporter: Reporter = SILENT):
        headers = {"Authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
        self._endpoint, self._reporter = endpoint, reporter
        timeout = httpx2.Timeout(endpoint.timeout, connect=min(10.0, endpoint.timeout))
        self._http = httpx2.AsyncClient(headers=headers, timeout=timeout)
        self._replaced: set[str] = set()
        self._reached = False

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def ask(self, messages: Sequence[Message], parameters: dict[str, Any]) -> str:
        """The text of the answer, "" if the model answered nothing.

        Raises `NoAnswerError` when all tries fail, `UserError` when no try can help: wrong key, no
        such model, or nothing at that address.
        """
        reason = ""
        for attempt in range(self._endpoint.tries):
            try:
                return await self._try(messages, parameters)
            except _RetryError as error:
                reason = str(error)
                if error.after > _LONGEST_WAIT:
                    raise UserError(
                        f"the endpoint asks to wait {error.after:.0f} s: go on later with the "
                        f"same command, answers are kept ({reason})"
                    ) from None
                if attempt + 1 < self._endpoint.tries:
                    pause = min(_LONGEST_PAUSE, self._endpoint.pause * 2**attempt)
                    await asyncio.sleep(error.after + random.uniform(0, pause))
        raise NoAnswerError(reason)

    async def _try(self, messages: Sequence[Message], parameters: dict[str, Any]) -> str:
        body: dict[str, Any] = {"model": self._endpoint.model, "messages": list(messages)}
        for name, value in parameters.items():
            sent = _REPLACED[name] if name in self._replaced else name
            if sent:
                body[sent] = value
        try:
            response = await self._http.post(self._endpoint.url, json=body)
        except httpx2.RequestError as error:
            if not self._reached and isinstance(error, httpx2.ConnectError):
                raise UserError(
                    f"cannot reach {self._endpoint.url} ({error}): is the address right, and the "
                    "server running?"
                ) from None
            raise _RetryError(f"{type(error).__name__} {error}".strip()) from None
        self._reached = True
        if response.status_code == 200:
            return _content(response)
        raise self._refusal(response, body)

    def _refusal(self, response: httpx2.Response, body: dict[str, Any]) -> Exception:
        """What to make of a status other than 200."""
        status, said = response.status_code, self._said(response)
        message = f"HTTP {status}: {said}"
        if status in _TRANSIENT or status >= 500:
            return _RetryError(message, _retry_after(response.headers.get("retry-after", "")))
        if status == 400:
            for name in _REPLACED:
                if name in body and name in said:
                    if name not in self._replaced:
                        self._reporter.say(f"The model takes no {name}: asked otherwise.")
                    self._replaced.add(name)
                    return _RetryError(message)
        return UserError(f"the endpoint refused: {message}")

    def _said(self, response: httpx2.Response) -> str:
        """The server's message in one line, without the key, which some servers echo."""
        try:
            value = response.json()
        except ValueError:
            value = response.text
        for name in ("error", "message", "detail"):
            if isinstance(value, dict) and value.get(name):
                value = value[name]
        text = " ".join(str(value).split()) or response.reason_phrase
        if self._endpoint.key:
            text = text.replace(self._endpoint.key, "(key)")
        return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"


def _content(response: httpx2.Response) -> str:
    """The answer's text; anything but a chat completion is worth another try."""
    try:
        content = response.json()["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        raise _RetryError("the answer is no chat completion") from None
    if content is not None and not isinstance(content, str):
        raise _RetryError("the answer is no text")
    return content or ""


def _retry_after(value: str) -> float:
    """The seconds that a Retry-After header asks for, given as such or as a date (RFC 9110)."""
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        then = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
