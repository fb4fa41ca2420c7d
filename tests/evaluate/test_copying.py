"""Known lines and longest runs, against a naive search and on the real corpus."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianju.corpus import Poem, key, known_lines, large_corpus
from lianju.errors import UserError
from lianju.evaluate.metrics.copying import Copies, copied_lines, copied_words, lines_copied


@pytest.fixture(scope="module")
def large() -> list[Poem]:
    try:
        return large_corpus()
    except UserError as error:
        pytest.skip(f"no large corpus: {error}")


def poem(*paragraphs: str) -> Poem:
    return Poem("", "", "", paragraphs)


def naive(text: str, poems: Sequence[str]) -> int:
    """The longest run, by trying every part of the text in every poem."""
    runs = (
        end - start
        for start in range(len(text))
        for end in range(start + 1, len(text) + 1)
        if any(text[start:end] in one for one in poems)
    )
    return max(runs, default=0)


# Few characters give long runs; the last is in no alphabet's middle: names at both ends are met.
TEXTS = st.lists(st.text("一山月𰻝", max_size=12), max_size=8)


@given(TEXTS, TEXTS)
def test_longest_runs_are_those_of_a_naive_search(poems: list[str], texts: list[str]) -> None:
    runs = Copies([poem(one) for one in poems]).longest_runs(texts)
    folded = [key(one) for one in poems]
    assert runs == [naive(key(text), folded) for text in texts]


def test_a_run_goes_over_lines_but_not_over_poems() -> None:
    copies = Copies([poem("白日依山盡，", "黃河入海流。"), poem("欲窮千里目，更上一層樓。")])
    assert copies.longest_runs(["日依山盡黃，河入", "海流，欲窮千里", "黄河、入海流"]) == [7, 4, 5]


def test_a_run_does_not_go_on_into_the_next_text() -> None:
    copies = Copies([poem("白日依山盡，黃河入海流。")])
    assert copies.longest_runs(["白日依", "山盡", "", "abc，"]) == [3, 2, 0, 0]
    assert copies.longest_runs([]) == []


def test_real_poems_are_one_run(large: list[Poem]) -> None:
    some = large[:: len(large) // 300]
    runs = Copies(large).longest_runs([one.text for one in some])
    assert runs == [len(key(one.text)) for one in some]


def test_known_lines_are_found_whatever_their_variants(large: list[Poem]) -> None:
    known = known_lines()
    assert known is not None
    found = copied_lines("", "黄河入海流，更上一層峯。欲窮千里，", known)
    assert [(line, poem.title) for line, poem in found.items()] == [("黄河入海流", "登樓")]
    assert not copied_lines("白日依山盡，黄河入海流。", "黄河入海流，", known)
    assert not copied_lines("", "。", known)


@given(
    st.dictionaries(st.text("山水月風", min_size=5, max_size=7), st.text("山；《》 ", max_size=5))
)
def test_the_lines_that_words_name_can_be_told_again(titles: dict[str, str]) -> None:
    copied = {line: Poem("", "王維", title, ()) for line, title in titles.items()}
    words = copied_words(copied)
    assert lines_copied(words) == ({*copied} or {""})
    assert not copied or words.startswith(f"{next(iter(copied))} 王維〈")
