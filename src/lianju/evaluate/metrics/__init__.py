"""The metrics: what each says of a poem or of a set of poems, and what it cannot tell.

`METRICS` has all of them, as `metrics.toml` describes them; a module computes those of one kind.
"""

import tomllib

from lianju.evaluate.frame import resource
from lianju.evaluate.schema import Metric

METRICS: dict[str, Metric] = {
    name: Metric(name=name, **values)
    for name, values in tomllib.loads(resource("lianju.evaluate.metrics", "metrics.toml")).items()
}

__all__ = ["METRICS"]
