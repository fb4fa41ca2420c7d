"""The poems of one model: those that wait join its batch at every step, those that end leave it.

It runs where `step` is called: in place for a plain call, in the engine's thread for a server.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lianju.decode.batch import Batch
from lianju.decode.candidate import Candidate, Completion
from lianju.decode.particles import Token
from lianju.model import ROWS, LanguageModel

_TOGETHER, _ROWS_A_STEP = 4, 8


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


class Order:
    """Candidates that are asked for together, numbered in order.

    No more of them is read than can be written next. `hear` is told of every `Event`, of `Grown`
    only where `growing`. `model`: which of an engine's models is to write. `first`: the number and
    the candidate that waits first, None if none does.
    """

    def __init__(
        self,
        candidates: Iterable[Candidate],
        hear: Callable[[Event], None] = lambda event: None,
        growing: bool = False,
        model: str = "",
    ):
        self.hear, self.growing, self.model = hear, growing, model
        self._coming = enumerate(candidates)
        self.first = next(self._coming, None)

    def advance(self) -> None:
        """The first candidate waits no more."""
        self.first = next(self._coming, None)


@dataclass
class _Written:
    """A candidate's place in its order, and how many of its tokens have been told."""

    order: Order
    number: int
    told: int = 0


class Scheduler:
    """Writes orders with one model, step by step."""

    def __init__(
        self,
        model: LanguageModel,
        style: str,
        most: int = ROWS,
        patience: int | None = None,
        watch: Callable[[int], None] = lambda rows: None,
    ):
        """`most`: how many particles are written side by side. `patience`: for how many steps at
        most poems wait for others to join with; None: until a quarter of the rows is free. `watch`
        is told after each step how many particles wrote a token.
        """
        self.model, self.style, self.most = model, style, most
        self._patience, self._watch = patience, watch
        self._batch = Batch(model, style)
        self._since = 0
        self._writing: dict[Candidate, _Written] = {}
        self._waiting: list[Order] = []

    @property
    def waiting(self) -> int:
        """How many orders have candidates that are not being written yet."""
        return len(self._waiting)

    @property
    def rows(self) -> int:
        """How many particles are being written, or about to be."""
        return sum(len(candidate.particles) for candidate in list(self._writing))

    @property
    def busy(self) -> bool:
        """Whether anything is left to write."""
        return bool(self._writing or self._waiting)

    @property
    def orders(self) -> list[Order]:
        """All that have not ended."""
        return list(dict.fromkeys([*self._waiting, *self._written]))

    @property
    def _written(self) -> list[Order]:
        return [one.order for one in self._writing.values()]

    def submit(self, order: Order) -> None:
        """Take an order."""
        if order.first:
            self._waiting.append(order)

    def drop(self, order: Order) -> None:
        """Forget an order; nothing more is heard of it."""
        self._waiting = [one for one in self._waiting if one is not order]
        gone = [candidate for candidate, one in self._writing.items() if one.order is order]
        for candidate in gone:
            del self._writing[candidate]
        self._batch.drop(gone)

    def restart(self) -> list[Order]:
        """Begin anew after something broke; returns the orders that were being written, which are
        forgotten.
        """
        broken = list(dict.fromkeys(self._written))
        self._batch, self._writing = Batch(self.model, self.style), {}
        self._waiting = [one for one in self._waiting if one not in broken]
        return broken

    def step(self) -> None:
        """Let candidates join, write one token of each, and tell what came of it."""
        self._admit()
        rows = self._batch.rows
        if not rows:
            return
        ended = self._batch.step()
        self._since += 1
        self._watch(rows)
        for candidate in ended:
            self._end(candidate, self._writing.pop(candidate))
        for candidate, one in self._writing.items():
            if one.order.growing:
                self._grow(candidate, one)

    def _admit(self) -> None:
        """Let candidates join, one of each order in turn, as far as there are rows."""
        room = self._room()
        joining: list[Candidate] = []
        turns = deque(self._waiting)
        while turns:
            order = turns.popleft()
            if order.first is None:
                continue
            number, candidate = order.first
            size = len(candidate.particles)
            # Nobody overtakes a candidate that is too wide, or it would wait for ever.
            if size > room and room < self.most:
                break
            room -= size
            joining.append(candidate)
            self._writing[candidate] = _Written(order, number)
            order.advance()
            turns.append(order)
        if joining:
            self._waiting = [one for one in self._waiting if one.first]
            self._since = 0
            self._batch.join(joining)

    def _room(self) -> int:
        """For how many rows there is room now. Poems wait for each other, the longer the fuller
        the batch is: reading prompts one by one costs as much as writing.
        """
        rows = self._batch.rows
        if self._patience is None:
            ready = rows <= self.most - self.most // _TOGETHER
        else:
            ready = self._since >= min(self._patience, rows // _ROWS_A_STEP)
        return self.most - rows if ready else 0

    def _end(self, candidate: Candidate, one: _Written) -> None:
        done = candidate.completion(self.model)
        one.order.hear(Ended(one.number, done, tuple(candidate.chosen.record[one.told :])))

    def _grow(self, candidate: Candidate, one: _Written) -> None:
        told, one.told = one.told, candidate.settled
        best = candidate.best
        draft = self.model.vocabulary.decode([*candidate.prefix, *best.written])
        one.order.hear(Grown(one.number, tuple(best.record[told : one.told]), draft))
