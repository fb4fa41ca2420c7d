"""Exported tokenizers cut prompts into the ids that were trained."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from lianju.config import ModelSettings
from lianju.corpus import test_set as homework_test_set
from lianju.errors import UserError
from lianju.export.gguf_vocabulary import _QWEN_2
from lianju.export.spelling import spell_out
from lianju.export.tokenizer import (
    ExportTokenizer,
    export_tokenizer,
    plain_encoder,
    respelled,
    save_tokenizer,
)
from lianju.model import load_base
from lianju.model.prompt_frame import frames_of
from lianju.model.trimming import full_vocabulary
from lianju.prompt import LAYOUTS, render
from tests import checkpoints, families
from tests.export.runs import COUPLETS, CPU

BUILDERS = {"llama": checkpoints.llama, "mistral": checkpoints.mistral}


@cache
def _qwen() -> Tokenizer:
    """Qwen's tokenizer: its vocabulary with the merges that its order implies."""
    shown, tokens = bytes_to_unicode(), families.qwen_tokens()
    rank = {token: number for number, token in enumerate(tokens)}

    def text(token: bytes) -> str:
        return "".join(shown[byte] for byte in token)

    merges = []
    for token in tokens:
        parts = [bytes([byte]) for byte in token]
        while len(parts) > 2:
            at = min(
                range(len(parts) - 1),
                key=lambda k: rank.get(parts[k] + parts[k + 1], len(rank)),
            )
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        if len(parts) == 2:
            merges.append((text(parts[0]), text(parts[1])))
    tokenizer = Tokenizer(models.BPE({text(token): i for token, i in rank.items()}, merges))
    tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated")
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, level])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    return tokenizer


def _words(tokenizer: Tokenizer, bos: str | None, stop: str, style: str) -> ExportTokenizer:
    ids = {
        "bos": None if bos is None else tokenizer.token_to_id(bos),
        "stop": tokenizer.token_to_id(stop),
        "pad": None,
    }
    frames = frames_of(LAYOUTS, tokenizer, None)
    vocabulary = full_vocabulary(tokenizer, tokenizer.get_vocab_size(), ids, frames)
    frame = vocabulary.frames[style]
    return ExportTokenizer(spell_out(tokenizer, vocabulary, frame), vocabulary, frame, {})


def _couplets() -> list[str]:
    return COUPLETS + [example.couplet for example in homework_test_set()]


@cache
def _real(family: str, style: str) -> ExportTokenizer:
    if family == "gemma":
        return _words(families.gemma_tokenizer(), "<bos>", "<eos>", style)
    if family == "qwen":
        return _words(_qwen(), None, "<|endoftext|>", style)
    return _words(families.smollm2_tokenizer(), "<|im_start|>", "<|im_end|>", style)


@pytest.mark.parametrize(
    ("family", "style"),
    [
        pytest.param("gemma", "homework", marks=pytest.mark.slow),
        ("qwen", "plain"),
        pytest.param("qwen", "homework", marks=pytest.mark.slow),
        ("smollm2", "plain"),
    ],
)
def test_real_tokenizers_spell(family: str, style: str) -> None:
    words = _real(family, style)
    tokenizer = words.spelling.tokenizer
    assert respelled(words, lambda text: tokenizer.encode(text).ids, _couplets(), family) == []
    if style == "plain":
        assert tokenizer.decode(tokenizer.encode(COUPLETS[0]).ids) == COUPLETS[0]


def test_without_spelling_real_tokenizers_join() -> None:
    text = "".join(_couplets())
    for family, ordinary in (("gemma", families.gemma_tokenizer()), ("qwen", _qwen())):
        spelled = _real(family, "plain").vocabulary.spell(text)
        assert len(ordinary.encode(text, add_special_tokens=False)) < len(spelled)


@pytest.mark.parametrize("style", ["plain", "homework", "chat"])
@pytest.mark.parametrize("name", BUILDERS)
def test_an_exported_tokenizer_gives_the_trained_ids(name: str, style: str, tmp_path: Path) -> None:
    folder = BUILDERS[name](tmp_path / "base")
    model = load_base(ModelSettings(name=str(folder), trim=False), LAYOUTS, CPU)
    words = export_tokenizer(model, style)
    save_tokenizer(words, tmp_path)
    assert respelled(words, plain_encoder(tmp_path), _couplets(), name) == []
    fast = AutoTokenizer.from_pretrained(tmp_path)
    for couplet in COUPLETS:
        chat = fast.apply_chat_template([{"role": "user", "content": couplet}])
        assert list(chat["input_ids"]) == render(style, model.vocabulary, couplet)
    ordinary = AutoTokenizer.from_pretrained(folder)
    assert fast.get_vocab() == ordinary.get_vocab()
    assert ordinary(words.text(COUPLETS[0]))["input_ids"] != words.prompt(COUPLETS[0])


def test_byte_level_ids_stay_and_added_tokens_keep_theirs() -> None:
    words = _real("qwen", "plain")
    tokenizer = words.spelling.tokenizer
    for index in range(0, tokenizer.get_vocab_size(), 997):
        raw = words.vocabulary.tokens[index]
        if raw is not None:
            assert tokenizer.decode([index]) == raw.decode("utf-8", "replace")
    white = tokenizer.token_to_id("白")
    assert white is not None and words.vocabulary.tokens[white] == "白".encode()


@pytest.mark.slow
def test_a_word_of_the_prompts_own_text_is_counted_in_couplets() -> None:
    words = _real("gemma", "homework")
    tokenizer = words.spelling.tokenizer
    joined = [
        text
        for index in (*words.frame.before_ids, *words.frame.after_ids)
        if len(text := (words.vocabulary.tokens[index] or b"").decode()) > 1 and text[0] >= "一"
    ]
    couplet = f"{joined[0]}山，{joined[0]}水。"
    found = respelled(words, lambda text: tokenizer.encode(text).ids, [couplet], "it")
    assert found == [couplet]


def test_a_tokenizer_that_joins_is_refused() -> None:
    words = _real("gemma", "plain")
    ordinary = families.gemma_tokenizer()
    with pytest.raises(UserError, match="into other tokens"):
        respelled(words, lambda text: ordinary.encode(text).ids, COUPLETS, "it")


def test_a_prompt_that_no_tokenizer_can_cut_as_trained_is_refused(tmp_path: Path) -> None:
    # SmolLM2 cuts the "\n\n" of the homework's prompt by what follows it.
    words = _real("smollm2", "homework")
    assert not words.are_trained()
    model = load_base(
        ModelSettings(name=str(checkpoints.mistral(tmp_path)), trim=False), LAYOUTS, CPU
    )
    frame = model.vocabulary.frames["homework"]
    frames = {"homework": replace(frame, before_ids=frame.before_ids[::-1])}
    model = replace(model, vocabulary=replace(model.vocabulary, frames=frames))
    with pytest.raises(UserError, match=r"prompt\.style=plain"):
        export_tokenizer(model, "homework")


def test_qwens_way_of_cutting_words_is_known_by_its_expression() -> None:
    layout = json.loads(_qwen().to_str())
    assert layout["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] == _QWEN_2
