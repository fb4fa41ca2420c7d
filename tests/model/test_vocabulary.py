import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from lianju.errors import UserError
from lianju.model import LanguageModel, Vocabulary
from lianju.model.vocabulary import token_bytes
from tests import tiny

texts = st.text(max_size=40)


@given(texts)
def test_spelling_comes_back(text: str) -> None:
    words = tiny.vocabulary()
    assert words.decode(words.spell(text)) == text


@settings(max_examples=50)
@given(text=texts)
def test_spelling_comes_back_in_gemmas_vocabulary(text: str, gemma: LanguageModel) -> None:
    ids = gemma.vocabulary.spell(text)
    assert gemma.vocabulary.decode(ids) == text


@settings(max_examples=50)
@given(text=texts)
def test_what_is_cut_inside_a_character_ends_before_it(text: str, gemma: LanguageModel) -> None:
    words = gemma.vocabulary
    ids = words.spell(text + "𡾼")
    for end in range(1, 4):
        assert words.decode(ids[:-end]) == text
    assert words.decode([*ids[:-1], *words.spell("月")]) == text + "�月"


def test_verse_is_one_token_a_character_and_rare_characters_are_bytes(
    gemma: LanguageModel,
) -> None:
    words = gemma.vocabulary
    assert len(words.spell("白日依山盡，黃河入海流。")) == 12
    assert len(words.spell("𡾼")) == 4


def test_a_character_without_token_and_bytes_is_named() -> None:
    words = Vocabulary([b"a", "白".encode(), b"\xe6", None], range(4), 4, None, stop=3, pad=3)
    assert words.spell("a白") == [0, 1]
    with pytest.raises(UserError, match=r"no token for '日' \(U\+65E5\)"):
        words.spell("a日")


def test_a_tokenizer_of_another_family_is_refused() -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    with pytest.raises(UserError, match="byte-level"):
        token_bytes(tokenizer)
