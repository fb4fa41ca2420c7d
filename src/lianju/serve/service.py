"""What the server is made of: the models, the engine that writes, what it grants and counts."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import TypeVar

import torch

from lianju.config import ServeSettings
from lianju.decode import (
    Candidate,
    ClosedError,
    Ended,
    Engine,
    Event,
    Failed,
    FullError,
    Grown,
    Order,
    rows_that_fit,
)
from lianju.model import ROWS
from lianju.serve.api_errors import (
    CLOSING,
    LOADING,
    ApiError,
    log,
    too_many,
    too_slow,
    unavailable,
)
from lianju.serve.metrics import Metrics
from lianju.serve.models import Served
from lianju.verse import Bilingual

_T = TypeVar("_T")
_GPU_ROWS = 256
# More tokens than a prompt has that the API takes.
_PROMPT = 512
_FAILED = Bilingual("the model failed; the server's log says why", "模型出錯，原因見伺服器日誌")


class Service:
    """The models behind the API. They are loaded in the background, after `start`."""

    def __init__(self, load: Callable[[], Sequence[Served]], settings: ServeSettings):
        self.settings = settings
        self.metrics = Metrics(
            waiting=lambda: self.engine.waiting if self.ready else 0,
            rows=lambda: self.engine.rows if self.ready else 0,
        )
        self.failure: BaseException | None = None
        self._load = load
        self._served: dict[str, Served] = {}
        self._engine: Engine | None = None
        self._closing = False

    def start(self, when_done: Callable[[], None] = lambda: None) -> None:
        """Load the models in a thread of their own, then call `when_done`; `failure` says if they
        could not be loaded.
        """

        def work() -> None:
            try:
                self.open(self._load())
            except BaseException as error:
                self.failure = error
            when_done()

        threading.Thread(target=work, name="loader", daemon=True).start()

    def open(self, served: Sequence[Served]) -> None:
        """Serve these models."""
        self._served = {one.name: one for one in served}
        models = {one.name: (one.model, one.style) for one in served}
        gpu = any(one.model.device.type == "cuda" for one in served)
        longest, most = self.settings.tokens + _PROMPT, _GPU_ROWS if gpu else ROWS
        rows = min(rows_that_fit(one.model, longest, most, len(served)) for one in served)
        self._engine = Engine(models, rows, self.settings.queue, self.metrics.stepped)

    @property
    def ready(self) -> bool:
        """Whether models are loaded and the engine runs."""
        return self._engine is not None and self._engine.alive and not self._closing

    @property
    def names(self) -> list[str]:
        """The models' names, the default first."""
        return list(self._served)

    @property
    def engine(self) -> Engine:
        """The engine. Raises `ApiError` (503) while models are loading or after `close`."""
        if self._engine is None or self._closing:
            raise unavailable(CLOSING if self._closing else LOADING)
        return self._engine

    def served(self, name: str | None) -> Served:
        """A model by name, or the default. Raises `ApiError` (404) for another name."""
        if self._engine is None:
            raise unavailable(LOADING)
        if name is None:
            return next(iter(self._served.values()))
        if name not in self._served:
            there = ", ".join(self._served)
            missing = Bilingual(
                f"there is no model {name!r} here, only {there}",
                f"這裡沒有名為 {name} 的模型，只有 {there}",
            )
            raise ApiError(404, missing, "model", "model_not_found")
        return self._served[name]

    async def events(
        self, model: str, candidates: Sequence[Candidate], growing: bool = False
    ) -> AsyncGenerator[Grown | Ended, None]:
        """Write candidates; ends when all have ended. `growing`: tell how they grow, too.

        They are forgotten as soon as nobody iterates any more. Raises `ApiError`: 429 where too
        many wait, 503 while shutting down, 504 past the time limit, 500 where something broke.
        """
        loop = asyncio.get_running_loop()
        heard: asyncio.Queue[Event] = asyncio.Queue()

        def hear(event: Event) -> None:
            # The loop may be gone at the very end, and with it whoever listened.
            if not loop.is_closed():
                loop.call_soon_threadsafe(heard.put_nowait, event)

        order = Order(candidates, hear, growing, model)
        engine, until = self.engine, monotonic() + self.settings.seconds
        left = len(candidates)
        with self._told():
            engine.submit(order)
            try:
                while left:
                    # Before Python 3.12 `wait_for` can lose a cancellation.
                    async with asyncio.timeout(until - monotonic()):
                        event = await heard.get()
                    if isinstance(event, Failed):
                        raise _failure(event.error)
                    left -= isinstance(event, Ended)
                    yield event
            finally:
                if left:
                    engine.cancel(order)

    async def compute(self, task: Callable[[], _T]) -> _T:
        """Run a function in the engine's thread, between two steps."""

        def guarded() -> _T:
            with torch.inference_mode():
                return task()

        with self._told():
            async with asyncio.timeout(self.settings.seconds):
                return await asyncio.wrap_future(self.engine.compute(guarded))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell a client in HTTP why the engine did not do its work."""
        try:
            yield
        except FullError:
            raise too_many(self.settings.queue) from None
        except ClosedError:
            raise unavailable(CLOSING) from None
        except TimeoutError:
            raise too_slow(self.settings.seconds) from None

    async def close(self, seconds: float) -> None:
        """Refuse what comes, let what is being written end within so many seconds."""
        engine, self._closing = self._engine, True
        if engine is not None:
            await asyncio.get_running_loop().run_in_executor(None, partial(engine.close, seconds))


def _failure(error: BaseException) -> BaseException:
    if isinstance(error, ClosedError):
        return error
    log.error("the engine failed", exc_info=error)
    return ApiError(500, _FAILED, type="server_error")
