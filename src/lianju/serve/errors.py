"""Errors as OpenAI's clients expect them: `{"error": {"message", "type", "param", "code"}}`."""

from typing import Any


class ApiError(Exception):
    """What a client is told: HTTP status, a message that says what to do, the field at fault."""

    def __init__(
        self,
        status: int,
        message: str,
        param: str | None = None,
        code: str | None = None,
        type: str = "invalid_request_error",
        headers: dict[str, str] | None = None,
    ):
        super().__init__(message)
        self.status, self.message, self.param = status, message, param
        self.code, self.type, self.headers = code, type, headers or {}

    def body(self) -> dict[str, Any]:
        """The JSON that is sent."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return {"error": {name: value and readable(value) for name, value in error.items()}}


def readable(text: str) -> str:
    """`text` as UTF-8 can hold it: halves of characters, which JSON can name, are spelled out."""
    return text.encode(errors="backslashreplace").decode()


def unavailable(what: str) -> ApiError:
    """503: the server is there and cannot answer now; `what` it is doing."""
    return ApiError(
        503,
        f"the server is {what}; try again later",
        type="server_error",
        headers={"retry-after": "5"},
    )


def too_slow(seconds: float) -> ApiError:
    """504: a request took longer than the server grants."""
    return ApiError(
        504,
        f"the request took longer than {seconds:g} seconds: ask for fewer or shorter poems",
        code="timeout",
        type="server_error",
    )


def too_many(queue: int) -> ApiError:
    """429: as many requests wait as may."""
    return ApiError(
        429,
        f"{queue} requests wait already; try again in a moment",
        code="queue_full",
        type="rate_limit_error",
        headers={"retry-after": "1"},
    )
