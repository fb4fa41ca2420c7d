"""Two systems in pairs: which pairs, which way, and what is left of it after many comparisons."""

import json
import re
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianju.errors import UserError
from lianju.evaluate.compare import compare_reports, compare_systems, holm, read_report
from lianju.evaluate.schema import Comparison, Report, System
from lianju.evaluate.verdict import verdict_sentences
from tests.evaluate.reports import (
    METRICS,
    OFF_RHYME,
    SHORT,
    TRUTH,
    contamination,
    couplet,
    metric,
    poem,
    report,
    suite,
    system,
    written,
)

PS = st.lists(st.floats(0, 1), max_size=8)


def _by_metric(first: System, second: System) -> dict[str, Comparison]:
    return {one.metric: one for one in compare_systems(first, second, METRICS)}


def test_wins_losses_and_ties_are_counted_by_couplet() -> None:
    first = system("a", suite(written(TRUTH, TRUTH, TRUTH, SHORT, TRUTH, SHORT)))
    second = system("b", suite(written(SHORT, SHORT, TRUTH, TRUTH, SHORT, SHORT)))
    shape = _by_metric(first, second)["shape"]
    assert (shape.wins, shape.losses, shape.ties) == (3, 1, 2)
    # Heads 3 or 1 or further out of 4: (1 + 4 + 4 + 1) / 16.
    assert shape.p == 10 / 16
    assert shape.difference.value == pytest.approx(2 / 6) and shape.difference.n == 6


def test_less_is_a_win_where_less_is_better_and_higher_where_neither_is() -> None:
    first = system("a", suite(written(TRUTH, TRUTH, TRUTH, losses=[4.0, 4.0, 4.0])))
    second = system("b", suite(written(TRUTH, TRUTH, TRUTH, losses=[5.0, 5.0, 3.0])))
    loss = _by_metric(first, second)["loss"]
    assert (loss.wins, loss.losses) == (2, 1)
    assert loss.difference.value == pytest.approx(-1 / 3)

    longer = system("a", suite([couplet(poem(lines=6))]))
    shorter = system("b", suite([couplet(poem(lines=2))]))
    lines = _by_metric(longer, shorter)["lines"]
    assert (lines.wins, lines.losses, lines.difference.value) == (1, 0, 4.0)


def test_poems_are_paired_by_their_number_where_both_have_a_value() -> None:
    ours = couplet(
        poem(number=0, known_lines=0.5), poem(number=1, known_lines=None), poem(number=2)
    )
    theirs = couplet(poem(number=1, known_lines=1.0), poem(number=0, known_lines=0.0))
    known = _by_metric(system("a", suite([ours])), system("b", suite([theirs])))["known_lines"]
    assert (known.difference.value, known.losses, known.difference.n) == (0.5, 1, 1)


def test_a_couplet_on_which_one_says_nothing_is_no_tie() -> None:
    first = system("a", suite([couplet(poem(rhyme=None)), couplet(poem())]))
    second = system("b", suite([couplet(poem()), couplet(poem())]))
    rhyme = _by_metric(first, second)["rhyme"]
    assert (rhyme.ties, rhyme.difference.n) == (1, 1)


def test_means_that_differ_only_in_their_last_bits_are_ties() -> None:
    values = [0.1, 0.2, 0.3]
    for order in permutations(values):
        ours = [couplet(*(poem(number=n, known_lines=v) for n, v in enumerate(values)))]
        theirs = [couplet(*(poem(number=n, known_lines=v) for n, v in enumerate(order)))]
        known = _by_metric(system("a", suite(ours)), system("b", suite(theirs)))["known_lines"]
        assert (known.ties, known.wins, known.losses) == (1, 0, 0)


def test_numbers_of_a_set_and_words_have_no_pairs() -> None:
    metrics = {**METRICS, "fault": metric("fault")}
    both = system("a", suite(written(TRUTH))), system("b", suite(written(SHORT)))
    compared = {one.metric for one in compare_systems(*both, metrics)}
    assert compared == {"shape", "rhyme", "tone", "full", "loss", "known_lines", "lines"}


def test_what_a_model_says_of_the_real_poem_is_not_compared_with_the_poets() -> None:
    poets = system("poets", suite(written(TRUTH)), kind="poets")
    compared = _by_metric(system("a", suite(written(TRUTH))), poets)
    assert "loss" not in compared and "shape" in compared


def test_every_suite_that_both_have_is_compared() -> None:
    hw5, heldout = suite(written(TRUTH), "hw5"), suite(written(TRUTH), "heldout")
    legal = suite(written(TRUTH), "legal")
    compared = compare_systems(system("a", hw5, heldout), system("b", heldout, hw5, legal), METRICS)
    assert {one.suite for one in compared} == {"hw5", "heldout"}


def test_other_couplets_and_no_common_suite_are_refused() -> None:
    first = system("ours", suite(written(TRUTH, TRUTH), digest="d1"))
    with pytest.raises(UserError, match=r"heldout.*2 \(d1\) for ours, 1 \(d2\) for theirs"):
        compare_systems(first, system("theirs", suite(written(TRUTH), digest="d2")), METRICS)
    with pytest.raises(UserError, match="nothing to compare: ours has the suites heldout"):
        compare_systems(first, system("theirs", suite(written(TRUTH), "hw5")), METRICS)


# --- many comparisons ----------------------------------------------------------------------


def test_each_comparison_is_corrected_for_all_of_them() -> None:
    first = system("a", suite(written(*[TRUTH] * 8)))
    second = system("b", suite(written(*[SHORT] * 8)))
    compared = _by_metric(first, second)
    assert len(compared) == 7
    # Four metrics see the missing character in all couplets, three see no difference.
    assert [compared[name].p for name in ("shape", "lines")] == [2 / 256, 1.0]
    assert compared["shape"].adjusted == compared["full"].adjusted == 7 * 2 / 256
    assert compared["lines"].adjusted == 1.0


@given(PS, st.floats(0.001, 0.5))
def test_holm_rejects_what_the_step_down_procedure_rejects(ps: list[float], level: float) -> None:
    # Holm's own words: go from the smallest p up, as long as p times those left is in the level.
    rejected: set[int] = set()
    for index in sorted(range(len(ps)), key=lambda index: ps[index]):
        if (len(ps) - len(rejected)) * ps[index] > level:
            break
        rejected.add(index)
    assert {index for index, p in enumerate(holm(ps)) if p <= level} == rejected


@given(PS)
def test_holm_is_between_p_and_bonferroni_and_keeps_the_order(ps: list[float]) -> None:
    adjusted = holm(ps)
    for p, after in zip(ps, adjusted, strict=True):
        assert p <= after <= min(1.0, len(ps) * p) or after == 1.0
    assert [adjusted[index] for index in sorted(range(len(ps)), key=lambda i: ps[i])] == sorted(
        adjusted
    )


# --- reports on disk -----------------------------------------------------------------------


def _write(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def test_a_report_is_read_from_its_file_or_its_folder(tmp_path: Path) -> None:
    made = report(system("a", suite(written(TRUTH, OFF_RHYME))))
    file = _write(tmp_path / "report.json", made.model_dump_json())
    assert read_report(file) == read_report(tmp_path) == made


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("", r"is damaged \(it is empty\): give a report.json"),
        ("{", "is damaged"),
        ("[" * 100_000, "is damaged"),
        ('{"schema_version": 1, "lianju": "\\ud800"}', "is not as Lianju writes it"),
        ([], "is no report"),
        ({"recipe": "default", "after": {}}, "is no report"),
        ({"schema_version": 2, "systems": 1}, "has schema_version 2, this lianju reads 1"),
        ({"schema_version": 1}, r"is not as Lianju writes it \(lianju: Field required\)"),
    ],
)
def test_what_is_no_report_is_named_with_the_reason(
    tmp_path: Path, contents: Any, message: str
) -> None:
    file = _write(tmp_path / "other.json", contents)
    with pytest.raises(UserError, match=message) as caught:
        read_report(file)
    assert str(file) in str(caught.value) and "\n" not in str(caught.value)


def test_the_field_that_is_wrong_is_named(tmp_path: Path) -> None:
    value = report(system("a", suite(written(TRUTH)))).model_dump()
    value["systems"][0]["suites"]["heldout"]["couplets"][0]["poems"][0]["finish"] = "later"
    with pytest.raises(UserError, match=r"systems\.0\.suites\.heldout\.couplets\.0\.poems\.0\.fin"):
        read_report(_write(tmp_path / "report.json", value))


def _cut_couplet(value: Any) -> None:
    del value["systems"][1]["suites"]["heldout"]["couplets"][0]


def _endless_wins(value: Any) -> None:
    value["comparisons"][0]["wins"] = 10**30


def _other_metric(value: Any) -> None:
    value["comparisons"][0]["metric"] = "taste"


def _no_number(value: Any) -> None:
    value["systems"][0]["suites"]["heldout"]["figures"]["loss"]["value"] = float("nan")


def _other_suite(value: Any) -> None:
    suites = value["systems"][0]["suites"]
    suites["hw6"] = suites["heldout"]


@pytest.mark.parametrize(
    "harm", [_cut_couplet, _endless_wins, _other_metric, _no_number, _other_suite]
)
def test_a_report_whose_parts_do_not_fit_is_refused(tmp_path: Path, harm: Any) -> None:
    two = system("a", suite(written(TRUTH, SHORT))), system("b", suite(written(SHORT, TRUTH)))
    value = compare_reports(report(two[0]), report(two[1])).model_dump()
    read_report(_write(tmp_path / "report.json", value))
    harm(value)
    with pytest.raises(UserError, match=r"report\.json is not as Lianju writes it"):
        read_report(_write(tmp_path / "report.json", value))


@pytest.mark.parametrize(
    "path",
    [
        ("systems",),
        ("systems", 0, "suites", "heldout", "couplets"),
        ("systems", 0, "suites", "heldout", "couplets", 0, "poems"),
    ],
)
def test_a_report_that_was_cut_is_no_whole_report(tmp_path: Path, path: tuple[Any, ...]) -> None:
    value: Any = report(system("a", suite(written(TRUTH)))).model_dump()
    part = value
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = []
    field = re.escape(".".join(map(str, path)))
    with pytest.raises(UserError, match=rf"\({field}: List should have at least"):
        read_report(_write(tmp_path / "report.json", value))


def test_a_missing_file_and_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"report\.json does not exist"):
        read_report(tmp_path)
    (tmp_path / "report.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(UserError, match="is damaged"):
        read_report(tmp_path)


# --- two reports ---------------------------------------------------------------------------


def _two(**other: Any) -> tuple[Report, Report]:
    first = report(system("a", suite(written(TRUTH))), contamination=contamination())
    return first, report(system("b", suite(written(SHORT)), **other))


def test_two_reports_become_one_with_comparisons_and_a_verdict() -> None:
    a, b = _two()
    both = compare_reports(a, b)
    assert [one.label for one in both.systems] == ["a", "b"]
    assert both.comparisons == compare_systems(a.systems[0], b.systems[0], METRICS)
    assert both.verdict == verdict_sentences(both) and both.seconds == a.seconds + b.seconds


def test_of_each_report_the_first_system_is_taken() -> None:
    a, b = _two()
    pair = report(b.systems[0], a.systems[0])
    assert [one.label for one in compare_reports(a, pair).systems] == ["a", "b"]


def test_contamination_is_kept_for_the_same_base_model_only() -> None:
    a, b = _two()
    assert compare_reports(a, b).contamination == compare_reports(b, a).contamination
    assert compare_reports(a, b).contamination == contamination()
    assert compare_reports(*_two(model="TAIDE-7B")).contamination is None
    assert compare_reports(*_two(sha256="other")).contamination is None


def test_systems_of_one_name_are_told_apart() -> None:
    a, _ = _two()
    labels = [one.label for one in compare_reports(a, a).systems]
    assert labels == ["a (first)", "a (second)"]


def test_a_metric_that_has_changed_is_refused() -> None:
    a, b = _two()
    changed = {**METRICS, "tone": METRICS["tone"].model_copy(update={"version": 2})}
    with pytest.raises(UserError, match="metric tone is version 1 in one report and 2"):
        compare_reports(a, b.model_copy(update={"metrics": changed}))
