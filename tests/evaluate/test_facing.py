"""What faces what: the formula by hand, what is learned from, and the table that is made of it."""

import functools
import hashlib
import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
import pytest

from lianju.corpus import Poem, key, large_corpus
from lianju.corpus import test_set as homework_set
from lianju.corpus.splitting import validation_poems
from lianju.errors import UserError
from lianju.evaluate.facing import Facing, held_out, learnable
from lianju.evaluate.metrics.parallel import eight_lines
from lianju.verse import parallelism
from tools import facing as tool

Couplet = tuple[str, str]


@functools.cache
def corpus() -> list[Poem]:
    try:
        return large_corpus()
    except UserError as error:
        pytest.skip(f"no large corpus: {error}")


@functools.cache
def learned() -> Facing:
    """What the large corpus teaches; shared with the tests of paraphrases."""
    return Facing(learnable(corpus()))


def mirrored(characters: str, count: int) -> list[list[str]]:
    """Poems of random characters, in which neighbours in `characters` like to face each other."""
    generator = random.Random(7)
    poems = []
    for _ in range(count):
        lines = ["".join(generator.choices(characters, k=5)) for _ in range(8)]
        for above, below in ((2, 3), (4, 5)):
            if generator.random() < 0.7:
                turned = (characters[characters.index(c) ^ 1] for c in lines[above])
                lines[below] = "".join(turned)
        poems.append(lines)
    return poems


def by_hand(poems: Sequence[Sequence[str]], a: str, b: str) -> float:
    """The score of two characters; with fewer than 40 in all, the residuals are not cut down."""
    pairs = [pair for p in poems for i in (2, 4) for pair in zip(p[i], p[i + 1], strict=True)]
    facing: Counter[Couplet] = Counter()
    for above, below in pairs:
        if above != below:
            facing[above, below] += 1
            facing[below, above] += 1
    if a == b:
        return math.log(0.1)
    total = facing.total()
    seen = {c: sum(n for (x, _), n in facing.items() if x == c) for c in (a, b)}
    expected = seen[a] * seen[b] / total
    damped = (seen[a] + 10) * (seen[b] + 10)
    guess = max(0.1, 1 + total * (facing[a, b] - expected) / damped)
    return math.log((facing[a, b] + guess) / (expected + 1))


def test_a_score_is_what_the_formula_says() -> None:
    poems = mirrored("風雲山水花鳥", 60)
    model = Facing(poems)
    for row, a in zip(model.scores, model.characters, strict=True):
        assert list(row) == pytest.approx(
            [by_hand(poems, a, b) for b in model.characters], abs=1e-4
        )
    assert model.beside("風", "雲") == sum("".join(line).count("風雲") for p in poems for line in p)


def test_what_was_seen_too_seldom_says_nothing() -> None:
    model = Facing(mirrored("風雲山水", 30))
    assert model.beside("風", "𰻝") == 0
    assert [*model.alike("𰻝")] == []


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Where the tool writes, and the checker reads from."""
    path = tmp_path / "facing.tsv"
    read = (parallelism._rows, parallelism._signs, parallelism._signed)
    monkeypatch.setattr(tool, "OUT", path)
    monkeypatch.setattr(parallelism, "data", lambda name: path.read_text("utf-8").splitlines()[3:])
    for function in read:
        function.cache_clear()
    yield path
    for function in read:
        function.cache_clear()


def test_the_table_that_the_tool_writes_gives_the_scores(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poems = mirrored("風雲山水花鳥", 100)
    texts = ["，".join(poem) + "。" for poem in poems]
    corpus = [Poem(text, "", "", (text,)) for text in texts]
    monkeypatch.setattr(tool, "large_corpus", lambda: corpus)
    every = list(learnable(corpus))
    left_out = tmp_path / "digests"
    left_out.write_text(hashlib.sha256(every[0][7].encode()).hexdigest()[:16] + "\n")
    tool.main(left_out)
    learned_from = [poem for poem in every if every[0][7] not in poem]
    assert f"of {len(learned_from)} poems" in table.read_text("utf-8")
    for a, b in combinations_with_replacement("風雲山水花鳥", 2):
        score = parallelism.score(a, b)
        assert score == pytest.approx(by_hand(learned_from, a, b), abs=0.15)
    assert parallelism.score("風云", "雲风") == parallelism.score("風雲", "雲風")


def test_the_table_knows_what_is_used_alike() -> None:
    model = learned()
    assert next(model.alike("春")) == "秋"
    assert "九" in [*model.alike("三")][:20]


def test_the_table_of_the_package_is_what_the_corpus_teaches() -> None:
    """But for rounding, for what rank 32 loses, and for five poems that were left out."""
    model = learned()
    places = {key(character): place for place, character in enumerate(model.characters)}
    ours, theirs = [], []
    for poem in learnable(corpus()[:10_000]):
        for above, below in ((poem[2], poem[3]), (poem[1], poem[6])):
            pairs = [(a, b) for a, b in zip(key(above), key(below), strict=True) if a != b]
            if all(a in places and b in places for a, b in pairs):
                ours.append(parallelism.score(above, below) * len(above))
                theirs.append(sum(model.scores[places[a], places[b]] for a, b in pairs))
    assert len(ours) > 1000 and np.corrcoef(ours, theirs)[0, 1] > 0.9


def test_nothing_held_out_is_learned_from() -> None:
    lines = {key(line) for lines in learnable(corpus()) for line in lines}
    held = [poem for poem in corpus() if held_out(poem)]
    eight = [found for poem in held if (found := eight_lines(poem.text))]
    assert len(eight) == 4499
    assert not any(key(line) in lines for poem in eight for line in poem)
    tested = [found for one in homework_set() if (found := eight_lines(one.text))]
    assert tested and not any(key(line) in lines for poem in tested for line in poem)
    chosen = {example.source for example in validation_poems(corpus(), homework_set(), 500)}
    assert chosen <= {poem.id for poem in held}
