"""`lianju explore train`."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from lianju.cli.flags import SHARD
from lianju.config import RunSettings, recipe_names
from lianju.console import TerminalReporter, err, print_line
from lianju.errors import UserError
from lianju.shards import WHOLE, Shard

if TYPE_CHECKING:
    from lianju.experiments import Forecast, GridFindings, TrainingGrid

# Eight cells that a laptop trains in some minutes, and that tell what most people ask.
_USUAL = ["data.poems=50,100,200,400", "train.epochs=1,2"]
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600}


def train_command(
    *,
    out_: Annotated[
        Path,
        Parameter(name="--out", help="The folder to write; the same command again goes on in it."),
    ],
    set_: Annotated[
        list[str] | None,
        Parameter(
            name="--set",
            help="A setting as section.name=value, or with several values, with commas between "
            "them; every combination is a run. Can be repeated; default: "
            f"{' and '.join(_USUAL)}.",
            show_default=False,
        ),
    ] = None,
    recipe: Annotated[
        str,
        Parameter(
            help=f"What is the same in all runs: a recipe by name ({', '.join(recipe_names())}) "
            "or a YAML file."
        ),
    ] = "default",
    couplets: Annotated[
        int,
        Parameter(
            help="On how many unseen couplets every run is judged.",
            validator=validators.Number(gte=5, lte=10_000),
        ),
    ] = 100,
    budget: Annotated[
        str | None,
        Parameter(
            help="Stop before this time is over, such as 20m or 2h: the runs that tell most come "
            "first, and a run that would not end in time is left out. The same command again "
            "goes on.",
            show_default=False,
        ),
    ] = None,
    shard: Annotated[str | None, SHARD] = None,
) -> None:
    """Train a grid of runs and lay them side by side: how many poems, how long, with what?

    Every combination of the settings that are given with several values is fine-tuned and judged
    on the same unseen couplets. The page says what each setting does, with your own numbers.
    Example: lianju explore train --set data.poems=250,500,1000 --set train.epochs=1,3 --out grid
    """
    from lianju.experiments import open_grid, plan_grid, read_axes

    seconds = None if budget is None else _seconds(budget)
    settings, axes = read_axes(recipe, set_ or _USUAL, {})
    reporter = TerminalReporter()
    plan = plan_grid(settings, axes, couplets, reporter)
    part = Shard.read(shard) if shard else WHOLE
    with open_grid(out_, plan, reporter, part) as grid:
        _work(grid, seconds)


def _seconds(budget: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h)", budget.strip())
    if not found:
        raise UserError(f"--budget takes a time such as 90s, 20m or 2h, not {budget!r}")
    return float(found[1]) * _UNITS[found[2]]


def _work(grid: "TrainingGrid", budget: float | None) -> None:
    from lianju.evaluate import markup
    from lianju.experiments import train_cells, write_grid
    from lianju.training import Interrupted

    plan = grid.plan
    missing = [number for number in grid.order() if number not in grid.finished()]
    left_out: list[int] = []
    if missing:
        first = _expected(plan.settings)
        _announce(grid, missing, first)
        try:
            left_out = train_cells(grid, budget, first)
        except (Interrupted, KeyboardInterrupt):
            done = len(grid.finished())
            err.print(f"Stopped. Runs that are kept: {done}. The same command goes on.")
            raise SystemExit(130) from None
    if grid.shard.count > 1:
        print_line(
            f"{grid.folder}: {markup.plural(len(grid.finished()), 'run')} finished. When the other "
            "shards are there too, the same command without --shard makes the page."
        )
        return
    if not grid.finished():
        raise UserError("no run fits into this budget: give more time, or smaller runs")
    _tell(write_grid(grid), left_out)


def _expected(settings: RunSettings) -> "Forecast | None":
    """What can be said of the time before anything is trained."""
    from lianju.experiments import rough_forecast
    from lianju.model import choose_compute

    if settings.model.name != RunSettings().model.name:
        return None
    gflops = choose_compute(settings.model).peak_gflops
    return rough_forecast(gflops) if gflops else None


def _announce(grid: "TrainingGrid", missing: list[int], first: "Forecast | None") -> None:
    from lianju.evaluate import markup

    plan = grid.plan
    poems = [plan.poems_shown(number) for number in missing]
    done = len(grid.order()) - len(missing)
    kept = f" ({done} finished already)" if done else ""
    line = f"{markup.plural(len(missing), 'run')}{kept}, {sum(poems):,} poems shown in all"
    if first and not done:
        line += f"; roughly {markup.duration(round(first.seconds(poems)))}, told better after one"
    err.print(f"{line}. Each is judged on {len(plan.unseen)} unseen couplets.", markup=False)


def _tell(found: "GridFindings", left_out: list[int]) -> None:
    from lianju.experiments import told

    for line in told(found):
        print_line(line)
    if left_out:
        print_line(f"Not trained, for want of time: {len(left_out)}. The same command goes on.")
    print_line(f"Page: {found.grid.folder / 'grid.html'}")
