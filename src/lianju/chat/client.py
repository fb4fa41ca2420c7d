"""One question to the endpoint through the package openai, which waits and asks again."""

import re
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import anyio
import httpx2
from openai import APIConnectionError, APIStatusError, AsyncOpenAI

from lianju.chat.answers import FILTERED, Answer
from lianju.chat.endpoint import Endpoint, Message, NoAnswerError
from lianju.errors import UserError
from lianju.progress import SILENT, Reporter

# Newer models want the first under another name, and some will not be told the others.
_REPLACED = {
    "max_tokens": "max_completion_tokens",
    "temperature": None,
    "top_p": None,
    "seed": None,
}
_UNTAKEN = (400, 422)
# How those who filter what is asked or answered call it: OpenAI, Azure, DashScope.
_FILTER = re.compile(r"content_?(?:filter|policy)|data_inspection|moderation")
_QUOTED = 300
# No chat completion of ours is so long.
_LARGEST = 8 << 20
_PASSING = (408, 409, 429)
# Seconds before an answer that is no completion is asked for again: doubled each time, at most.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0
_RETRY_COUNT = "x-stainless-retry-count"
# The package adds others, some from OPENAI_* variables, that are for OpenAI's own servers.
_HEADERS = ("host", "user-agent", "accept", "connection", "content-type", "content-length")


class Client:
    """Asks one endpoint; to be closed when done."""

    def __init__(self, endpoint: Endpoint, reporter: Reporter = SILENT):
        self._endpoint, self._reporter = endpoint, reporter
        self._openai = AsyncOpenAI(
            base_url=endpoint.url.removesuffix("chat/completions"),
            api_key=endpoint.key or "none",  # else one is taken from the environment
            max_retries=endpoint.retries,
            timeout=httpx2.Timeout(endpoint.timeout, connect=min(10.0, endpoint.timeout)),
            http_client=_Http(endpoint),
        )
        self._replaced: set[str] = set()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._openai.close()

    async def ask(self, messages: list[Message], parameters: Mapping[str, Any]) -> Answer:
        """The answer, its text "" if the model answered nothing.

        Raises `NoAnswerError` when all retries fail, `UserError` when none can help: wrong key,
        no such model, too long a wait, or nothing at that address.
        """
        tries = 0
        while True:
            body = self._taken(parameters) | {"messages": messages}
            try:
                completion = await self._openai.chat.completions.create(
                    model=self._endpoint.model, **body
                )
                return self._answer(completion, parameters)
            except APIConnectionError as error:
                cause = error.__cause__
                raise NoAnswerError(f"{type(cause).__name__} {cause}".strip()) from None
            except APIStatusError as error:
                if self._filtered(error):
                    return Answer("", FILTERED, self._untaken(parameters))
                if not self._replace(error, body):
                    raise self._refusal(error) from None
            except (ValueError, RecursionError) as error:
                # Where the answer is no JSON, what the reader says of it helps nobody.
                said = f": {error}" if type(error) is _NoCompletionError else ""
                if tries == self._endpoint.retries:
                    raise NoAnswerError(f"the answer is no chat completion{said}") from None
                await anyio.sleep(min(_FIRST_PAUSE * 2**tries, _LONGEST_PAUSE))
                tries += 1

    def _taken(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters as this model takes them."""
        names = {name: _REPLACED[name] if name in self._replaced else name for name in parameters}
        return {sent: parameters[name] for name, sent in names.items() if sent}

    def _untaken(self, parameters: Mapping[str, Any]) -> tuple[str, ...]:
        """Those that it is not told at all."""
        return tuple(name for name in parameters if name in self._replaced and not _REPLACED[name])

    def _replace(self, error: APIStatusError, body: Mapping[str, Any]) -> bool:
        """Whether the model named a parameter that it does not take, and can be asked otherwise."""
        if error.status_code not in _UNTAKEN:
            return False
        reason = f"{_field(error.body, 'param')} {self._said(error, whole=True)}"
        for name, other in _REPLACED.items():
            if name in body and re.search(rf"\b{name}\b", reason):
                if name not in self._replaced:
                    how = f"asked with {other}" if other else "asked without"
                    self._reporter.say(f"The endpoint takes no {name}: {how}.")
                self._replaced.add(name)
                return True
        return False

    def _filtered(self, error: APIStatusError) -> bool:
        code = f"{_field(error.body, 'code')} {_field(error.body, 'type')}"
        return error.status_code in (400, 403) and _FILTER.search(code) is not None

    def _answer(self, completion: Any, parameters: Mapping[str, Any]) -> Answer:
        """What a chat completion says; `_NoCompletionError` for anything else."""
        try:
            choice = completion.choices[0]
            message = choice.message
            content = message.content if "content" in message.model_fields_set else ()
        except (AttributeError, LookupError, TypeError):
            said = getattr(completion, "error", None)
            raise _NoCompletionError(self._quoted(said) if said else "no choices") from None
        if content is not None and not isinstance(content, str):
            raise _NoCompletionError("no text")
        finish = choice.finish_reason if isinstance(choice.finish_reason, str) else "stop"
        if not content and isinstance(refusal := getattr(message, "refusal", None), str):
            content, finish = refusal, FILTERED
        return Answer(content or "", finish, self._untaken(parameters))

    def _refusal(self, error: APIStatusError) -> Exception:
        """What to make of an error status. The package tries again where that may help, unless
        the server says not to, or not so soon.
        """
        status = error.status_code
        reason = f"HTTP {status}: {self._said(error)}"
        passing = status in _PASSING or status >= 500
        if passing and int(error.request.headers[_RETRY_COUNT]) == self._endpoint.retries:
            return NoAnswerError(reason)
        if passing and (wait := error.response.headers.get("retry-after")):
            unit = " s" if wait.isdecimal() else ""
            return UserError(
                f"the endpoint asks to wait {wait}{unit}: go on later with the same command, "
                f"answers are kept ({reason})"
            )
        return UserError(f"the endpoint refused: {reason}{self._advice(status)}")

    def _advice(self, status: int) -> str:
        if status in (401, 403):
            return ". Is the API key right, in the variable that --key-env names?"
        if status == 404:
            address, model = self._endpoint.shown, self._endpoint.model
            return f". Is {address} the address, and {model!r} the name of a model there?"
        return ""

    def _said(self, error: APIStatusError, whole: bool = False) -> str:
        return self._quoted(error.body or error.response.reason_phrase, whole)

    def _quoted(self, value: Any, whole: bool = False) -> str:
        """The server's message in one line, without the key, which some servers echo."""
        for name in ("error", "message", "detail"):
            if isinstance(value, dict) and value.get(name):
                value = value[name]
        text = " ".join(str(value).split())
        if self._endpoint.key:
            text = text.replace(self._endpoint.key, "(key)")
        return text if whole or len(text) <= _QUOTED else f"{text[:_QUOTED]}…"


class _NoCompletionError(ValueError):
    """An answer that is JSON, and no chat completion."""


def _field(body: object, name: str) -> str:
    """A field of a server's error, which may stand within `error`."""
    inner = body.get("error", body) if isinstance(body, dict) else None
    value = inner.get(name) if isinstance(inner, dict) else None
    return value if isinstance(value, str) else ""


class _Http(httpx2.AsyncClient):
    """Sends to the endpoint, with its key, and nowhere else; reads no more than an answer has.

    Where nobody ever answered, that is told at once: waiting mends no wrong address.
    """

    def __init__(self, endpoint: Endpoint):
        super().__init__(follow_redirects=False)
        self._endpoint, self._reached = endpoint, False

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """The answer to a request, read to its end."""
        headers = {
            name: value
            for name, value in request.headers.items()
            if name in (*_HEADERS, _RETRY_COUNT)
        }
        if self._endpoint.key:
            headers["authorization"] = f"Bearer {self._endpoint.key}"
        request.headers = httpx2.Headers(headers)
        try:
            response = await super().send(request, **{**options, "stream": True})
        except httpx2.ConnectError as error:
            if self._reached:
                raise
            raise UserError(
                f"cannot reach {self._endpoint.shown} ({error}): is the address right, and the "
                "server running?"
            ) from None
        self._reached = True
        return await _whole(response)


async def _whole(response: httpx2.Response) -> httpx2.Response:
    """The response with its body, which may not be of any size."""
    body = bytearray()
    async with aclosing(response):
        async for part in response.aiter_bytes():
            body += part
            if len(body) > _LARGEST:
                raise NoAnswerError(f"the answer is larger than {_LARGEST >> 20} MB")
    # What is read has been unpacked.
    headers = [
        (name, value)
        for name, value in response.headers.multi_items()
        if name.lower() not in ("content-encoding", "content-length", "transfer-encoding")
    ]
    return httpx2.Response(
        response.status_code, headers=headers, content=bytes(body), request=response.request
    )
