"""The masks of quatrains against llguidance, which reads their language as an expression."""

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.peers import LLGuidance
from lianju.decode import Masks
from lianju.model import Vocabulary
from tests import families
from tests.decode.grammar import ILLEGAL, LEGAL, constraint, regex, walk

WALKS = 4


@pytest.fixture(autouse=True)
def without_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """No word fixes a reading: an expression that holds each pair apart is too long to read."""
    for module in ("constraint", "masks"):
        monkeypatch.setattr(f"lianju.decode.{module}.beginnings", lambda: {"": {}})
        monkeypatch.setattr(f"lianju.decode.{module}.word_of", lambda first, second: None)


@pytest.mark.parametrize(
    ("vocabulary", "couplet", "heads", "given", "tail"),
    [
        (families.gemma_trimmed, LEGAL[0], "", {}, ""),
        (families.gemma_trimmed, LEGAL[1], "人日", {}, ""),
        (families.gemma_trimmed, LEGAL[3], "", {}, ""),
        (families.gemma_trimmed, ILLEGAL[0], "", {}, ""),
        (families.mistral, LEGAL[1], "", {}, ""),
        (families.mistral, ILLEGAL[1], "", {}, ""),
        (families.smollm2, LEGAL[2], "", {}, ""),
        (families.qwen, LEGAL[0], "", {}, ""),
        (families.wordpiece, LEGAL[1], "", {}, ""),
        (families.gemma_trimmed, LEGAL[0], "", {4: "更上一層樓"}, ""),
        (families.gemma_trimmed, LEGAL[1], "", {3: "野火燒未盡"}, ""),
        (families.gemma_trimmed, "看看看看看，看看看看寒。", "白日", {3: "白日依山盡"}, ""),
        (families.mistral, "看看看看看，看看看看寒。", "", {4: "黃河入海闌"}, ""),
        (families.smollm2, LEGAL[3], "", {4: "輕舟已過萬重山"}, ""),
        (families.qwen, LEGAL[0], "", {3: "欲窮千里目"}, ""),
        (families.qwen, ILLEGAL[0], "", {4: "獨釣寒江雪"}, ""),
        (families.wordpiece, LEGAL[1], "", {3: "明月松間照", 4: "清泉石上舟"}, ""),
        (families.gemma_trimmed, LEGAL[0], "", {}, "樓"),
        (families.gemma_trimmed, LEGAL[1], "人日", {}, "流"),
        (families.mistral, LEGAL[3], "", {}, "山"),
        (families.smollm2, LEGAL[1], "", {3: "明月松間照"}, "舟"),
        (families.qwen, ILLEGAL[0], "", {}, "雪"),
        (families.wordpiece, LEGAL[1], "", {}, "愁"),
    ],
)
def test_every_mask_equals_that_of_llguidance(
    vocabulary: Callable[[], Vocabulary],
    couplet: str,
    heads: str,
    given: dict[int, str],
    tail: str,
) -> None:
    """Also inside a character, and where tokens hold several characters or parts of them."""
    words = vocabulary()
    asked = {"acrostic": heads, "given": given, "rhymes": tail}
    rules = constraint(couplet, Masks(words), lines=4, **asked)
    theirs = LLGuidance(words.tokens, words.stop).compile(regex(couplet, heads, given, tail))
    states = inside = 0
    for seed in range(WALKS):
        theirs.reset()
        for state, token in walk(rules, seed):
            assert np.array_equal(rules.mask(state), theirs.mask()), state
            if token != words.stop:
                theirs.advance(token)
            states += 1
            inside += bool(state.partial)
    assert states >= WALKS * 9
    assert inside > WALKS or vocabulary is families.wordpiece
