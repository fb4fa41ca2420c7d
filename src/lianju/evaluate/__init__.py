"""Evaluation: counts on completions, and the report of a run."""

from lianju.evaluate.report import write_report
from lianju.evaluate.statistics import wilson
from lianju.evaluate.tally import Tally, as_row, tally

__all__ = ["Tally", "as_row", "tally", "wilson", "write_report"]
