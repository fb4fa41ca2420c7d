"""Evaluation: what systems write on suites of couplets, measured, compared and shown.

`evaluate_systems` is a whole evaluation; what came of it is a `Report`, to be compared and made
pairs of. Those who write are models with their decoding, chat models that others serve, and the
poets. A run takes from here how it writes and counts before and after, and its page; a sweep
what it measures and the pieces of its page (`markup`, `frame`). What needs torch is loaded when
it is first used. `judge` and `blind` ask a language model and people about those reports.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lianju.evaluate import frame, markup
from lianju.evaluate.compare import compare_reports, holm, read_report
from lianju.evaluate.figures import (
    difference_words,
    doubt,
    holds,
    interval_words,
    p_words,
    value_words,
)
from lianju.evaluate.measurement import Measured, Tools, measure, tools
from lianju.evaluate.metrics import METRICS
from lianju.evaluate.metrics.form import shape_counts
from lianju.evaluate.pairs import Pairs, pairs_of, preference_words, share_words
from lianju.evaluate.plots import log_ticks, nice_ticks, smoothed, smoothing_window
from lianju.evaluate.schema import Comparison, Mark, Report, System
from lianju.evaluate.statistics import (
    NOTHING,
    Figure,
    difference,
    flip_test,
    mean,
    perplexity,
    sign_test,
)
from lianju.evaluate.suites import couplets_digest, suite
from lianju.evaluate.summary import summary_tables
from lianju.evaluate.typesetting import typeset

if TYPE_CHECKING:
    from lianju.evaluate.chat_author import ChatAuthor, add_chat_to_run
    from lianju.evaluate.evaluation import (
        Author,
        evaluate_shard,
        evaluate_systems,
        refuse_report,
        write_evaluation,
        write_poems,
    )
    from lianju.evaluate.evaluation_folder import EvaluationPlan
    from lianju.evaluate.known_by_heart import Load
    from lianju.evaluate.page import shown
    from lianju.evaluate.run_page import (
        IN_RULES,
        SHOWN,
        poem_report,
        poem_system,
        poets_of,
        run_couplets,
        taken_metrics,
        write_run_page,
    )
    from lianju.evaluate.untouched_results import cached_result, model_identity

__all__ = [
    "IN_RULES",
    "METRICS",
    "NOTHING",
    "SHOWN",
    "Author",
    "ChatAuthor",
    "Comparison",
    "EvaluationPlan",
    "Figure",
    "Load",
    "Mark",
    "Measured",
    "Pairs",
    "Report",
    "System",
    "Tools",
    "add_chat_to_run",
    "cached_result",
    "compare_reports",
    "couplets_digest",
    "difference",
    "difference_words",
    "doubt",
    "evaluate_shard",
    "evaluate_systems",
    "flip_test",
    "frame",
    "holds",
    "holm",
    "interval_words",
    "log_ticks",
    "markup",
    "mean",
    "measure",
    "model_identity",
    "nice_ticks",
    "p_words",
    "pairs_of",
    "perplexity",
    "poem_report",
    "poem_system",
    "poets_of",
    "preference_words",
    "read_report",
    "refuse_report",
    "run_couplets",
    "shape_counts",
    "share_words",
    "shown",
    "sign_test",
    "smoothed",
    "smoothing_window",
    "suite",
    "summary_tables",
    "taken_metrics",
    "tools",
    "typeset",
    "value_words",
    "write_evaluation",
    "write_poems",
    "write_run_page",
]

_HOMES = {
    "EvaluationPlan": "evaluation_folder",
    "Load": "known_by_heart",
    **dict.fromkeys(("IN_RULES", "SHOWN", "write_run_page", "taken_metrics"), "run_page"),
    **dict.fromkeys(("poem_report", "poem_system", "poets_of", "run_couplets"), "run_page"),
    "shown": "page",
    "ChatAuthor": "chat_author",
    "add_chat_to_run": "chat_author",
    "cached_result": "untouched_results",
    "model_identity": "untouched_results",
}


if not TYPE_CHECKING:  # else no name would be unknown to a type checker

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module 'lianju.evaluate' has no attribute {name!r}")
        return getattr(import_module(f"lianju.evaluate.{_HOMES.get(name, 'evaluation')}"), name)
