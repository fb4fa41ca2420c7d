"""Batched generation: all couplets of a call go through the model together."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch

from lianju.config import DecodeSettings
from lianju.decode.batch import Batch
from lianju.decode.constraint import Constraint
from lianju.decode.particles import Job, cut
from lianju.errors import UserError
from lianju.model import LanguageModel
from lianju.progress import SILENT, UNSEEN, Reporter, Task
from lianju.prompt import render
from lianju.verse import Said, normal

# More rows in one forward pass need more memory and gain no speed.
_ROWS = 64
# New poems join when this part of the rows is free.
_TOGETHER = 4
FREE_LENGTH = 128


@dataclass(frozen=True)
class Completion:
    """What stands after `couplet`: a beginning that was given, if any, and what the model wrote.

    `text` is all of it, whole characters only; `tokens`, `logprob` and `allowed` count only what
    the model wrote.
    `finish` is "stop" when it ended by itself, "length" when `max_length` cut it off. `logprob` is
    the sum over its `tokens` (the stop token included) of the natural log-probability under the
    model as it is, before temperature, rules and cuts. `allowed` is the sum of the logarithms of
    the probability that the rules left at each step, at the temperature of sampling: 0 where no
    rule forced the model, and less the more they did.
    """

    couplet: str
    text: str
    finish: str
    tokens: int
    logprob: float
    allowed: float = 0.0


def complete(
    model: LanguageModel,
    style: str,
    couplets: Sequence[str],
    settings: DecodeSettings,
    reporter: Reporter = SILENT,
    name: str = "Completing",
    *,
    constraints: Sequence[Constraint | None] | None = None,
    prefixes: Sequence[str | Sequence[int]] | None = None,
) -> list[list[Completion]]:
    """`settings.candidates` completions of each couplet, in the order given.

    `constraints`: the rules that each couplet's completions keep, or None. `prefixes`: what stands
    after each couplet already, as text or, to say how it is spelled, as tokens; with the same seed
    a poem of one particle goes on from its own beginning as it did. A poem depends on its couplet,
    its prefix, its number among the candidates, its rules and the seed, and on a CPU not on what
    else is asked in the same call. Raises `UserError` if `settings.max_length` is too short for the
    longest poem that the rules allow, or for a prefix, and if the rules forbid a prefix.
    """
    rules = constraints or [None] * len(couplets)
    limits = [length_limit(constraint, settings) for constraint in rules]
    begun = [prefix_ids(model, prefix) for prefix in prefixes or [()] * len(couplets)]
    jobs = [
        Job(couplet, number, constraint, settings, limit, prefix)
        for couplet, constraint, limit, prefix in zip(couplets, rules, limits, begun, strict=True)
        for number in range(settings.candidates)
    ]
    flat = write(model, style, jobs, settings, reporter, name)
    each = settings.candidates
    return [flat[start : start + each] for start in range(0, len(flat), each)]


def prefix_ids(model: LanguageModel, prefix: str | Sequence[int]) -> Sequence[int]:
    """What a poem begins with as tokens: text is spelled as the corpus writes verse."""
    return model.vocabulary.spell(normal(prefix)) if isinstance(prefix, str) else prefix


def write(
    model: LanguageModel,
    style: str,
    jobs: Sequence[Job],
    settings: DecodeSettings,
    reporter: Reporter,
    name: str,
) -> list[Completion]:
    """Write every job to its end; completions in the order of the jobs."""
    # Prompts of one length stand together, so that little is padded.
    ordered = sorted(jobs, key=lambda job: len(job.couplet) + len(job.prefix))
    results: dict[Job, Completion] = {}
    most = rows_at_once(model, style, jobs)
    with reporter.task(name, len(jobs)) as task:
        for job, done in write_each(model, style, ordered, most, task):
            results[job] = done
    return [results[job] for job in jobs]


def write_each(
    model: LanguageModel, style: str, jobs: Iterable[Job], most: int, task: Task = UNSEEN
) -> Iterator[tuple[Job, Completion]]:
    """Write jobs to their ends, at most `most` rows side by side; each comes when it has ended.

    No more of `jobs` is read ahead than can be written next.
    """
    batch, coming = Batch(model, style), iter(jobs)
    waiting: list[Job] = []
    while True:
        # Prompts are read together: one by one would cost as much as writing.
        if batch.rows <= most - most // _TOGETHER:
            waiting += islice(coming, most - len(waiting))
            if joining := fitting(waiting, most - batch.rows, batch.rows == 0):
                batch.join(joining)
                del waiting[: len(joining)]
        if not batch.jobs:
            return
        for job in batch.step():
            yield job, completion(model, job)
            task.advance()
        task.advance(0, f"{batch.rows} side by side")


def fitting(waiting: Sequence[Job], rows: int, empty: bool) -> list[Job]:
    """The first of the jobs that wait for which there are rows; at least one if all are free."""
    joining: list[Job] = []
    for job in waiting:
        rows -= len(job.particles)
        if rows < 0 and not (empty and not joining):
            break
        joining.append(job)
    return joining


def completion(model: LanguageModel, job: Job) -> Completion:
    """What a job that has ended has written: one of its particles, drawn by weight."""
    particle = job.chosen
    words = model.vocabulary
    text = words.decode([*job.prefix, *particle.written])
    begun = len(words.decode(job.prefix))
    if job.until and (kept := cut(text[begun:], job.until)) is not None:
        text = text[:begun] + kept
    return Completion(
        couplet=job.couplet,
        text=text,
        finish="stop" if particle.stopped else "length",
        tokens=len(particle.written),
        logprob=particle.logprob,
        allowed=particle.allowed,
    )


def rows_at_once(model: LanguageModel, style: str, jobs: Sequence[Job]) -> int:
    """How many poems are written side by side; on a GPU no more than its free memory holds."""
    longest = max(
        (
            len(render(style, model.vocabulary, job.couplet)) + len(job.prefix) + job.limit
            for job in jobs
        ),
        default=1,
    )
    return rows_that_fit(model, longest, _ROWS)


def rows_that_fit(model: LanguageModel, tokens: int, most: int, share: int = 1) -> int:
    """How many texts of so many tokens stand side by side: `most`, or what a `share`-th of a GPU's
    free memory holds, at least one.
    """
    if model.device.type != "cuda":
        return most
    config = model.network.config.get_text_config()
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    token = 2 * config.num_hidden_layers * config.num_key_value_heads * width
    row = tokens * token * model.network.dtype.itemsize + 16 * model.vocabulary.size
    unused = torch.cuda.memory_reserved(model.device) - torch.cuda.memory_allocated(model.device)
    free = torch.cuda.mem_get_info(model.device)[0] + unused
    # Keys and values are there twice while room is made for more.
    return int(max(1, min(most, free // (3 * row * share))))


def length_limit(constraint: Constraint | None, settings: DecodeSettings) -> int:
    """The most tokens that a completion may have.

    Raises `UserError` if `settings.max_length` is less than the rules can need.
    """
    if constraint is None:
        return settings.max_length or FREE_LENGTH
    needed = constraint.longest()
    if settings.max_length is None:
        return max(needed, FREE_LENGTH)
    if settings.max_length < needed:
        lines = constraint.rules.last
        raise UserError(
            Said(
                f"max_length {settings.max_length} is too short: a poem of {lines} lines can need "
                f"{needed} tokens. Leave it out, or write without rules: --form free",
                f"長度 {settings.max_length} 太短：{lines}句的詩可能要 {needed} 個字與標點。"
                "請不設長度，或不用格律",
            )
        )
    return settings.max_length
