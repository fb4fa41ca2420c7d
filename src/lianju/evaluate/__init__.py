"""Evaluation: what systems write on suites of couplets, measured, compared and shown.

A run takes from here what it counts and its report, a sweep what it measures and the pieces of
its page (`markup`, `frame`). A whole evaluation is `evaluation.evaluate`, which alone
loads torch; what came of it is a `Report`, to be compared and made pairs of. `judge` and `blind`
ask a language model and people about those.
"""

from lianju.evaluate import frame, markup
from lianju.evaluate.compare import compare_reports, read_report
from lianju.evaluate.measure import Measured, measure, tools
from lianju.evaluate.metrics import METRICS
from lianju.evaluate.pairs import Pairs, pairs_of, preference_words, share_words
from lianju.evaluate.plots import nice_ticks
from lianju.evaluate.report import write_report
from lianju.evaluate.schema import Mark, Report
from lianju.evaluate.setting import writing
from lianju.evaluate.statistics import Figure, difference, mean
from lianju.evaluate.suites import suite
from lianju.evaluate.summary import summary_lines
from lianju.evaluate.tally import Tally, as_row, tally

__all__ = [
    "METRICS",
    "Figure",
    "Mark",
    "Measured",
    "Pairs",
    "Report",
    "Tally",
    "as_row",
    "compare_reports",
    "difference",
    "frame",
    "markup",
    "mean",
    "measure",
    "nice_ticks",
    "pairs_of",
    "preference_words",
    "read_report",
    "share_words",
    "suite",
    "summary_lines",
    "tally",
    "tools",
    "write_report",
    "writing",
]
