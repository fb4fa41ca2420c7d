"""Experiments: runs side by side.

A training grid is a run for every combination of settings, all judged on the same couplets:
`read_axes` and `plan_grid` say what is to be done, `train_cells` does it, `write_grid` tells what
came of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lianju.experiments.axes import Axis, read_axes
from lianju.experiments.order import Forecast, rough_forecast

if TYPE_CHECKING:
    from lianju.experiments.grid_files import write_grid
    from lianju.experiments.grid_findings import GridFindings
    from lianju.experiments.grid_training import plan_grid, train_cells
    from lianju.experiments.grid_words import told
    from lianju.experiments.training_grid import GridPlan, TrainingGrid, open_grid

__all__ = [
    "Axis",
    "Forecast",
    "GridFindings",
    "GridPlan",
    "TrainingGrid",
    "open_grid",
    "plan_grid",
    "read_axes",
    "rough_forecast",
    "told",
    "train_cells",
    "write_grid",
]

_HOMES = {
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
