"""Decoding: sampling parameters as pure functions on logits, rules of verse, batched generation.

`complete` takes couplets and gives completions; the same seed gives the same poems, whatever
else is in the batch. `rules_for` reads from a couplet what its completion must keep, and with a
`Constraint` every completion keeps it, whatever the model and the sampling. `next_tokens` shows
what the next token could be and what each setting does to that; `walk` a whole completion so,
with the poems that other tokens would have led to. An `Engine` writes for many who order at any
time. Knows nothing of HTTP.
"""

from lianju.decode.candidate import Candidate, Completion
from lianju.decode.constraint import Constraint, State, constrain
from lianju.decode.engine import ClosedError, Engine, FullError
from lianju.decode.explore import (
    END,
    TOP,
    Alternative,
    Choice,
    Position,
    StageFigures,
    Step,
    Walk,
    next_tokens,
    walk,
)
from lianju.decode.forward import forward_of, next_logits
from lianju.decode.generate import (
    complete,
    length_limit,
    rows_that_fit,
    write_each,
)
from lianju.decode.masks import Masks
from lianju.decode.particles import Token
from lianju.decode.rule_notes import rules_notes
from lianju.decode.rules import Rules, rules_for
from lianju.decode.sampling import (
    Stage,
    distribution,
    draw,
    entropy,
    mass,
    min_p,
    penalize,
    stages,
    temper,
    top_k,
    top_p,
    typical,
)
from lianju.decode.scheduler import Ended, Event, Failed, Grown, Order, Scheduler

__all__ = [
    "END",
    "TOP",
    "Alternative",
    "Candidate",
    "Choice",
    "ClosedError",
    "Completion",
    "Constraint",
    "Ended",
    "Engine",
    "Event",
    "Failed",
    "FullError",
    "Grown",
    "Masks",
    "Order",
    "Position",
    "Rules",
    "Scheduler",
    "Stage",
    "StageFigures",
    "State",
    "Step",
    "Token",
    "Walk",
    "complete",
    "constrain",
    "distribution",
    "draw",
    "entropy",
    "forward_of",
    "length_limit",
    "mass",
    "min_p",
    "next_logits",
    "next_tokens",
    "penalize",
    "rows_that_fit",
    "rules_for",
    "rules_notes",
    "stages",
    "temper",
    "top_k",
    "top_p",
    "typical",
    "walk",
    "write_each",
]
