"""The poems of a run: how many there are, and what is said where they are few."""

import json
from pathlib import Path

import pytest

from lianju.corpus import run_poems, training_corpus
from lianju.errors import UserError

from . import tiny
from .conftest import Listener, Tiny


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Forty of the homework's poems as a user's own."""
    records = [
        {"input": example.couplet, "output": example.completion}
        for example in training_corpus().examples[:40]
    ]
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    return path


def test_few_poems_are_all_taken_and_fewer_validated_on_which_is_said(
    source: Path, reporter: Listener
) -> None:
    few = run_poems(str(source), "homework", None, 2000, "balanced", None, 0, reporter)
    assert (len(few.train), len(few.split.validation)) == (40, 64)
    assert reporter.lines == ["There are 40 poems to train on, not 2,000: all are taken."]
    assert few.split.note.startswith("the first 64 of 500 regular poems")
    assert "only 40 are trained on; data.validation sets another number" in few.split.note
    # The first of more, so that losses compare; and what is left out is not trained on either.
    reporter.lines.clear()
    asked = run_poems(str(source), "homework", None, 30, "first", 500, 0, reporter)
    assert (len(asked.train), len(asked.split.validation)) == (30, 500)
    assert asked.split.validation[:64] == few.split.validation
    assert asked.split.pool == few.split.pool and reporter.lines == []


def test_a_source_that_is_all_validated_on_is_refused(tmp_path: Path, world: Tiny) -> None:
    couplet, rest = tiny.POEMS[2].paragraphs
    path = tmp_path / "one.json"
    path.write_text(json.dumps([{"input": couplet, "output": rest}]), encoding="utf-8")
    with pytest.raises(UserError, match="no poem to train on beside those validated on"):
        run_poems(str(path), "homework", None, 10, "balanced", 3, 0)
