"""Evaluation: counts on completions, and the report of a run."""

from lianju.evaluate.metrics import Tally, as_row, tally, wilson
from lianju.evaluate.report import write_report

__all__ = ["Tally", "as_row", "tally", "wilson", "write_report"]
