"""Decoding: sampling parameters as pure functions on logits, rules of verse, batched generation.

`complete` takes couplets and gives completions; the same seed gives the same poems, whatever
else is in the batch. `rules_for` reads from a couplet what its completion must keep, and with a
`Constraint` every completion keeps it, whatever the model and the sampling. `next_tokens` shows
what the next token could be and what each setting does to that; `walk` a whole completion so,
with the poems that other tokens would have led to. Knows nothing of HTTP.
"""

from lianju.decode.constraint import Constraint, State, constrain
from lianju.decode.explore import (
    END,
    TOP,
    Choice,
    Position,
    Road,
    StageFigures,
    Step,
    Walk,
    next_tokens,
    walk,
)
from lianju.decode.generate import FREE_LENGTH, Completion, complete
from lianju.decode.masks import Masks
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

__all__ = [
    "END",
    "FREE_LENGTH",
    "TOP",
    "Choice",
    "Completion",
    "Constraint",
    "Masks",
    "Position",
    "Road",
    "Rules",
    "Stage",
    "StageFigures",
    "State",
    "Step",
    "Walk",
    "complete",
    "constrain",
    "distribution",
    "draw",
    "entropy",
    "mass",
    "min_p",
    "next_tokens",
    "penalize",
    "rules_for",
    "stages",
    "temper",
    "top_k",
    "top_p",
    "typical",
    "walk",
]
