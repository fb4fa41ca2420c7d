"""The tokenizer of an export: spelling, with the run's prompt as its chat template, checked."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from lianju.errors import UserError
from lianju.export.spelling import Spelling, prefixed, spell_out
from lianju.files import read_json, write_json
from lianju.model import LanguageModel, PromptFrame, Vocabulary, write_tokenizer
from lianju.prompt import render

# The shortest couplet: with it, only the fixed text can come out wrong.
_PROBE = "。"
_CLASS = "PreTrainedTokenizerFast"


@dataclass(frozen=True)
class ExportTokenizer:
    """How an export reads text: its tokenizer, its prompt, and the base model's special tokens."""

    spelling: Spelling
    vocabulary: Vocabulary
    frame: PromptFrame
    special: dict[str, str]

    @property
    def template(self) -> str:
        """A chat template in which the user's message is the couplet, and nothing else."""
        start = "" if self.vocabulary.bos is None else "{{ bos_token }}"
        before, after = (_literal(text) for text in (self.frame.before, self.frame.after))
        return f"{start}{before}{{{{ messages[-1]['content'] }}}}{after}"

    def prompt(self, couplet: str) -> list[int]:
        """The ids that the model was trained to continue."""
        return render(self.frame.style, self.vocabulary, couplet)

    def text(self, couplet: str) -> str:
        """The same prompt as text, without the beginning token."""
        return f"{self.frame.before}{couplet}{self.frame.after}"

    def are_trained(self) -> bool:
        """Whether the fixed text comes out as trained, be the beginning token added or written."""
        tokenizer, bos = self.spelling.tokenizer, self.vocabulary.bos
        start = "" if bos is None else tokenizer.id_to_token(bos) or ""
        added = tokenizer.encode(self.text(_PROBE))
        written = tokenizer.encode(start + self.text(_PROBE), add_special_tokens=False)
        return added.ids == written.ids == self.prompt(_PROBE)

    def stops(self) -> list[str]:
        """The texts of the tokens that end an answer, the trained one first."""
        ids = self.vocabulary.stops
        ordered = sorted(ids, key=lambda index: index != self.vocabulary.stop)
        tokenizer = self.spelling.tokenizer
        return [tokenizer.id_to_token(index) or "" for index in ordered]


def export_tokenizer(model: LanguageModel, style: str) -> ExportTokenizer:
    """How an export of the untrimmed `model` reads text, in prompts of `style`."""
    from transformers import AutoTokenizer

    fast = AutoTokenizer.from_pretrained(model.folder, local_files_only=True)
    backend: Tokenizer = fast.backend_tokenizer
    frame = model.vocabulary.frames[style]
    named = ("bos_token", "eos_token", "unk_token", "pad_token")
    special = {name: str(text) for name in named if (text := getattr(fast, name)) is not None}
    spelling = spell_out(backend, model.vocabulary, frame)
    for scheme in ("always", "never"):
        words = ExportTokenizer(prefixed(spelling, scheme), model.vocabulary, frame, special)
        if words.are_trained():
            return words
    raise UserError(
        f"no plain tokenizer of {model.name} cuts the {style} prompt as it was trained: "
        "export --to adapter, or train with prompt.style=plain"
    )


def save_tokenizer(words: ExportTokenizer, folder: Path) -> None:
    """Write the tokenizer as transformers reads it, in any version."""
    from transformers import PreTrainedTokenizerFast

    fast = PreTrainedTokenizerFast(tokenizer_object=words.spelling.tokenizer, **words.special)
    fast.chat_template = words.template
    write_tokenizer(fast, folder)
    path = folder / "tokenizer_config.json"
    config = read_json(path)
    write_json(path, {**config, "tokenizer_class": _CLASS})


def respelled(
    words: ExportTokenizer, encode: Callable[[str], list[int]], couplets: Iterable[str], what: str
) -> list[str]:
    """The couplets whose prompt `encode` cuts otherwise than it was trained.

    There are some only where the fixed text needs joined tokens that a couplet holds as well.
    Raises `UserError` if the fixed text itself comes out otherwise.
    """
    different = [c for c in couplets if encode(words.text(c)) != words.prompt(c)]
    if different and (
        not words.spelling.needed or encode(words.text(_PROBE)) != words.prompt(_PROBE)
    ):
        raise UserError(
            f"the export is not what was trained: {what} cuts 「{different[0]}」 into other tokens"
        )
    return different


def _literal(text: str) -> str:
    """`text` as a Jinja expression, which keeps every white space."""
    return f"{{{{ {json.dumps(text, ensure_ascii=False)} }}}}" if text else ""


def plain_encoder(folder: Path) -> Callable[[str], list[int]]:
    """What plain transformers makes of a text with the tokenizer in `folder`."""
    from transformers import AutoTokenizer

    fast: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return lambda text: list(fast(text)["input_ids"])
