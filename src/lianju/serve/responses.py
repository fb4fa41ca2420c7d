"""What every endpoint can answer besides what was asked for, for the API's document."""

from typing import Any

from lianju.serve.native_schema import ErrorAnswer


def _error(
    description: str, message: str, type: str, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    error = {"message": message, "type": type, "param": param, "code": code}
    content = {"application/json": {"example": {"error": error}}}
    return {"model": ErrorAnswer, "description": description, "content": content}


_INVALID = "invalid_request_error"
ERRORS: dict[int | str, dict[str, Any]] = {
    400: _error(
        "A field is unknown, missing, of the wrong type or out of range; or the rules contradict "
        "the couplet.",
        "temperature: input should be less than or equal to 10",
        _INVALID,
        "temperature",
    ),
    401: _error(
        "The server asks for an API key, and this is none of its keys.",
        "give the API key as Authorization: Bearer …",
        _INVALID,
        code="invalid_api_key",
    ),
    404: _error(
        "No such model.", "no model of that name", _INVALID, "model", code="model_not_found"
    ),
    408: _error("The request did not come to its end in time.", "no end", _INVALID),
    413: _error("The request is too long.", "the request is too long", _INVALID),
    429: _error(
        "Too many requests wait already: try again after `retry-after` seconds.",
        "too many requests wait: try again in a moment",
        "rate_limit_error",
        code="rate_limit_exceeded",
    ),
    503: _error("The server is stopping.", "the server is stopping", "server_error"),
    504: _error("It took longer than the server allows.", "time is up", "server_error"),
}


def streamed(description: str, example: str, **schemas: dict[str, Any]) -> dict[str, Any]:
    """An answer of 200 that may also be a stream of server-sent events.

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


STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The whole answer; with `stream`, server-sent events whose data are chunks "
        "of it, of all choices in turn, and at last [DONE]. An error on the way is such an event.",
        "content": {
            "text/event-stream": {
                "itemSchema": {
                    "type": "object",
                    "required": ["data"],
                    "properties": {"data": {"type": "string"}},
                },
                "example": 'data: {"id": "cmpl-1", "object": "text_completion", "choices": '
                '[{"index": 0, "text": "明", "logprobs": null, "finish_reason": null}], …}\n\n'
                "data: [DONE]\n\n",
            }
        },
    }
}
