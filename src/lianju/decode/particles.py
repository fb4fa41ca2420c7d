"""A poem that is being written, token by token, and what the rules let follow."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from lianju.decode.constraint import Constraint, State
from lianju.decode.spelling_table import Flags
from lianju.errors import UserError
from lianju.verse import Bilingual


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

    `slot`: its number among the particles of its candidate. `weight` is a logarithm, since the last
    resampling; `odds`: what `Candidate.rate` has added to it, resampled or not; `weighed`: whether
    that was for the whole poem.
    `row`: where in the batch it stands, or the row whose keys and values it has yet to copy.
    """

    constraint: Constraint | None
    state: State | None
    slot: int = 0
    written: list[int] = field(default_factory=list)
    record: list[Token] = field(default_factory=list)
    logprob: float = 0.0
    allowed: float = 0.0
    weight: float = 0.0
    odds: float = 0.0
    weighed: bool = False
    row: int = 0
    stopped: bool = False

    def mask(self) -> Flags | None:
        """Which tokens may come next; None for any."""
        if self.constraint is None or self.state is None:
            return None
        return self.constraint.mask(self.state)

    @property
    def couplets(self) -> int:
        """How many couplets stand, the given one included, if the last token ended one or the poem;
        else 0.
        """
        state = self.state
        if state is None or state.position or state.partial or state.line % 2 == 0:
            return 0
        return state.line // 2

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
                Bilingual(
                    f"after {before or 'the couplet'} the rules forbid "
                    f"{forbidden or 'this token'}: mend what the poem begins with, or keep no "
                    "rules (form free)",
                    f"{f'「{before}」之' if before else '首聯之'}後，格律不許"
                    f"{f'「{forbidden}」' if forbidden else '此字'}：請改已寫的部分，或不用格律",
                )
            )
        state = after
    return state
