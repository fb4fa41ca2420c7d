"""Services of tiny models, and servers of them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from lianju.config import ServeSettings
from lianju.decode import FullError, Order
from lianju.serve import Served, Service
from tests import tiny
from tests.serve.conftest import running, served

__all__ = ["full", "held", "open_service", "running", "served"]


def open_service(*models: Served, **settings: Any) -> Service:
    """A service that is ready; without `models` it serves a tiny one."""
    service = Service(list, ServeSettings(**settings))
    service.open(models or [served(tiny.model(), "tiny")])
    return service


@contextmanager
def held(service: Service) -> Iterator[None]:
    """Keep the engine from writing, so that requests wait."""
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        go_on.wait()

    waiting = service.engine.compute(hold)
    assert held.wait(10)
    try:
        yield
    finally:
        go_on.set()
        waiting.result(10)


@contextmanager
def full(service: Service) -> Iterator[None]:
    """As `held`, and as many requests wait as may."""
    with held(service):
        with suppress(FullError):
            while True:
                service.engine.submit(Order([], model=service.names[0]))
        yield
