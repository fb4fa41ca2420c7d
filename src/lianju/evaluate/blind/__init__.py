"""A reading test: people choose between two continuations and do not know who wrote which.

`build` writes a page for readers and, apart from it, the key; `results` reads what they chose.
"""

from lianju.evaluate.blind.reading_test import KEY, PAGE, build_reading_test
from lianju.evaluate.blind.results import BlindResult, blind_results

__all__ = ["KEY", "PAGE", "BlindResult", "blind_results", "build_reading_test"]
