"""Asking the judge many questions, each once more where the first answer cannot be read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from lianju.chat import Ask, Asked, Chat, Estimate, Message, rough_tokens

Value = TypeVar("Value")
# No answer of ours needs more; what a reasoning model thinks counts too.
_MAX_TOKENS = 2048
# Tokens of an answer of one sentence in JSON.
_ANSWER = 60
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
    def asked(self) -> Asked:
        """The same with the parameters."""
        parameters = {"temperature": self.temperature, "max_tokens": _MAX_TOKENS}
        return Asked(self.messages, parameters, self.sample)


@dataclass(frozen=True)
class Reply(Generic[Value]):
    """An answer that could be read."""

    value: Value
    text: str


class Judge(Chat):
    """A judge with its memory. `UserError` where the package that asks is not installed."""

    def estimate(self, questions: Sequence[Question[Any]]) -> Estimate:
        """How much is left to ask."""
        missing = [item for item in questions if not self._settled(item)]
        texts = [message["content"] for item in missing for message in item.messages]
        return Estimate(
            requests=len(missing),
            known=len(questions) - len(missing),
            tokens_in=round(sum(map(rough_tokens, texts))),
            tokens_out=_ANSWER * len(missing),
        )

    def ask(self, questions: Sequence[Question[Value]]) -> list[Reply[Value] | None]:
        """The replies; None where there was no answer, or twice none that could be read.

        Raises `UserError` when the endpoint refuses or stays silent; answers so far are kept.
        """

        async def reply(ask: Ask, item: Question[Value]) -> Reply[Value] | None:
            for _ in range(2):
                text = (await ask(item.asked)).text
                value = item.read(text)
                if value is not None:
                    return Reply(value, text)
                item = replace(item, unreadable=text)
            return None

        return self.each("Judging", questions, reply)

    def _settled(self, item: Question[Any]) -> bool:
        answer = self.known(item.asked)
        if answer is None:
            return False
        again = replace(item, unreadable=answer.text)
        return item.read(answer.text) is not None or self.known(again.asked) is not None
