"""`lianju explore next`, on a terminal and on the real base model."""

import io
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType

from lianju.config import DecodeSettings
from lianju.decode import END, Masks, next_tokens, walk
from lianju.explore import step_lines, walk_lines
from lianju.model import LanguageModel
from lianju.verse import alphabet, check
from tests import tiny
from tests.decode.grammar import constraint
from tests.typed import lianju

COUPLET = "白日依山盡，黃河入海流。"
ALL = DecodeSettings(
    temperature=0.6, top_k=30, top_p=0.9, min_p=0.1, typical_p=0.8, repetition_penalty=1.5
)


def explore(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return lianju("explore", "next", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return tiny.model()


def _printed(lines: Iterable[RenderableType], width: int) -> list[str]:
    console = Console(width=width, soft_wrap=True, record=True, file=io.StringIO())
    for line in lines:
        console.print(line)
    return console.export_text().splitlines()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("settings", [ALL, DecodeSettings(), DecodeSettings(temperature=0)])
def test_a_step_fits_the_terminal_and_cuts_no_number(
    model: LanguageModel, settings: DecodeSettings, width: int
) -> None:
    rules = constraint(COUPLET, Masks(model.vocabulary), lines=4)
    step = next_tokens(model, "plain", COUPLET, settings, rules, top=8)
    lines = _printed(step_lines(step, settings, width), width)
    table = lines[:-1]
    assert all(cell_len(line) <= width for line in table)
    assert not any("…" in line for line in table)
    rows = {line.split()[0]: line.split() for line in table if line.strip()}
    marks = [stage.left for stage in step.stages]
    assert [int(cell.replace(",", "")) for cell in rows["left"][2:]] == marks
    for choice in step.choices:
        row = rows[choice.text.split()[0]]
        assert row.count("✗") == (choice.cut_at is not None)
        at = len(step.stages) if choice.cut_at is None else choice.cut_at
        assert sum(cell.endswith("%") for cell in row) == at
    bars = [line.count("█") for line in table]
    assert max(bars) > 0 or (settings == ALL and width == 80)


def test_a_walk_names_every_token_and_road(model: LanguageModel) -> None:
    rules = constraint(COUPLET, Masks(model.vocabulary), lines=4)
    found = walk(model, "plain", COUPLET, ALL, rules)
    text = "\n".join(_printed(walk_lines(found), 100))
    for position in found.positions:
        assert position.taken.text in text
        for alternative in position.alternatives:
            before = position.step.prefix
            rest = alternative.completion.text[len(before) :]
            shown = f"…{before[-6:]}" if len(before) > 6 else before
            assert f"% {shown}{rest}" in text or f"✗ {shown}{rest}" in text


def test_one_step_in_every_form_of_output(tmp_path: Path) -> None:
    outputs = ("--html", "page.html", "--svg", "chart.svg", "--json", "--top", "5")
    sampling = ("--temperature", "0.7", "--top-k", "20", "--min-p", "0.05", "--typical-p", "0.95")
    after = ("--after", "欲穷")
    done = explore(COUPLET, "--base", *after, *sampling, *outputs, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)
    assert row["couplet"] == COUPLET and row["prefix"] == "欲窮"
    cuts = ["top_k", "top_p", "min_p", "typical_p"]
    names = ["raw", "rules", "repetition_penalty", "temperature", *cuts]
    assert [stage["name"] for stage in row["stages"]] == names
    assert row["stages"][4]["left"] == 20 and row["stages"][1]["cut"] > 0
    for at in range(len(names)):
        shown = sum(token["probabilities"][at] for token in row["choices"])
        assert shown + row["rest"][at] == pytest.approx(1)
    assert {token["cut_at"] for token in row["choices"]} >= {None, 1, 4}
    assert (
        "Rules: wujue 五絕 or wulü 五律 · rhyme 韻 尤 · keeping length, rhyme, metre" in done.stderr
    )
    assert "Page: page.html" in done.stderr and "Chart: chart.svg" in done.stderr
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "欲窮" in page and "wujue 五絕 or wulü 五律 · rhyme 韻 尤" in page
    assert {"爲", "為"} <= set(alphabet())
    assert (tmp_path / "chart.svg").read_text(encoding="utf-8").startswith("<svg")


def test_the_steps_of_a_completion(tmp_path: Path) -> None:
    steps = ("--steps", "--form=wujue", "--html=p.html", "--json")
    done = explore(COUPLET, "--base", *steps, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)
    assert check(COUPLET + row["text"]).regular and row["finish"] == "stop"
    assert row["positions"][0]["prefix"] == "" and row["positions"][-1]["prefix"] == row["text"]
    assert row["positions"][-1]["taken"]["text"] == END
    assert f'id="t{len(row["positions"])}"' in (tmp_path / "p.html").read_text(encoding="utf-8")
    for position in row["positions"]:
        for alternative in position["alternatives"]:
            assert check(COUPLET + alternative["completion"]).regular


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((COUPLET, "--base", "--steps", "--svg", "a.svg"), "--svg draws one step"),
        ((COUPLET, "--base", "--top", "0"), "--top"),
        ((COUPLET, "--base", "--min-p", "2"), "--min-p: "),
        ((COUPLET, "--base", "--typical-p", "0"), "--typical-p: "),
        ((COUPLET, "--base", "--after", "欲\udcff\udcfe"), "--after has bytes that are no text"),
    ],
)
def test_what_a_user_can_mend_is_one_line(
    arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    done = explore(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("lianju: ") and message in last and "Traceback" not in done.stderr
