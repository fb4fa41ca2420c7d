"""One thread that writes for everybody, with several models; orders come at any time.

Knows nothing of HTTP. Whoever orders is told what happens through a function that is called from
the engine's thread and must be quick.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from lianju.decode.scheduler import Failed, Order, Scheduler
from lianju.model import ROWS, LanguageModel

_T = TypeVar("_T")
# Nobody who has ordered waits for others for more steps than this.
_PATIENCE = 4
_SECONDS = 5.0


class FullError(Exception):
    """As many orders wait as may."""


class ClosedError(Exception):
    """The engine takes no more orders."""


class Engine:
    """Writes for several models of one machine, each with a scheduler of its own, step by step."""

    def __init__(
        self,
        models: Mapping[str, tuple[LanguageModel, str]],
        rows: int = ROWS,
        queue: int = 64,
        watch: Callable[[int], None] = lambda rows: None,
    ):
        """`models`: by name, each with its prompt style. `rows`: how many particles of a model are
        written side by side. `queue`: how many orders may wait. `watch`: see `Scheduler`.
        """
        self.schedulers = {
            name: Scheduler(model, style, rows, _PATIENCE, watch)
            for name, (model, style) in models.items()
        }
        self._queue = queue
        self._new = threading.Condition()
        self._coming: list[Order] = []
        self._leaving: list[Order] = []
        self._tasks: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._closing = self._given_up = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many orders have candidates that are not being written yet."""
        return len(self._coming) + sum(one.waiting for one in self.schedulers.values())

    @property
    def rows(self) -> int:
        """How many particles are being written, or about to be."""
        return sum(one.rows for one in self.schedulers.values())

    @property
    def alive(self) -> bool:
        """Whether the engine's thread runs."""
        return self._thread.is_alive()

    def submit(self, order: Order) -> None:
        """Take an order. Raises `FullError` where too many wait, `ClosedError` after `close`."""
        if order.model not in self.schedulers:
            raise KeyError(order.model)
        with self._new:
            self._check_open()
            if self.waiting >= self._queue:
                raise FullError
            self._coming.append(order)
            self._new.notify()

    def cancel(self, order: Order) -> None:
        """Forget an order before the next step; nothing more is heard of it."""
        with self._new:
            self._leaving.append(order)
            self._new.notify()

    def compute(self, task: Callable[[], _T]) -> "Future[_T]":
        """Run a function between two steps, one a step. Raises as `submit` does."""
        future: Future[_T] = Future()
        with self._new:
            self._check_open()
            if len(self._tasks) >= self._queue:
                raise FullError
            self._tasks.append((task, future))
            self._new.notify()
        return future

    def close(self, seconds: float) -> None:
        """Take no more orders, and end when those there are have been carried out, or after so many
        seconds; what is unfinished then fails.
        """
        with self._new:
            self._closing = True
            self._new.notify()
        self._thread.join(seconds)
        self._given_up = True
        # A function that never comes back shall not keep the program.
        self._thread.join(_SECONDS)

    def _check_open(self) -> None:
        if self._closing or not self.alive:
            raise ClosedError

    def _run(self) -> None:
        while self._wait():
            self._turn_over()
            self._compute()
            for scheduler in self.schedulers.values():
                self._guard(scheduler, scheduler.step)

    def _wait(self) -> bool:
        """Wait for something to do; false when there is nothing and nothing will come."""
        with self._new:
            self._new.wait_for(lambda: self._busy or self._closing)
            return self._busy

    @property
    def _busy(self) -> bool:
        todo = self._coming or self._leaving or self._tasks
        return bool(todo) or any(one.busy for one in self.schedulers.values())

    def _turn_over(self) -> None:
        """Let orders come and go."""
        with self._new:
            for order in self._coming:
                self.schedulers[order.model].submit(order)
            leaving, self._coming, self._leaving = self._leaving, [], []
        for order in leaving:
            self._drop(order)
        if self._given_up:
            for scheduler in self.schedulers.values():
                for order in scheduler.orders:
                    self._drop(order)
                    _tell(order, ClosedError())

    def _drop(self, order: Order) -> None:
        scheduler = self.schedulers[order.model]
        self._guard(scheduler, partial(scheduler.drop, order))

    def _compute(self) -> None:
        if not self._tasks:
            return
        task, future = self._tasks.popleft()
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(task())
            except BaseException as error:
                future.set_exception(error)

    def _guard(self, scheduler: Scheduler, work: Callable[[], None]) -> None:
        """Do `work`; what breaks fails the orders that the scheduler is writing, no others."""
        try:
            work()
        except Exception as error:
            for order in scheduler.restart():
                _tell(order, error)


def _tell(order: Order, error: Exception) -> None:
    """Tell whoever ordered that it failed; that they are gone is nothing to the others."""
    with suppress(Exception):
        order.hear(Failed(error))
