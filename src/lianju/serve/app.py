"""The HTTP application: routes, errors, documentation, the page."""

import difflib
from collections.abc import Sequence
from importlib import resources
from typing import Any, get_args

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import FileResponse, JSONResponse

from lianju import __version__
from lianju.serve import native_api, openai_api, results, training_runs
from lianju.serve.api_errors import ApiError
from lianju.serve.guard import Guard, answer
from lianju.serve.openai_schema import OpenAIRequest
from lianju.serve.service import Service
from lianju.serve.unasked import NOT_OFFERED, permitted
from lianju.verse import Bilingual

_ABOUT = """A language model that finishes Tang poems, in their rules. `/v1/poems` is the native
call; `/v1/completions` and `/v1/chat/completions` are what OpenAI's clients speak, with the rules
of verse in an extra object `verse`."""
_FIELDS = {
    "couplet": "首聯",
    "prefix": "已寫的部分",
    "text": "文字",
    "verse.acrostic": "藏頭",
    "verse.rhymes": "限韻",
}
_BOUNDS = {
    "max_length": "至多 {} 字",
    "min_length": "至少 {} 字",
    "le": "至多 {}",
    "lt": "須小於 {}",
    "ge": "至少 {}",
    "gt": "須大於 {}",
}
_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; frame-src 'self' blob: data:; "
    "style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def create_app(service: Service, hosts: Sequence[str] = ()) -> FastAPI:
    """The application that serves `service`, which may still be loading its models.

    `hosts`: the names under which it may be asked; none: any. Where it listens on this machine
    only, naming those of this machine keeps away web pages that give its address another name.
    """

    app = FastAPIOffline(
        title="Lianju 聯句",
        version=__version__,
        description=_ABOUT,
        redoc_url=None,
    )
    for module in (native_api, openai_api, results):
        app.include_router(module.router(service))
    app.include_router(training_runs.router())
    _health(app, service)
    _page(app)
    _errors(app)
    _document(app)
    app.add_middleware(Guard, settings=service.settings, hosts=hosts, metrics=service.metrics)
    if service.settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=service.settings.origins,
            allow_methods=["GET", "HEAD", "POST"],
            # Clients tell of themselves in headers of their own, as x-stainless-os.
            allow_headers=["*"],
            # A page out there may ask this machine, since somebody named it.
            allow_private_network=True,
            expose_headers=["retry-after"],
        )
    return app


def _health(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", tags=["health"])
    def healthz() -> dict[str, str]:
        """The server is alive."""
        return {"status": "alive"}

    @app.get("/readyz", tags=["health"], responses={503: {"description": "Not ready yet"}})
    def readyz() -> JSONResponse:
        """Models are loaded, and each adapter was seen to change what the model says."""
        models = {
            name: {"adapter": one.folder is not None, "changes_nats": round(one.model.changed, 3)}
            for name, one in ((name, service.served(name)) for name in service.names)
        }
        ready = service.ready
        return JSONResponse({"ready": ready, "models": models}, 200 if ready else 503)

    @app.get("/metrics", tags=["health"], response_class=Response)
    def metrics() -> Response:
        """Requests, queue, tokens, latency and batch size, for Prometheus."""
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")


def _page(app: FastAPI) -> None:
    folder = resources.files("lianju.serve").joinpath("page")
    app.mount("/page", StaticFiles(directory=str(folder)))

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        headers = {"content-security-policy": _POLICY, "referrer-policy": "no-referrer"}
        return FileResponse(str(folder.joinpath("index.html")), headers=headers)


def _document(app: FastAPI) -> None:
    """Leave out of the OpenAPI document what FastAPI adds and this server never answers."""
    written = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = written()
            for path in schema["paths"].values():
                for operation in path.values():
                    operation["responses"].pop("422", None)
            for name in ("HTTPValidationError", "ValidationError"):
                schema["components"]["schemas"].pop(name, None)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _errors(app: FastAPI) -> None:
    @app.exception_handler(ApiError)
    async def refused(request: Request, error: ApiError) -> Response:
        return answer(error)

    @app.exception_handler(RequestValidationError)
    async def wrong(request: Request, error: RequestValidationError) -> Response:
        return answer(_fault(error, request))

    @app.exception_handler(HTTPException)
    async def missing(request: Request, error: HTTPException) -> Response:
        message = f"{request.url.path}: {error.detail}"
        return answer(ApiError(error.status_code, message, headers=dict(error.headers or {})))


def _fault(error: RequestValidationError, request: Request) -> ApiError:
    """The first thing that is wrong with a request, by field."""
    detail = error.errors()[0]
    path = [str(part) for part in detail["loc"][1:]]
    field = ".".join(path) or None
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "json_invalid":
        return ApiError(400, f"the body is not JSON: {detail['ctx']['error']}")
    if detail["type"] == "extra_forbidden":
        asked = _asked_for(request)
        if len(path) == 1 and field in NOT_OFFERED and issubclass(asked, OpenAIRequest):
            said = f"{field}: not offered here; it can only be {permitted(field)} or left out"
            return ApiError(400, said, field, "unsupported_field")
        hint = _hint(path, _fields(asked))
        return ApiError(400, f"unknown field {field!r}{hint}", field, "unknown_field")
    if field is None:
        return ApiError(400, "send a JSON object with content-type: application/json")
    if detail["type"] in ("model_type", "model_attributes_type", "dict_type"):
        example = ' such as {"form": "wujue"}' if path[-1] == "verse" else ""
        message = f"an object{example} is expected"
    english = f"{field}: {message[:1].lower()}{message[1:]}"
    return ApiError(400, Bilingual(english, _fault_zh(field, detail)), field)


def _fault_zh(field: str, detail: Any) -> str:
    """What is wrong with a value, in Chinese: readers meet this with addresses that they mend."""
    name = _FIELDS.get(field, "所給詩句" if field.startswith("verse.given") else f"「{field}」")
    for bound, words in _BOUNDS.items():
        if bound in detail.get("ctx", {}):
            return f"{name}{words.format(detail['ctx'][bound])}"
    return f"{name}的值不合要求"


def _hint(path: list[str], fields: list[str]) -> str:
    """What may have been meant by an unknown field, out of those that the request can have."""
    name, inside = path[-1], ".".join(path[:-1])
    names = {one.rpartition(".")[2]: one for one in fields}
    if name in names:
        place = names[name].rpartition(".")[0]
        where = f"in `{place}`, as {names[name]}" if place else "at the top of the body"
        return f": it belongs {where}"
    if name in NOT_OFFERED:
        return ": not offered here"
    # Where it stands before anywhere else.
    beside = [one for one in fields if one.rpartition(".")[0] == inside]
    for some in (beside, fields):
        names = {one.rpartition(".")[2]: one for one in some}
        if near := difflib.get_close_matches(name, names, n=1, cutoff=0.6):
            return f": did you mean {names[near[0]]!r}?"
    return ""


def _asked_for(request: Request) -> type[BaseModel]:
    """What the route of a request takes: its body, or else its query."""
    takes = request.scope["route"].dependant
    shape: type[BaseModel] = (takes.body_params or takes.query_params)[0].field_info.annotation
    return shape


def _fields(shape: type[BaseModel], inside: str = "") -> list[str]:
    """All fields of a request by their paths, but for those of a list's items."""
    found = []
    for name, field in shape.model_fields.items():
        found.append(inside + name)
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                found += _fields(part, f"{inside}{name}.")
    return found
