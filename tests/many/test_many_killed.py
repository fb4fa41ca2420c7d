"""`lianju complete --input … --output …` as real processes, which are killed."""

import json
import random
import signal
import time
from pathlib import Path

import pytest

from tests import checkpoints
from tests.many.files import jsonl, lines, rows
from tests.typed import Typed, lianju

WORDS = [
    *("complete", "--model=tiny", "--base", "--exact", "--form=free", "--max-length=10"),
    *("--input=c.jsonl", "--seed=5"),
]
ROWS = 1500


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, couplets, and the poems of a process that nobody disturbed."""
    place = tmp_path_factory.mktemp("many")
    checkpoints.llama(place / "tiny")
    values = rows(ROWS)
    for number in (10, 300, 301, 1499):
        values[number]["couplet"] = ""
    jsonl(place / "c.jsonl", values)
    done = lianju(*WORDS, "--output=whole.jsonl", cwd=place)
    assert done.returncode == 3, done.stderr
    assert f"whole.jsonl: {ROWS - 4} couplets completed" in done.stdout
    assert "whole.errors.jsonl: 4 rows with faults" in done.stdout
    return place


def _begin(folder: Path, words: list[str]) -> Typed:
    """A process that has written rows since it began, or has ended."""
    manifest = folder / "p.jsonl.manifest.json"
    before = manifest.read_bytes() if manifest.exists() else b""
    process = Typed([*WORDS, *words], folder)
    end = time.monotonic() + 120
    while not manifest.exists() or manifest.read_bytes() == before:
        if not process.process.is_alive():
            break
        assert time.monotonic() < end, process.err
        time.sleep(0.01)
    return process


def test_a_process_that_is_killed_at_any_moment_loses_and_repeats_no_row(folder: Path) -> None:
    chance, kept = random.Random(), [0]
    words = ["--output=p.jsonl"]
    for _ in range(3):
        process = _begin(folder, words)
        time.sleep(chance.uniform(0, 1))
        process.send(signal.SIGKILL)
        process.ended()
        manifest = json.loads((folder / "p.jsonl.manifest.json").read_text())
        kept.append(manifest["reached"]["row"])
    assert kept == sorted(kept) and any(0 < row < ROWS for row in kept)
    done = lianju(*WORDS, *words, cwd=folder)
    assert done.returncode == 3, done.stderr
    for end in (".jsonl", ".errors.jsonl"):
        assert (folder / f"p{end}").read_bytes() == (folder / f"whole{end}").read_bytes()
    assert len(lines(folder / "p.jsonl")) == ROWS - 4
    assert not (folder / "p.jsonl.lock").exists()


def test_ctrl_c_says_what_is_kept_and_another_command_is_refused(folder: Path) -> None:
    (folder / "p.jsonl.manifest.json").unlink(missing_ok=True)
    for name in ("p.jsonl", "p.errors.jsonl"):
        (folder / name).unlink(missing_ok=True)
    process = _begin(folder, ["--output=p.jsonl"])
    assert process.stop() == 130
    assert "Rows that are kept: " in process.err and "The same command goes on." in process.err
    assert "Traceback" not in process.err
    other = lianju(*WORDS, "--output=p.jsonl", "--top-p=0.9", cwd=folder)
    assert other.returncode == 2 and "top_p: 0.5, now 0.9" in other.stderr
    assert lianju(*WORDS, "--output=p.jsonl", cwd=folder).returncode == 3
    assert (folder / "p.jsonl").read_bytes() == (folder / "whole.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--input=c.jsonl"], "--input and --output go together"),
        (["--shard=1/2"], "--input and --output go together"),
        (["白日依山盡，黃河入海流。", "--input=c.jsonl", "--output=x.jsonl"], "exclude each other"),
        (["--input=c.jsonl", "--output=x.txt"], "poems are written as .jsonl or .parquet"),
        (["--input=c.jsonl", "--output=c.jsonl"], "are the same file"),
        (
            ["--input=c.jsonl", "--output=x.jsonl", "--shard=0/4"],
            "counted from 1, so there are 1/4",
        ),
        (["--input=no.jsonl", "--output=x.jsonl"], "cannot read no.jsonl"),
        ([], "COUPLET is missing"),
    ],
)
def test_what_is_asked_wrongly_is_told(words: list[str], said: str, folder: Path) -> None:
    done = lianju("complete", "--base", "--model=tiny", *words, cwd=folder)
    assert done.returncode == 2 and said in done.stderr
