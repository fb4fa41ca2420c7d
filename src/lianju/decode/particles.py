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
from functools import cached_property

import torch

from lianju.config import DecodeSettings
from lianju.decode.constraint import Constraint, State
from lianju.decode.spelling_table import Flags
from lianju.errors import UserError
from lianju.model import Vocabulary
from lianju.verse import Said


@dataclass(frozen=True)
class Token:
    """A token that was drawn, the bytes it stands for (none for what ends a poem), and its natural
    log-probability under the model as it is. `top`: the likeliest tokens there, in the same terms,
    as many as were asked for.
    """

    id: int
    data: bytes
    logprob: float
    top: tuple[tuple[int, bytes, float], ...] = ()


@dataclass
class Particle:
    """A poem being written.

    `slot`: its number among the particles of its job. `weight` is a logarithm, since the last
    resampling. `row`: where in the batch it stands, or the row whose keys and values it has yet to
    copy.
    """

    constraint: Constraint | None
    state: State | None
    slot: int = 0
    written: list[int] = field(default_factory=list)
    record: list[Token] = field(default_factory=list)
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

    def write(self, token: Token, allowed: float, stops: Collection[int]) -> None:
        """Add a token that was drawn, with the log-probability of all allowed ones."""
        self.written.append(token.id)
        self.record.append(token)
        self.logprob += token.logprob
        self.allowed += allowed
        self.weight += allowed
        if token.id in stops:
            self.stopped = True
        elif self.constraint is not None and self.state is not None:
            self.state = self.constraint.advance(self.state, token.id)
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
            before, forbidden = words.decode(prefix[:number]), words.decode([token])
            raise UserError(
                Said(
                    f"after {before or 'the couplet'} the rules forbid "
                    f"{forbidden or 'this token'}: mend what the poem begins with, or keep no "
                    "rules (form free)",
                    f"{f'「{before}」之' if before else '首聯之'}後，格律不許"
                    f"{f'「{forbidden}」' if forbidden else '此字'}：請改已寫的部分，或不用格律",
                )
            )
        state = after
    return state


def cut(text: str, until: Sequence[str]) -> str | None:
    """`text` up to where the first of `until` comes in it; None if none does."""
    places = [place for end in until if (place := text.find(end)) >= 0]
    return text[: min(places)] if places else None


class Job:
    """One candidate of one couplet, of at most `limit` tokens.

    `prefix`: the tokens that stand after the couplet already; they count into `limit`, which is
    then lowered to what is left, and use up their random numbers, so that a poem whose beginning
    is given goes on as it did. `top`: how many of the likeliest tokens are kept at each step.
    `until`: texts that end the poem where one comes; they are left out of it. Raises `UserError`
    for a prefix that the rules forbid or that leaves no room.
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
        if len(prefix) >= limit:
            raise UserError(
                Said(
                    f"max_length {limit} ends a poem that has {len(prefix)} tokens already",
                    f"長度上限為 {limit}，已寫的 {len(prefix)} 個字與標點已達上限",
                )
            )
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
        plain = {"max_length": None, "seed": 0, "candidates": 1, "particles": 1}
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
            particle.stopped or len(particle.written) == self.limit for particle in self.particles
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
        """One particle, drawn by its weight when the job has ended."""
        return self.choose()

    def choose(self) -> Particle:
        """Draw one particle by its weight."""
        at = torch.rand(1, generator=self.generator).item()
        for particle, share in zip(self.particles, self._shares(), strict=True):
            at -= share
            if at < 0:
                return particle
        return self.particles[-1]
