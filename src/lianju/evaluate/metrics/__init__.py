"""The metrics: what each says of a poem or of a set of poems, and what it cannot tell.

`METRICS` describes all of them; a file computes those of one kind.
"""

from lianju.evaluate.metrics.registry import METRICS

__all__ = ["METRICS"]
