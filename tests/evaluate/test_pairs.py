"""Which poems are set against each other, and what preferring one amounts to."""

from typing import Any

import pytest

from lianju.errors import UserError
from lianju.evaluate.pairs import PairResult, pairs_of, preference
from tests.evaluate import reports
from tests.evaluate.fake_judge import pairs, two_systems


def test_a_preference_counts_ties_as_half() -> None:
    """Wilson at 7 of 10 and the sign test of 6 against 2, from tables."""
    outcomes: list[PairResult] = ["first", "first", "first", "tie", "second"] * 2
    found = preference(outcomes)
    assert (found.wins, found.ties, found.losses) == (6, 2, 2)
    assert (found.share.value, found.share.n) == (0.7, 10)
    assert found.share.low == pytest.approx(0.3968, abs=1e-4)
    assert found.share.high == pytest.approx(0.8922, abs=1e-4)
    assert found.p == pytest.approx(2 * (1 + 8 + 28) / 2**8)
    assert preference([]).share.value is None


def test_pairs_of_one_report_of_two_and_with_the_poets() -> None:
    both = two_systems()
    one, other = (both.model_copy(update={"systems": [system]}) for system in both.systems)
    together = pairs_of(both)
    assert together == pairs_of(one, other)
    assert together.labels == ("tuned", "base")
    assert [pair.couplet[4] for pair in together.pairs] == ["盡", "下", "出"]
    assert together.left_out == {"two equal poems": 1}
    alike = pairs_of(both, same_form=True)
    assert [pair.couplet[4] for pair in alike.pairs] == ["出"]
    assert alike.left_out == {
        "two equal poems": 1,
        "a poem of wrong shape": 1,
        "poems of unequal length": 1,
    }
    real = pairs_of(both, real=True)
    assert real.labels == ("tuned", "the poets")
    assert [(pair.couplet[4], pair.second) for pair in real.pairs] == [
        ("上", reports.TRUTH),
        ("下", reports.TRUTH),
    ]


def test_a_couplet_of_two_suites_is_asked_about_once_and_equal_labels_are_told_apart() -> None:
    rows = [reports.couplet(reports.poem("好"))]
    system = reports.system("m", reports.suite(rows), reports.suite(rows, "legal", "d2"))
    report = reports.report(system)
    assert pairs_of(report, real=True).left_out == {"a couplet that another suite has too": 1}
    assert pairs_of(report, real=True, suite="legal").pairs[0].suite == "legal"
    changed = [reports.couplet(reports.poem("壞"))]
    again = reports.report(reports.system("m", reports.suite(changed)))
    assert pairs_of(report, again).labels == ("m (first)", "m (second)")
    [old] = report.systems
    warm, cold = (
        report.model_copy(
            update={"systems": [old.model_copy(update={"decoding": {"temperature": at}})]}
        )
        for at in (1.0, 0.5)
    )
    cold.systems[0] = cold.systems[0].model_copy(update={"suites": again.systems[0].suites})
    assert pairs_of(warm, cold).labels == ("m (temperature 1.0)", "m (temperature 0.5)")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "has one system"),
        ({"real": True, "suite": "hw5"}, "no suite hw5, only heldout"),
        ({"real": True}, "two equal poems: 1"),
    ],
)
def test_pairs_that_cannot_be_are_refused(arguments: dict[str, Any], message: str) -> None:
    report = reports.report(reports.system("m", reports.suite(reports.written(reports.TRUTH))))
    with pytest.raises(UserError, match=message):
        pairs_of(report, **arguments)


def test_some_of_the_pairs_are_always_the_same() -> None:
    every = pairs(15)
    some = every.drawn(5)
    assert some == every.drawn(5)
    assert len(some.pairs) == 5
    assert [pair for pair in every.pairs if pair in some.pairs] == some.pairs
    assert some.pairs != every.pairs[:5]
    assert every.drawn(99) == every.drawn(None) == every
