"""The real poems: the package as it is published against the official files."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from lianju.corpus import Poem, training_corpus
from lianju.corpus import test_set as benchmark
from lianju.corpus.homework import TRAINING_SHA256, homework_ids, rebuild
from lianju.errors import UserError
from lianju.files import sha256
from lianju.verse import form_of, lines_of


def test_the_training_file_is_rebuilt_byte_for_byte(large: Sequence[Poem]) -> None:
    assert hashlib.sha256(rebuild(large)).hexdigest() == TRAINING_SHA256


def test_the_pinned_digest_is_that_of_the_official_file(hw5: Path) -> None:
    assert sha256(hw5 / "Tang_training_data.json") == TRAINING_SHA256


def test_the_rebuilt_pairs_are_the_official_ones(large: Sequence[Poem], hw5: Path) -> None:
    official = json.loads((hw5 / "Tang_training_data.json").read_text("utf-8"))
    rebuilt = json.loads(rebuild(large))
    assert len(rebuilt) == 5001
    assert rebuilt == official


def test_the_large_corpus_has_every_poem_once(large: Sequence[Poem]) -> None:
    assert len(large) == 57_607
    assert len({poem.id for poem in large}) == 57_607
    assert set(homework_ids()) <= {poem.id for poem in large}
    assert large[0].author == "太宗皇帝"
    assert large[0].title == "帝京篇十首 一"


def test_the_ids_follow_the_order_of_the_large_corpus(large: Sequence[Poem]) -> None:
    place = {poem.id: index for index, poem in enumerate(large)}
    order = [place[name] for name in homework_ids()]
    backwards = [i for i in range(1, 5001) if order[i] <= order[i - 1]]
    assert backwards == [6, 77]  # items 5 and 76 exist only further on


def test_what_is_dropped_of_the_official_file_and_why(hw5: Path) -> None:
    corpus = training_corpus(hw5)
    assert corpus.total == 5001
    assert len(corpus.examples) == 4884
    reasons = Counter(dropped.reason for dropped in corpus.dropped)
    # OpenCC folds 閑 and 閒 into one since 1.4 only, so one poem is the one or the other.
    assert reasons.pop("duplicate poem") + reasons.pop("duplicate input") == 101
    assert reasons == {"placeholder for a lost character": 12, "input of one line": 4}
    assert corpus.examples[0].source == homework_ids()[0]
    assert all(form_of(example.text) for example in corpus.examples)


def test_the_benchmark_is_the_official_one(hw5: Path) -> None:
    inputs = json.loads((hw5 / "Tang_testing_data.json").read_text("utf-8"))
    truths = (hw5 / "Tang_testing_gt.txt").read_text("utf-8").split("\n")
    assert [example.couplet for example in benchmark()] == [item["input"] for item in inputs]
    assert [lines_of(e.completion) for e in benchmark()] == [tuple(t.split("\t")) for t in truths]


def test_ground_truths_are_punctuated_as_poems() -> None:
    assert len(benchmark()) == 15
    assert benchmark()[0].completion == "偕伴登山去，觀雪且賞桔。"
    assert benchmark()[0].source == "hw5_test.json[0]"
    assert Counter(len(lines_of(e.completion)) + 2 for e in benchmark()) == {4: 7, 8: 7, 10: 1}


@pytest.mark.parametrize("name", ["Tang_training_data.json", "Tang_testing_data.json"])
def test_a_test_file_is_no_training_source_and_a_training_file_is(hw5: Path, name: str) -> None:
    if name == "Tang_training_data.json":
        assert training_corpus(hw5 / name).origin == str(hw5 / name)
    else:
        with pytest.raises(UserError, match="no poem to train on: all 15 records"):
            training_corpus(hw5 / name)
