"""Parallelism: the formula by hand, and whether it tells real couplets from others."""

import functools
import math
import random
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import pytest

from lianju.corpus import Poem, key, large_corpus
from lianju.corpus import test_set as homework_set
from lianju.corpus.split import validation_poems
from lianju.errors import UserError
from lianju.evaluate.metrics.parallel import (
    THRESHOLD,
    Parallelism,
    eight_lines,
    held_out,
    learnable,
)
from lianju.verse import LEVEL, OBLIQUE, likely

Couplet = tuple[str, str]

AUTUMN = (
    "空山新雨後，天氣晚來秋。",
    "明月松間照，清泉石上流。竹喧歸浣女，蓮動下漁舟。隨意春芳歇，王孫自可留。",
)


@functools.cache
def corpus() -> list[Poem]:
    try:
        return large_corpus()
    except UserError as error:
        pytest.skip(f"no large corpus: {error}")


@functools.cache
def learned() -> Parallelism:
    """What the large corpus teaches; shared with the tests of paraphrases."""
    return Parallelism(learnable(corpus()))


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
    model = Parallelism(poems)
    for a in "風雲山水花鳥":
        for b in "風雲山水花鳥":
            assert model.score(a, b) == pytest.approx(by_hand(poems, a, b), abs=1e-4)
    assert model.score("風山", "雲鳥") == pytest.approx(
        (by_hand(poems, "風", "雲") + by_hand(poems, "山", "鳥")) / 2, abs=1e-4
    )
    assert model.beside("風", "雲") == sum("".join(line).count("風雲") for p in poems for line in p)


def test_what_was_seen_too_seldom_says_nothing() -> None:
    model = Parallelism(mirrored("風雲山水", 30))
    assert model.score("風𰻝", "雲水") == pytest.approx(model.score("風", "雲") / 2)
    assert model.beside("風", "𰻝") == 0
    assert [*model.alike("𰻝")] == []


def test_variants_count_as_one() -> None:
    assert learned().score("爲峯", "為峰") == pytest.approx(math.log(0.1))
    assert learned().score("云里", "龙间") == learned().score("雲裏", "龍間")


def test_only_eight_lines_of_five_or_seven_characters_are_marked() -> None:
    couplet, rest = AUTUMN
    first, second, last = rest[:12], rest[12:24], rest[24:]
    assert learned().marks(couplet, rest) == 1
    assert learned().marks(couplet, first + couplet + last) == 0.5
    assert learned().marks(couplet, last + couplet + second) == 0
    assert learned().marks(couplet, first) is None
    assert learned().marks(couplet, rest[:-1] + "x。") is None
    assert eight_lines("，".join(["大江東去"] * 8)) is None


def test_the_table_knows_what_is_used_alike() -> None:
    model = learned()
    assert next(model.alike("春")) == "秋"
    assert "九" in [*model.alike("三")][:20]
    assert model.score("明月松間照", "清泉石上流") > 1 > 0 > model.score("床前看月光", "疑是地上霜")


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


def test_real_couplets_are_told_from_others() -> None:
    """The rates that the module's docstring gives, on poems that were not learned from."""
    poems = [lines for p in corpus() if held_out(p) and (lines := eight_lines(p.text))]
    real = scores([(p[n], p[n + 1]) for p in poems for n in (2, 4)])
    apart = scores([pair for p in poems for pair in ((p[2], p[5]), (p[4], p[3]))])
    other = scores(exchanged(poems))
    ends = scores([(p[6], p[7]) for p in poems])
    begins = scores([(p[0], p[1]) for p in poems])
    passing = [float((some >= THRESHOLD).mean()) for some in (real, apart, other, ends, begins)]
    assert passing == pytest.approx([0.897, 0.055, 0.154, 0.236, 0.317], abs=0.005)
    areas = [area(real, some) for some in (apart, other, ends, begins)]
    assert areas == pytest.approx([0.966, 0.941, 0.920, 0.863], abs=0.003)
    missed = 1 - passing[0]
    assert missed == pytest.approx(
        float((np.concatenate([apart, other]) >= THRESHOLD).mean()), abs=0.003
    )


def scores(couplets: Sequence[Couplet]) -> np.ndarray:
    return np.array([learned().score(*couplet) for couplet in couplets])


def exchanged(poems: Sequence[Sequence[str]]) -> list[Couplet]:
    """Each upper line with the lower one of another poem that has the same tones."""
    alike: dict[tuple[int, str, str], list[Couplet]] = defaultdict(list)
    for poem in poems:
        for n in (2, 4):
            above, below = poem[n], poem[n + 1]
            alike[len(above), tones(above), tones(below)].append((above, below))
    return [
        (group[n][0], group[n - len(group) // 2][1])
        for group in alike.values()
        if len(group) > 1
        for n in range(len(group))
    ]


def tones(line: str) -> str:
    """The tones that tell a line's type: of every second character and the last."""
    return "".join(
        str(int(bool(likely(c) & LEVEL)) + 2 * bool(likely(c) & OBLIQUE))
        for c in line[1::2] + line[-1]
    )


def area(better: np.ndarray, worse: np.ndarray) -> float:
    """The area under the curve: how often one of `better` is above one of `worse`."""
    return float(np.searchsorted(np.sort(worse), better).mean() / len(worse))
