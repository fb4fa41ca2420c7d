"""`lianju runs` and `lianju compare` as they are typed."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.experiments.test_run_list import HOSTILE, change
from tests.typed import lianju, typed


def test_every_run_is_a_line_and_what_is_wrong_is_said_below(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "slow", runs / "half")
    (runs / "half/summary.json").unlink()
    (runs / "broken").mkdir()
    (runs / "broken/settings.json").write_text("{")
    done = typed(["runs", "--sort", "loss"], tmp_path)
    head, *lines = done.stdout.splitlines()
    assert head.split()[:2] == ["run", "train.learning_rate"]
    assert [line.split()[0] for line in lines[:2]] == ["fast", "slow"]
    assert {line.split()[0] for line in lines[2:]} == {"half", "broken"}
    after = json.loads((runs / "fast/summary.json").read_text())["after"]["validation"]
    low, high = after["shape_interval"]
    assert f"{after['loss_per_character']:.3f}  12" in lines[0]
    assert f"{100 * low:.1f}–{high:.1%}" in lines[0] and "0.005" in lines[0]
    assert "half: not judged yet: go on with lianju run --resume runs/half" in done.stderr
    assert "broken: settings.json is damaged" in done.stderr


def test_json_has_a_row_a_line(runs: Path, tmp_path: Path) -> None:
    change(runs / "fast/settings.json", recipe=HOSTILE)
    done = typed(["runs", "--json", "--sort", "train.learning_rate"], tmp_path)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["name"] for row in rows] == ["slow", "fast"]
    assert rows[1]["settings"]["train.learning_rate"] == 0.005 and rows[1]["loss_n"] == 12
    shown = typed(["runs"], tmp_path).stdout
    assert "\x1b" not in done.stdout + shown and "\u202e" not in shown


def test_where_there_is_none_it_says_how_to_make_one(tmp_path: Path) -> None:
    assert typed(["runs"], tmp_path).stdout == "No runs in runs. Make one: lianju run\n"
    assert typed(["runs", "--json"], tmp_path).stdout == ""
    done = lianju("runs", "elsewhere", cwd=tmp_path)
    assert done.returncode == 2 and "cannot look into elsewhere" in done.stderr


def test_listing_loads_nothing_heavy(runs: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "lianju", "runs"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "fast" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "lianju.experiments.run_list" in imported
    assert not imported & {"torch", "numpy", "transformers", "peft", "fastapi"}


def test_three_runs_and_which_learning_rate_was_best(runs: Path, tmp_path: Path) -> None:
    third = shutil.copytree(runs / "slow", runs / "slower")
    change(third / "settings.json", train__learning_rate=1e-6)
    done = typed(["compare", "runs/slow", "runs/slower", "runs/fast", "--out=both"], tmp_path)
    head, first, *_ = done.stdout.splitlines()
    assert head.startswith("run") and first.startswith("fast")
    assert re.search(
        r"^Lowest validation loss: train\.learning_rate 0\.005 \(fast\), \d+\.\d{3} nats a "
        r"character\. Next is train\.learning_rate .* with \d\.\d{3} more \(95% interval .*; 12 "
        r"poems, p .*\): that is more than chance\.$",
        done.stdout,
        re.MULTILINE,
    )
    assert done.stdout.endswith("Page: both/comparison.html\n")
    made = {path.name for path in (tmp_path / "both").iterdir()} - {"curves.png"}
    assert made == {*("comparison.html", "comparison.json", "runs.csv", "curves.csv", "curves.svg")}


def test_a_comparison_goes_to_a_folder_of_its_own(runs: Path, tmp_path: Path) -> None:
    done = typed(["compare", "runs/slow", "runs/fast", "reference"], tmp_path)
    found = re.search(r"^Page: (comparisons/\d{8}-\d{6}/comparison\.html)$", done.stdout, re.M)
    assert found and (tmp_path / found[1]).is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["runs/slow"], "compare 2 to 24 runs, not 1"),
        (["runs/slow", "runs/slow"], "runs/slow is named twice"),
        (["runs/slow", "runs/none"], "runs/none is no run: lianju runs lists those there are"),
        (["runs/slow", "runs"], "runs is no run: "),
        (["runs/slow", "runs/fast", "--out", "runs"], "runs exists already: name another --out"),
    ],
)
def test_what_cannot_be_is_refused(
    runs: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    there = sorted(tmp_path.rglob("*"))
    done = lianju("compare", *words, cwd=tmp_path)
    assert done.returncode == 2 and message in done.stderr
    assert sorted(tmp_path.rglob("*")) == there
