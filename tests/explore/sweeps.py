"""Sweeps for tests: of the tiny model, and made up."""

from collections.abc import Sequence
from pathlib import Path

from lianju.config import VerseSettings
from lianju.decode import Completion
from lianju.evaluate.measurement import Measured
from lianju.evaluate.metrics.diversity import beginning, diversity_figures
from lianju.evaluate.metrics.form import form_marks
from lianju.evaluate.schema import Mark
from lianju.evaluate.statistics import Figure, mean, share
from lianju.explore import (
    Grid,
    ScoredCell,
    Sweep,
    SweepCouplet,
    SweepPlan,
    open_sweep,
    score,
    write_poems,
)
from lianju.explore.sweep import WrittenCell
from tests.tiny import COUPLETS, model

GRID = Grid(temperature=(0.0, 1.0), top_p=(0.5, 1.0), top_k=(3, 0))
OPENINGS = tuple(
    SweepCouplet(couplet=couplet, truth=rest, source=f"poem {number}")
    for number, (couplet, rest) in enumerate(COUPLETS[:5])
)


def plan(grid: Grid = GRID, suite: str = "legal", seeds: int = 2) -> SweepPlan:
    return SweepPlan(
        model="tiny",
        adapter="",
        style="plain",
        suite=suite,
        openings=OPENINGS,
        grid=grid,
        seeds=seeds,
        seed=7,
        max_length=14,
        repetition_penalty=1.0,
        particles=4,
        verse=VerseSettings(form="free"),
    )


def swept(folder: Path, asked: SweepPlan) -> Sweep:
    """A sweep whose cells the tiny model has written."""
    with open_sweep(folder, asked) as sweep:
        write_poems(sweep, model(), [None] * len(asked.openings))
    return sweep


def measured(groups: Sequence[Sequence[Completion]], truths: Sequence[str | None]) -> Measured:
    """What `evaluate.measure` gives, of the metrics that need no corpus."""
    assert len(truths) == len(groups)
    marks = [[_marks(poem) for poem in group] for group in groups]

    def values(name: str) -> list[list[float]]:
        return [
            [float(v) for m in group if isinstance(v := m[name], int | float)] for group in marks
        ]

    figures = {
        name: share([[bool(v) for v in group] for group in values(name)])
        for name in ("shape", "rhyme", "tone", "full")
    }
    means = ("lines", "characters", "logprob", "known_lines", "longest_run")
    figures |= {name: mean(values(name)) for name in means}
    return Measured(
        marks, figures | diversity_figures([[p.text for p in group] for group in groups], 2)
    )


def _marks(poem: Completion) -> dict[str, Mark]:
    return {
        **form_marks(poem),
        "logprob": poem.logprob / len(poem.text) if poem.text else None,
        "known_lines": 0.25,
        "longest_run": 3,
        "opening": beginning(poem.text),
    }


def scored(sweep: Sweep) -> list[ScoredCell]:
    return score(sweep, measured)


def made_up(
    grid: Grid, rows: Sequence[tuple[float, float, float]], couplets: int = 20
) -> list[ScoredCell]:
    """Cells of a grid with (share of right shapes, different pairs, log-probability) as given.

    One poem a couplet: the first ones are of the right shape, so cells compare in pairs.
    """
    cells = []
    for number, (cell, (shape, pairs, logprob)) in enumerate(zip(grid.cells(), rows, strict=True)):
        right = [[index < shape * couplets] for index in range(couplets)]
        marks: list[list[dict[str, Mark]]] = [[{"shape": value}] for [value] in right]
        figures = {
            "shape": share(right),
            "distinct_2": Figure(value=pairs, low=pairs - 0.02, high=pairs + 0.02, n=couplets),
            "logprob": Figure(value=logprob, low=logprob - 0.1, high=logprob + 0.1, n=couplets),
        }
        cells.append(ScoredCell(WrittenCell(number, cell, 1.0, []), marks, figures))
    return cells
