"""Experiments with training: runs side by side, listed, compared, and grids of them.

`find_runs` and `rows_of` list the runs of a folder with the settings in which they differ, and
need no torch; a run that is unfinished or damaged is a row that says so. `compare_runs` takes
finished ones, tests in pairs those that were judged on the same poems, and names the best;
`write_comparison` lays them out. A training grid is a run for every combination of settings, all
judged on the same couplets: `read_axes` and `plan_grid` say what is to be done, `train_cells` does
it, `write_grid` tells what came of it. What needs torch is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lianju.experiments.axes import Axis, read_axes
from lianju.experiments.order import Forecast, rough_forecast
from lianju.experiments.run_list import (
    COLUMNS,
    RunRow,
    differing,
    find_runs,
    rows_of,
    setting_words,
    sorted_rows,
)
from lianju.experiments.run_reading import FoundRun, named_run

if TYPE_CHECKING:
    from lianju.experiments.comparison import MOST, RunComparison, compare_runs
    from lianju.experiments.comparison_files import refuse_comparison, write_comparison
    from lianju.experiments.comparison_page import comparison_html
    from lianju.experiments.comparison_words import verdict_of
    from lianju.experiments.curves import LearningCurve, curve_plots, read_curve, read_curves
    from lianju.experiments.grid_files import write_grid
    from lianju.experiments.grid_findings import GridFindings
    from lianju.experiments.grid_training import plan_grid, train_cells
    from lianju.experiments.grid_words import told
    from lianju.experiments.training_grid import GridPlan, TrainingGrid, open_grid

__all__ = [
    "COLUMNS",
    "MOST",
    "Axis",
    "Forecast",
    "FoundRun",
    "GridFindings",
    "GridPlan",
    "LearningCurve",
    "RunComparison",
    "RunRow",
    "TrainingGrid",
    "compare_runs",
    "comparison_html",
    "curve_plots",
    "differing",
    "find_runs",
    "named_run",
    "open_grid",
    "plan_grid",
    "read_axes",
    "read_curve",
    "read_curves",
    "refuse_comparison",
    "rough_forecast",
    "rows_of",
    "setting_words",
    "sorted_rows",
    "told",
    "train_cells",
    "verdict_of",
    "write_comparison",
    "write_grid",
]

_HOMES = {
    **dict.fromkeys(("MOST", "RunComparison", "compare_runs"), "comparison"),
    **dict.fromkeys(("refuse_comparison", "write_comparison"), "comparison_files"),
    **dict.fromkeys(("LearningCurve", "curve_plots", "read_curve", "read_curves"), "curves"),
    "comparison_html": "comparison_page",
    "verdict_of": "comparison_words",
    "GridFindings": "grid_findings",
    "told": "grid_words",
    "write_grid": "grid_files",
    **dict.fromkeys(("plan_grid", "train_cells"), "grid_training"),
    **dict.fromkeys(("GridPlan", "TrainingGrid", "open_grid"), "training_grid"),
}


if not TYPE_CHECKING:  # else no name would be unknown to a type checker

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'lianju.experiments' has no attribute {name!r}")
        return getattr(import_module(f"lianju.experiments.{_HOMES[name]}"), name)
