"""Evaluation: what systems write on suites of couplets, measured, compared and shown.

This module has what a run counts and its report. A whole evaluation is `evaluation.evaluate`, whose
result has the shape of `schema.Report`; `measure` takes every metric of `metrics` on a set of
poems, for evaluations and sweeps alike; `statistics` says how far a number can be trusted;
`judge` and `blind` ask a language model and people. Only what needs a model loads torch.
"""

from lianju.evaluate.report import write_report
from lianju.evaluate.tally import Tally, as_row, tally

__all__ = ["Tally", "as_row", "tally", "write_report"]
