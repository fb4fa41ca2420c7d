"""What the next token could have been: distributions stage by stage, and where each would lead."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Any

import torch
from torch import Tensor

from lianju.config import DecodeSettings
from lianju.decode.batch import held_back
from lianju.decode.candidate import Candidate, Completion
from lianju.decode.constraint import Constraint
from lianju.decode.forward import next_logits
from lianju.decode.generate import complete, length_limit, prefix_ids, write
from lianju.decode.particles import state_after
from lianju.decode.sampling import Stage, entropy, stages
from lianju.model import LanguageModel, Vocabulary
from lianju.progress import SILENT, Reporter
from lianju.prompt import render

END = "end 止"
# So many of the likeliest tokens are shown where nothing else is asked for.
TOP = 12
# What is rarer than this nobody would call an alternative; mostly it is a byte of the token taken.
_FAINT = 0.001


@dataclass(frozen=True)
class StageFigures:
    """One stage of a step in numbers.

    `name`: see `sampling.Stage`. `entropy`, in nats. `left`: how many tokens are not ruled
    out. `cut`: the probability, at the stage before, of the tokens that are ruled out since.
    """

    name: str
    entropy: float
    left: int
    cut: float

    @property
    def bits(self) -> float:
        """The entropy in bits."""
        return self.entropy / log(2)

    @property
    def effective(self) -> float:
        """How many equally likely choices would be as uncertain: exp(entropy)."""
        return exp(self.entropy)

    def as_row(self) -> dict[str, Any]:
        """Everything, as the command line's JSON and the native API have it."""
        return {**vars(self), "bits": self.bits, "effective": self.effective}


@dataclass(frozen=True)
class Choice:
    """One token and its probability at each stage of its step.

    `text`: what it reads as: characters; bytes in hex where it is a part of a character, as ⟨E7⟩,
    or nothing that can be printed; `END` for what ends a poem. `cut_at`: the stage that ruled the
    token out; None if it can be drawn.
    """

    token: int
    text: str
    probabilities: tuple[float, ...]
    cut_at: int | None = None

    def as_row(self) -> dict[str, Any]:
        """Everything, and whether the token ends the poem; see `StageFigures.as_row`."""
        listed = list(self.probabilities)
        return {**vars(self), "probabilities": listed, "ends": self.text == END}


@dataclass(frozen=True)
class Step:
    """The distribution of the next token after `prefix`, the text after the couplet so far
    without the bytes of a character that is not finished.

    `choices`: the tokens that come to the highest probability at any stage and, of each stage that
    rules tokens out, the likeliest of those; in the order of their raw probability. `rest`: what
    all other tokens together have at each stage.
    """

    prefix: str
    stages: tuple[StageFigures, ...]
    choices: tuple[Choice, ...]
    rest: tuple[float, ...]

    def as_row(self) -> dict[str, Any]:
        """Everything; see `StageFigures.as_row`."""
        return {
            "prefix": self.prefix,
            "stages": [stage.as_row() for stage in self.stages],
            "choices": [choice.as_row() for choice in self.choices],
            "rest": list(self.rest),
        }


@dataclass(frozen=True)
class Alternative:
    """A token that was not taken, and the poem that it leads to."""

    choice: Choice
    completion: Completion


@dataclass(frozen=True)
class Position:
    """One token of a completion: how it was drawn, and what else could have stood there."""

    step: Step
    taken: Choice
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True)
class Walk:
    """A completion, token by token; the stop token is the last position of one that stopped."""

    completion: Completion
    positions: tuple[Position, ...]


def next_tokens(
    model: LanguageModel,
    style: str,
    couplet: str,
    settings: DecodeSettings,
    constraint: Constraint | None = None,
    prefix: str = "",
    top: int = TOP,
) -> Step:
    """The distribution of the token after `couplet` and `prefix`, through all stages.

    Raises `UserError` if the rules forbid `prefix`.
    """
    ids = list(prefix_ids(model, prefix))
    [every] = _stages(model, style, couplet, settings, constraint, ids, 1)
    return _step(model.vocabulary, every, ids, top)


def walk(
    model: LanguageModel,
    style: str,
    couplet: str,
    settings: DecodeSettings,
    constraint: Constraint | None = None,
    alternatives: int = 2,
    reporter: Reporter = SILENT,
    *,
    prefix: str = "",
    top: int = TOP,
) -> Walk:
    """The completion that `complete` writes first with one particle, and how it came about.

    At each position, the `alternatives` likeliest other tokens that the rules allow are tried
    instead, those that the sampling would have cut among them, but none of a probability below
    0.1%; from there the poem goes on with the same settings and random numbers.
    """
    settings = settings.model_copy(update={"particles": 1, "candidates": 1})
    begun = list(prefix_ids(model, prefix))
    limit = length_limit(constraint, settings, len(begun))
    candidate = Candidate(couplet, 0, constraint, settings, limit, begun)
    [completion] = write(model, style, [candidate], reporter, "The poem")
    written = candidate.particles[0].written
    ids = [*begun, *written]
    words = model.vocabulary
    every = _stages(model, style, couplet, settings, constraint, ids[:-1], len(written))
    seen = [
        (
            _step(words, parts, ids[:at], top),
            _choice(words, parts, token),
            _others(words, parts, token, alternatives),
        )
        for at, (parts, token) in enumerate(zip(every, written, strict=True), len(begun))
    ]
    turns = [
        (ids[:at], choice)
        for at, (_, _, others) in enumerate(seen, len(begun))
        for choice in others
    ]
    ends = iter(_alternatives(model, style, couplet, settings, constraint, turns, reporter))
    return Walk(
        completion,
        tuple(
            Position(step, taken, tuple(Alternative(choice, next(ends)) for choice in others))
            for step, taken, others in seen
        ),
    )


@torch.inference_mode()
def _stages(
    model: LanguageModel,
    style: str,
    couplet: str,
    settings: DecodeSettings,
    constraint: Constraint | None,
    ids: Sequence[int],
    count: int,
) -> Iterator[list[Stage]]:
    """The stages of the last `count` next tokens after the couplet and `ids`, of one row each."""
    prompt = render(style, model.vocabulary, couplet)
    logits = next_logits(model, [*prompt, *ids], count)
    seen = torch.zeros(1, model.vocabulary.size, dtype=torch.bool, device=model.device)
    for number, row in enumerate(logits):
        end = len(ids) - count + 1 + number
        seen[0, held_back(model.vocabulary, couplet, ids[:end])] = True
        allowed = None
        if constraint:
            mask = constraint.mask(state_after(constraint, ids[:end]))
            allowed = torch.from_numpy(mask).to(model.device).unsqueeze(0)
        yield stages(row.unsqueeze(0), allowed, seen, settings)


def _alternatives(
    model: LanguageModel,
    style: str,
    couplet: str,
    settings: DecodeSettings,
    constraint: Constraint | None,
    turns: Sequence[tuple[list[int], Choice]],
    reporter: Reporter,
) -> list[Completion]:
    """The poem that each choice leads to after the tokens before it."""
    words = model.vocabulary
    limit = length_limit(constraint, settings)
    results: dict[int, Completion] = {}
    open_ends: list[int] = []
    for number, (before, choice) in enumerate(turns):
        stopped = choice.token in words.stops
        if stopped or len(before) + 1 == limit:
            finish = "stop" if stopped else "length"
            text = words.decode([*before, choice.token])
            results[number] = Completion(
                couplet, text, finish, tokens=0, logprob=0.0, engine=model.engine
            )
        else:
            open_ends.append(number)
    groups = complete(
        model,
        style,
        [couplet] * len(open_ends),
        settings,
        reporter,
        "Roads not taken",
        constraints=[constraint] * len(open_ends),
        prefixes=[[*turns[number][0], turns[number][1].token] for number in open_ends],
    )
    results |= {number: group[0] for number, group in zip(open_ends, groups, strict=True)}
    return [results[number] for number in range(len(turns))]


def _step(words: Vocabulary, every: Sequence[Stage], ids: Sequence[int], top: int) -> Step:
    rows = _rows(every)
    likeliest = set(rows.max(dim=0).values.topk(min(top, rows.shape[1])).indices.tolist())
    for at, after in enumerate(every[1:]):
        lost = torch.where(after.left[0], 0.0, rows[at])
        if lost.any():
            likeliest.add(int(lost.argmax()))
    shown = sorted(likeliest, key=lambda token: (-float(rows[0, token]), token))
    choices = tuple(_choice(words, every, token) for token in shown)
    sums = (sum(choice.probabilities[at] for choice in choices) for at in range(len(rows)))
    return Step(
        words.decode(ids), _figures(every), choices, tuple(max(0.0, 1 - total) for total in sums)
    )


def _rows(every: Sequence[Stage]) -> Tensor:
    """(stages, vocabulary) the probabilities of one step."""
    return torch.cat([stage.probabilities for stage in every])


def _figures(every: Sequence[Stage]) -> tuple[StageFigures, ...]:
    rows = _rows(every)
    before = torch.cat([rows[:1], rows[:-1]])
    left = torch.cat([stage.left for stage in every])
    cut = torch.where(left, 0.0, before).sum(dim=-1)
    return tuple(
        StageFigures(stage.name, float(nats), int(count), float(lost))
        for stage, nats, count, lost in zip(
            every, entropy(rows), left.sum(dim=-1), cut, strict=True
        )
    )


def _choice(words: Vocabulary, every: Sequence[Stage], token: int) -> Choice:
    probabilities = (float(stage.probabilities[0, token]) for stage in every)
    cut = next((at for at, stage in enumerate(every) if not stage.left[0, token]), None)
    return Choice(token, reading(words, token), tuple(probabilities), cut)


def _others(words: Vocabulary, every: Sequence[Stage], taken: int, count: int) -> list[Choice]:
    """The likeliest tokens besides `taken` by the model itself, of those that the rules allow."""
    ruled = every[1] if len(every) > 1 and every[1].name == "rules" else every[0]
    likeliest = ruled.probabilities[0].topk(min(count + 1, words.size))
    return [
        _choice(words, every, token)
        for probability, token in zip(*(part.tolist() for part in likeliest), strict=True)
        if token != taken and probability >= _FAINT
    ][:count]


def reading(words: Vocabulary, token: int) -> str:
    """What a token reads as; see `Choice`."""
    raw = words.tokens[token]
    if token in words.stops:
        return END
    if raw is None:
        return "⟨control⟩"
    text = raw.decode(errors="replace").replace(" ", "␣").replace("\n", "↵")
    if text.isprintable() and "\N{REPLACEMENT CHARACTER}" not in text:
        return text
    return f"⟨{raw.hex(' ').upper()}⟩"
