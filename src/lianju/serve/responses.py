"""What every endpoint can answer besides what was asked for, for the API's document."""

from typing import Any

from lianju.serve.api_errors import LOADING, ApiError, too_many, too_slow, unavailable
from lianju.serve.native_schema import ErrorAnswer


def _documented(description: str, example: ApiError) -> dict[str, Any]:
    content = {"application/json": {"example": example.body()}}
    return {"model": ErrorAnswer, "description": description, "content": content}


_RANGE = "temperature: input should be less than or equal to 10"
ERRORS: dict[int | str, dict[str, Any]] = {
    400: _documented(
        "A field is unknown, missing, of the wrong type or out of range; or the rules contradict "
        "the couplet.",
        ApiError(400, _RANGE, "temperature"),
    ),
    401: _documented(
        "The server asks for an API key, and this is none of its keys.",
        ApiError(401, "this server needs an API key", code="invalid_api_key"),
    ),
    404: _documented(
        "No such model.", ApiError(404, "there is no such model", "model", "model_not_found")
    ),
    408: _documented(
        "The request did not come to its end in time.", ApiError(408, "the request did not end")
    ),
    413: _documented("The request is too long.", ApiError(413, "the request is too long")),
    429: _documented(
        "Too many requests wait already: try again after `retry-after` seconds.", too_many(64)
    ),
    503: _documented("The server is starting or stopping.", unavailable(LOADING)),
    504: _documented("It took longer than the server allows.", too_slow(120)),
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
