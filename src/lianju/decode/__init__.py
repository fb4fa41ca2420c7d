"""Decoding: sampling parameters as pure functions on logits, and batched generation.

`complete` takes couplets and gives completions; the same seed gives the same poems, whatever
else is in the batch. Knows nothing of files or HTTP.
"""

from lianju.decode.generate import Completion, complete
from lianju.decode.sampling import distribution, draw, penalize, temper, top_k, top_p

__all__ = [
    "Completion",
    "complete",
    "distribution",
    "draw",
    "penalize",
    "temper",
    "top_k",
    "top_p",
]
