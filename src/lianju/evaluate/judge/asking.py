"""Asking many questions: what is known is not asked again, and every answer is kept at once."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lianju.errors import UserError
from lianju.evaluate.judge.cache import Answers
from lianju.evaluate.judge.endpoint import Endpoint, Message, NoAnswerError
from lianju.extras import require
from lianju.progress import SILENT, Reporter, Task
from lianju.verse import is_han

if TYPE_CHECKING:
    from lianju.evaluate.judge.client import Client

Value = TypeVar("Value")
_AT_ONCE = 4
# After so many questions without an answer, one behind the other, the rest is not tried.
_ENOUGH = 5
# No answer of ours needs more; what a reasoning model thinks counts too.
_MAX_TOKENS = 2048
# Tokens of an answer of one sentence in JSON, of a Han character and of any other: rough, for
# an estimate over tokenizers that differ.
_ANSWER, _PER_HAN, _PER_OTHER = 60, 1.5, 0.3
_INSIST = "That cannot be read. Answer with the one JSON object asked for, and nothing else."


@dataclass(frozen=True)
class Question(Generic[Value]):
    """What is asked, and how the answer is read; `sample` tells equal questions apart.

    With an answer that was `unreadable` it is the question once more.
    """

    prompt: str
    read: Callable[[str], Value | None]
    temperature: float = 0.0
    sample: int = 0
    unreadable: str | None = None

    @property
    def messages(self) -> list[Message]:
        """As the endpoint takes them; all of it from the user, for not all models know a system."""
        asked = [{"role": "user", "content": self.prompt}]
        if self.unreadable is None:
            return asked
        answer = {"role": "assistant", "content": self.unreadable}
        return [*asked, answer, {"role": "user", "content": _INSIST}]

    @property
    def parameters(self) -> dict[str, Any]:
        """As the endpoint takes them."""
        return {"temperature": self.temperature, "max_tokens": _MAX_TOKENS}

    @property
    def kept(self) -> dict[str, Any]:
        """What an answer depends on beside the messages."""
        return {**self.parameters, "sample": self.sample}


@dataclass(frozen=True)
class Reply(Generic[Value]):
    """An answer that could be read."""

    value: Value
    text: str


@dataclass(frozen=True)
class Estimate:
    """What is left to ask; tokens are a rough estimate, without those of reasoning."""

    requests: int
    known: int
    tokens_in: int
    tokens_out: int

    def cost(self, price_in: float, price_out: float) -> float:
        """The price, given prices a million tokens."""
        return (self.tokens_in * price_in + self.tokens_out * price_out) / 1e6


@dataclass(frozen=True)
class Judge:
    """A judge with its memory. `UserError` where the package that asks is not installed."""

    endpoint: Endpoint
    answers: Answers
    reporter: Reporter = SILENT

    def __post_init__(self) -> None:
        require("judge")

    def estimate(self, questions: Sequence[Question[Any]]) -> Estimate:
        """How much is left to ask."""
        missing = [item for item in questions if not self._settled(item)]
        texts = [message["content"] for item in missing for message in item.messages]
        return Estimate(
            requests=len(missing),
            known=len(questions) - len(missing),
            tokens_in=round(sum(map(_tokens, texts))),
            tokens_out=_ANSWER * len(missing),
        )

    def ask(self, questions: Sequence[Question[Value]]) -> list[Reply[Value] | None]:
        """The replies; None where there was no answer, or twice none that could be read.

        Raises `UserError` when the endpoint refuses or stays silent; answers so far are kept.
        """
        return asyncio.run(self._ask(questions))

    async def _ask(self, questions: Sequence[Question[Value]]) -> list[Reply[Value] | None]:
        from lianju.evaluate.judge.client import Client

        replies: list[Reply[Value] | None] = [None] * len(questions)
        todo, silent = iter(enumerate(questions)), 0
        refused: BaseException | None = None

        async def work(client: Client, task: Task) -> None:
            nonlocal silent
            for index, item in todo:
                try:
                    replies[index], silent = await self._reply(client, item), 0
                except NoAnswerError as error:
                    silent += 1
                    if silent == _ENOUGH:
                        raise UserError(
                            f"the endpoint gave no answer to {_ENOUGH} questions in a row, at "
                            f"last: {error}. Go on later with the same command; answers are kept."
                        ) from None
                task.advance()

        with self.reporter.task("Judging", len(questions)) as task:
            async with aclosing(Client(self.endpoint, self.reporter)) as client:
                try:
                    async with asyncio.TaskGroup() as group:
                        for _ in range(_AT_ONCE):
                            group.create_task(work(client, task))
                except* UserError as errors:
                    refused = errors.exceptions[0]
        if refused:
            raise refused
        return replies

    async def _reply(self, client: "Client", item: Question[Value]) -> Reply[Value] | None:
        """The reply, asked for once more if the first answer cannot be read."""
        for _ in range(2):
            text = await self._text(client, item)
            value = item.read(text)
            if value is not None:
                return Reply(value, text)
            item = replace(item, unreadable=text)
        return None

    async def _text(self, client: "Client", item: Question[Any]) -> str:
        known = self._known(item)
        if known is not None:
            return known
        text = await client.ask(item.messages, item.parameters)
        self.answers.put(self.endpoint, item.messages, item.kept, text)
        return text

    def _known(self, item: Question[Any]) -> str | None:
        return self.answers.get(self.endpoint, item.messages, item.kept)

    def _settled(self, item: Question[Any]) -> bool:
        text = self._known(item)
        if text is None:
            return False
        return (
            item.read(text) is not None or self._known(replace(item, unreadable=text)) is not None
        )


def _tokens(text: str) -> float:
    han = sum(map(is_han, text))
    return _PER_HAN * han + _PER_OTHER * (len(text) - han)
