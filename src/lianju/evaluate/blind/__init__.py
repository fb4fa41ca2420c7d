"""A reading test: people choose between two continuations and do not know who wrote which.

`build` writes a page for readers and, apart from it, the key; `results` reads what they chose.
"""

from lianju.evaluate.blind.build import KEY, PAGE, build
from lianju.evaluate.blind.results import BlindResult, results

__all__ = ["KEY", "PAGE", "BlindResult", "build", "results"]
