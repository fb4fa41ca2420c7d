"""The page of a comparison of runs: one HTML file that needs nothing but itself.

What came of it, the settings, the numbers, the curves, and every test poem side by side. It
fetches nothing and runs no script. `comparison.html` is its body.
"""

from collections.abc import Sequence
from typing import Any

from jinja2 import UndefinedError
from markupsafe import Markup

from lianju.errors import UserError
from lianju.evaluate import (
    Comparison,
    Figure,
    System,
    difference_words,
    doubt,
    frame,
    holds,
    interval_words,
    markup,
    p_words,
    poem_report,
    poem_system,
    poets_of,
    shown,
    taken_metrics,
)
from lianju.experiments.comparison import LOSS, SHAPE, ComparedRun, RunComparison
from lianju.experiments.comparison_words import better, verdict_of
from lianju.experiments.curves import LearningCurve, curve_plots, curve_style, run_colours
from lianju.experiments.run_list import differing, setting_words
from lianju.experiments.run_reading import REFERENCE

_TESTED = {LOSS: "Validation loss 驗證損失", SHAPE: "Right shape 合式"}
# What is raised where a file of poems holds something else than a run writes.
_ODD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, UndefinedError)


def comparison_html(found: RunComparison, curves: Sequence[LearningCurve], when: str) -> str:
    """The page as HTML; `curves` are those of the runs, in their order."""
    names = [one.row.name for one in found.runs]
    count = len(names)
    systems = run_systems(found)
    report = poem_report(systems) if systems else None
    body = frame.rendered(
        "lianju.experiments",
        "comparison.html",
        found=found,
        verdict=verdict_of(found),
        names=differing(one.run for one in found.runs),
        plots=[Markup(plot) for plot in curve_plots(curves)],
        tests=[(number, _tests(found, number)) for number in found.ranked[1:]],
        tested=list(_TESTED.values()),
        taken=taken_metrics(report) if report else [],
        setting_words=setting_words,
        loss_interval=_loss_interval,
        shape_interval=_shape_interval,
        **(shown(report) if report else {"report": None}),
    )
    return frame.page(
        title=f"Lianju 聯句 · {count} runs compared",
        heading=f'{count} runs compared <span lang="zh-Hant">訓練對照</span>',
        under=f"{frame.NAME} · {markup.text(', '.join(names))} · {markup.text(when)}",
        body=body,
        styles=[
            frame.resource("lianju.evaluate", "evaluation.css"),
            curve_style(count),
            run_colours(count),
            _choosing(count + 1),
            frame.resource("lianju.experiments", "comparison.css"),
        ],
    )


def run_systems(found: RunComparison) -> list[System]:
    """The poems on the test couplets of all runs and of the poets; none where a run keeps none."""
    every = [_poem_rows(found, one) for one in found.runs]
    if not all(every) or len({len(rows) for rows in every}) > 1:
        return []
    try:
        systems = [
            poem_system(one.row.name, rows) for one, rows in zip(found.runs, every, strict=True)
        ]
        poets = poets_of(every[0])
        poem_report([*systems, *poets])  # refuses other couplets
        return [*systems, *poets]
    except _ODD as error:
        names = ", ".join(one.row.name for one in found.runs)
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise UserError(
            f"the results.jsonl of a run is not as a run writes it ({names}; {reason}): "
            "restore it, or run again"
        ) from error


def _poem_rows(found: RunComparison, one: ComparedRun) -> list[dict[str, Any]]:
    """A run's poems; the reference's, which carries none, as another run had it write them."""
    if rows := one.run.poems("results.jsonl"):
        return rows
    if one.run.name != REFERENCE:
        return []
    others = (other.run.poems(f"{REFERENCE}.jsonl") for other in found.runs)
    return next((rows for rows in others if rows), [])


def _tests(found: RunComparison, number: int) -> list[dict[str, Any] | None]:
    """What there is to say of each metric, the best run against another; None where nothing."""
    tests = (found.test(number, metric) for metric in _TESTED)
    return [_test_words(test) if test else None for test in tests]


def _test_words(test: Comparison) -> dict[str, Any]:
    held, one = holds(test), test.difference
    if test.metric == LOSS:
        # Two digits, as elsewhere, would hide what pairs can show.
        value, low, high = (f"{end or 0:+.3f}" for end in (one.value, one.low, one.high))
        difference = f"{value} ({low} to {high})".replace("-", "\N{MINUS SIGN}")
    else:
        difference = difference_words(one, "share")
    if better(test):
        said, kind = "better 較佳", "better"
    elif held:
        said, kind = "worse 較差", "worse"
    else:
        said, kind = doubt(test), "chance"
    p = p_words(test.adjusted)
    return {"difference": difference, "kind": kind, "said": said, "p": p, "test": test}


def _loss_interval(one: ComparedRun) -> str:
    return "" if one.loss.low is None else interval_words(one.loss, "nats")


def _shape_interval(one: ComparedRun) -> str:
    row = one.row
    figure = Figure(value=row.shape, low=row.shape_low, high=row.shape_high, n=row.shape_n or 0)
    return interval_words(figure, "share")


def _choosing(count: int) -> str:
    """Style that shows only the poems with a fault of the chosen system."""
    hidden = ", ".join(f"body:has(#show-f{n}:checked) .card:not(.f{n})" for n in range(count))
    return f"{hidden} {{ display: none; }}"
