"""`lianju evaluate --checkpoints`, on a real run of a tiny Qwen that keeps every checkpoint."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lianju import evaluate, loading
from lianju.cli.app import _guarded
from lianju.corpus import Example
from lianju.evaluate import untouched_results
from lianju.explore import CheckpointsReport
from lianju.explore.checkpoint_page import write_checkpoints
from lianju.likelihood import true_losses
from lianju.model import checkpoints_in, load_adapter
from tests import checkpoints
from tests.reader import Reader

STEPS = [0, 3, 6, 8]
HOSTILE = "<script>alert(1)</script><img src=http://evil.test>"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of eight steps with three checkpoints, which are judged, and its base."""
    folder = tmp_path_factory.mktemp("trained")
    base = checkpoints.qwen2(folder / "base")
    settings = ["train.keep=all", "train.batch_size=1", "data.validation=4", f"model.name={base}"]
    settings += ["train.validations=3", "decode.max_length=12"]
    flags = [word for one in settings for word in ("--set", one)]
    asked = ["finetune", "--poems=8", *flags, "--out", str(folder / "run")]
    assert _guarded(asked, debug=True) == 0
    with pytest.MonkeyPatch.context() as patch:
        _kept_apart(patch, folder)
        assert judge(folder / "run") == 0
    return folder


def _kept_apart(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """The corpus is not read, nor what base models did before."""
    patch.setattr(evaluate, "tools", lambda reporter: None)
    patch.setattr(untouched_results, "folder", lambda: folder / "untouched")


@pytest.fixture
def run(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that run, judged."""
    _kept_apart(monkeypatch, tmp_path)
    return Path(shutil.copytree(trained / "run", tmp_path / "run"))


def judge(run: Path, *more: str, couplets: int = 3) -> int:
    asked = ["evaluate", "--checkpoints", str(run), "--exact", f"--couplets={couplets}", *more]
    return _guarded(asked, debug=True)


def report_of(folder: Path) -> dict[str, Any]:
    """What the JSON says, without what a clock said."""
    found: dict[str, Any] = json.loads((folder / "checkpoints.json").read_text())
    for one in found["checkpoints"]:
        one["seconds"] = 0
    return found


def stopping(monkeypatch: pytest.MonkeyPatch, after: int) -> list[Path | None]:
    """What is loaded from now on; Ctrl-C comes in place of the model after so many."""
    loads: list[Path | None] = []
    real = loading.loader_in_turn

    def loader(*arguments: Any) -> Callable[[Path | None], Any]:
        load = real(*arguments)

        def counted(folder: Path | None) -> Any:
            loads.append(folder)
            if len(loads) > after:
                raise KeyboardInterrupt
            return load(folder)

        return counted

    monkeypatch.setattr(loading, "loader_in_turn", loader)
    return loads


def test_every_checkpoint_and_the_base_are_judged(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [0, *checkpoints_in(run / "checkpoints")] == STEPS
    shutil.rmtree(run / "judged/parts")
    assert judge(run) == 0
    said, told = capsys.readouterr()
    found = report_of(run / "judged")
    assert [one["step"] for one in found["checkpoints"]] == STEPS
    assert [one["epoch"] for one in found["checkpoints"]] == [0, 3 / 8, 6 / 8, 1]
    names = {"unseen", "trained", "shape", "rhyme", "full", "distinct_2", "collapse", "repeats"}
    for one in found["checkpoints"]:
        assert {*one["figures"]} == names | {"known_lines"}
        assert one["figures"]["unseen"]["n"] == one["figures"]["shape"]["n"] == 3
        assert (one["logged"] is None) == (one["step"] == 0)
    assert sum(one["kept"] for one in found["checkpoints"]) == 1
    assert len(found["shown"]) == 5
    assert all([*one["poems"]] == [str(step) for step in STEPS] for one in found["shown"])
    assert re.findall(r"^(\d+) ", said, re.MULTILINE) == [str(step) for step in STEPS]
    assert "3 checkpoints and the base model, each to write on 8 couplets" in told
    assert re.search(r"1 of 4: step 3 in .*: about .* left", told)
    page = (run / "judged/checkpoints.html").read_text(encoding="utf-8")
    assert all(one["couplet"][:5] in page for one in found["shown"])
    assert "verfitting" in page and "過度擬合" in page and page.count('class="plot"') == 4


def test_a_checkpoint_has_the_loss_of_what_the_one_loader_loads(run: Path, trained: Path) -> None:
    """Also the base, which is judged last: no adapter has changed it."""
    plan = json.loads((run / "judged/settings.json").read_text())
    unseen = [Example(one["couplet"], one["truth"], one["source"]) for one in plan["unseen"]]
    for step, place in {0: None, **checkpoints_in(run / "checkpoints")}.items():
        model = checkpoints.loaded(trained / "base")
        losses = true_losses(load_adapter(model, place) if place else model, "plain", unseen)
        judged = json.loads((run / f"judged/parts/step-{step:06d}.json").read_text())
        assert judged["unseen"] == pytest.approx(losses, rel=1e-4)


def test_what_is_judged_is_not_judged_again(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = report_of(run / "judged")
    loads = stopping(monkeypatch, after=0)
    assert judge(run) == 0
    assert report_of(run / "judged") == first and not loads


def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = run / "again"
    with monkeypatch.context() as patch:
        loads = stopping(patch, after=2)
        assert judge(run, "--out", str(out)) == 130
    assert "Judged and kept: 2. The same command goes on." in capsys.readouterr().err
    assert len(loads) == 3 and len([*(out / "parts").iterdir()]) == 2
    loads = stopping(monkeypatch, after=9)
    assert judge(run, "--out", str(out)) == 0
    assert len(loads) == 2 and report_of(out) == report_of(run / "judged")


def test_what_is_damaged_or_of_other_weights_is_judged_again(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = report_of(run / "judged")
    (run / "judged/parts/step-000003.json").write_text("{")
    (run / "checkpoints/step-000006").rename(run / "gone")
    shutil.copytree(run / "checkpoints/step-000008", run / "checkpoints/step-000006")
    loads = stopping(monkeypatch, after=9)
    assert judge(run) == 0
    assert [folder and folder.name for folder in loads] == ["step-000003", "step-000006"]
    again = report_of(run / "judged")
    figures = [[one["figures"] for one in report["checkpoints"]] for report in (first, again)]
    assert figures[1] == [*figures[0][:2], figures[0][3], figures[0][3]]


def test_other_couplets_are_another_judging(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert judge(run, couplets=2) == 2
    assert "holds a judging of checkpoints with other settings" in capsys.readouterr().err


def test_a_run_without_checkpoints_or_with_other_poems_is_refused(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(run / "judged")
    stage = run / "stages/poems.json"
    stage.write_text(stage.read_text().replace('"sha256": "', '"sha256": "0'))
    assert judge(run) == 2
    assert "the poems are not those that" in capsys.readouterr().err
    shutil.rmtree(run / "checkpoints")
    assert judge(run) == 2
    assert "has no checkpoints: give the folder of a run" in capsys.readouterr().err
    assert not (run / "judged").exists()


def test_hostile_text_stays_text_and_the_page_needs_nothing(run: Path) -> None:
    found = report_of(run / "judged") | {"run": HOSTILE, "model": HOSTILE}
    for couplet in found["shown"]:
        couplet |= {"couplet": HOSTILE, "truth": HOSTILE}
        for poem in couplet["poems"].values():
            poem |= {"text": HOSTILE, "form": None, "fault": HOSTILE, "copied": HOSTILE}
    report = CheckpointsReport.model_validate(found)
    page = write_checkpoints(report, run / "hostile").read_text(encoding="utf-8")
    reader = Reader(page)
    assert reader.text.count("evil.test") > 20
    assert not {tag for tag, _ in reader.tags} & {"script", "img", "link", "iframe"}
    assert not re.search(r"url\(|@import|@font-face|src=(?!http://evil)", page)
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_a_gap_between_checkpoints_is_filled_from_the_log(run: Path) -> None:
    """Of a run that kept few, the loss of the others still stands in its log."""
    shutil.rmtree(run / "checkpoints/step-000006")
    assert judge(run) == 0
    page = (run / "judged/checkpoints.html").read_text(encoding="utf-8")
    assert re.findall(r"<title>(step \d+): [\d.]+ in the log</title>", page) == ["step 6"]
