"""Sequential Monte Carlo: one candidate is drawn from several poems written side by side.

Rules force a model into poems that it would seldom write. A particle's weight is the
probability that the rules left it at each step. When the weights have become unequal, particles
are drawn anew in proportion to them, so that those the model likes multiply and those it was
forced into die out; at the end one is drawn by its weight.

Doucet, de Freitas, Gordon (eds.), Sequential Monte Carlo Methods in Practice, 2001; with language
models: Lew et al., Sequential Monte Carlo Steering, 2023.
"""

import hashlib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import torch

from lianju.config import DecodeSettings
from lianju.decode.constraint import Constraint, State
from lianju.decode.table import Flags
from lianju.errors import UserError


@dataclass
class Particle:
    """A poem being written.

    `chances`: its random numbers in [0, 1), one a step. `weight` is a logarithm, since the last
    resampling. `row`: where in the batch it stands.
    """

    constraint: Constraint | None
    state: State | None
    chances: list[float]
    written: list[int] = field(default_factory=list)
    logprob: float = 0.0
    allowed: float = 0.0
    weight: float = 0.0
    row: int = 0
    stopped: bool = False

    def mask(self) -> Flags | None:
        """Which tokens may come next; None for any."""
        if self.constraint is None or self.state is None:
            return None
        return self.constraint.mask(self.state)

    def write(self, token: int, logprob: float, allowed: float, stops: Collection[int]) -> None:
        """Add a token that was drawn, with its log-probability and that of all allowed ones."""
        self.written.append(token)
        self.logprob += logprob
        self.allowed += allowed
        self.weight += allowed
        if token in stops:
            self.stopped = True
        elif self.constraint is not None and self.state is not None:
            self.state = self.constraint.advance(self.state, token)
            assert self.state is not None, "a token that the mask ruled out was drawn"


def state_after(constraint: Constraint, prefix: Sequence[int]) -> State:
    """The state of a poem that begins with the tokens of `prefix` after its couplet.

    Raises `UserError` if the rules forbid one of them.
    """
    state = constraint.start
    for number, token in enumerate(prefix):
        after = constraint.advance(state, token)
        if after is None:
            words = constraint.masks.vocabulary
            raise UserError(
                f"after {words.decode(prefix[:number]) or 'the couplet'} the rules forbid "
                f"{words.decode([token]) or 'this token'}: mend what the poem begins with, or use "
                "--form free"
            )
        state = after
    return state


class Job:
    """One candidate of one couplet, of at most `limit` tokens.

    `prefix`: the tokens that stand after the couplet already; they count into `limit`, which is
    then lowered to what is left, and use up their random numbers, so that a poem whose beginning
    is given goes on as it did. Raises `UserError` for a prefix that the rules forbid or that
    leaves no room.
    """

    def __init__(
        self,
        couplet: str,
        number: int,
        constraint: Constraint | None,
        settings: DecodeSettings,
        limit: int,
        prefix: Sequence[int] = (),
    ):
        if len(prefix) >= limit:
            raise UserError(f"max_length {limit} ends a poem that has {len(prefix)} tokens already")
        self.couplet, self.prefix, self.limit = couplet, tuple(prefix), limit - len(prefix)
        # Without rules all weights are equal; without chance all particles are.
        several = constraint is not None and settings.temperature > 0
        size = settings.particles if several else 1
        digest = hashlib.sha256(f"{settings.seed}\0{number}\0{couplet}".encode()).digest()
        seed = int.from_bytes(digest[:8], "big") >> 1
        generator = torch.Generator().manual_seed(seed)
        self.generator = torch.Generator().manual_seed(seed ^ 1)
        # A step's numbers do not depend on how many steps there may be.
        chances = torch.rand(limit, size, generator=generator).T.tolist()
        start = state_after(constraint, prefix) if constraint else None
        self.particles = [Particle(constraint, start, row[len(prefix) :]) for row in chances]

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
                chances=self.particles[slot].chances,
                written=list(self.particles[index].written),
                weight=0.0,
            )
            for slot, index in enumerate(drawn)
        ]

    def choose(self) -> Particle:
        """One particle, drawn by its weight."""
        at = torch.rand(1, generator=self.generator).item()
        for particle, share in zip(self.particles, self._shares(), strict=True):
            at -= share
            if at < 0:
                return particle
        return self.particles[-1]
