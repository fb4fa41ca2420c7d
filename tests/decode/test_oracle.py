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


@pytest.mark.parametrize(
    ("vocabulary", "couplet", "heads"),
    [
        (families.gemma_trimmed, LEGAL[0], ""),
        (families.gemma_trimmed, LEGAL[1], "人日"),
        (families.gemma_trimmed, LEGAL[3], ""),
        (families.gemma_trimmed, ILLEGAL[0], ""),
        (families.mistral, LEGAL[1], ""),
        (families.mistral, ILLEGAL[1], ""),
        (families.smollm2, LEGAL[2], ""),
        (families.qwen, LEGAL[0], ""),
        (families.wordpiece, LEGAL[1], ""),
    ],
)
def test_every_mask_equals_that_of_llguidance(
    vocabulary: Callable[[], Vocabulary], couplet: str, heads: str
) -> None:
    """Also inside a character, and where tokens hold several characters or parts of them."""
    words = vocabulary()
    rules = constraint(couplet, Masks(words), lines=4, acrostic=heads)
    theirs = LLGuidance(words.tokens, words.stop).compile(regex(couplet, heads))
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
