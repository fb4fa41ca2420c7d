"""Runs side by side: who is best, whether that could be chance, and a page that cannot lie."""

import csv
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from lianju.errors import UserError
from lianju.experiments import (
    MOST,
    RunComparison,
    compare_runs,
    named_run,
    read_curve,
    verdict_of,
    write_comparison,
)
from lianju.explore import lacking_png
from tests.experiments.test_run_list import HOSTILE, change
from tests.reader import Reader

EACH = "stages/after.json"


def compared(*folders: str | Path) -> RunComparison:
    return compare_runs([named_run(Path(folder)) for folder in folders])


def written(found: RunComparison, folder: str = "out") -> tuple[Reader, dict[str, Any]]:
    """The page, read, and the numbers."""
    write_comparison(found, Path(folder))
    page = Reader((Path(folder) / "comparison.html").read_text(encoding="utf-8"))
    return page, json.loads((Path(folder) / "comparison.json").read_text(encoding="utf-8"))


def losses(run: Path, values: Sequence[float | None], **more: Any) -> None:
    """Set what a run found poem by poem; all poems are equally long."""
    each = {"poems": "same", "characters": [24] * len(values), "losses": [*values], **more}
    change(run / EACH, result__each=each)
    known = [value for value in values if value is not None]
    change(run / "summary.json", after__validation__loss_per_character=sum(known) / len(known))
    change(run / "summary.json", after__validation__n=len(values))


def test_what_each_poem_cost_adds_up_to_the_loss_of_the_run(runs: Path) -> None:
    for name in ("slow", "fast"):
        run = named_run(runs / name)
        each, said = run.each(), json.loads((runs / name / "summary.json").read_text())
        assert each and len(each.losses) == 12 and len(each.right_shape) == 3
        whole = sum(a * (b or 0) for a, b in zip(each.characters, each.losses, strict=True))
        after = said["after"]["validation"]
        assert whole / sum(each.characters) == pytest.approx(after["loss_per_character"])
        assert sum(each.right_shape) == after["shape_right"]
        assert "each" not in said["after"] and "each" not in said["before"]


def test_the_best_is_named_by_its_setting_with_the_difference(runs: Path) -> None:
    found = compared(runs / "slow", runs / "fast")
    rows = [one.row for one in found.runs]
    assert found.ranked == [1, 0] and rows[0].loss and rows[1].loss
    first, *rest = verdict_of(found)
    assert "train.learning_rate 0.005 (fast)" in first and f"{rows[1].loss:.3f}" in first
    assert f"with {rows[0].loss - rows[1].loss:.3f} more" in first and "12 poems" in first
    assert "more than chance" in first and "並非偶然" in first.zh
    assert rest[-1].endswith("another --seed can tell.")
    [loss, shape] = found.tests
    assert loss.compared.wins + loss.compared.losses + loss.compared.ties == 12
    assert shape.compared.wins + shape.compared.losses + shape.compared.ties == 3
    # The difference in pairs is that of the two losses.
    assert loss.compared.difference.value == pytest.approx(rows[1].loss - rows[0].loss)


def test_what_could_be_chance_is_said_to_be(runs: Path) -> None:
    up_and_down = [5.0 + (-1) ** index * 0.5 for index in range(40)]
    losses(runs / "slow", [5.0] * 40)
    losses(runs / "fast", [value - 0.01 for value in up_and_down])
    [first, *_] = verdict_of(compared(runs / "slow", runs / "fast"))
    assert (
        "(fast), 4.990" in first and "that could be chance" in first and "可能只是偶然" in first.zh
    )
    losses(runs / "fast", [4.99] * 40)
    assert "that is more than chance" in verdict_of(compared(runs / "slow", runs / "fast"))[0]


def test_all_tests_are_corrected_for_together(runs: Path) -> None:
    """Of many runs that do not differ, one is the best of so many draws."""
    one_way = [4.9] * 14 + [5.1] * 6
    losses(runs / "slow", [5.0] * 20)
    losses(runs / "fast", one_way)
    alone = compared(runs / "slow", runs / "fast").tests[0].compared
    for number in range(6):
        shutil.copytree(runs / "slow", runs / f"more{number}")
    every = compared(*sorted(runs.iterdir()))
    tests = [test.compared for test in every.tests if test.compared.metric == "loss"]
    assert len(tests) == 7 and {test.p for test in tests} == {alone.p}
    assert all(test.adjusted > alone.adjusted for test in tests)


def test_runs_on_other_poems_are_not_ranked_together(runs: Path) -> None:
    found = compared(runs / "slow", runs / "fast", "reference")
    assert found.ranked == [1, 0] and found.labels[2] == "reference"
    words = verdict_of(found)
    assert "Not ranked, for validated on other poems: reference." in words
    # Their own settings still name those that are ranked.
    assert "train.learning_rate 0.005 (fast)" in words[0]
    [only] = verdict_of(compared(runs / "slow", "reference"))
    assert only.startswith("No best run can be named") and "data.validation" in only


def test_an_old_run_is_ranked_but_not_tested(runs: Path) -> None:
    stage = json.loads((runs / "slow" / EACH).read_text())
    del stage["result"]["each"]
    for old in (stage, stage["result"]):  # as of part 9, and of before part 6
        (runs / "slow" / EACH).write_text(json.dumps(old))
        found = compared(runs / "slow", runs / "fast")
        assert found.ranked == [1, 0] and not found.tests
        [said, *_] = verdict_of(found)
        assert (
            "cannot be told: slow keeps no losses poem by poem" in said and "slow 未留" in said.zh
        )
    page, numbers = written(found)
    assert numbers["tests"] == [] and numbers["runs"][0]["loss_low"] is None
    assert "slow keeps no losses" in page.text


def test_poems_that_are_not_the_same_are_not_paired(runs: Path) -> None:
    losses(runs / "slow", [5.0] * 12)
    losses(runs / "fast", [4.0] * 12, poems="others")
    found = compared(runs / "slow", runs / "fast")
    assert len(found.ranked) < 2 and not found.tests


def test_the_page_has_it_all_and_fetches_nothing(runs: Path) -> None:
    found = compared(runs / "slow", runs / "fast", "reference")
    page, numbers = written(found)
    for said in (*verdict_of(found), "train.learning_rate", "1e-05", "0.005", "reference: no log"):
        assert said in page.text
    for chinese in ("驗證損失最低", "不同的設定", "學習曲線", "逐首對照"):
        assert chinese in page.text
    assert not page.named("script") and not page.named("link") and not page.named("img")
    assert numbers["ranked"] == ["fast", "slow"]
    plots = [one for one in page.named("svg") if one.get("class") == "plot"]
    assert len(plots) == 4
    with (Path("out") / "runs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["slow", "fast", "reference"]
    assert float(rows[1]["loss"]) == found.runs[1].row.loss
    assert [row["train.learning_rate"] for row in rows] == ["1e-05", "0.005", "0.001"]
    root = ElementTree.parse("out/curves.svg").getroot()
    lines = [one for one in root.iter() if one.tag.endswith("polyline")]
    # Three in the key, then two runs with a log in each of three plots.
    assert len(lines) == 3 + 2 * 3
    assert (Path("out") / "curves.png").is_file() is (lacking_png() is None)


def test_poems_of_all_runs_stand_under_their_couplets(runs: Path) -> None:
    page, _ = written(compared(runs / "slow", runs / "fast"))
    cards = [one for one in page.named("article") if str(one["class"]).startswith("card")]
    assert len(cards) == 15
    assert page.text.count("the poets") >= 15
    (runs / "slow/results.jsonl").unlink()
    page, _ = written(compared(runs / "slow", runs / "fast"), "again")
    assert "Not every run keeps poems" in page.text and not page.named("article")


def test_a_curve_is_what_the_log_says(runs: Path) -> None:
    rows = [
        json.loads(line) for line in (runs / "fast/steps.jsonl").read_text().splitlines() if line
    ]
    train = [row for row in rows if row["kind"] == "train"]
    curve = read_curve(named_run(runs / "fast"), "fast")
    assert [point.loss for point in curve.training] == [row["loss"] for row in train]
    last = curve.validation[-1]
    assert last.seconds == pytest.approx(sum(row["seconds"] for row in train))
    assert last.tokens == sum(row["tokens"] for row in train)
    # A step that was taken again after a resume counts once, as it was taken last.
    again = {**train[-1], "loss": 1.5}
    with (runs / "fast/steps.jsonl").open("a") as file:
        file.write(json.dumps(again) + "\n")
    resumed = read_curve(named_run(runs / "fast"), "fast")
    assert len(resumed.training) == len(train) and resumed.training[-1].loss == 1.5
    assert resumed.validation == curve.validation


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("steps.jsonl", '{"kind": "train"'),
        ("steps.jsonl", '{"kind": "train", "step": 1}'),
        ("steps.jsonl", "[1]"),
        ("steps.jsonl", '{"kind": "validation", "step": 1e400, "loss_per_character": 1}'),
        ("results.jsonl", '{"couplet": 5}'),
        ("results.jsonl", "\n\n[]"),
        ("stages/after.json", '{"result": {"each": {"poems": 1}}}'),
    ],
)
def test_a_damaged_file_is_named_and_nothing_is_written(runs: Path, file: str, text: str) -> None:
    (runs / "fast" / file).write_text(text)
    if file == "results.jsonl":  # as many as the other run has
        (runs / "slow" / file).write_text(text)
    with pytest.raises(UserError, match=re.escape(Path(file).name)):
        written(compared(runs / "slow", runs / "fast"))
    assert not Path("out").exists()


def test_hostile_text_stays_text(runs: Path) -> None:
    name = "<img src=x onerror=alert(1)>"
    (runs / "fast").rename(runs / name)
    change(runs / name / "settings.json", recipe=HOSTILE, data__source="=HYPERLINK(1)")
    change(runs / name / "summary.json", training__remarks=[HOSTILE])
    page, _ = written(compared(runs / "slow", runs / name))
    assert not page.named("script") and not page.named("img")
    assert name in page.text and "\x1b" not in page.text and "\u202e" not in page.text
    sheet = (Path("out") / "runs.csv").read_text(encoding="utf-8")
    assert "'=HYPERLINK(1)" in sheet and ",=HYPERLINK" not in sheet
    ElementTree.parse("out/curves.svg")


def test_runs_of_one_name_are_told_apart_by_their_places(runs: Path) -> None:
    other = shutil.copytree(runs / "fast", Path("elsewhere/fast"))
    found = compared(runs / "fast", other)
    assert [one.row.name for one in found.runs] == ["runs/fast", "elsewhere/fast"]
    said = verdict_of(found)[0]
    assert "that could be chance" in said and "with 0.000 more" in said


def test_what_cannot_be_compared_is_refused_with_what_to_do(runs: Path) -> None:
    with pytest.raises(UserError, match="compare 2 to 24 runs, not 1"):
        compared(runs / "fast")
    with pytest.raises(UserError, match=f"not {MOST + 1}"):
        compared(*[runs / "fast"] * (MOST + 1))
    with pytest.raises(UserError, match="runs/fast is named twice"):
        compared(runs / "fast", runs / "slow", runs / "slow/../fast")
    (runs / "slow/summary.json").unlink()
    with pytest.raises(UserError, match="go on with lianju run --resume runs/slow"):
        compared(runs / "fast", runs / "slow")


def test_as_many_as_there_may_be_are_drawn_apart(runs: Path) -> None:
    for number in range(MOST - 2):
        shutil.copytree(runs / "slow", runs / f"more{number:02}")
    page, numbers = written(compared(*sorted(runs.iterdir())))
    assert len(numbers["runs"]) == MOST
    styles = "".join((Path("out") / "comparison.html").read_text().partition("</style>")[0])
    assert f".plot .c{MOST - 1} .series" in styles and f".key.s{MOST - 1}." in styles
    assert len(page.named("article")) == 15
