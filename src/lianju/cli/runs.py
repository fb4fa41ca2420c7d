"""`lianju runs` and `lianju compare`."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from lianju.console import TerminalReporter, print_line, print_notes, print_table

if TYPE_CHECKING:
    from lianju.experiments import RunComparison, RunRow

_FOLDER = Path("runs")


def runs_command(
    folder: Annotated[
        Path,
        Parameter(
            help="A folder with runs in it, or a run; `reference` is the one that comes along."
        ),
    ] = _FOLDER,
    /,
    *,
    sort: Annotated[
        str,
        Parameter(
            help="By what: name, loss, before, shape, step, time, when, or a setting's dotted "
            "name. The best, newest or least comes first."
        ),
    ] = "when",
    json_: Annotated[bool, Parameter(name="--json", help="One JSON object a run.")] = False,
) -> None:
    """Every run in a row: the settings in which they differ, and what came of each.

    Losses are nats a character on the run's validation poems, less is better; right shape is that
    of the tuned model on couplets it has not seen, with a 95% interval. What has not finished is
    listed with how to go on.

    Example: lianju runs --sort loss

    Two or more of them side by side, with tests: lianju compare.
    """
    from lianju.experiments import find_runs, rows_of, sorted_rows

    found = [] if folder == _FOLDER and not folder.exists() else find_runs(folder)
    if not found and not json_:
        print_line(f"No runs in {folder}. Make one: lianju run")
        return
    rows = sorted_rows(rows_of(found), sort)
    if json_:
        for row in rows:
            print_line(json.dumps(row.model_dump(), ensure_ascii=False))
        return
    _table(rows)
    print_notes(f"{row.name}: {row.advice}" for row in rows if row.advice)


def compare_command(
    runs: Annotated[list[Path], Parameter(help="The folders of two runs or more, or `reference`.")],
    /,
    *,
    out_: Annotated[
        Path | None,
        Parameter(
            name="--out",
            help="The folder to write; default comparisons/DATE.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Runs side by side: settings, curves in one plot, numbers, tests, the same couplets.

    Says which run is best by validation loss and whether that could be chance, and writes
    comparison.html, the numbers as JSON and CSV, and the curves as SVG and PNG.

    Example: lianju compare runs/a runs/b
    """
    from lianju.experiments import (
        compare_runs,
        named_run,
        refuse_comparison,
        verdict_of,
        write_comparison,
    )

    folder = out_ or Path("comparisons") / f"{datetime.now():%Y%m%d-%H%M%S}"
    refuse_comparison(folder)
    found = compare_runs([named_run(path) for path in runs])
    write_comparison(found, folder, TerminalReporter())
    _table(_by_rank(found))
    for sentence in verdict_of(found):
        print_line(sentence)
    print_line(f"Page: {folder / 'comparison.html'}")


def _by_rank(found: "RunComparison") -> "list[RunRow]":
    """The rows of the ranked runs, the best first, then those of the others."""
    others = [number for number in range(len(found.runs)) if number not in found.ranked]
    return [found.runs[number].row for number in (*found.ranked, *others)]


def _table(rows: "Sequence[RunRow]") -> None:
    """One line a run; unfinished ones say so where their numbers would stand."""
    from lianju.experiments import setting_words

    names = list(dict.fromkeys(name for row in rows for name in row.settings))
    head = ("run", *names, "loss before", "loss", "n", "right shape", "95%", "n", "step", "time")
    print_table(
        [
            (
                row.name,
                *(setting_words(row.settings[name]) if row.settings else "–" for name in names),
                *_results(row),
                f"{datetime.fromtimestamp(row.changed):%Y-%m-%d %H:%M}",
            )
            for row in rows
        ],
        "<" + "<" * len(names) + ">>>>>>>><",
        (*head, "when"),
    )


def _results(row: "RunRow") -> tuple[str, ...]:
    if row.state != "finished":
        return (row.state, *[""] * 7)
    before, loss = ("–" if one is None else f"{one:.3f}" for one in (row.loss_before, row.loss))
    shape, interval, n = "–", "", ""
    if row.shape is not None:
        shape, n = f"{row.shape:.1%}", f"{row.shape_n:,}"
        if row.shape_low is not None and row.shape_high is not None:
            interval = f"{100 * row.shape_low:.1f}–{row.shape_high:.1%}"
    time = "–" if row.seconds is None else f"{row.seconds:,.0f} s"
    kept = f"{row.step:,} of {row.steps:,}"
    return before, loss, f"{row.loss_n:,}", shape, interval, n, kept, time
