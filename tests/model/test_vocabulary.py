import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from lianju.config import ModelSettings
from lianju.errors import UserError
from lianju.model import LanguageModel, Vocabulary
from lianju.model.sources import base_folder
from lianju.model.vocabulary import token_bytes
from lianju.progress import SILENT
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


def test_verse_is_one_token_a_character_and_rare_characters_are_bytes(
    gemma: LanguageModel,
) -> None:
    words = gemma.vocabulary
    assert len(words.spell("白日依山盡，黃河入海流。")) == 12
    assert len(words.spell("𡾼")) == 4


def test_gemmas_token_bytes_are_what_its_own_tokenizer_decodes() -> None:
    folder = base_folder(ModelSettings().name, SILENT)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokens = token_bytes(tokenizer)
    assert len(tokens) == 262144
    checked = 0
    for index in range(0, len(tokens), 97):
        token = tokens[index]
        if token is None or len(token) == 1:
            continue
        assert tokenizer.decode([index], skip_special_tokens=False).encode() == token
        checked += 1
    assert checked > 2000
    assert {t for t in tokens if t is not None and len(t) == 1} == {bytes([b]) for b in range(256)}


@pytest.fixture(scope="module")
def byte_level() -> Tokenizer:
    """A tokenizer of the GPT-2 and Qwen family, trained here."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([example.text for example in tiny.EXAMPLES] * 5, trainer)
    return tokenizer


def test_the_byte_level_family(byte_level: Tokenizer) -> None:
    tokens = token_bytes(byte_level)
    assert tokens[0] is None
    assert {bytes([byte]) for byte in range(256)} <= set(tokens)
    text = "白日依山盡 and 𡾼\n"
    joined = b"".join(tokens[index] or b"" for index in byte_level.encode(text).ids)
    assert joined.decode() == text
    words = Vocabulary(tokens, range(len(tokens)), len(tokens), None, stop=0, pad=0)
    assert words.decode(words.spell(text)) == text
    assert byte_level.decode(words.spell(text)) == text


def test_a_tokenizer_that_cannot_spell_is_refused() -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    with pytest.raises(UserError, match="byte-level"):
        token_bytes(tokenizer)
