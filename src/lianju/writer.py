"""A model that writes: one request, one answer.

What the command line, a notebook and a batch of couplets call. `Writer.load` opens a model, its
`write` goes on from a couplet; a `Continuation` is what comes of it, judged and compared with the
poems that are known.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self, TypedDict, Unpack

from lianju.config import DecodeSettings, VerseSettings, writing_settings
from lianju.console import TerminalReporter
from lianju.corpus import Poem, interpret_couplet, known_lines, to_traditional
from lianju.decode import (
    TOP,
    Candidate,
    Completion,
    Constraint,
    Masks,
    Step,
    next_tokens,
    rows_that_fit,
    write_each,
)
from lianju.errors import UserError
from lianju.loading import default_adapter, load_model
from lianju.model import (
    REFERENCE,
    ROWS,
    LanguageModel,
    find_adapter,
)
from lianju.progress import Reporter
from lianju.ranking import rating
from lianju.request import PoemRequest, read_request, read_rules
from lianju.verse import (
    Verdict,
    check,
    form_of_lines,
    in_language,
    lines_of,
    shape_of,
    words,
)

# More tokens than a poem has with its prompt.
_LONGEST = 1024
# A line of one or two characters is nobody's.
_LEAST_COPIED = 4
# What can only be a folder here, and no id of the hub.
_PLACES = ("runs/", "/", "./", "../", "~")
# The poems of the corpus that have a line.
Find = Callable[[str], list[Poem]]


@dataclass(frozen=True)
class Continuation:
    """A couplet and what a model wrote after it, judged.

    `couplet`: as it was read, in traditional characters. `text`: what stands after it. `finish`:
    "stop" where the poem ended by itself, "length" where it was cut off. `tokens`: how many the
    model wrote, the one that ends the poem included; `logprob`: the sum of their natural
    log-probabilities under the model as it is; `allowed`: the logarithm of the probability that
    the rules left, 0 where none forced the model. `form`: the name of its form, such as "wulü",
    None where it has none; `fault`: without rules, what is wrong with the shape. `verdict`: what
    the checker says of the whole poem. `copied`: by line, from 3, the poems of the corpus that
    have it word for word. `notes`: how the request was read, and what could not be kept. `engine`:
    what wrote it, such as "openvino-int8" or "pytorch-fp32".
    """

    couplet: str
    text: str
    finish: Literal["stop", "length"]
    tokens: int
    logprob: float
    allowed: float
    form: str | None
    fault: str
    verdict: Verdict
    copied: dict[int, list[Poem]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    engine: str = ""

    def __str__(self) -> str:
        """The whole poem."""
        return self.couplet + self.text

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of the whole poem, without punctuation."""
        return lines_of(str(self))

    @property
    def logprob_per_character(self) -> float:
        """`logprob` divided by the characters of `text`, in nats: how much the model likes it."""
        return self.logprob / max(len(self.text), 1)

    @cached_property
    def rating(self) -> float:
        """How far it stands out from what models write, towards what poets write: see
        `lianju.ranking.rating`.
        """
        return rating(lines_of(self.couplet), lines_of(self.text))

    def as_row(self) -> dict[str, Any]:
        """Everything, as `lianju complete --json` prints it."""
        return {
            "couplet": self.couplet,
            "text": self.text,
            "finish": self.finish,
            "tokens": self.tokens,
            "logprob": self.logprob,
            "allowed": self.allowed,
            "logprob_per_character": self.logprob_per_character,
            "rating": self.rating,
            "form": self.form,
            "fault": str(self.fault),
            "fault_zh": in_language(self.fault, "zh"),
            "verdict": words.verdict_row(self.verdict),
            "copied": [
                {"line": number, "poems": [{"author": p.author, "title": p.title} for p in poems]}
                for number, poems in self.copied.items()
            ],
            "notes": list(map(str, self.notes)),
            "notes_zh": [in_language(note, "zh") for note in self.notes],
            "engine": self.engine,
        }


class WriteOptions(TypedDict, total=False):
    """What can be asked of a poem by keyword: see `VerseSettings` and `DecodeSettings`."""

    form: str
    rhyme: str
    tone: str
    lines: int
    acrostic: str
    rhymes: str
    given: dict[int, str]
    particles: int
    taste: float
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    typical_p: float
    max_length: int
    repetition_penalty: float
    seed: int


class Writer:
    """A model that writes poems, with the adapter that taught it.

    Not to be used from several threads at once.

    >>> writer = Writer.load("gemma-3-270m")
    >>> [poem] = writer.write("空山新雨後，天氣晚來秋。", form="wujue", particles=1)
    >>> poem.lines[:2], len(poem.lines), poem.verdict.regular
    (('空山新雨後', '天氣晚來秋'), 4, True)
    >>> [stage.name for stage in writer.next("空山新雨後，天氣晚來秋。", form="wujue").stages]
    ['raw', 'rules', 'repetition_penalty', 'top_p']
    """

    def __init__(self, model: LanguageModel, style: str):
        """`model` in eval mode; `style`: its prompt, "plain", "homework" or "chat"."""
        self.model, self.style = model, style

    @classmethod
    def load(
        cls,
        name: str | Path | None = None,
        reporter: Reporter | None = None,
        *,
        exact: bool = False,
    ) -> Self:
        """Open a model.

        `name`: the folder of a run, of an adapter or of a checkpoint; "reference", the adapter that
        comes with the package; or a base model as the catalogue or the hub names it, such as
        "gemma-3-270m", which then writes untouched. None: the adapter trained last in ./runs, or
        the reference where there is none. `reporter` hears how far it is; None: bars on a
        terminal, lines elsewhere. `exact`: write in fp32 with PyTorch, where on a CPU OpenVINO
        would write with weights in 8 bits. Raises `UserError` where there is no such model, or
        where it is damaged.
        """
        reporter = reporter or TerminalReporter()
        if isinstance(name, str) and name.startswith(_PLACES) and not Path(name).exists():
            raise UserError(f"there is no {name}: give the folder of a run, or a base model")
        if name is None:
            return cls(*load_model(default_adapter(), None, reporter, exact=exact))
        if isinstance(name, Path) or name == REFERENCE or Path(name).is_dir():
            return cls(*load_model(find_adapter(Path(name)), None, reporter, exact=exact))
        return cls(*load_model(None, name, reporter, exact=exact))

    def write(self, couplet: str, n: int = 1, **asked: Unpack[WriteOptions]) -> list[Continuation]:
        """`n` poems that go on from a couplet, the one with the highest `rating` first.

        The keywords are the flags of `lianju complete`: `form`, `rhyme`, `tone`, `lines`,
        `acrostic`, `given` for the rules, `temperature`, `top_p` and so on for the decoding. The
        same `seed` gives the same poems. Raises `UserError` for a couplet that is empty, for a
        keyword that is unknown or has a bad value, and for rules that contradict each other.
        """
        [poems] = self.write_many([couplet], n, **asked)
        return poems

    def write_many(
        self,
        couplets: Iterable[str],
        n: int = 1,
        *,
        in_order: bool = False,
        **asked: Unpack[WriteOptions],
    ) -> Iterator[list[Continuation]]:
        """What `write` gives for each of many couplets, as soon as it is there.

        `couplets` is read as far as there is room for more poems side by side. `in_order`: in the
        order of the couplets; else in the order in which they end. A poem is the one that `write`
        gives.
        """
        if isinstance(couplets, str):
            raise UserError("write_many takes several couplets; write takes one")
        verse, decode = writing_settings({**asked, "candidates": n})
        ended = self.write_requests(self._requests(couplets, verse, decode))
        return _in_order(ended) if in_order else (poems for _, poems in ended)

    def read(self, couplet: str, verse: VerseSettings, decode: DecodeSettings) -> PoemRequest:
        """What is asked of this model for a couplet; `UserError` as in `write`."""
        return read_request(self._masks, couplet, verse, decode)

    def write_requests(
        self, requests: Iterable[PoemRequest]
    ) -> Iterator[tuple[int, list[Continuation]]]:
        """The poems of each request, with its number from 0, as soon as all of them have ended.

        `requests` is read as far as there is room for more poems side by side.
        """
        asked: dict[int, PoemRequest] = {}
        done: dict[int, list[Continuation]] = {}
        owners: dict[int, int] = {}
        counted = itertools.count()

        def candidates() -> Iterator[Candidate]:
            for number, request in enumerate(requests):
                asked[number] = request
                for candidate in request.candidates:
                    owners[next(counted)] = number
                    yield candidate

        most = rows_that_fit(self.model, _LONGEST, ROWS)
        for at, completion in write_each(self.model, self.style, candidates(), most):
            number = owners.pop(at)
            request, poems = asked[number], done.setdefault(number, [])
            ruled = request.constraint is not None
            poems.append(continuation(completion, ruled, self._find, request.notes))
            if len(poems) == len(request.candidates):
                del asked[number]
                yield number, ranked(done.pop(number))

    def next(
        self, couplet: str, after: str = "", top: int = TOP, **asked: Unpack[WriteOptions]
    ) -> Step:
        """What the next character could be after a couplet and `after`, stage by stage.

        A stage is the model's own distribution or what the rules, the temperature or a cut make of
        it; `top`: how many choices are told. Raises `UserError` as `write` does, and where the
        rules forbid `after`.
        """
        if top < 1:
            raise UserError(f"top: at least one choice is told, got {top}")
        verse, decode = writing_settings(asked)
        couplet, begun = interpret_couplet(couplet).text, to_traditional(after).text
        rules = read_rules(couplet, verse).rules
        constraint = Constraint(rules, self._masks) if rules else None
        return next_tokens(self.model, self.style, couplet, decode, constraint, begun, top)

    @cached_property
    def _find(self) -> Find | None:
        return find_known()

    @cached_property
    def _masks(self) -> Masks:
        return Masks(self.model.vocabulary)

    def _requests(
        self, couplets: Iterable[str], verse: VerseSettings, decode: DecodeSettings
    ) -> Iterator[PoemRequest]:
        for number, couplet in enumerate(couplets):
            if not isinstance(couplet, str):
                raise UserError(f"couplet {number + 1} is no text: {couplet!r}")
            yield self.read(couplet, verse, decode)


def _in_order(ended: Iterator[tuple[int, list[Continuation]]]) -> Iterator[list[Continuation]]:
    early: dict[int, list[Continuation]] = {}
    wanted = 0
    for number, poems in ended:
        early[number] = poems
        while wanted in early:
            yield early.pop(wanted)
            wanted += 1


def continuation(
    completion: Completion, ruled: bool, find: Find | None, notes: Iterable[str] = ()
) -> Continuation:
    """A completion, judged.

    `ruled`: rules were kept, so that the poem has the shape that was asked for, whatever that is.
    `find` tells which poems have a line; None where nobody knows.
    """
    couplet, text = completion.couplet, completion.text
    verdict = check(couplet + text)
    shape = shape_of(couplet, text, completion.finish == "stop")
    of_shape = shape.form.name if shape.form else None
    return Continuation(
        couplet=couplet,
        text=text,
        finish="stop" if completion.finish == "stop" else "length",
        tokens=completion.tokens,
        logprob=completion.logprob,
        allowed=completion.allowed,
        form=form_of_lines(lines_of(couplet + text)) if ruled else of_shape,
        fault="" if ruled else shape.fault,
        verdict=verdict,
        copied=copied(verdict, find, len(lines_of(couplet))),
        notes=tuple(notes),
        engine=completion.engine,
    )


def find_known() -> Find | None:
    """The poems that a line stands in, from any thread; None where the corpus is not there.

    The index is built if it was not yet, which takes some seconds once.
    """
    known = known_lines()
    return known.find if known else None


def copied(verdict: Verdict, find: Find | None, given: int = 0) -> dict[int, list[Poem]]:
    """The poems that have a line word for word, by its number, after the first `given` ones."""
    if find is None:
        return {}
    every = enumerate(("".join(mark.character for mark in row) for row in verdict.marks), 1)
    return {
        number: poems
        for number, line in every
        if number > given and len(line) >= _LEAST_COPIED and (poems := find(line))
    }


def ranked(poems: Iterable[Continuation]) -> list[Continuation]:
    """The one with the highest rating first; ties go to the one that the model finds likelier."""
    return sorted(poems, key=lambda poem: (-poem.rating, -poem.logprob_per_character))
