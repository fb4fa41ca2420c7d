"""Sequential Monte Carlo: one candidate is drawn from several poems written side by side.

Rules force a model into poems that it would seldom write. A particle's weight is the probability
that the rules left it at each step, times, after each couplet, the odds of `lianju.ranking`. When
the weights have become unequal, particles are drawn anew in proportion to them, so that those the
model likes multiply and those it was forced into die out; at the end one is drawn by its weight.

Doucet, de Freitas, Gordon (eds.), Sequential Monte Carlo Methods in Practice, 2001; with language
models: Lew et al., Sequential Monte Carlo Steering, 2023.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from lianju.config import DecodeSettings
from lianju.decode.constraint import Constraint
from lianju.decode.particles import Particle, state_after
from lianju.model import LanguageModel, Vocabulary
from lianju.ranking import RATED_LENGTHS, log_odds
from lianju.verse import lines_of


@dataclass(frozen=True)
class Completion:
    """What stands after `couplet`: a beginning that was given, if any, and what the model wrote.

    `text` is all of it, whole characters only; `tokens`, `logprob` and `allowed` count only what
    the model wrote.
    `finish` is "stop" when it ended by itself, "length" when `max_length` cut it off. `logprob` is
    the sum over its `tokens` (the stop token included) of the natural log-probability under the
    model as it is, before temperature, rules and cuts. `allowed` is the sum of the logarithms of
    the probability that the rules left at each step, at the temperature of sampling: 0 where no
    rule forced the model, and less the more they did. `engine`: see `LanguageModel`.
    """

    couplet: str
    text: str
    finish: str
    tokens: int
    logprob: float
    allowed: float = 0.0
    engine: str = ""


def cut(text: str, until: Sequence[str]) -> str | None:
    """`text` up to where the first of `until` comes in it; None if none does."""
    places = [place for end in until if (place := text.find(end)) >= 0]
    return text[: min(places)] if places else None


class Candidate:
    """One completion of one couplet that is being written, of at most `limit` tokens.

    `prefix`: the tokens that stand after the couplet already; they count into `limit`, which is
    then lowered to what is left, and use up their random numbers, so that a poem whose beginning
    is given goes on as it did. `top`: how many of the likeliest tokens are kept at each step.
    `until`: texts that end the poem where one comes; they are left out of it. Raises `UserError`
    for a prefix that the rules forbid.
    """

    def __init__(
        self,
        couplet: str,
        number: int,
        constraint: Constraint | None,
        settings: DecodeSettings,
        limit: int,
        prefix: Sequence[int] = (),
        top: int = 0,
        until: tuple[str, ...] = (),
    ):
        self.couplet, self.prefix, self.limit = couplet, tuple(prefix), limit - len(prefix)
        self.number, self.settings, self.top, self.until = number, settings, top, until
        # Without rules all weights are equal; without chance all particles are.
        several = constraint is not None and settings.temperature > 0
        size = settings.particles if several else 1
        digest = hashlib.sha256(f"{settings.seed}\0{number}\0{couplet}".encode()).digest()
        seed = int.from_bytes(digest[:8], "big") >> 1
        self.steps = torch.Generator().manual_seed(seed)
        self.generator = torch.Generator().manual_seed(seed ^ 1)
        self._chances: list[list[float]] = []
        start = state_after(constraint, prefix) if constraint else None
        self.particles = [Particle(constraint, start, slot) for slot in range(size)]

    @cached_property
    def sampling(self) -> DecodeSettings:
        """What of the settings decides how a token is drawn."""
        plain = {"max_length": None, "seed": 0, "candidates": 1, "particles": 1, "taste": 1.0}
        return self.settings.model_copy(update=plain)

    def chance(self, particle: Particle) -> float:
        """The random number in [0, 1) of a particle's next token."""
        step = len(self.prefix) + len(particle.written)
        while len(self._chances) <= step:
            drawn = torch.rand(len(self.particles), generator=self.steps)
            self._chances.append(drawn.tolist())
        return self._chances[step][particle.slot]

    @property
    def ended(self) -> bool:
        """Whether all particles have stopped or reached the limit."""
        return all(
            particle.stopped or len(particle.written) >= self.limit for particle in self.particles
        )

    @property
    def best(self) -> Particle:
        """The particle of the highest weight."""
        return max(self.particles, key=lambda particle: particle.weight)

    @property
    def settled(self) -> int:
        """How many tokens from the first on all particles share: nothing can change them now."""
        shared = 0
        for tokens in zip(*(particle.written for particle in self.particles), strict=False):
            if len(set(tokens)) > 1:
                break
            shared += 1
        return shared

    def halt(self, words: Vocabulary) -> None:
        """Stop the particles that have written a text of `until`."""
        if self.until:
            for particle in self.particles:
                if cut(words.decode(particle.written), self.until) is not None:
                    particle.stopped = True

    def rate(self, words: Vocabulary) -> None:
        """Weigh particles that have just ended a couplet, or stopped early, by what a poet would
        say of it.

        The weight of one is multiplied by (p / q) ** taste, p / q being how much likelier a poet is
        to have written what stands than the model, see `lianju.ranking`: what Azadi et al.,
        Discriminator Rejection Sampling, 2019, do to whole samples.
        """
        if len(self.particles) == 1 or not self.settings.taste:
            return
        for particle in self.particles:
            rules = particle.constraint.rules if particle.constraint else None
            if not rules or rules.length not in RATED_LENGTHS or particle.weighed:
                continue
            if (count := 2 * particle.couplets) > 2:
                # A poem that could have gone on to eight lines may stop after four.
                last = count if particle.stopped else rules.last
                particle.weighed = count == last
                lines = lines_of(self.couplet + words.decode([*self.prefix, *particle.written]))
                now = self.settings.taste * log_odds(lines[:2], lines[2:], last)
                particle.weight += now - particle.odds
                particle.odds = now

    def _shares(self) -> list[float]:
        """The weights of the particles, which sum to 1."""
        top = max(particle.weight for particle in self.particles)
        shares = [math.exp(particle.weight - top) for particle in self.particles]
        total = sum(shares)
        return [share / total for share in shares]

    def resample(self) -> None:
        """Draw the particles anew if the effective number of them has fallen below half."""
        size = len(self.particles)
        if size == 1:
            return
        shares = self._shares()
        if 1 / sum(share * share for share in shares) >= size / 2:
            return
        # Systematic resampling: one random number, equal steps.
        at = torch.rand(1, generator=self.generator).item()
        drawn, total, index = [], shares[0], 0
        for number in range(size):
            while total < (number + at) / size and index < size - 1:
                index += 1
                total += shares[index]
            drawn.append(index)
        self.particles = [
            replace(
                self.particles[index],
                slot=slot,
                written=list(self.particles[index].written),
                record=list(self.particles[index].record),
                weight=0.0,
            )
            for slot, index in enumerate(drawn)
        ]

    @cached_property
    def chosen(self) -> Particle:
        """One particle, drawn by its weight when the candidate has ended."""
        return self.choose()

    def choose(self) -> Particle:
        """Draw one particle by its weight."""
        at = torch.rand(1, generator=self.generator).item()
        for particle, share in zip(self.particles, self._shares(), strict=True):
            at -= share
            if at < 0:
                return particle
        return self.particles[-1]

    def completion(self, model: LanguageModel) -> Completion:
        """What `model` has written when the candidate has ended."""
        words = model.vocabulary
        text = words.decode([*self.prefix, *self.chosen.written])
        begun = len(words.decode(self.prefix))
        if self.until and (kept := cut(text[begun:], self.until)) is not None:
            text = text[:begun] + kept
        return Completion(
            couplet=self.couplet,
            text=text,
            finish="stop" if self.chosen.stopped else "length",
            tokens=len(self.chosen.written),
            logprob=self.chosen.logprob,
            allowed=self.chosen.allowed,
            engine=model.engine,
        )
