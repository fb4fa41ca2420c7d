"""Errors as OpenAI's clients expect them: `{"error": {"message", "type", "param", "code"}}`."""

import logging
from typing import Any

from lianju.verse import Bilingual

log = logging.getLogger("lianju.serve")


class ApiError(Exception):
    """What a client is told: HTTP status, a message that says what to do, the field at fault.

    A message that is `verse.Bilingual` is told in both languages.
    """

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
        """The JSON that is sent; with `message_zh` beside the error, where it has Chinese."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        shown = {name: value and readable(value) for name, value in error.items()}
        body: dict[str, Any] = {"error": shown}
        if isinstance(self.message, Bilingual):
            body["message_zh"] = readable(self.message.zh)
        return body


def readable(text: str) -> str:
    """`text` as UTF-8 can hold it: halves of characters, which JSON can name, are spelled out."""
    return text.encode(errors="backslashreplace").decode()


FAILED = Bilingual("the server failed; its log says why", "伺服器出錯，原因見其日誌")
LOADING = Bilingual("loading its model", "載入模型")
CLOSING = Bilingual("shutting down", "關閉")


def unavailable(what: Bilingual) -> ApiError:
    """503: the server is there and cannot answer now; `what` it is doing."""
    return ApiError(
        503,
        Bilingual(f"the server is {what}; try again later", f"伺服器正在{what.zh}，請稍後再試"),
        type="server_error",
        headers={"retry-after": "5"},
    )


def too_slow(seconds: float) -> ApiError:
    """504: a request took longer than the server grants."""
    return ApiError(
        504,
        Bilingual(
            f"the request took longer than {seconds:g} seconds: ask for fewer or shorter poems",
            f"超過 {seconds:g} 秒仍未寫完：請減少首數或句數",
        ),
        code="timeout",
        type="server_error",
    )


def too_many(queue: int) -> ApiError:
    """429: as many requests wait as may."""
    return ApiError(
        429,
        Bilingual(
            f"{queue} requests wait already; try again in a moment",
            f"已有 {queue} 個要求在等候，請稍後再試",
        ),
        code="queue_full",
        type="rate_limit_error",
        headers={"retry-after": "1"},
    )
