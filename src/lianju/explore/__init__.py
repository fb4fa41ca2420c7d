"""Exploring: what the decoding parameters do to the next token and to whole poems, and what each
step of a training did.

A sweep has every cell of a grid of parameters write poems on the same couplets with the same
random numbers, so that cells differ in nothing but the decoding. Poems are kept as they come,
and everything said about them is computed from these files without the model. The checkpoints of
a run are judged in the same way.
"""

from lianju.explore.checkpoint_judging import CheckpointJudging, CheckpointPlan
from lianju.explore.checkpoint_page import write_checkpoints
from lianju.explore.checkpoint_report import CheckpointsReport, report_checkpoints
from lianju.explore.drawing import STYLE, Axes, alone, apart, svg, ticks, write
from lianju.explore.grid import Cell, Grid, read_grid
from lianju.explore.metric_words import BY_NAME, MetricWords
from lianju.explore.next_page import PageContext, chart_file, step_page, walk_page
from lianju.explore.next_terminal import step_lines, walk_lines
from lianju.explore.png import lacking_png, svg_to_png, write_plot
from lianju.explore.reported_suites import REPORTED_SUITES
from lianju.explore.sweep import (
    ScoredCell,
    Sweep,
    SweepCouplet,
    SweepPlan,
    open_sweep,
    score,
    write_poems,
)
from lianju.explore.sweep_files import write_all
from lianju.explore.sweep_page import Findings
from lianju.explore.sweep_tables import write_csv

__all__ = [
    "BY_NAME",
    "REPORTED_SUITES",
    "STYLE",
    "Axes",
    "Cell",
    "CheckpointJudging",
    "CheckpointPlan",
    "CheckpointsReport",
    "Findings",
    "Grid",
    "MetricWords",
    "PageContext",
    "ScoredCell",
    "Sweep",
    "SweepCouplet",
    "SweepPlan",
    "alone",
    "apart",
    "chart_file",
    "lacking_png",
    "open_sweep",
    "read_grid",
    "report_checkpoints",
    "score",
    "step_lines",
    "step_page",
    "svg",
    "svg_to_png",
    "ticks",
    "walk_lines",
    "walk_page",
    "write",
    "write_all",
    "write_checkpoints",
    "write_csv",
    "write_plot",
    "write_poems",
]
