"""Exploring: what the decoding parameters do to the next token, and to whole poems.

A sweep has every cell of a grid of parameters write poems on the same couplets with the same
random numbers, so that cells differ in nothing but the decoding. Poems are kept as they come,
and everything said about them is computed from these files without the model.
"""

from lianju.explore.drawing import STYLE, Axes, alone, svg, write
from lianju.explore.grid import Cell, Grid, read_grid
from lianju.explore.next_page import PageContext, chart_file, step_page, walk_page
from lianju.explore.next_terminal import step_lines, walk_lines
from lianju.explore.png import lacking_png, svg_to_png
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

__all__ = [
    "REPORTED_SUITES",
    "STYLE",
    "Axes",
    "Cell",
    "Findings",
    "Grid",
    "PageContext",
    "ScoredCell",
    "Sweep",
    "SweepCouplet",
    "SweepPlan",
    "alone",
    "chart_file",
    "lacking_png",
    "open_sweep",
    "read_grid",
    "score",
    "step_lines",
    "step_page",
    "svg",
    "svg_to_png",
    "walk_lines",
    "walk_page",
    "write",
    "write_all",
    "write_poems",
]
