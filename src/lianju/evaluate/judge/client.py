"""One question to the endpoint through the package openai, which waits and asks again."""

from typing import Any

import httpx2
from openai import APIConnectionError, APIStatusError, AsyncOpenAI

from lianju.errors import UserError
from lianju.evaluate.judge.endpoint import Endpoint, Message, NoAnswerError
from lianju.progress import SILENT, Reporter

# Newer models want the first under another name, and some will not be told the second.
_REPLACED = {"max_tokens": "max_completion_tokens", "temperature": None}
# Both may have to be replaced, and an answer may be no completion now and then.
_TRIES = 4
_QUOTED = 300
_PASSING = (408, 409, 429)
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

    async def ask(self, messages: list[Message], parameters: dict[str, Any]) -> str:
        """The text of the answer, "" if the model answered nothing.

        Raises `NoAnswerError` when all retries fail, `UserError` when none can help: wrong key,
        no such model, too long a wait, or nothing at that address.
        """
        reason = ""
        for _ in range(_TRIES):
            body = self._taken(parameters) | {"messages": messages}
            try:
                return _content(
                    await self._openai.chat.completions.create(model=self._endpoint.model, **body)
                )
            except APIConnectionError as error:
                cause = error.__cause__
                raise NoAnswerError(f"{type(cause).__name__} {cause}".strip()) from None
            except APIStatusError as error:
                reason = f"HTTP {error.status_code}: {self._said(error)}"
                name = next((name for name in _REPLACED if name in body and name in reason), None)
                if error.status_code != 400 or name is None:
                    raise self._refusal(error, reason) from None
                self._replace(name)
            except ValueError:
                reason = "the answer is no chat completion"
        raise NoAnswerError(reason)

    def _taken(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The parameters as this model takes them."""
        names = {name: _REPLACED[name] if name in self._replaced else name for name in parameters}
        return {sent: parameters[name] for name, sent in names.items() if sent}

    def _replace(self, name: str) -> None:
        if name not in self._replaced:
            self._reporter.say(f"The model takes no {name}: asked otherwise.")
        self._replaced.add(name)

    def _refusal(self, error: APIStatusError, reason: str) -> Exception:
        """What to make of an error status. The package tries again where that may help, unless
        the server says not to, or not so soon.
        """
        passing = error.status_code in _PASSING or error.status_code >= 500
        if passing and int(error.request.headers[_RETRY_COUNT]) == self._endpoint.retries:
            return NoAnswerError(reason)
        if passing and (wait := error.response.headers.get("retry-after")):
            unit = " s" if wait.isdecimal() else ""
            return UserError(
                f"the endpoint asks to wait {wait}{unit}: go on later with the same command, "
                f"answers are kept ({reason})"
            )
        return UserError(f"the endpoint refused: {reason}")

    def _said(self, error: APIStatusError) -> str:
        """The server's message in one line, without the key, which some servers echo."""
        value = error.body
        for name in ("error", "message", "detail"):
            if isinstance(value, dict) and value.get(name):
                value = value[name]
        text = " ".join(str(value or "").split()) or error.response.reason_phrase
        if self._endpoint.key:
            text = text.replace(self._endpoint.key, "(key)")
        return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"


class _Http(httpx2.AsyncClient):
    """Sends to the endpoint, with its key, and nowhere else.

    Where nobody ever answered, that is told at once: waiting mends no wrong address.
    """

    def __init__(self, endpoint: Endpoint):
        super().__init__(follow_redirects=False)
        self._endpoint, self._reached = endpoint, False

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """The answer to a request."""
        headers = {
            name: value
            for name, value in request.headers.items()
            if name in (*_HEADERS, _RETRY_COUNT)
        }
        if self._endpoint.key:
            headers["authorization"] = f"Bearer {self._endpoint.key}"
        request.headers = httpx2.Headers(headers)
        try:
            response = await super().send(request, **options)
        except httpx2.ConnectError as error:
            if self._reached:
                raise
            raise UserError(
                f"cannot reach {self._endpoint.url} ({error}): is the address right, and the "
                "server running?"
            ) from None
        self._reached = True
        return response


def _content(completion: Any) -> str:
    """The answer's text; `ValueError` for anything but a chat completion."""
    try:
        message = completion.choices[0].message
        content = message.content if "content" in message.model_fields_set else ()
    except (AttributeError, LookupError, TypeError):
        raise ValueError from None
    if content is not None and not isinstance(content, str):
        raise ValueError
    return content or ""
