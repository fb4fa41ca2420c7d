"""What is validated on never moves and never meets what is trained on."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianju.corpus import Corpus, Example, Poem, select, split, training_corpus
from lianju.corpus import test_set as benchmark
from lianju.corpus.characters import line_keys
from lianju.corpus.homework import homework_ids
from lianju.corpus.splitting import validation_poems
from lianju.errors import UserError
from lianju.verse import FORMS, couplet_fault, form_of, shape_of

# Of the texts of the 500 validation poems, in order. It changes only if the rule, the
# package or OpenCC's tables do; results on another set do not compare.
FINGERPRINT = "14408fab8ec572c2a5fee2047e325daf806c715da57708cfddeb41f7d6acbce9"
SIGNS = "白日依山盡黃河入海流欲窮千里目更上一層樓"


def example(number: int) -> Example:
    """A regular poem that shares no line with those of other numbers below 8,000."""
    digits = [SIGNS[number // 20**place % 20] for place in range(3)]
    lines = ["".join(digits) + SIGNS[line] * 2 for line in range(4)]
    return Example(f"{lines[0]}，{lines[1]}。", f"{lines[2]}，{lines[3]}。", str(number))


def corpus(examples: list[Example]) -> Corpus:
    return Corpus(examples, [], "my.json", len(examples))


def poem(item: Example) -> Poem:
    return Poem(item.source, "", "", (item.couplet, item.completion))


def fingerprint(examples: list[Example]) -> str:
    return hashlib.sha256("\n".join(item.text for item in examples).encode()).hexdigest()


@pytest.fixture(scope="module")
def validation(large: Sequence[Poem]) -> list[Example]:
    return validation_poems(large, benchmark(), 500)


def test_the_validation_set_never_moves(validation: list[Example]) -> None:
    assert len(validation) == 500
    assert fingerprint(validation) == FINGERPRINT


def test_validation_is_regular(validation: list[Example]) -> None:
    for item in validation:
        assert couplet_fault(item.couplet) is None
        assert shape_of(item.couplet, item.completion).right
        assert not set("囗□[]（）") & set(item.text)


def test_validation_shares_no_line_with_raw_training_poems_or_test(
    validation: list[Example], large: Sequence[Poem]
) -> None:
    ids = set(homework_ids())
    homework = [poem.text for poem in large if poem.id in ids]
    others = [item.text for item in benchmark()] + homework
    known = set().union(*map(line_keys, others))
    lines = [line for item in validation for line in line_keys(item.text)]
    assert not known & set(lines)
    assert len(lines) == len(set(lines))


def test_the_official_training_poems_all_stay_in_the_pool(
    validation: list[Example], large: Sequence[Poem], hw5: Path
) -> None:
    training = training_corpus(hw5)
    result = split(training, benchmark(), list(large))
    assert result.pool == training.examples
    assert result.validation == validation
    assert "were left out" not in result.note


def test_fewer_validation_poems_are_the_first_of_more() -> None:
    large = [poem(example(number)) for number in range(40)]
    twenty = validation_poems(large, [], 20)
    assert validation_poems(large[::-1], [], 5) == twenty[:5]


@pytest.mark.parametrize(
    "paragraphs",
    [
        ("白日依山盡。", "黃河入海流。"),
        ("白日依山盡，黃河入海流。", "欲窮千里目，更上（一作下）層樓。"),
        ("白日依山盡，黃河入海流。", "欲窮千里目，更上[一]層樓。"),
        ("白日依山盡，黃河入海流。", "欲窮千里囗，更上一層樓。"),
        ("白日依山盡，黃河入海流。", "欲窮千里目。"),
        ("白日依山盡，黃河入海流。欲窮千里目，更上一層樓。",),
        (),
    ],
)
def test_irregular_poems_are_not_validated_on(paragraphs: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match="only 0 poems to validate on, not 1"):
        validation_poems([Poem("x", "", "", paragraphs)], [], 1)


def test_a_poem_of_the_homework_or_the_test_set_is_not_validated_on() -> None:
    one, two, three = example(1), example(2), example(3)
    homework = Poem(homework_ids()[0], "", "", (two.couplet, "欲窮千里目，更上一層樓。"))
    large = [poem(one), poem(two), poem(three), homework]
    assert validation_poems(large, [three], 1) == [one]


def test_training_poems_that_meet_validation_leave_the_pool() -> None:
    large = [poem(example(number)) for number in range(10)]
    leak = Example(example(3).couplet, "欲窮千里目，更上一層樓。", "leak")
    result = split(corpus([example(50), leak]), [], large, 10)
    assert [item.source for item in result.pool] == ["50"]
    assert result.note.endswith("1 training poems that share a line with them were left out.")


def test_without_the_large_corpus_validation_leaves_the_pool_and_the_note_says_so() -> None:
    training = corpus([example(number) for number in range(100)])
    result = split(training, [], None, 15)
    assert len(result.validation) == 15
    assert sorted(result.pool + result.validation, key=lambda e: int(e.source)) == training.examples
    assert not set(result.pool) & set(result.validation)
    assert "not available: 15 regular poems were taken out of the training poems" in result.note
    assert split(corpus(training.examples[::-1]), [], None, 15).validation == result.validation


def test_without_the_large_corpus_at_most_a_fifth_is_taken() -> None:
    result = split(corpus([example(number) for number in range(20)]), [], None)
    assert (len(result.pool), len(result.validation)) == (16, 4)
    with pytest.raises(UserError, match="has only 4 poems: too few"):
        split(corpus([example(number) for number in range(4)]), [], None)


def test_without_the_large_corpus_poems_that_share_a_line_stay_together() -> None:
    twins = [
        Example(example(n).couplet, f"欲窮千里目，{SIGNS[n] * 5}。", str(n)) for n in range(10)
    ]
    with pytest.raises(UserError, match="too few"):
        split(corpus(twins), [], None)


def test_the_official_corpus_alone_gives_500(hw5: Path) -> None:
    training = training_corpus(hw5)
    result = split(training, benchmark(), None)
    assert (len(result.pool), len(result.validation)) == (4384, 500)
    pool_lines = set().union(*(line_keys(item.text) for item in result.pool))
    assert not any(line_keys(item.text) & pool_lines for item in result.validation)


@given(st.integers(0, 30), st.integers(0, 2**31), st.randoms())
def test_selection_depends_on_the_seed_alone(n: int, seed: int, random: Random) -> None:
    pool = [example(number) for number in range(30)]
    chosen = select(pool, n, seed)
    assert len(set(chosen)) == n
    assert select(random.sample(pool, 30), n, seed) == chosen
    assert select(pool, 30, seed)[:n] == chosen


def test_seeds_select_differently_and_all_are_taken_where_more_are_asked_for() -> None:
    pool = [example(number) for number in range(30)]
    orders = [select(pool, 30, seed) for seed in range(5)]
    assert all(a != b for a, b in itertools.combinations(orders, 2))
    assert select(pool, 31, 0) == select(pool, 30, 0)


def test_the_forms_are_drawn_equally_while_there_are_some() -> None:
    pool = training_corpus().examples
    chosen = select(pool, 2000, 0)
    counts = Counter(form_of(item.text) for item in chosen)
    assert [counts[form] for form in FORMS] == [500] * 4
    everything = select(pool, len(pool), 0)
    assert sorted(item.text for item in everything) == sorted(item.text for item in pool)
