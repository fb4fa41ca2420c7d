"""Tokenizers that spell verse one token a character, as the model was trained to see it.

An ordinary tokenizer would cut 「白日」 into one token, which the model has never met in a
prompt. So what joins characters of verse is taken out of `tokenizer.json`; ids stay as they are.
What the fixed text of the prompt needs is left in, so that it too comes out as trained.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from tokenizers import Tokenizer

from lianju.model import PromptFrame, Vocabulary

# Han ideographs, CJK punctuation and full-width forms: what verse is written in.
_VERSE = re.compile("[\u3000-\u303f\uff01-\uff60\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af]")

Pair = tuple[str, str]


@dataclass(frozen=True)
class Spelling:
    """A `tokenizer.json` that spells, and the ids of the joined tokens that its prompt needs."""

    layout: dict[str, Any]
    needed: frozenset[int]

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer itself."""
        return Tokenizer.from_str(json.dumps(self.layout))


def spell_out(tokenizer: Tokenizer, vocabulary: Vocabulary, frame: PromptFrame) -> Spelling:
    """`tokenizer` made to spell verse and to begin every text as prompts of `frame` begin.

    `vocabulary` is that of the untrimmed model.
    """
    layout = json.loads(tokenizer.to_str())
    needed: frozenset[int] = frozenset()
    if layout["model"]["type"] == "BPE":
        fixed = [*frame.before_ids, *frame.after_ids]
        if layout["model"].get("byte_fallback"):
            needed = _spell_pieces(layout, tokenizer, fixed)
        else:
            needed = _spell_bytes(layout, vocabulary.tokens, fixed)
    layout["post_processor"] = _beginning(tokenizer, vocabulary.bos)
    return Spelling(layout, needed)


def prefixed(spelling: Spelling, scheme: str) -> Spelling:
    """The same with or without the space that Llama's tokenizers put before a text.

    `always`: before every text, also one that follows a special token, as llama.cpp has it.
    `never`: before none.
    """
    layout = dict(spelling.layout)
    if (layout["pre_tokenizer"] or {}).get("type") == "Metaspace":
        layout["pre_tokenizer"] = {**layout["pre_tokenizer"], "prepend_scheme": scheme}
    if scheme == "always":
        return Spelling(layout, spelling.needed)
    steps = layout["normalizer"] or {}
    if steps.get("type") == "Prepend":
        layout["normalizer"] = None
    elif steps.get("type") == "Sequence":
        kept = [step for step in steps["normalizers"] if step["type"] != "Prepend"]
        layout["normalizer"] = {**steps, "normalizers": kept}
    return Spelling(layout, spelling.needed)


def joins_verse(text: str) -> bool:
    """Whether `text` is a character of verse together with any other character."""
    return len(text) > 1 and bool(_VERSE.search(text))


def merges_of(layout: dict[str, Any]) -> list[Pair]:
    """The merges of a `tokenizer.json`, best first."""
    merges = layout["model"]["merges"]
    return [
        (pair[0], pair[1]) for pair in (m.split(" ") if isinstance(m, str) else m for m in merges)
    ]


def _spell_pieces(
    layout: dict[str, Any], tokenizer: Tokenizer, fixed: Iterable[int]
) -> frozenset[int]:
    """SentencePiece with byte fallback: its merges join whole characters."""
    merges = merges_of(layout)
    used = _used(merges, (tokenizer.id_to_token(index) or "" for index in fixed))
    layout["model"]["merges"] = [
        pair for pair in merges if pair in used or not joins_verse("".join(pair))
    ]
    return _results(layout, used)


def _spell_bytes(
    layout: dict[str, Any], tokens: Sequence[bytes | None], fixed: Sequence[int]
) -> frozenset[int]:
    """Byte-level BPE: its merges build characters from bytes, and thereby parts of others.

    Spelled verse has a character's own token or its single bytes, never a part. So characters
    that have a token become added tokens, found in the text before any merge, and the merges
    of their bytes go.
    """
    merges, vocab = merges_of(layout), layout["model"]["vocab"]
    shown = {index: piece for piece, index in vocab.items()}
    verse = {i: text for i, text in _verse_tokens(tokens, set(fixed)) if i in shown}
    parts = [i for i in fixed if i in shown and i not in verse and not _is_other(tokens[i])]
    used = _used(merges, (shown[index] for index in parts))
    plain = _used(
        merges, (shown[index] for index in fixed if index in shown and index not in verse)
    )
    layout["model"]["merges"] = [
        pair for pair in merges if pair in used or _is_other(tokens[vocab["".join(pair)]])
    ]
    for index, text in verse.items():
        del vocab[shown[index]]
        vocab[text] = index
    known = {token["content"] for token in layout["added_tokens"]}
    layout["added_tokens"] += [
        {
            **{"id": index, "content": text, "special": False, "normalized": False},
            **{"single_word": False, "lstrip": False, "rstrip": False},
        }
        for index, text in verse.items()
        if text not in known
    ]
    return _results(layout, plain) | (verse.keys() & set(fixed))


def _verse_tokens(tokens: Sequence[bytes | None], fixed: set[int]) -> Iterator[tuple[int, str]]:
    """The tokens that are one character of verse, and the fixed text's that hold some."""
    for index, token in enumerate(tokens):
        text = _decoded(token)
        if text and _VERSE.search(text) and (len(text) == 1 or index in fixed):
            yield index, text


def _is_other(token: bytes | None) -> bool:
    """Whether a token is whole characters, none of them of verse."""
    text = _decoded(token)
    return text is not None and not _VERSE.search(text)


def _decoded(token: bytes | None) -> str | None:
    try:
        return None if token is None else token.decode()
    except UnicodeDecodeError:
        return None


def _used(merges: Sequence[Pair], pieces: Iterable[str]) -> set[Pair]:
    """The merges by which BPE arrives at `pieces`."""
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    used = set()
    for piece in set(pieces):
        parts = list(piece)
        while True:
            pairs = list(pairwise(parts))
            best = min(pairs, key=lambda pair: ranks.get(pair, len(ranks)), default=("", ""))
            if best not in ranks:
                break
            used.add(best)
            at = pairs.index(best)
            parts[at : at + 2] = ["".join(best)]
    return used


def _results(layout: dict[str, Any], used: Iterable[Pair]) -> frozenset[int]:
    vocab = layout["model"]["vocab"]
    return frozenset(vocab["".join(pair)] for pair in used)


def _beginning(tokenizer: Tokenizer, bos: int | None) -> dict[str, Any]:
    """The step that puts the beginning token before every text, if prompts have one."""
    text: list[dict[str, Any]] = [{"Sequence": {"id": "A", "type_id": 0}}]
    pair = [*text, {"Sequence": {"id": "B", "type_id": 1}}]
    special = {}
    if bos is not None:
        name = tokenizer.id_to_token(bos)
        first = {"SpecialToken": {"id": name, "type_id": 0}}
        text, pair = [first, *text], [first, *pair]
        special = {name: {"id": name, "ids": [bos], "tokens": [name]}}
    return {
        "type": "TemplateProcessing",
        "single": text,
        "pair": pair,
        "special_tokens": special,
    }
