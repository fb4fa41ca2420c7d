"""Tokens as bytes, and verse spelled one token a character.

A tokenizer would merge 「白日」 into one token or two as it pleases. Verse is counted in
characters, so training, prompting and generation all see it spelled: each character by the
token that has exactly its UTF-8 bytes or, where there is none, by one token a byte.
"""

import codecs
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from lianju.errors import UserError
from lianju.files import read_json
from lianju.model.prompt_frame import PromptFrame
from lianju.verse import Bilingual


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of one model, which may be trimmed.

    `tokens[i]` holds the bytes that token i stands for, never none: a control token is None.
    `original_ids[i]` is its id in the untrimmed model; `full_size` that model's row count.
    `stop` ends what is trained; generation ends at any of `stops`, `stop` among them. `frames`
    holds, by style, the fixed text that prompts are made of.
    """

    tokens: Sequence[bytes | None]
    original_ids: Sequence[int]
    full_size: int
    bos: int | None
    stop: int
    pad: int
    stops: tuple[int, ...] = ()
    frames: dict[str, PromptFrame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stops", tuple(sorted({self.stop, *self.stops})))

    def prompt_digest(self, style: str) -> str:
        """Tells prompts of other ids apart, however they came to be; the same for a trimmed model
        and the whole one.
        """
        frame = self.frames[style]
        ids = [*frame.before_ids, *frame.after_ids, self.stop]
        original = [self.original_ids[index] for index in ids]
        original.append(-1 if self.bos is None else self.original_ids[self.bos])
        return hashlib.sha256(json.dumps(original).encode()).hexdigest()[:12]

    @property
    def size(self) -> int:
        """How many tokens there are."""
        return len(self.tokens)

    @cached_property
    def _by_bytes(self) -> dict[bytes, int]:
        table: dict[bytes, int] = {}
        for index, token in enumerate(self.tokens):
            if token is not None:
                table.setdefault(token, index)
        return table

    @cached_property
    def worded(self) -> frozenset[int]:
        """The ids of characters and words: not of punctuation, white space, pieces of a character
        or control tokens.
        """
        return frozenset(index for index, token in enumerate(self.tokens) if _is_word(token))

    def spell(self, text: str) -> list[int]:
        """The ids of `text`, one a character, or one a byte for a character without a token.

        Raises `UserError` for a character that this vocabulary has neither way.
        """
        ids: list[int] = []
        for character in text:
            raw = character.encode()
            pieces = [raw] if raw in self._by_bytes else [bytes([byte]) for byte in raw]
            try:
                ids += [self._by_bytes[piece] for piece in pieces]
            except KeyError:
                code = f"U+{ord(character):04X}"
                raise UserError(
                    Bilingual(
                        f"the model has no token for {character!r} ({code}), nor for its bytes: "
                        "leave it out, or choose a model whose tokenizer falls back to bytes",
                        f"模型不識「{character}」（{code}），也不能以位元組拼寫：請換一字",
                    )
                ) from None
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text that `ids` stand for; control tokens vanish, broken UTF-8 becomes �.

        The first bytes of a character whose others have not come are no text yet: they are left
        out at the end.
        """
        raw = b"".join(self.tokens[index] or b"" for index in ids)
        return codecs.getincrementaldecoder("utf-8")("replace").decode(raw)

    def save(self, path: Path) -> None:
        """Write as JSON, tokens in hex; poems to show are left out."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        values["original_ids"] = list(self.original_ids)
        values["tokens"] = [None if token is None else token.hex() for token in self.tokens]
        values["frames"] = {
            style: {name: value for name, value in asdict(frame).items() if name != "shots"}
            for style, frame in self.frames.items()
        }
        path.write_text(json.dumps(values), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Vocabulary":
        """Read what `save` wrote; `UserError` where it is damaged."""
        advice = "restore it, or train again"
        values = read_json(path, advice)
        try:
            tokens = [None if token is None else bytes.fromhex(token) for token in values["tokens"]]
            frames = {style: PromptFrame(**frame) for style, frame in values["frames"].items()}
            found = cls(**{**values, "tokens": tokens, "frames": frames})
            found._check()
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path} is damaged ({error}): {advice}") from error
        return found

    def _check(self) -> None:
        """`ValueError` for numbers of tokens and rows that cannot be."""
        if len({*self.original_ids}) != len(self.tokens) or len(self.original_ids) != self.size:
            raise ValueError("tokens and original_ids do not go together")
        _check_ids(self.original_ids, self.full_size)
        ends = [self.stop, self.pad, *self.stops, *([] if self.bos is None else [self.bos])]
        around = [
            i for frame in self.frames.values() for i in (*frame.before_ids, *frame.after_ids)
        ]
        _check_ids([*ends, *around], self.size)


def _check_ids(ids: Iterable[int], count: int) -> None:
    if wrong := [index for index in ids if type(index) is not int or not 0 <= index < count]:
        raise ValueError(f"{wrong[0]!r} is the number of no token")


def write_tokenizer(fast: Any, folder: Path) -> None:
    """Write a tokenizer of transformers. Raises `OSError` where the disk refuses."""
    try:
        fast.save_pretrained(folder)
    except Exception as error:
        # All that the Rust code of tokenizers ever raises.
        if type(error) is Exception:
            raise OSError(str(error)) from error
        raise


def token_bytes(tokenizer: Tokenizer) -> list[bytes | None]:
    """What each id of `tokenizer` stands for, in bytes; None for control and empty tokens.

    Knows the three families in use: SentencePiece with byte fallback (Llama, Mistral, Gemma),
    where `▁` is a space and `<0xE7>` a byte; byte-level BPE (GPT-2, Qwen, SmolLM2), where each
    byte is shown as one printable character; and WordPiece (BERT and the Chinese GPT-2s), where
    `##` marks the inside of a word and nothing stands for a space. Raises `UserError` for any
    other.
    """
    layout = json.loads(tokenizer.to_str())
    control = {token["id"] for token in layout["added_tokens"] if token["special"]}
    plain = {token["id"]: token["content"] for token in layout["added_tokens"]}
    if layout["model"].get("byte_fallback"):
        read = _sentencepiece_bytes
    elif "ByteLevel" in json.dumps(layout["decoder"]):
        read = _byte_level_bytes
    elif layout["model"]["type"] == "WordPiece":
        read = _wordpiece_bytes
    else:
        raise UserError(
            "what this model's tokens stand for cannot be told; choose a model with a "
            "SentencePiece (byte fallback), byte-level BPE or WordPiece tokenizer"
        )
    tokens: list[bytes | None] = []
    for index in range(tokenizer.get_vocab_size()):
        piece = tokenizer.id_to_token(index)
        if piece is None or index in control:
            tokens.append(None)
        elif index in plain:
            tokens.append(plain[index].encode())
        else:
            tokens.append(_read(read, piece, index) or None)
    return tokens


def _read(read: Callable[[str], bytes], piece: str, index: int) -> bytes:
    try:
        return read(piece)
    except (ValueError, KeyError):
        raise UserError(
            f"token {index} of the model's tokenizer, {piece!r}, stands for no bytes: its file is "
            "damaged; copy or download it again, or choose another model"
        ) from None


def _sentencepiece_bytes(piece: str) -> bytes:
    if len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">"):
        return bytes.fromhex(piece[3:5])
    return piece.replace("▁", " ").encode()


def _byte_level_bytes(piece: str) -> bytes:
    return bytes(_BYTE_OF[character] for character in piece)


def _wordpiece_bytes(piece: str) -> bytes:
    return piece.removeprefix("##").encode()


def _byte_table() -> dict[str, int]:
    """GPT-2's table: printable Latin-1 bytes show as themselves, the rest from U+0100 on."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    table = {chr(byte): byte for byte in shown}
    return table | {chr(256 + index): byte for index, byte in enumerate(hidden)}


_BYTE_OF = _byte_table()


def _is_word(token: bytes | None) -> bool:
    try:
        return any(map(str.isalnum, (token or b"").decode()))
    except UnicodeDecodeError:
        return False
