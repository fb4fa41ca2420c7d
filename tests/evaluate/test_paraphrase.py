"""Shuffled and paraphrased lines: what changes, and what does not."""

import re
from collections import Counter
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from lianju.corpus import Poem, key
from lianju.evaluate.facing import held_out
from lianju.evaluate.paraphrase import paraphrased, shuffled
from lianju.verse import LEVEL, OBLIQUE, form_of, is_han, likely, lines_of

from .test_facing import corpus, learned


@given(st.text("一山月日", max_size=7), st.integers(0, 99))
def test_shuffled_is_the_same_characters_in_another_order(line: str, seed: int) -> None:
    other = shuffled(line, seed)
    assert Counter(other) == Counter(line)
    assert (other == line) == (len(set(line)) < 2)
    assert other == shuffled(line, seed)


def test_seeds_shuffle_differently() -> None:
    assert len({shuffled("黃河入海流", seed) for seed in range(20)}) > 10


def test_a_famous_couplet() -> None:
    assert paraphrased("綠樹村邊合，青山郭外斜。", learned()) == "碧樹村邊合，黃山郭外斜。"


def quatrains() -> list[Poem]:
    """Some of those that were not learned from."""
    regular = (
        poem
        for poem in corpus()
        if held_out(poem)
        and len(poem.paragraphs) == 2
        and form_of(poem.text)
        and is_han("".join(lines_of(poem.text)))
    )
    return [*islice(regular, 120)]


def test_one_character_of_each_line_is_changed_and_its_tone_is_not() -> None:
    for poem in quatrains():
        other = paraphrased(poem.text, learned())
        assert other == paraphrased(poem.text, learned())
        assert re.sub(r"\w", "", other) == re.sub(r"\w", "", poem.text)
        for old, new in zip(lines_of(poem.text), lines_of(other), strict=True):
            (place,) = (n for n in range(len(old)) if old[n] != new[n])
            assert place < len(old) - 1
            assert old[place] * 2 not in old
            assert key(new[place]) not in key(poem.text)
            before, after = likely(old[place]), likely(new[place])
            assert bool(before & LEVEL) == bool(after & LEVEL)
            assert bool(before & OBLIQUE) == bool(after & OBLIQUE)


def test_the_chosen_character_is_at_home_between_its_neighbours() -> None:
    """Poets had written most of the new pairs before; a third of them, were they not asked."""
    known = [
        learned().beside(new[n], new[n + 1]) > 0
        for poem in quatrains()
        for old, new in zip(
            lines_of(poem.text), lines_of(paraphrased(poem.text, learned())), strict=True
        )
        for n in range(len(old) - 1)
        if old[n : n + 2] != new[n : n + 2]
    ]
    assert sum(known) / len(known) > 0.8


def test_a_line_of_unknown_or_doubled_characters_stays() -> None:
    assert paraphrased("𰻝𰻝𰻝𰻝𰻝，蕭蕭瑟瑟山。", learned()) == "𰻝𰻝𰻝𰻝𰻝，蕭蕭瑟瑟山。"
    assert paraphrased("", learned()) == ""
