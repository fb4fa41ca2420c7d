"""The HTTP application: routes, errors, documentation, the page."""

import difflib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import FileResponse, JSONResponse

from lianju import __version__
from lianju.serve import native_api, openai_api, results
from lianju.serve.errors import ApiError
from lianju.serve.guard import Guard, answer
from lianju.serve.service import Service, log

_ABOUT = """A language model that finishes Tang poems, in their rules. `/v1/poems` is the native
call; `/v1/completions` and `/v1/chat/completions` are what OpenAI's clients speak, with the rules
of verse in an extra object `verse`."""
# Poems that are being written when the server is told to stop have this long to end.
GRACE = 20
_LOCAL = ["127.0.0.1", "localhost", "[::1]", "testserver"]
_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; frame-src 'self' blob: data:; "
    "style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def create_app(service: Service, local: bool = True) -> FastAPI:
    """The application that serves `service`, which may still be loading its models.

    `local`: it listens on this machine only, so requests must be for this machine: a web page
    elsewhere cannot reach it by giving this address another name.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await service.close(GRACE)

    app = FastAPIOffline(
        title="Lianju 聯句",
        version=__version__,
        description=_ABOUT,
        redoc_url=None,
        lifespan=lifespan,
    )
    for module in (native_api, openai_api, results):
        app.include_router(module.router(service))
    _health(app, service)
    _page(app)
    _errors(app)
    _document(app)
    app.add_middleware(Guard, keys=service.settings.api_keys, metrics=service.metrics)
    if service.settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=service.settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type"],
        )
    if local:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=_LOCAL)
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
            name: {"adapter": one.folder is not None, "changes_nats": round(one.changed, 3)}
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

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        log.error("%s failed", request.url.path, exc_info=error)
        return answer(ApiError(500, "the server failed; its log says why", type="server_error"))


def _fault(error: RequestValidationError, request: Request) -> ApiError:
    """The first thing that is wrong with a request, by field."""
    detail = error.errors()[0]
    path = [str(part) for part in detail["loc"][1:]]
    field = ".".join(path) or None
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "json_invalid":
        return ApiError(400, f"the body is not JSON: {detail['ctx']['error']}")
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path[-1], _fields(request), n=1, cutoff=0.0)
        hint = f": did you mean {near[0]!r}?" if near else ""
        return ApiError(400, f"unknown field {field!r}{hint}", field, "unknown_field")
    return ApiError(400, f"{field or 'the body'}: {message[:1].lower()}{message[1:]}", field)


def _fields(request: Request) -> list[str]:
    """The names of all fields that requests may have."""
    document: dict[str, Any] = request.app.openapi()
    schemas: dict[str, Any] = document["components"]["schemas"]
    bodies = (name for name in schemas if name.endswith(("Request", "Verse", "Message", "Options")))
    return sorted({field for name in bodies for field in schemas[name].get("properties", {})})
