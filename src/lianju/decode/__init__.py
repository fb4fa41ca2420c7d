"""Decoding: sampling parameters as pure functions on logits, rules of verse, batched generation.

`complete` takes couplets and gives completions; the same seed gives the same poems, whatever
else is in the batch. `rules_for` reads from a couplet what its completion must keep, and with a
`Constraint` every completion keeps it, whatever the model and the sampling. Knows nothing of
HTTP.
"""

from lianju.decode.constraint import Constraint, State
from lianju.decode.generate import FREE_LENGTH, Completion, complete
from lianju.decode.masks import Masks
from lianju.decode.rules import Rules, rules_for
from lianju.decode.sampling import distribution, draw, mass, penalize, temper, top_k, top_p

__all__ = [
    "FREE_LENGTH",
    "Completion",
    "Constraint",
    "Masks",
    "Rules",
    "State",
    "complete",
    "distribution",
    "draw",
    "mass",
    "penalize",
    "rules_for",
    "temper",
    "top_k",
    "top_p",
]
