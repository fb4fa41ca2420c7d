"""A real server of tiny models, on a port of its own, in a thread of this process."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from lianju.config import ServeSettings
from lianju.decode import Masks
from lianju.model import LanguageModel
from lianju.serve import Served, Service, create_app
from tests import tiny


def served(model: LanguageModel, name: str = "tiny") -> Served:
    """A model as if it had been loaded by the server."""
    return Served(name, model, "plain", model.name, None, 0.0, Masks(model.vocabulary), "fp")


def open_service(*models: Served, **settings: Any) -> Service:
    """A service that is ready; without `models` it serves a tiny one."""
    service = Service(lambda: [], ServeSettings(**settings))
    service.open(models or [served(tiny.model())])
    return service


@contextmanager
def running(service: Service) -> Iterator[str]:
    """The address of a server, before /v1."""
    config = uvicorn.Config(create_app(service), port=0, log_level="warning", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def held(service: Service) -> Iterator[None]:
    """Keep the engine from writing, so that requests wait."""
    go_on = threading.Event()
    waiting = service.engine.compute(go_on.wait)
    try:
        yield
    finally:
        go_on.set()
        waiting.result()
