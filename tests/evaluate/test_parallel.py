"""The metric of parallelism, and whether it tells real couplets from others."""

import random
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pytest

from lianju.evaluate.facing import held_out
from lianju.evaluate.metrics.parallel import eight_lines, parallel_mark
from lianju.verse import LEVEL, OBLIQUE, Fault, Verdict, check, likely
from lianju.verse.parallelism import THRESHOLD, score

from .test_facing import Couplet, corpus

AUTUMN = (
    "空山新雨後，天氣晚來秋。",
    "明月松間照，清泉石上流。竹喧歸浣女，蓮動下漁舟。隨意春芳歇，王孫自可留。",
)


def test_only_eight_lines_of_five_or_seven_characters_are_marked() -> None:
    couplet, rest = AUTUMN
    first, second, last = rest[:12], rest[12:24], rest[24:]
    assert parallel_mark(couplet, rest) == 1
    assert parallel_mark(couplet, first + couplet + last) == 0.5
    assert parallel_mark(couplet, last + couplet + second) == 0
    assert parallel_mark(couplet, first) is None
    assert parallel_mark(couplet, rest[:-1] + "x。") is None
    assert eight_lines("，".join(["大江東去"] * 8)) is None


def test_real_couplets_are_told_from_others() -> None:
    """The rates that `verse.parallelism` gives, on poems that were not learned from."""
    poems = held_poems()
    real = scores([(p[n], p[n + 1]) for p in poems for n in (2, 4)])
    apart = scores([pair for p in poems for pair in ((p[2], p[5]), (p[4], p[3]))])
    other = scores(exchanged(poems))
    ends = scores([(p[6], p[7]) for p in poems])
    begins = scores([(p[0], p[1]) for p in poems])
    passing = [float((some >= THRESHOLD).mean()) for some in (real, apart, other, ends, begins)]
    assert passing == pytest.approx([0.897, 0.050, 0.161, 0.228, 0.310], abs=0.005)
    areas = [area(real, some) for some in (apart, other, ends, begins)]
    assert areas == pytest.approx([0.967, 0.939, 0.918, 0.866], abs=0.003)
    missed = 1 - passing[0]
    assert missed == pytest.approx(
        float((np.concatenate([apart, other]) >= THRESHOLD).mean()), abs=0.003
    )


def test_what_the_checker_remarks_on_poems_that_were_not_learned_from() -> None:
    """Of what is no old-style verse; the more, the better a poem keeps the metre."""
    held = [verdict for poem in held_poems() if not (verdict := check("，".join(poem))).why]
    assert len(held) == 4124
    for couplet, share in ((3, 0.918), (5, 0.954)):
        assert passing(held, couplet) == pytest.approx(share, abs=0.003)
    regular = [verdict for verdict in held if verdict.style == "regulated"]
    both = (passing(regular, 3) + passing(regular, 5)) / 2
    assert both == pytest.approx(0.957, abs=0.003)


def passing(verdicts: Sequence[Verdict], line: int) -> float:
    """The share of poems whose couplet from this line on is remarked to be parallel."""
    remark = Fault("對仗", line, 1, "", "可見")
    return sum(remark in verdict.remarks for verdict in verdicts) / len(verdicts)


def test_characters_drawn_at_random_in_tone_pass_seldom() -> None:
    poems = held_poems()
    drawn, every = random.Random(0), "".join(map("".join, poems))
    pools = {tone: [c for c in every if tones(c) == tone] for tone in "12"}
    other = scores(
        [
            (in_tones(poem[n], pools, drawn), in_tones(poem[n + 1], pools, drawn))
            for poem in poems
            for n in (2, 4)
        ]
    )
    assert float((other >= THRESHOLD).mean()) == pytest.approx(0.116, abs=0.01)


def in_tones(line: str, pools: dict[str, list[str]], drawn: random.Random) -> str:
    """Other characters with the tones of `line`, by chance."""
    return "".join(drawn.choice(pools["2" if tones(c) == "2" else "1"]) for c in line)


def held_poems() -> list[tuple[str, ...]]:
    """The lines of the eight-line poems that were not learned from."""
    return [lines for p in corpus() if held_out(p) and (lines := eight_lines(p.text))]


def scores(couplets: Sequence[Couplet]) -> np.ndarray:
    return np.array([score(*couplet) for couplet in couplets])


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
