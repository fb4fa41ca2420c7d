"""Whole dynasties to train on: what is kept, what is kept apart, and how the two are mixed."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from lianju.corpus import (
    VALIDATION,
    Poem,
    line_keys,
    package_poems,
    run_data,
    run_poems,
    validation_poems,
)
from lianju.corpus import test_set as read_test_set
from lianju.corpus.poems import SONG
from lianju.errors import UserError
from lianju.verse import lines_of

from .conftest import Listener

SONG_POEMS = (
    ("曾公亮", ("枕中雲氣千峰近，床底松聲萬壑哀。", "要看銀山拍天浪，開窗放入大江來。")),
    ("王安石", ("茅簷長掃淨無苔，花木成畦手自栽。", "一水護田將綠繞，兩山排闥送青來。")),
    ("葉紹翁", ("應憐屐齒印蒼苔，小扣柴扉久不開。", "春色滿園關不住，一枝紅杏出牆來。")),
    ("某甲", ("應憐屐齒印蒼苔，小扣柴扉久不開。", "春色滿園關不住。")),
)


@pytest.fixture
def few(large: Sequence[Poem], monkeypatch: pytest.MonkeyPatch) -> list[Poem]:
    """Some real Tang poems, and Song poems of which one is not whole and one holds a line of a
    suite."""
    poems = list(large[::40])
    heldout = validation_poems(poems, read_test_set())
    borrowed = next(one for one in heldout if len(lines_of(one.couplet)[0]) == 7).couplet
    song = [Poem(f"s{n}", who, "", text) for n, (who, text) in enumerate(SONG_POEMS)]
    song.append(Poem("leak", "朱熹", "", ("等閒識得東風面，萬紫千紅總是春。", borrowed)))
    monkeypatch.setattr(package_poems, "large_corpus", lambda reporter: poems)
    monkeypatch.setattr(package_poems, "song_corpus", lambda reporter: song)
    monkeypatch.setattr(run_data, "large_corpus", lambda reporter: poems)
    return poems


def test_song_poems_are_cleaned_as_tang_poems_are(few: list[Poem], reporter: Listener) -> None:
    corpus = package_poems.package_corpus("tang-song", reporter)
    assert corpus.total == len(few) + 5
    song = [example.source for example in corpus.examples if example.source.startswith(SONG)]
    assert song == [f"{SONG}s{n}" for n in range(3)]
    last = {dropped.index: dropped.reason for dropped in corpus.dropped}
    assert last[corpus.total - 1] == package_poems.IN_SUITE
    assert last[corpus.total - 2] == "duplicate input"
    assert corpus.total == len(corpus.examples) + len(corpus.dropped)


def test_nothing_of_the_suites_or_of_validation_is_trained_on(few: list[Poem]) -> None:
    found = run_poems(None, "tang", None, 10**6, "balanced", 30, 0)
    heldout = validation_poems(few, read_test_set(), VALIDATION)
    apart = set().union(*(line_keys(one.text) for one in [*heldout, *read_test_set()]))
    assert found.train and len(found.split.validation) == 30
    for example in [*found.train, *found.split.validation]:
        assert not line_keys(example.text) & apart
    validated = set().union(*(line_keys(one.text) for one in found.split.validation))
    assert not any(line_keys(example.text) & validated for example in found.train)


def test_tang_and_song_alternate_while_there_are_both(few: list[Poem]) -> None:
    found = run_poems(None, "tang-song", None, 100, "balanced", 30, 0)
    # Of the four forms only qijue has Song poems here, three of them: one in every round of five.
    song = [one.source.startswith(SONG) for one in found.train]
    assert [sum(song[start : start + 5]) for start in (0, 5, 10, 15)] == [1, 1, 1, 0]
    assert not any(one.source.startswith(SONG) for one in found.split.validation)


def test_poems_with_a_line_that_is_left_out_are_neither_trained_nor_validated_on(
    few: list[Poem], tmp_path: Path, reporter: Listener
) -> None:
    before = run_poems(None, "tang", None, 10**6, "balanced", 30, 0)
    gone = [before.train[0], before.split.validation[0]]
    digests = [hashlib.sha256(lines_of(one.text)[-1].encode()).hexdigest()[:16] for one in gone]
    file = tmp_path / "lines.sha256"
    file.write_text("".join(f"{digest}\n" for digest in digests))
    after = run_poems(None, "tang", str(file), 10**6, "balanced", 30, 0, reporter)
    assert not set(gone) & {*after.train, *after.split.validation}
    assert reporter.lines[0] == f"2 poems have a line whose digest stands in {file}: left out."


def test_a_file_of_digests_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_text("0123456789abcdef\n白日依山盡\n", encoding="utf-8")
    with pytest.raises(UserError, match="line 2: expected the first 16 hexadecimal digits"):
        run_poems(None, "homework", str(file), 10, "first", 64, 0)
