"""Asking much: what is known is not asked again, and every answer is kept at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from lianju.chat.answers import Answer, Answers, Asked
from lianju.chat.endpoint import Endpoint, NoAnswerError
from lianju.errors import UserError
from lianju.extras import require
from lianju.progress import SILENT, Reporter, Task

if TYPE_CHECKING:
    from lianju.chat.client import Client

Item = TypeVar("Item")
Value = TypeVar("Value")
# Answers one question, from memory or by asking.
Ask = Callable[[Asked], Awaitable[Answer]]
_AT_ONCE = 4
# After so many questions without an answer, one behind the other, the rest is not tried.
_ENOUGH = 5


@dataclass(frozen=True)
class Chat:
    """A chat model with the memory of its answers.

    `UserError` where the package that asks is not installed.
    """

    endpoint: Endpoint
    answers: Answers
    reporter: Reporter = SILENT

    def __post_init__(self) -> None:
        require("judge")

    def known(self, asked: Asked) -> Answer | None:
        """The answer, if it was given before."""
        return self.answers.get(self.endpoint, asked)

    def each(
        self, name: str, items: Sequence[Item], talk: Callable[[Ask, Item], Awaitable[Value]]
    ) -> list[Value | None]:
        """What comes of talking about each item, a few at a time; None where no answer came.

        Raises `UserError` when the endpoint refuses or stays silent; answers so far are kept, as
        they are after Ctrl-C. `name` is for the bar.
        """
        return asyncio.run(self._each(name, items, talk))

    async def _each(
        self, name: str, items: Sequence[Item], talk: Callable[[Ask, Item], Awaitable[Value]]
    ) -> list[Value | None]:
        from lianju.chat.client import Client

        found: list[Value | None] = [None] * len(items)
        todo, silent = iter(enumerate(items)), 0
        refused: BaseException | None = None

        async def work(client: Client, task: Task) -> None:
            nonlocal silent
            for index, item in todo:
                try:
                    found[index], silent = await talk(self._ask(client), item), 0
                except NoAnswerError as error:
                    silent += 1
                    if silent == _ENOUGH:
                        raise UserError(
                            f"the endpoint gave no answer to {_ENOUGH} questions in a row, at "
                            f"last: {error}. Go on later with the same command; answers are kept."
                        ) from None
                    self.reporter.say(f"No answer to {index + 1} of {len(items)}: {error}")
                task.advance()

        with self.reporter.task(name, len(items)) as task:
            async with aclosing(Client(self.endpoint, self.reporter)) as client:
                try:
                    async with asyncio.TaskGroup() as group:
                        for _ in range(_AT_ONCE):
                            group.create_task(work(client, task))
                except* UserError as errors:
                    refused = errors.exceptions[0]
        if refused:
            raise refused
        return found

    def _ask(self, client: "Client") -> Ask:
        async def ask(asked: Asked) -> Answer:
            if known := self.known(asked):
                return known
            answer = await client.ask(asked.messages, asked.parameters)
            self.answers.put(self.endpoint, asked, answer)
            return answer

        return ask
