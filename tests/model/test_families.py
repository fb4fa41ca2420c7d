"""Every tokenizer family, on a real vocabulary, against a decoder that is not ours."""

from collections.abc import Callable, Sequence

import pytest
from tokenizers import Tokenizer, models

from lianju.corpus import test_set as benchmark
from lianju.errors import UserError
from lianju.model.vocabulary import token_bytes
from lianju.verse import is_han
from tests import families

TEXTS = [text for example in benchmark() for text in (example.couplet, example.completion)]
CHARACTERS = sorted(set("".join(TEXTS)))
WITH_BYTES = [name for name in families.FAMILIES if name != "wordpiece"]


def _plain(tokenizer: Tokenizer, ids: Sequence[int]) -> str:
    return tokenizer.decode(ids, skip_special_tokens=False)


def _trimmed(ids: Sequence[int]) -> str:
    originals = families.gemma_trimmed().original_ids
    return _plain(families.gemma_tokenizer(), [originals[index] for index in ids])


def _qwen(ids: Sequence[int]) -> str:
    tokens = families.qwen_tokens()
    return b"".join(tokens[index] for index in ids).decode("utf-8", "replace")


def _wordpiece(ids: Sequence[int]) -> str:
    # BERT's decoder sets a space before every token outside a word; verse has none.
    return _plain(families.wordpiece_tokenizer(), ids).replace(" ", "")


DECODERS: dict[str, Callable[[Sequence[int]], str]] = {
    "gemma_full": lambda ids: _plain(families.gemma_tokenizer(), ids),
    "gemma_trimmed": _trimmed,
    "smollm2": lambda ids: _plain(families.smollm2_tokenizer(), ids),
    "mistral": lambda ids: families.mistral_sentencepiece().decode(list(ids)),
    "qwen": _qwen,
    "wordpiece": _wordpiece,
}
ENCODERS: dict[str, Callable[[str], list[int]]] = {
    "gemma_full": lambda text: families.gemma_tokenizer().encode(text).ids,
    "smollm2": lambda text: families.smollm2_tokenizer().encode(text).ids,
    "mistral": lambda text: families.mistral_sentencepiece().encode(text),
}


@pytest.mark.parametrize("name", WITH_BYTES)
def test_verse_comes_back_in_our_decoder_and_in_theirs(name: str) -> None:
    words = families.FAMILIES[name]()
    for text in TEXTS:
        ids = words.spell(text)
        assert words.decode(ids) == text
        assert DECODERS[name](ids) == text


def test_wordpiece_spells_what_it_has_and_names_what_it_has_not() -> None:
    words = families.wordpiece()
    missing = set(CHARACTERS) - {token.decode() for token in words.tokens if token}
    assert missing == set("劒忝旂橈贐鄹")
    whole = 0
    for text in TEXTS:
        lacking = [character for character in text if character in missing]
        if lacking:
            with pytest.raises(UserError, match=rf"no token for '{lacking[0]}' \(U\+"):
                words.spell(text)
        else:
            ids = words.spell(text)
            assert words.decode(ids) == DECODERS["wordpiece"](ids) == text
            whole += 1
    assert whole == 24


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("gemma_full", 398),
        ("gemma_trimmed", 398),
        ("smollm2", 22),
        ("mistral", 210),
        ("qwen", 371),
        ("wordpiece", 395),
    ],
)
def test_a_character_is_one_token_where_the_vocabulary_has_it(name: str, own: int) -> None:
    words = families.FAMILIES[name]()
    tokens = set(words.tokens)
    known = [character for character in CHARACTERS if character.encode() in tokens]
    assert (len(known), len(CHARACTERS)) == (own, 401)
    assert all(len(words.spell(character)) == 1 for character in known)


@pytest.mark.parametrize("name", ENCODERS)
def test_ordinary_tokens_join_to_the_text(name: str) -> None:
    words = families.FAMILIES[name]()
    for text in [*TEXTS, "白日依山盡 and 𡾼\n"]:
        assert words.decode(ENCODERS[name](text)).removeprefix(" ") == text


@pytest.mark.parametrize("name", WITH_BYTES)
def test_every_han_character_can_be_spelled(name: str) -> None:
    words = families.FAMILIES[name]()
    every = [chr(point) for point in range(0x3000, 0x33000) if is_han(chr(point))]
    assert len(every) > 90_000
    for character in every[::10]:
        assert words.decode(words.spell(character)) == character
    bytes_needed = {bytes([byte]) for character in every for byte in character.encode()}
    assert bytes_needed <= set(words.tokens)


@pytest.mark.parametrize("name", families.FAMILIES)
def test_the_bytes_of_a_token_are_what_its_own_decoder_writes(name: str) -> None:
    words = families.FAMILIES[name]()
    # Decoders treat a token that opens the text differently: it comes after a character.
    first = next(index for index, token in enumerate(words.tokens) if token == "一".encode())
    checked = 0
    for index in range(0, words.size, words.size // 2000):
        token = words.tokens[index]
        if token is None:
            continue
        ours = token.decode("utf-8", "replace")
        theirs = DECODERS[name]([first, index])
        assert theirs == "一" + (ours.replace(" ", "") if name == "wordpiece" else ours)
        checked += 1
    assert checked > 1900


def test_qwens_bytes_are_those_of_its_file() -> None:
    assert list(families.qwen().tokens) == [*families.qwen_tokens(), None, None, None]


def test_mistrals_byte_and_control_tokens_are_those_that_sentencepiece_names() -> None:
    words, model = families.mistral(), families.mistral_sentencepiece()
    controls = [index for index in range(words.size) if words.tokens[index] is None]
    assert controls == [model.unk_id(), model.bos_id(), model.eos_id()]
    named = [index for index in range(words.size) if model.is_byte(index)]
    assert [words.tokens[index] for index in named] == [bytes([byte]) for byte in range(256)]


def test_smollm2_has_no_token_for_some_control_characters() -> None:
    words = families.smollm2()
    assert words.decode(words.spell("白日\n")) == "白日\n"
    with pytest.raises(UserError, match=r"no token for '\\x04' \(U\+0004\)"):
        words.spell("白\x04日")


def test_wordpiece_spells_with_the_pieces_outside_words() -> None:
    tokenizer, words = families.wordpiece_tokenizer(), families.wordpiece()
    inside = tokenizer.token_to_id("##白")
    assert inside is not None
    assert words.tokens[inside] == "白".encode()
    assert words.spell("白日，") == [tokenizer.token_to_id(piece) for piece in "白日，"]
    controls = {index for index in range(words.size) if words.tokens[index] is None}
    assert controls == {
        tokenizer.token_to_id(piece) for piece in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    }


def test_a_piece_that_stands_for_nothing_is_no_token_of_verse() -> None:
    pieces = ["", "##", "##a", "a", "白"]
    ids = {piece: index for index, piece in enumerate(pieces)}
    tokens = token_bytes(Tokenizer(models.WordPiece(ids, unk_token="a")))
    assert tokens == [None, None, b"a", b"a", "白".encode()]
