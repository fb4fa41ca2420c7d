"""`lianju explore sweep`, with the tiny model in place of a real one."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cyclopts import CycloptsError

from lianju import evaluate, loading
from lianju.cli.app import app
from lianju.decode import Completion, complete
from lianju.errors import UserError
from lianju.evaluate import Measured
from lianju.explore import png
from lianju.model import LanguageModel
from lianju.verse import shape_of
from tests.explore.sweeps import measured
from tests.tiny import COUPLETS, model

GRID = ["--temperature", "0.5,1", "--top-p", "0.9,1", "--top-k", "0"]
BASE = [*GRID, "--base"]
SMALL = [*BASE, "--seeds", "2", "--max-length", "12"]


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """The calls that would have loaded a model; the corpus is not read either."""
    calls: list[tuple[object, ...]] = []

    def load(*arguments: object, exact: bool) -> tuple[LanguageModel, str]:
        calls.append(arguments)
        return model(), "plain"

    def measuring(
        groups: Sequence[Sequence[Completion]], truths: Sequence[str | None], kit: object
    ) -> Measured:
        assert kit == "kit"
        return measured(groups, truths)

    monkeypatch.setattr(loading, "load_model", load)
    monkeypatch.setattr(png, "has_letters", lambda: False)  # PNG takes time, and is tested
    monkeypatch.setattr(evaluate, "tools", lambda reporter: "kit")
    monkeypatch.setattr(evaluate, "measure", measuring)
    return calls


def sweep(*arguments: str | Path) -> None:
    words = ["explore", "sweep", *map(str, arguments)]
    app(words, exit_on_error=False, print_error=False, result_action="return_none")


def test_a_sweep_from_end_to_end(
    tmp_path: Path, loads: list[tuple[object, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    sweep(*SMALL, "--couplets", "2", "--out", tmp_path / "s")
    said = capsys.readouterr()
    assert "4 cells × 2 couplets × 2 seeds = 16 poems" in said.err
    assert "choosing on the test" in said.err and "--suite legal" in said.err
    assert "No recommendation" in said.out and f"Page: {tmp_path / 's' / 'sweep.html'}" in said.out
    names = {path.name for path in (tmp_path / "s").iterdir()}
    assert {"sweep.json", "cells", "cells.csv", "poems.csv", "plots", "sweep.html"} <= names
    written = json.loads((tmp_path / "s" / "sweep.json").read_text("utf-8"))
    assert written["suite"] == "hw5" and written["verse"]["form"] == "free"
    assert written["grid"]["temperature"] == [0.5, 1.0] and len(written["openings"]) == 2
    page = (tmp_path / "s" / "sweep.html").read_bytes()

    sweep(*SMALL, "--couplets", "2", "--out", tmp_path / "s")
    assert len(loads) == 1, "what is finished needs no model"
    assert (tmp_path / "s" / "sweep.html").read_bytes() == page
    with pytest.raises(UserError, match=r"a sweep with other settings \(seeds\):"):
        sweep(*BASE, "--max-length", "12", "--couplets", "2", "--out", tmp_path / "s")


@pytest.mark.parametrize("name", ["choices.json", "cells/000.json", "cells/002.json"])
@pytest.mark.parametrize("content", ["", '{"couplets": [], "seconds": 1}', "[" * 100_000])
def test_a_damaged_file_is_written_again(
    tmp_path: Path,
    loads: list[tuple[object, ...]],
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: str,
) -> None:
    command = [*SMALL, "--couplets", "2", "--out", str(tmp_path / "s")]
    sweep(*command)
    path = tmp_path / "s" / name
    whole = json.loads(path.read_text("utf-8"))
    path.write_text(content)
    capsys.readouterr()
    sweep(*command)
    assert f"The stage '{path.stem}' is done again: " in capsys.readouterr().err
    again = json.loads(path.read_text("utf-8"))
    assert {**again, "seconds": 0} == {**whole, "seconds": 0}


def test_a_folder_of_something_else_is_left_as_it_is(
    tmp_path: Path, loads: list[tuple[object, ...]]
) -> None:
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "000.json").write_text("mine")
    with pytest.raises(UserError, match="exists already and is not a sweep"):
        sweep(*SMALL, "--couplets", "2", "--out", tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["cells", "000.json"]
    assert (tmp_path / "cells" / "000.json").read_text() == "mine"


def test_couplets_of_ones_own_are_recommended_for(
    tmp_path: Path, loads: list[tuple[object, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    couplets = [couplet for couplet, _ in COUPLETS[:5]]
    couplet = couplets[0]
    sweep(*couplets, *BASE, "--max-length", "99", "--out", tmp_path / "s")
    said = capsys.readouterr()
    assert "choosing on the test" not in said.err
    assert "Recommended, by 20 poems a cell: --temperature" in said.out
    plan = json.loads((tmp_path / "s" / "sweep.json").read_text("utf-8"))
    assert plan["suite"] == "" and plan["verse"]["form"] == "free"
    assert plan["openings"][0] == {"couplet": couplet, "truth": None, "source": ""}


def test_with_rules_every_poem_has_the_form(
    tmp_path: Path, loads: list[tuple[object, ...]]
) -> None:
    rules = ["--form", "wujue", "--tone", "off", "--rhyme", "off"]
    sweep(COUPLETS[0][0], *BASE, *rules, "--seeds", "1", "--out", tmp_path)
    for path in (tmp_path / "cells").iterdir():
        [group] = json.loads(path.read_text("utf-8"))["couplets"]
        [poem] = group["poems"]
        assert shape_of(COUPLETS[0][0], poem["text"], poem["finish"] == "stop").right


def test_ctrl_c_keeps_what_is_finished(
    tmp_path: Path,
    loads: list[tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls = []

    def stopping(*arguments: Any, **named: Any) -> list[list[Completion]]:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return complete(*arguments, **named)

    monkeypatch.setattr("lianju.explore.sweep.complete", stopping)
    with pytest.raises(SystemExit) as stop:
        sweep(*SMALL, "--couplets", "1", "--out", tmp_path)
    assert stop.value.code == 130
    assert "Stopped. Cells that are kept: 2. The same command goes on." in capsys.readouterr().err
    assert len(list((tmp_path / "cells").iterdir())) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--temperature", "0.5,11"], "--temperature: .* got '11'"),
        ([COUPLETS[0][0], "--form", "qijue"], "qijue has lines of 7; those of the couplet have 5"),
        (["--couplets", "16"], "hw5 has 15 couplets, not 16"),
        ([COUPLETS[0][0], "--couplets", "1"], "--couplets takes the first of a suite"),
        ([COUPLETS[0][0], "--suite", "heldout"], "--suite exclude each other"),
        (["--adapter", "x"], "--base and --adapter exclude each other"),
    ],
)
def test_what_is_wrong_is_said_before_a_model_is_loaded(
    tmp_path: Path, loads: list[tuple[object, ...]], arguments: list[str], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        sweep("--base", "--out", tmp_path / "s", *arguments)
    assert not loads and not (tmp_path / "s").exists()


def test_a_length_too_short_for_the_rules_is_refused_before_a_plan_is_kept(
    tmp_path: Path, loads: list[tuple[object, ...]]
) -> None:
    with pytest.raises(UserError, match="max_length 5 is too short"):
        sweep(COUPLETS[0][0], *BASE, "--form", "wujue", "--max-length", "5", "--out", tmp_path)
    assert not (tmp_path / "sweep.json").exists()


def test_a_count_of_one_is_no_plural_and_none_is_refused(
    tmp_path: Path, loads: list[tuple[object, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CycloptsError, match="--seeds"):
        sweep("--base", "--seeds", "0", "--out", tmp_path / "s")
    one = ["--temperature", "1", "--top-p", "1", "--top-k", "0", "--seeds", "1"]
    held = ["--suite", "hw5", "--couplets", "1", "--max-length", "12"]
    sweep("--base", *one, *held, "--out", tmp_path / "s")
    assert "1 cell × 1 couplet × 1 seed = 1 poem\n" in capsys.readouterr().err
