"""`lianju results`: the test couplets again, from a run that has trained."""

import re
from pathlib import Path

import pytest

from lianju.cli.app import app
from lianju.config import LoraSettings
from lianju.corpus import test_set as read_test_set
from lianju.errors import UserError
from tests import checkpoints
from tests.export.runs import write_run

COUPLETS = [example.couplet for example in read_test_set()]
SHORT = {"decode": {"max_length": 20, "temperature": 1.5, "top_p": 1.0}}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a tiny model, whose results are not to be lost."""
    folder = tmp_path_factory.mktemp("work")
    write_run(folder, checkpoints.llama, lora=LoraSettings(), settings=SHORT)
    (folder / "run" / "results.txt").write_text("the run's own")
    return folder / "run"


def results(*words: str | Path) -> None:
    app(
        ["results", *map(str, words)],
        exit_on_error=False,
        print_error=False,
        result_action="return_none",
    )


def lines_of_file(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [f"{n}. {couplet}" for n, couplet in enumerate(COUPLETS, 1)] == [
        line[: len(f"{n}. {couplet}")]
        for n, (line, couplet) in enumerate(zip(lines, COUPLETS, strict=True), 1)
    ]
    return lines


def test_other_decoding_goes_to_a_file_of_its_name(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results(run, "--temperature", "0.7", "--seed", "3")
    said = capsys.readouterr().out.splitlines()
    path = run / "results-temperature-0.7-seed-3.txt"
    lines = lines_of_file(path)
    for shown, line in zip(said, lines, strict=False):
        # Some of what a model of random weights writes would move the cursor.
        one, other = (re.sub(r"[\x00-\x1f]", "", text) for text in (shown, line))
        assert one.startswith(f"{other} ✗ ")
    assert said[15:] == [
        "Right shape: 0 of 15; 15 different completions",
        f"Hand in: {path}",
    ]
    assert (run / "results.txt").read_text() == "the run's own"
    # The same flags write the same poems; the adapter's folder names the run as well.
    before = path.read_bytes()
    results(run / "adapter", "--temperature", "0.7", "--seed", "3")
    assert path.read_bytes() == before
    results(run)
    assert lines_of_file(run / "results-again.txt") != lines


def test_in_rules_every_poem_has_its_form(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """However short the run's own poems were to be."""
    results(run, "--form", "auto", "--particles", "2", "--out", tmp_path / "hand in.txt")
    said = capsys.readouterr()
    assert "Right shape: 15 of 15" in said.out and "cannot open regulated verse" in said.err
    forms = re.findall(r"✓ \w+ [五七][絕律]$", said.out, re.MULTILINE)
    assert len(forms) == 15 and len(lines_of_file(tmp_path / "hand in.txt")) == 15


def test_a_long_poem_in_rules_is_as_long_as_asked(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results(run, "--lines", "10", "--rhyme", "東", "--tone", "off")
    said = capsys.readouterr().out
    assert "Right shape: 15 of 15" in said and "✗" not in said
    assert (run / "results-form-auto-rhyme-東-tone-off-lines-10.txt").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["RUN", "--out", "RUN/results.txt"], r"results\.txt exists already: name another --out"),
        (["RUN", "--particles", "2"], "add --form auto"),
        (["RUN", "--form", "free", "--particles", "2"], "add --form auto"),
        (["RUN", "--form", "wujue"], "lines of 5"),
        (["RUN", "--top-p", "7"], "--top-p: "),
        (["RUN/.."], "is not a run folder"),
        (["nowhere"], "nowhere is not a run folder"),
        (["NEW"], "has no adapter yet: finish it with lianju run --resume"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(
    run: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new/settings.json").write_bytes((run / "settings.json").read_bytes())
    before = {path: path.stat().st_mtime_ns for path in run.iterdir()}
    words = [word.replace("RUN", str(run)).replace("NEW", str(tmp_path / "new")) for word in words]
    with pytest.raises(UserError, match=message):
        results(*words)
    assert {path: path.stat().st_mtime_ns for path in run.iterdir()} == before
