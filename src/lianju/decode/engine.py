"""One thread that writes for everybody: orders join and leave the running batch at every step.

Knows nothing of HTTP. Who orders is told what happens through a function that is called from the
engine's thread and must be quick.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from lianju.decode.batch import Batch
from lianju.decode.generate import Completion, completion, fitting
from lianju.decode.particles import Job, Token
from lianju.model import LanguageModel

_T = TypeVar("_T")
# More rows in one forward pass need more memory and gain little speed.
ROWS = 64
_PATIENCE = 5.0
_LONGEST, _ROWS_A_STEP = 4, 8


@dataclass(frozen=True)
class Grown:
    """Tokens of candidate `number` that nothing can change any more, in order.

    `draft` is all of its text so far as it looks now; with several particles it may change.
    """

    number: int
    tokens: tuple[Token, ...]
    draft: str


@dataclass(frozen=True)
class Ended:
    """Candidate `number` has ended; `tokens` are those that did not come as `Grown`."""

    number: int
    completion: Completion
    tokens: tuple[Token, ...]


@dataclass(frozen=True)
class Failed:
    """The order cannot be carried out, since something broke; the last that is heard of it."""

    error: BaseException


Event = Grown | Ended | Failed


@dataclass(eq=False)
class Order:
    """What one request asks of one model: jobs, numbered in order.

    `hear` is told of every `Event`, of `Grown` only where `growing`.
    """

    model: str
    jobs: Sequence[Job]
    growing: bool = False
    hear: Callable[[Event], None] = lambda event: None
    sent: dict[int, int] = field(default_factory=dict)


class FullError(Exception):
    """As many orders wait as may."""


class ClosedError(Exception):
    """The engine takes no more orders."""


class Engine:
    """Writes for several models of one machine, each with a batch of its own, step by step."""

    def __init__(
        self,
        models: Mapping[str, tuple[LanguageModel, str]],
        rows: int = ROWS,
        queue: int = 64,
        watch: Callable[[int, int], None] = lambda rows, tokens: None,
    ):
        """`models`: by name, each with its prompt style. `rows`: how many particles of a model are
        written side by side. `queue`: how many orders may wait. `watch` is told after each step
        of a batch how many rows it had and how many tokens were written.
        """
        self._batches = {name: Batch(*model) for name, model in models.items()}
        self._rows, self._queue, self._watch = rows, queue, watch
        self._models = models
        self._new = threading.Condition()
        self._orders: dict[Job, tuple[Order, int]] = {}
        self._waiting: deque[tuple[Order, list[Job]]] = deque()
        self._leaving: list[tuple[Order, Exception | None]] = []
        self._tasks: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many orders have jobs that are not being written yet."""
        return len(self._waiting)

    @property
    def rows(self) -> int:
        """How many particles are being written, or about to be."""
        return sum(len(job.particles) for job in list(self._orders))

    @property
    def alive(self) -> bool:
        """Whether the engine's thread runs."""
        return self._thread.is_alive()

    def submit(self, order: Order) -> None:
        """Take an order. Raises `FullError` where too many wait, `ClosedError` after `close`."""
        with self._new:
            self._check_open()
            if len(self._waiting) >= self._queue:
                raise FullError
            self._waiting.append((order, list(order.jobs)))
            self._new.notify()

    def cancel(self, order: Order) -> None:
        """Forget an order before the next step; nothing more is heard of it."""
        with self._new:
            self._leaving.append((order, None))
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
        if self._thread.is_alive():
            with self._new:
                orders = [order for order, _ in (*self._waiting, *self._orders.values())]
                self._leaving += [(order, ClosedError()) for order in dict.fromkeys(orders)]
                self._new.notify()
            # A function that never comes back shall not keep the program.
            self._thread.join(_PATIENCE)

    def _check_open(self) -> None:
        if self._closing or not self.alive:
            raise ClosedError

    def _run(self) -> None:
        while self._wait():
            self._leave()
            self._compute()
            self._admit()
            for name, batch in self._batches.items():
                if batch.jobs:
                    self._step(name, batch)

    def _wait(self) -> bool:
        """Wait for something to do; false when there is nothing and nothing will come."""
        with self._new:
            self._new.wait_for(lambda: self._busy or self._closing)
            return self._busy

    @property
    def _busy(self) -> bool:
        return bool(self._orders or self._waiting or self._leaving or self._tasks)

    def _leave(self) -> None:
        with self._new:
            leaving, self._leaving = self._leaving, []
            gone = [order for order, _ in leaving]
            self._waiting = deque(item for item in self._waiting if item[0] not in gone)
        for order, error in leaving:
            jobs = [job for job in order.jobs if job in self._orders]
            for job in jobs:
                del self._orders[job]
            self._guard(order.model, partial(self._batches[order.model].drop, jobs))
            if error is not None:
                order.hear(Failed(error))

    def _compute(self) -> None:
        if not self._tasks:
            return
        task, future = self._tasks.popleft()
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(task())
            except BaseException as error:
                future.set_exception(error)

    def _admit(self) -> None:
        """Let those that wait join, one job of each in turn, as far as their model has rows."""
        joining: dict[str, list[Job]] = {order.model: [] for order, _ in self._waiting}
        room = {name: self._room(self._batches[name]) for name in joining}
        with self._new:
            waiting = deque(self._waiting)
            while waiting:
                order, jobs = waiting.popleft()
                model = order.model
                empty = room.get(model) == self._rows
                if not fitting(jobs[:1], room.get(model, 0), empty):
                    # Nobody overtakes who is too wide, or he would wait for ever.
                    room[model] = 0
                    continue
                job = jobs.pop(0)
                room[model] -= len(job.particles)
                joining[model].append(job)
                self._orders[job] = order, order.jobs.index(job)
                if jobs:
                    waiting.append((order, jobs))
            self._waiting = deque(item for item in self._waiting if item[1])
        for name, taken in joining.items():
            if taken:
                self._guard(name, partial(self._batches[name].join, taken))

    def _room(self, batch: Batch) -> int:
        """For how many rows there is room now. The fuller a batch, the longer it lets poems wait
        for each other, up to `_LONGEST` steps: reading prompts one by one costs as much as writing.
        """
        pause = min(_LONGEST, batch.rows // _ROWS_A_STEP)
        return self._rows - batch.rows if batch.since >= pause else 0

    def _step(self, name: str, batch: Batch) -> None:
        rows = batch.rows
        ended = self._guard(name, batch.step)
        if ended is None:
            return
        self._watch(rows, rows)
        for job in ended:
            order, number = self._orders.pop(job)
            done = completion(self._models[name][0], job)
            tokens = tuple(job.chosen.record[order.sent.get(number, 0) :])
            order.hear(Ended(number, done, tokens))
        for job in batch.jobs:
            order, number = self._orders[job]
            if order.growing:
                self._grow(job, order, number)

    def _grow(self, job: Job, order: Order, number: int) -> None:
        sent, settled = order.sent.get(number, 0), job.settled
        order.sent[number] = settled
        words = self._models[order.model][0].vocabulary
        draft = words.decode([*job.prefix, *job.best.written])
        order.hear(Grown(number, tuple(job.best.record[sent:settled]), draft))

    def _guard(self, name: str, work: Callable[[], _T]) -> _T | None:
        """Do `work`; what breaks fails the orders of this model, and its batch begins anew."""
        try:
            return work()
        except Exception as error:
            broken = [job for job, (order, _) in self._orders.items() if order.model == name]
            orders = dict.fromkeys(self._orders.pop(job)[0] for job in broken)
            self._batches[name] = Batch(*self._models[name])
            with self._new:
                self._waiting = deque(item for item in self._waiting if item[0] not in orders)
            for order in orders:
                order.hear(Failed(error))
            return None
