"""A chat model that others serve, as one of the systems: asked as the homework asks, then measured.

It answers with what it likes, and only the verse in that is judged as every system's is; how much
stood around it is measured too. What only a model's probabilities can tell is not known of it.
"""

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lianju.chat import FILTERED, Answer, Ask, Asked, Chat, Estimate, rough_tokens
from lianju.config import PromptSettings
from lianju.corpus import Example
from lianju.decode import Completion
from lianju.errors import UserError
from lianju.evaluate.found_verse import FoundVerse, verse_in
from lianju.evaluate.measurement import Measured, Tools, measure, set_size
from lianju.evaluate.run_page import CHATS, run_couplets, write_run_page
from lianju.evaluate.schema import Couplet, Leaks, Mark, Suite, System, WrittenPoem
from lianju.evaluate.statistics import mean, share
from lianju.evaluate.suites import Name, couplets_digest
from lianju.files import write_text
from lianju.prompt import chat_messages

# What a poem of eight lines with its couplet, and a few words, may have.
_ANSWER = 250
# Of an answer so much stands in a report; all of it is in the cache.
_KEPT = 4000
_COUPLET = "〈couplet〉"
# Asked as the homework asks.
_HOMEWORK = PromptSettings(style="chat")
_UNKNOWN = (
    "What a chat model was trained on is not known: it may know these poems by heart, as their "
    "recall shows."
)


@dataclass(frozen=True)
class ChatAuthor:
    """Who writes behind an endpoint. `sampling`: parameters as the endpoint takes them, with
    `seed` (that of the first poem on a couplet; the next has the next) and `max_tokens`. `prompt`:
    its texts are what is asked, by default the homework's.
    """

    chat: Chat
    sampling: Mapping[str, int | float]
    prompt: PromptSettings = _HOMEWORK

    @property
    def label(self) -> str:
        """Its name in a report."""
        return self.chat.endpoint.model

    def settings(self) -> dict[str, Any]:
        """What tells this author from others, as JSON."""
        return {
            "label": self.label,
            "model": self.chat.endpoint.model,
            "endpoint": self.chat.endpoint.shown,
            "messages": chat_messages(_COUPLET, self.prompt.texts),
            "decoding": dict(self.sampling),
        }

    def estimate(self, couplets: Sequence[str], poems: int = 1) -> Estimate:
        """How much is left to ask."""
        every = [self._asked(one, number) for one in couplets for number in range(poems)]
        missing = [asked for asked in every if self.chat.known(asked) is None]
        texts = [message["content"] for asked in missing for message in asked.messages]
        return Estimate(
            requests=len(missing),
            known=len(every) - len(missing),
            tokens_in=round(sum(map(rough_tokens, texts))),
            tokens_out=min(_ANSWER, int(self.sampling["max_tokens"])) * len(missing),
        )

    def answers(self, couplets: Sequence[str], poems: int, name: str) -> list[list[Answer]]:
        """`poems` answers on each couplet, those that are missing asked for.

        Raises `UserError` where any is missing still.
        """
        every = [self._asked(one, number) for one in couplets for number in range(poems)]

        async def talk(ask: Ask, asked: Asked) -> Answer:
            return await ask(asked)

        found = self.chat.each(f"{self.label}, {name}", every, talk)
        answers = [answer for answer in found if answer]
        if lost := len(found) - len(answers):
            raise UserError(
                f"{lost} of {len(found)} requests got no answer: the same command again asks for "
                "these only, for the others are kept"
            )
        return [answers[at : at + poems] for at in range(0, len(answers), poems)]

    def _asked(self, couplet: str, number: int) -> Asked:
        seed = int(self.sampling["seed"]) + number
        messages = chat_messages(couplet, self.prompt.texts)
        return Asked(messages, {**self.sampling, "seed": seed}, number)


def chat_suite(
    author: ChatAuthor, name: Name, examples: Sequence[Example], poems: int, kit: Tools | None
) -> Suite:
    """What a chat model did on one suite; without a `kit` as `measure` does."""
    groups = author.answers([one.couplet for one in examples], poems, name)
    found = [
        [_found(answer, one.couplet) for answer in group]
        for one, group in zip(examples, groups, strict=True)
    ]
    written = [
        [_completion(one.couplet, *pair) for pair in zip(group, verses, strict=True)]
        for one, group, verses in zip(examples, groups, found, strict=True)
    ]
    truths = [one.completion or None for one in examples]
    measured = _with_answers(measure(written, truths, kit, set_size(len(examples))), found)
    rows = zip(examples, truths, groups, written, measured.marks, strict=True)
    return Suite(
        name=name,
        digest=couplets_digest(examples),
        poems_each=poems,
        figures=measured.figures,
        notes=_notes(groups, author),
        couplets=[
            Couplet(
                couplet=one.couplet,
                truth=truth,
                source=one.source,
                poems=[
                    _poem(number, *each)
                    for number, each in enumerate(zip(group, texts, marks, strict=True))
                ],
            )
            for one, truth, group, texts, marks in rows
        ],
    )


def chat_system(author: ChatAuthor, suites: Mapping[Name, Suite], started: float) -> System:
    """The author with what it did, begun at `started` of `time.perf_counter`."""
    return System(
        **author.settings(),
        kind="chat",
        leaks=Leaks(checked=False, note=_UNKNOWN),
        suites={str(name): suite for name, suite in suites.items()},
        seconds=time.perf_counter() - started,
    )


def add_chat_to_run(run: Path, author: ChatAuthor) -> Path:
    """Ask for a poem on each test couplet of a finished run, and write its page with them.

    Returns the page's path. The answers stand in `run`/chats/, by the model's name; those of a
    model of that name from before are replaced.
    """
    started = time.perf_counter()
    suite = chat_suite(author, "hw5", run_couplets(run), 1, None)
    name = re.sub(r"[^\w.-]+", "-", author.label).strip(".-")[:80] or "model"
    system = chat_system(author, {"hw5": suite}, started)
    write_text(run / CHATS / f"{name}.json", system.model_dump_json(indent=1) + "\n")
    return write_run_page(run)


def _found(answer: Answer, couplet: str) -> FoundVerse:
    """The verse of an answer; without any, one that a filter held back is a refusal."""
    found = verse_in(answer.text, couplet)
    if found.kind == "prose" and answer.finish == FILTERED:
        return replace(found, kind="refused")
    return found


def _completion(couplet: str, answer: Answer, found: FoundVerse) -> Completion:
    """The verse of an answer; it was cut off where the answer was, in the midst of it."""
    cut = answer.finish == "length" and found.last
    return Completion(couplet, found.text, "length" if cut else "stop", 1, 0.0)


def _with_answers(measured: Measured, found: Sequence[Sequence[FoundVerse]]) -> Measured:
    """With what is told of the answers, and without what a model's probabilities tell."""
    own: list[list[dict[str, Mark]]] = [
        [
            {
                "around": one.kind == "around",
                "no_verse": one.kind == "prose",
                "refused": one.kind == "refused",
                "prose": one.prose,
            }
            for one in group
        ]
        for group in found
    ]
    plain = measured.without(["logprob"])
    marks = [
        [each | more for each, more in zip(*rows, strict=True)]
        for rows in zip(plain.marks, own, strict=True)
    ]
    taken = {
        name: (mean if name == "prose" else share)(
            [[float(one[name] or 0) for one in group] for group in own]
        )
        for name in own[0][0]
    }
    return Measured(marks, plain.figures | taken)


def _poem(number: int, answer: Answer, poem: Completion, marks: dict[str, Mark]) -> WrittenPoem:
    more = answer.text.strip()
    if len(more) > _KEPT:
        more = f"{more[:_KEPT]}…"
    return WrittenPoem(
        number=number,
        text=poem.text,
        finish="length" if poem.finish == "length" else "stop",
        marks=marks,
        answer="" if more == poem.text else more,
    )


def _notes(groups: Sequence[Sequence[Answer]], author: ChatAuthor) -> list[str]:
    """What is to be known of the answers."""
    every = [answer for group in groups for answer in group]
    untaken = Counter(name for answer in every for name in answer.untaken)
    notes = [
        f"{name}: not taken by the endpoint, so {number} of {len(every)} answers are without it."
        for name, number in untaken.items()
    ]
    if cut := sum(answer.finish == "length" for answer in every):
        notes.append(
            f"{cut} of {len(every)} answers were cut off at {author.sampling['max_tokens']} "
            "tokens, perhaps while the model was thinking: --max-length allows more."
        )
    return notes
