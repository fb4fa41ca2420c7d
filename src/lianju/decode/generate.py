"""Batched generation: all couplets of a call go through the model together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lianju.config import DecodeSettings
from lianju.decode.constraint import Constraint
from lianju.decode.particles import Job, Particle
from lianju.decode.sampling import RULED_OUT, distribution, draw, logprob, mass
from lianju.errors import UserError
from lianju.model import LanguageModel
from lianju.progress import SILENT, Reporter, Task
from lianju.prompt import render
from lianju.verse import normal

# More rows in one forward pass need more memory and gain no speed.
_ROWS = 64
FREE_LENGTH = 128


@dataclass(frozen=True)
class Completion:
    """What stands after `couplet`: a beginning that was given, if any, and what the model wrote.

    `text` is all of it; `tokens`, `logprob` and `allowed` count only what the model wrote.
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
    results: dict[int, Completion] = {}
    # Prompts of one length stand together, so that little is padded.
    order = sorted(range(len(jobs)), key=lambda i: len(jobs[i].couplet) + len(jobs[i].prefix))
    rows = _rows_at_once(model, style, jobs)
    size = max(1, rows // max((len(job.particles) for job in jobs), default=1))
    with reporter.task(name, len(jobs)) as task:
        for start in range(0, len(order), size):
            part = order[start : start + size]
            batch = _Batch(model, style, [jobs[index] for index in part], settings)
            for number, completion in batch.run(task):
                results[part[number]] = completion
                task.advance()
    return [results[index] for index in range(len(jobs))]


def _rows_at_once(model: LanguageModel, style: str, jobs: Sequence[Job]) -> int:
    """How many poems are written side by side; on a GPU no more than its free memory holds."""
    if model.device.type != "cuda":
        return _ROWS
    config = model.network.config.get_text_config()
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    token = 2 * config.num_hidden_layers * config.num_key_value_heads * width
    longest = max(
        len(render(style, model.vocabulary, job.couplet)) + len(job.prefix) + job.limit
        for job in jobs
    )
    row = longest * token * model.network.dtype.itemsize + 16 * model.vocabulary.size
    unused = torch.cuda.memory_reserved(model.device) - torch.cuda.memory_allocated(model.device)
    free = torch.cuda.mem_get_info(model.device)[0] + unused
    # Keys and values are there twice while rows leave the batch.
    return int(max(1, min(_ROWS, free // (3 * row))))


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
        raise UserError(
            f"max_length {settings.max_length} is too short: a poem of "
            f"{constraint.rules.last} lines can need {needed} tokens"
        )
    return settings.max_length


class _Batch:
    """Poems that are written together. Those that have ended leave, so the batch gets smaller."""

    def __init__(
        self,
        model: LanguageModel,
        style: str,
        jobs: list[Job],
        settings: DecodeSettings,
    ):
        from transformers import DynamicCache

        self.model, self.settings, self.jobs = model, settings, jobs
        device, vocabulary = model.device, model.vocabulary
        begun = list(dict.fromkeys((job.couplet, job.prefix) for job in jobs))
        prompts = [[*render(style, vocabulary, couplet), *prefix] for couplet, prefix in begun]
        width = max(map(len, prompts))
        padded = [[vocabulary.pad] * (width - len(ids)) + ids for ids in prompts]
        self.ids = torch.tensor(padded, device=device)
        self.attention = torch.tensor(
            [[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts], device=device
        )
        self.seen = torch.zeros(len(prompts), vocabulary.size, dtype=torch.bool, device=device)
        for row, ids in enumerate(prompts):
            self.seen[row, ids] = True
        self.cache = DynamicCache(config=model.network.config)
        # Particles by the row of the batch that they stand in: first those of one prompt share it.
        self.active = [particle for job in jobs for particle in job.particles]
        for job in jobs:
            for particle in job.particles:
                particle.row = begun.index((job.couplet, job.prefix))

    @torch.inference_mode()
    def run(self, task: Task) -> Iterator[tuple[int, Completion]]:
        """Write until all have stopped or reached the longest length; jobs as they end."""
        writing = list(range(len(self.jobs)))
        limit = max(job.limit for job in self.jobs)
        logits = self._forward()
        logits = logits[self._regroup()]
        for step in range(limit):
            self._write(logits, step)
            for number in list(writing):
                job = self.jobs[number]
                job.resample()
                if step + 1 == job.limit or all(particle.stopped for particle in job.particles):
                    writing.remove(number)
                    yield number, self._completion(job)
            task.advance(0, f"token {step + 1} of at most {limit}")
            if not writing:
                return
            self.active = [
                particle
                for number in writing
                for particle in self.jobs[number].particles
                if not particle.stopped
            ]
            self._append()
            logits = self._forward()

    def _append(self) -> None:
        """Put what the active particles have just written where the next forward pass reads it."""
        self._regroup()
        last = [[particle.written[-1]] for particle in self.active]
        self.ids = torch.tensor(last, device=self.model.device)
        self.seen.scatter_(-1, self.ids, True)
        one = self.attention.new_ones(len(self.active), 1)
        self.attention = torch.cat([self.attention, one], dim=-1)

    def _forward(self) -> Tensor:
        """Logits (rows, vocabulary) of the next token, in fp32."""
        positions = (self.attention.cumsum(dim=-1) - 1).clamp(min=0)
        output = self.model.network(
            input_ids=self.ids,
            attention_mask=self.attention,
            position_ids=positions[:, -self.ids.shape[1] :],
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: Tensor = output.logits[:, -1].float()
        return logits

    def _regroup(self) -> Tensor:
        """Give every active particle a row of its own; returns the rows that they came from."""
        rows = torch.tensor([particle.row for particle in self.active], device=self.model.device)
        if rows.tolist() != list(range(len(self.attention))):
            self.attention, self.seen = self.attention[rows], self.seen[rows]
            self.cache.batch_select_indices(rows)
        for row, particle in enumerate(self.active):
            particle.row = row
        return rows

    def _write(self, logits: Tensor, step: int) -> None:
        """Draw a token for every active particle."""
        allowed = self._allowed()
        ruled = logits if allowed is None else torch.where(allowed, logits, RULED_OUT)
        chances = torch.tensor([particle.chances[step] for particle in self.active])
        probabilities = distribution(ruled, self.seen, self.settings)
        chosen = draw(probabilities, chances.to(logits.device))
        picked = logprob(logits, chosen)
        left = torch.zeros(len(chosen))
        if allowed is not None:
            left = mass(logits, ruled, chosen, self.settings.temperature)
        for particle, token, liking, share in zip(
            self.active, chosen.tolist(), picked.tolist(), left.tolist(), strict=True
        ):
            particle.write(token, liking, share, self.model.vocabulary.stops)

    def _allowed(self) -> Tensor | None:
        """(rows, vocabulary) which tokens may come; None if nothing rules any out."""
        masks = [particle.mask() for particle in self.active]
        if all(mask is None for mask in masks):
            return None
        every = np.ones(self.model.vocabulary.size, dtype=np.bool_)
        rows = np.stack([every if mask is None else mask for mask in masks])
        return torch.from_numpy(rows).to(self.model.device)

    def _completion(self, job: Job) -> Completion:
        particle: Particle = job.choose()
        return Completion(
            couplet=job.couplet,
            text=self.model.vocabulary.decode([*job.prefix, *particle.written]),
            finish="stop" if particle.stopped else "length",
            tokens=len(particle.written),
            logprob=particle.logprob,
            allowed=particle.allowed,
        )
