from hypothesis import given
from hypothesis import strategies as st

from lianju.model import LanguageModel
from lianju.prompt import fingerprint, render, render_completion
from tests import tiny

COUPLET, COMPLETION = tiny.COUPLETS[0]


def test_the_fingerprints_that_adapters_carry_have_not_moved(gemma: LanguageModel) -> None:
    # A change here makes every adapter trained before unusable: change `render` only for cause.
    words = gemma.vocabulary
    assert fingerprint("plain", words) == "plain-9ed145be8753"
    assert fingerprint("homework", words) == "homework-0958bf43889e"


def test_the_homeworks_prompt_reads_as_the_homework_wrote_it(gemma: LanguageModel) -> None:
    text = gemma.vocabulary.decode(render("homework", gemma.vocabulary, COUPLET))
    assert "你是一個樂於助人的助手且擅長寫唐詩。" in text
    assert f"以下是一首唐詩的第一句話，請用你的知識判斷並完成整首詩。\n{COUPLET}" in text


def test_a_plain_prompt_is_the_beginning_token_and_a_token_a_character(
    gemma: LanguageModel,
) -> None:
    ids = render("plain", gemma.vocabulary, COUPLET)
    assert ids[0] == gemma.vocabulary.bos and len(ids) == 1 + len(COUPLET)


def test_no_prompt_holds_a_stop_token(gemma: LanguageModel) -> None:
    # In the homework an end token stood in one of two prompts that were compared.
    for style in gemma.vocabulary.frames:
        assert gemma.vocabulary.stop not in render(style, gemma.vocabulary, COUPLET)


@given(st.text(max_size=30))
def test_any_completion_comes_back_and_ends_in_the_one_stop_token(text: str) -> None:
    words = tiny.vocabulary()
    text = text.encode("utf-8", "replace").decode()
    ids = render_completion(words, text)
    assert words.decode(ids) == text
    assert ids[-1] == words.stop and words.stop not in ids[:-1]


def test_white_space_and_half_width_marks_make_no_other_prompt() -> None:
    words = tiny.vocabulary()
    assert render("plain", words, " 白日依山盡, 黃河入海流.") == render("plain", words, COUPLET)
