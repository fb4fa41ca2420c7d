"""Services of tiny models, and servers of them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lianju.config import ServeSettings
from lianju.serve import Served, Service
from tests import tiny
from tests.serve.conftest import running, served

__all__ = ["held", "open_service", "running", "served"]


def open_service(*models: Served, **settings: Any) -> Service:
    """A service that is ready; without `models` it serves a tiny one."""
    service = Service(list, ServeSettings(**settings))
    service.open(models or [served(tiny.model(), "tiny")])
    return service


@contextmanager
def held(service: Service) -> Iterator[None]:
    """Keep the engine from writing, so that requests wait."""
    go_on = threading.Event()
    waiting = service.engine.compute(go_on.wait)
    try:
        yield
    finally:
        go_on.set()
        waiting.result(10)
