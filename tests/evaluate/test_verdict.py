"""The verdict and the terminal's tables say what the numbers say, and not more."""

import re

import pytest

from lianju.evaluate.figures import difference_words, interval_words, value_words
from lianju.evaluate.schema import Leaks
from lianju.evaluate.statistics import Figure
from lianju.evaluate.summary import summary_tables
from lianju.evaluate.verdict import by_size, verdict_sentences
from tests.evaluate.reports import (
    METRICS,
    OFF_RHYME,
    SHORT,
    TRUTH,
    contamination,
    couplet,
    poem,
    report,
    suite,
    system,
    written,
)


def _about(sentences: list[str], start: str) -> list[str]:
    """The sentences about something."""
    return [sentence for sentence in sentences if sentence.startswith(start)]


# --- numbers in words ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.95, "share", "95.0%"),
        (1.0, "share", "100%"),
        (0.9999, "share", ">99.9%"),
        (0.0, "share", "0%"),
        (0.0001, "share", "<0.1%"),
        (4e-17, "share", "0%"),
        (4.402, "nats", "4.40"),
        (-4.402, "nats", "−4.40"),
        (1652.3, "number", "1,652"),
        (50.52, "number", "50.5"),
        (2.0, "number", "2.00"),
        (0.0481, "number", "0.0481"),
        (0.000481, "number", "0.0005"),
        (0.0, "number", "0"),
    ],
)
def test_values_are_said_in_their_unit(value: float, unit: str, words: str) -> None:
    assert value_words(value, unit) == words  # type: ignore[arg-type]


def test_intervals_and_differences_are_said_with_their_signs() -> None:
    assert interval_words(Figure(value=0.95, low=0.927, high=0.966, n=500), "share") == "92.7–96.6%"
    assert interval_words(Figure(value=-4.0, low=-4.2, high=-3.8, n=5), "nats") == "−4.20 to −3.80"
    assert interval_words(Figure(value=0.0, low=0.0, high=0.0, n=5), "share") == "all equal"
    both = Figure(value=0.021, low=-0.004, high=0.046, n=500)
    assert difference_words(both, "share") == "+2.1 (−0.4 to +4.6) points"
    assert difference_words(Figure(value=-17.0, low=-18.4, high=-15.7, n=5), "number") == (
        "−17.0 (−18.4 to −15.7)"
    )
    assert difference_words(Figure(value=0.0, low=0.0, high=0.0, n=5), "share") == "0 points"


# --- the verdict ---------------------------------------------------------------------------


def test_shapes_are_counted_on_every_suite_the_largest_first() -> None:
    few = suite(written(TRUTH, SHORT), "hw5")
    many = suite(written(TRUTH, TRUTH, TRUTH, SHORT))
    made = report(system("tuned", few, many), system("base", suite(written(*[SHORT] * 4))))
    assert by_size(made) == ["heldout", "hw5"]
    assert _about(made.verdict, "Shape") == [
        "Shape 合式, heldout: tuned 3 of 4 (75.0%, 95% interval 30.1–95.4%); "
        "base 0 of 4 (0%, 95% interval 0–49.0%).",
        "Shape 合式, hw5: tuned 1 of 2 (50.0%, 95% interval 9.5–90.5%).",
    ]


def test_only_what_is_true_or_false_of_a_poem_is_counted() -> None:
    rows = [couplet(poem(known_lines=1.0), loss=4.4), couplet(poem(known_lines=0.0), loss=4.6)]
    made = report(system("tuned", suite(rows)))
    assert _about(made.verdict, "Known") == [
        "Known lines 成句, heldout (less is better): tuned 50.0% (95% interval 0–100%)."
    ]
    assert _about(made.verdict, "Loss") == [
        "Loss 損失, heldout (nats a character, less is better): "
        "tuned 4.50 (95% interval 4.40–4.60)."
    ]


def test_differences_that_hold_are_named_with_their_way() -> None:
    ours = [couplet(poem(known_lines=0.5, lines=6), loss=4.25) for _ in range(9)]
    theirs = [couplet(poem(SHORT, full=True), loss=6.5) for _ in range(9)]
    made = report(system("ours", suite(ours)), system("theirs", suite(theirs)))
    assert _about(made.verdict, "Differences") == [
        "Differences that hold 成立, heldout: against theirs, ours is better in shape 合式, rhyme "
        "押韻, tone 平仄, loss 損失; is worse in known lines 成句; has a higher figure "
        "for lines 句數."
    ]
    assert _about(made.verdict, "Chance") == [
        "Chance 偶然: of 7 comparisons 6 hold after Holm's correction; the rest may be chance. "
        "Before it, p is below 0.05 in 6; if the systems did not differ at all, it would be in up "
        "to 0.35."
    ]


def test_a_p_that_counts_only_by_itself_is_said_to_be_within_chance() -> None:
    ours, theirs = suite(written(*[TRUTH] * 6)), suite(written(*[OFF_RHYME] * 6))
    made = report(system("ours", ours), system("theirs", theirs))
    assert {one.p for one in made.comparisons} == {2 / 64, 1.0}
    assert not _about(made.verdict, "Differences")
    (chance,) = _about(made.verdict, "Chance")
    assert "of 7 comparisons 0 hold" in chance and "p is below 0.05 in 2;" in chance


def test_one_system_is_compared_with_nothing() -> None:
    made = report(system("alone", suite(written(TRUTH))))
    assert not _about(made.verdict, "Chance") and not _about(made.verdict, "Differences")


def test_the_models_loss_is_no_figure_of_the_poets() -> None:
    tuned = system("tuned", suite(written(TRUTH, losses=[4.25])))
    poets = system("poets", suite(written(TRUTH, losses=[5.5])), kind="poets")
    both = report(tuned, poets)
    (said,) = _about(both.verdict, "Loss")
    assert said.endswith(": tuned 4.25 (all equal).")
    assert not _about(report(poets).verdict, "Loss")
    [table] = summary_tables(both)
    assert ["Loss 損失", "4.25 (all equal)", "—", "1/0", "—"] in table
    [table] = summary_tables(report(poets))
    assert not any(name.startswith("Loss") for name, *_ in table)


def test_leaks_are_said_for_each_model_as_far_as_they_are_known() -> None:
    row = suite(written(TRUTH))
    shared = Leaks(checked=True, note="", trained=99, shared={"heldout": ["a"], "hw5": ["b", "c"]})
    unknown = Leaks(checked=False, note="Nobody knows.")
    assert _about(report(system("tuned", row, leaks=shared)).verdict, "Leaks") == [
        "Leaks 洩題, tuned: 1 line of heldout, 2 lines of hw5 also stand in the 99 training poems, "
        "so the figures there may flatter it."
    ]
    pair = report(system("tuned", row), system("base", row, leaks=unknown))
    assert _about(pair.verdict, "Leaks") == [
        "Leaks 洩題, tuned: no line of the suites' poems stands in the 2,017 training poems.",
        "Leaks 洩題, base: not checked. Nobody knows.",
    ]
    poets = system("poets", row, kind="poets", leaks=unknown)
    assert not _about(report(poets).verdict, "Leaks")


def test_contamination_is_quoted_or_said_not_to_be_tested() -> None:
    one = system("tuned", suite(written(TRUTH)))
    quoted = report(one, contamination=contamination()).verdict
    assert "Contamination 污染: The base model knows none by heart." in quoted
    (said,) = _about(report(one).verdict, "Contamination")
    assert "not tested" in said


@pytest.mark.parametrize(
    ("n", "spread", "least"), [(15, 23, 6), (5, 33, None), (6, 31, 6), (90, 10, 6), (1, 45, None)]
)
def test_a_small_suite_says_what_it_can_show(n: int, spread: int, least: int | None) -> None:
    # Wilson's interval of a half is half as wide as z / √(n + z²).
    made = report(system("tuned", suite(written(*[TRUTH] * n), "hw5")))
    (said,) = _about(made.verdict, "Small suite 樣本少, hw5")
    assert (
        f"with {n} couplet{'' if n == 1 else 's'} a share" in said
        and f"±{spread} percentage points" in said
    )
    needed = f"at least {least} of them" if least else "no difference between two systems can"
    assert needed in said and "before any correction. It shows" in said


def test_a_large_suite_needs_no_warning() -> None:
    made = report(system("tuned", suite(written(*[TRUTH] * 93))))
    assert not _about(made.verdict, "Small")


def test_a_sentence_is_about_something_and_ends() -> None:
    few = suite(written(TRUTH, SHORT), "hw5")
    made = report(system("a", few), system("b", few), contamination=contamination())
    assert all(re.fullmatch(r"[^:]+: .+\.", sentence) for sentence in verdict_sentences(made))


# --- the terminal --------------------------------------------------------------------------


def test_the_terminal_gets_every_figure() -> None:
    few = suite(written(TRUTH, SHORT), "hw5")
    made = report(system("ours", few), system("theirs", suite(written(SHORT, SHORT), "hw5")))
    [table] = summary_tables(made)
    assert table[0] == ["hw5", "ours", "theirs", "n", "difference"]
    assert len(table) == 1 + len(METRICS)
    assert table[1][:2] == ["Shape 合式", "50.0% (9.5–90.5%)"]
    assert table[1][-1] == "+50.0 (0 to +100.0) points, too few couplets to tell 樣本太少"
    assert "—" in next(row for row in table if row[0].startswith("Distinct"))
