"""Runs are listed whatever has become of them, with the settings that set them apart."""

import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lianju.config import load_settings
from lianju.errors import UserError
from lianju.experiments import RunRow, differing, find_runs, rows_of, sorted_rows
from tests.experiments.conftest import RATES

HOSTILE = "</td><script>alert(1)</script>\x1b[2J\u202e=1+1"


def listed(folder: Path) -> dict[str, RunRow]:
    return {row.name: row for row in rows_of(find_runs(folder))}


def change(file: Path, **values: Any) -> None:
    """Set values, by dotted name, in a JSON file."""
    whole = json.loads(file.read_text())
    for name, value in values.items():
        part = whole
        *path, last = name.split("__")
        for step in path:
            part = part[step]
        part[last] = value
    file.write_text(json.dumps(whole))


def test_a_row_says_what_the_run_says_of_itself(runs: Path) -> None:
    rows = listed(runs)
    assert rows.keys() == RATES.keys()
    for name, row in rows.items():
        said = json.loads((runs / name / "summary.json").read_text())
        assert row.settings == {"train.learning_rate": RATES[name]}
        after = said["after"]["validation"]
        assert (row.loss, row.loss_n) == (after["loss_per_character"], 12)
        assert row.loss_before == said["before"]["validation"]["loss_per_character"]
        assert (row.shape_n, [row.shape_low, row.shape_high]) == (3, after["shape_interval"])
        assert (row.step, row.steps) == (said["training"]["best_step"], said["training"]["steps"])
        assert row.seconds == said["seconds"]["finetune"] and row.state == "finished"
        assert not row.advice and abs(row.changed - (runs / name).stat().st_mtime) < 60


def test_the_newest_comes_first_and_other_folders_are_passed_over(runs: Path) -> None:
    os.utime(runs / "slow/summary.json", (2e9, 2e9))
    (runs / "notes").mkdir()
    (runs / "adapter-only/adapter").mkdir(parents=True)
    (runs / "a file").write_text("no run")
    shutil.copytree(runs / "fast", runs / ".fast.0123456789abcdef.part")
    assert [run.name for run in find_runs(runs)] == ["slow", "fast"]


def test_a_run_and_the_reference_are_listed_alone(runs: Path) -> None:
    assert listed(runs / "fast").keys() == {"fast"}
    row = listed(Path("reference"))["reference"]
    assert (row.loss_n, row.shape_n, row.test_right) == (2000, 500, 15)
    with pytest.raises(UserError, match=r"nowhere .*: name a run, or a folder with runs"):
        find_runs(Path("nowhere"))


def test_settings_that_an_older_run_lacks_are_what_they_then_always_were(runs: Path) -> None:
    whole = json.loads((runs / "slow/settings.json").read_text())
    del whole["train"]["loss"], whole["data"]["leave_out"]
    (runs / "slow/settings.json").write_text(json.dumps(whole))
    assert differing(find_runs(runs)) == ["train.learning_rate"]
    change(runs / "slow/settings.json", train__use=True)
    assert differing(find_runs(runs)) == ["train.learning_rate", "train.use"]
    assert listed(runs)["fast"].settings["train.use"] is None


def _gone(run: Path) -> None:
    (run / "summary.json").unlink()


def _locked(run: Path) -> None:
    _gone(run)
    (run / "run.lock").touch()


def _tuned_only(run: Path) -> None:
    _gone(run)
    assert (run / "adapter").is_dir()


def _begun(run: Path) -> None:
    for path in run.iterdir():
        if path.name != "settings.json":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_begun, "unfinished: go on with lianju run --resume 'runs/my run'"),
        (_tuned_only, "not judged yet: go on with lianju run --resume 'runs/my run'"),
        (_locked, "still at work, or stopped: then go on with lianju run --resume 'runs/my run'"),
    ],
)
def test_an_unfinished_run_says_how_to_go_on(
    runs: Path, spoil: Callable[[Path], None], said: str
) -> None:
    (runs / "fast").rename(runs / "my run")
    spoil(runs / "my run")
    rows = listed(runs)
    assert rows["my run"].state == "unfinished" and said in rows["my run"].advice
    assert "請執行 lianju run --resume" in rows["my run"].advice_zh
    assert rows["my run"].settings and rows["my run"].loss is None
    assert rows["slow"].state == "finished"


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.rename(path.parents[2] / "elsewhere.json")
    path.symlink_to(path.parents[2] / "elsewhere.json")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def text(data: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(data)

    return write


DAMAGE = {
    "empty": text(b""),
    "cut": text(b'{"recipe": "def'),
    "no text": text(b"\xff{"),
    "nested": text(b"[" * 100_000),
    "nested less": text(b'{"a": ' * 900 + b"1" + b"}" * 900),
    "huge number": text(b'{"seed": ' + b"9" * 5000 + b"}"),
    "a list": text(b"[1]"),
    "null": text(b"null"),
    "pipe": _pipe,
    "link": _link,
    "folder": _folder,
}


@pytest.mark.parametrize("file", ["settings.json", "summary.json"])
@pytest.mark.parametrize("spoil", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_run_says_so_and_what_to_do(
    runs: Path, file: str, spoil: Callable[[Path], None], request: pytest.FixtureRequest
) -> None:
    spoil(runs / "fast" / file)
    rows = listed(runs)
    if file == "settings.json" and "nested less" in request.node.name:
        assert rows["fast"].state in ("finished", "damaged")  # as deep as this Python reads
        return
    row = rows["fast"]
    assert row.state == "damaged" and row.loss is None
    assert row.advice.startswith(f"{file} is damaged (")
    remedy = "restore it" if file == "settings.json" else "lianju run --resume runs/fast"
    assert remedy in row.advice and rows["slow"].state == "finished"


@pytest.mark.parametrize(
    ("name", "value", "finished"),
    [
        ("after__validation__loss_per_character", math.nan, True),
        ("after__validation__loss_per_character", 10**400, False),
        ("after__validation__n", -1, False),
        ("after__validation__n", 10**400, False),
        ("after__validation", {}, False),
        ("training__best_step", "soon", False),
        ("seconds", {}, True),
        ("memory_gb", math.inf, True),
    ],
)
def test_numbers_that_cannot_be_are_none_or_damage(
    runs: Path, name: str, value: Any, finished: bool
) -> None:
    change(runs / "fast/summary.json", **{name: value})
    row = listed(runs)["fast"]
    assert (row.state == "finished") is finished
    json.dumps(row.model_dump(), allow_nan=False)
    assert [one.name for one in sorted_rows([row, listed(runs)["slow"]], "loss")][-1] == "fast" or (
        finished and row.loss is not None
    )


def test_hostile_text_is_shown_on_one_line_and_moves_no_cursor(runs: Path) -> None:
    change(runs / "fast/settings.json", recipe=HOSTILE, data__source=["\x07"])
    row = listed(runs)["fast"]
    shown = json.dumps(row.model_dump(), ensure_ascii=False)
    assert row.settings["recipe"] == HOSTILE.replace("\x1b", "\ufffd").replace("\u202e", "\ufffd")
    assert "\\u001b" not in shown and "\u202e" not in shown and "\\u0007" not in shown


@pytest.mark.parametrize(
    ("column", "first"),
    [
        *(("name", "fast"), ("loss", "fast"), ("train.learning_rate", "slow"), ("when", "fast")),
        ("shape", "slow"),
    ],
)
def test_rows_are_sorted_with_the_best_first(runs: Path, column: str, first: str) -> None:
    os.utime(runs / "fast/summary.json", (2e9, 2e9))
    for name, right in (("slow", 3), ("fast", 1)):
        change(runs / name / "summary.json", after__validation__shape_right=right)
    os.utime(runs / "fast/summary.json", (2e9, 2e9))
    shutil.copytree(runs / "slow", runs / "gone")
    (runs / "gone/settings.json").write_text("")
    rows = sorted_rows(list(listed(runs).values()), column)
    assert next(row.name for row in rows if row.name != "gone") == first
    if column not in ("name", "when"):
        assert rows[-1].name == "gone"


def test_an_unknown_column_is_refused_with_those_there_are(runs: Path) -> None:
    with pytest.raises(UserError, match=r"'nonsense'.*loss.*train\.learning_rate"):
        sorted_rows(list(listed(runs).values()), "nonsense")


def test_all_defaults_are_known_by_their_dotted_names() -> None:
    """Else an older run's settings would be filled in wrongly."""
    from lianju.config import setting_names
    from lianju.experiments.run_reading import flat

    assert {*flat(load_settings().model_dump(mode="json"))} == {*setting_names()}
