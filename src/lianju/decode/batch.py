"""Poems of one model that are written together: they join and leave at every step.

Each draws with its own settings, rules and random numbers. On a CPU what a poem becomes does not
depend on its neighbours, bit for bit where a graph writes or `lianju.model.pack` has packed the
weights.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from lianju.config import DecodeSettings
from lianju.decode.candidate import Candidate
from lianju.decode.forward import forward_of
from lianju.decode.particles import Particle, Token
from lianju.decode.sampling import RULED_OUT, distribution, draw, mass
from lianju.model import LanguageModel, Vocabulary
from lianju.prompt import render

# What is written in a row.
_Row = tuple[Candidate, Particle]


class Batch:
    """The poems that one model is writing, a row for each of their particles."""

    def __init__(self, model: LanguageModel, style: str):
        self.model, self.style = model, style
        self.candidates: list[Candidate] = []
        self._forward = forward_of(model)
        # By row: what is written there, how many tokens stand, the logits of the next one.
        self._active: list[_Row] = []
        self._lengths: list[int] = []
        self._logits = torch.empty(0, model.vocabulary.size, device=model.device)

    @property
    def rows(self) -> int:
        """How many particles are being written."""
        return len(self._active)

    @torch.inference_mode()
    def join(self, candidates: Sequence[Candidate]) -> None:
        """Let candidates take part from the next step on; their prompts are read together."""
        prompts: dict[tuple[int, ...], list[Candidate]] = {}
        for candidate in candidates:
            prompt = render(self.style, self.model.vocabulary, candidate.couplet)
            prompts.setdefault((*prompt, *candidate.prefix), []).append(candidate)
        # Prompts of one length at a time: with padding a row's sums would be grouped otherwise.
        for _, group in groupby(sorted(prompts, key=len), key=len):
            self._read(list(group), prompts)
        self.candidates += candidates
        self._arrange()

    def _read(
        self, group: Sequence[tuple[int, ...]], prompts: Mapping[tuple[int, ...], list[Candidate]]
    ) -> None:
        """Put prompts of one length through the model, each into a row for all its particles."""
        first, length = len(self._lengths), len(group[0])
        positions = torch.arange(length).expand(len(group), -1)
        last = torch.tensor([length - 1])
        logits = self._forward.read(first, torch.tensor(group), positions, last)
        self._logits = torch.cat([self._logits, logits[:, -1]])
        self._lengths += [length] * len(group)
        for row, prompt in enumerate(group, first):
            for candidate in prompts[prompt]:
                for particle in candidate.particles:
                    particle.row = row

    @torch.inference_mode()
    def step(self) -> list[Candidate]:
        """Every particle writes one token; returns the candidates that have ended, which leave."""
        self._write()
        for candidate in self.candidates:
            candidate.rate(self.model.vocabulary)
            candidate.halt(self.model.vocabulary)
            candidate.resample()
        ended = [candidate for candidate in self.candidates if candidate.ended]
        self.drop(ended)
        if self._active:
            last = torch.tensor([[particle.written[-1]] for _, particle in self._active])
            places = torch.tensor(self._lengths)[:, None]
            self._logits = self._forward.read(0, last, places, torch.tensor([0]))[:, 0]
            self._lengths = [length + 1 for length in self._lengths]
        return ended

    @torch.inference_mode()
    def drop(self, candidates: Sequence[Candidate]) -> None:
        """Let candidates leave, ended or not."""
        self.candidates = [one for one in self.candidates if one not in candidates]
        self._arrange()

    def _arrange(self) -> None:
        """Give every particle that goes on a row of its own, the first ones, moving few of them."""
        going = [(one, p) for one in self.candidates for p in one.particles if not p.stopped]
        held: dict[int, _Row] = {}
        moving = []
        for candidate, particle in going:
            if particle.row < len(going) and particle.row not in held:
                held[particle.row] = candidate, particle
            else:
                moving.append((candidate, particle))
        came = list(range(len(going)))
        free = [row for row in came if row not in held]
        if moving:
            self._forward.move([particle.row for _, particle in moving], free)
        for row, (candidate, particle) in zip(free, moving, strict=True):
            came[row], particle.row, held[row] = particle.row, row, (candidate, particle)
        if came != list(range(len(self._lengths))):
            self._lengths = [self._lengths[row] for row in came]
            self._logits = self._logits[came]
        self._active = [held[row] for row in range(len(going))]
        if not going:
            # Room that a long poem needed is given back.
            self._forward = forward_of(self.model)

    def _write(self) -> None:
        """Draw a token for every particle, those of equal settings together."""
        groups: dict[DecodeSettings, list[int]] = {}
        for row, (candidate, _) in enumerate(self._active):
            groups.setdefault(candidate.sampling, []).append(row)
        # PyTorch's threads spin for a while when they are done, in the way of a graph's.
        with _one_thread() if self.model.graph else nullcontext():
            for settings, rows in groups.items():
                logits = self._logits if len(rows) == self.rows else self._logits[rows]
                self._draw([self._active[row] for row in rows], logits, settings)

    def _draw(
        self,
        writing: Sequence[_Row],
        logits: Tensor,
        settings: DecodeSettings,
    ) -> None:
        words = self.model.vocabulary
        allowed = self._allowed([particle for _, particle in writing])
        ruled = logits if allowed is None else torch.where(allowed, logits, RULED_OUT)
        chances = torch.tensor([one.chance(p) for one, p in writing], device=logits.device)
        chosen = draw(distribution(ruled, self._seen(writing, settings), settings), chances)
        left = torch.zeros(len(chosen))
        if allowed is not None:
            left = mass(logits, ruled, chosen, settings.temperature)
        logprobs = logits.log_softmax(dim=-1)
        best = _likeliest(words, logprobs, [candidate.top for candidate, _ in writing])
        picked = logprobs.gather(-1, chosen.unsqueeze(-1)).squeeze(-1)
        for (_, particle), token, logprob, share, top in zip(
            writing, chosen.tolist(), picked.tolist(), left.tolist(), best, strict=True
        ):
            drawn = Token(token, words.tokens[token] or b"", logprob, top)
            particle.write(drawn, share, words.stops)

    def _seen(self, writing: Sequence[_Row], settings: DecodeSettings) -> Tensor:
        """(rows, vocabulary) which tokens stand already; nobody asks where nothing is penalised."""
        words, device = self.model.vocabulary, self.model.device
        if settings.repetition_penalty == 1:
            return torch.empty(0, device=device)
        seen = torch.zeros(len(writing), words.size, dtype=torch.bool)
        for row, (candidate, particle) in enumerate(writing):
            written = [*candidate.prefix, *particle.written]
            seen[row, held_back(words, candidate.couplet, written)] = True
        return seen.to(device)

    def _allowed(self, particles: Sequence[Particle]) -> Tensor | None:
        """(rows, vocabulary) which tokens may come; None if nothing rules any out."""
        masks = [particle.mask() for particle in particles]
        if all(mask is None for mask in masks):
            return None
        every = np.ones(self.model.vocabulary.size, dtype=np.bool_)
        rows = np.stack([every if mask is None else mask for mask in masks])
        return torch.from_numpy(rows).to(self.model.device)


def held_back(words: Vocabulary, couplet: str, written: Iterable[int]) -> list[int]:
    """The tokens that `repetition_penalty` makes less likely where these stand after `couplet`.

    Those of the poem, not of the prompt around it; and only characters and words, since commas and
    bytes that many characters share must come again.
    """
    return [token for token in (*words.spell(couplet), *written) if token in words.worded]


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _likeliest(
    words: Vocabulary, logprobs: Tensor, tops: Sequence[int]
) -> list[tuple[tuple[int, bytes, float], ...]]:
    """The likeliest tokens of each row, as many as its entry of `tops`."""
    most = max(tops)
    if not most:
        return [()] * len(tops)
    values, tokens = logprobs.topk(most, dim=-1)
    return [
        tuple((t, words.tokens[t] or b"", v) for t, v in zip(ids[:n], row[:n], strict=True))
        for ids, row, n in zip(tokens.tolist(), values.tolist(), tops, strict=True)
    ]
