"""Keep only the vocabulary rows that verse needs.

The logits of the kept tokens are exactly those of the full model, so the softmax over them
is the full one renormalised; the adapter never touches the embedding, so it fits both.
"""

import hashlib
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn

from lianju.files import cache_dir, locked, writing_folder
from lianju.model.prompt_frame import Layout, PromptFrame
from lianju.model.sealed import seal
from lianju.model.vocabulary import Vocabulary, token_bytes

# Han ideographs, CJK punctuation, full-width forms and printable ASCII with the newline.
_WANTED = re.compile(
    "[\n\x20-\x7e\u00b7\u2014\u2018\u2019\u201c\u201d\u2026\u3000-\u303f\uff01-\uff60"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]"
)
# Each is as large as the network without its embeddings.
_MOST_COPIES = 4


def full_vocabulary(
    tokenizer: Tokenizer,
    rows: int,
    special: Mapping[str, int | None],
    frames: Mapping[str, PromptFrame],
    stops: Iterable[int] = (),
) -> Vocabulary:
    """The vocabulary of an untrimmed model with `rows` embedding rows.

    `special` holds the ids `bos`, `stop` and `pad`; `stops` more tokens that end an answer.
    """
    # Some models have more rows than tokens, some tokens without a row.
    tokens = token_bytes(tokenizer)[:rows]
    tokens += [None] * (rows - len(tokens))
    stop = special["stop"]
    assert stop is not None
    pad = special["pad"]
    return Vocabulary(
        tokens=tokens,
        original_ids=list(range(rows)),
        full_size=rows,
        bos=special["bos"],
        stop=stop,
        pad=stop if pad is None else pad,
        stops=tuple(stops),
        frames=dict(frames),
    )


def kept_ids(vocabulary: Vocabulary) -> list[int]:
    """Which tokens a trimmed model keeps, in order.

    All that stand for one byte or one character of verse, and those of the fixed text and
    the controls. Every text can still be spelled.
    """
    keep = {vocabulary.pad, *vocabulary.stops}
    if vocabulary.bos is not None:
        keep.add(vocabulary.bos)
    for frame in vocabulary.frames.values():
        keep.update(frame.before_ids, frame.after_ids)
    for index, token in enumerate(vocabulary.tokens):
        if token is not None and (len(token) == 1 or _is_wanted(token)):
            keep.add(index)
    return sorted(keep)


def _is_wanted(token: bytes) -> bool:
    try:
        return bool(_WANTED.fullmatch(token.decode()))
    except UnicodeDecodeError:
        return False


def trim_vocabulary(vocabulary: Vocabulary, keep: Sequence[int]) -> Vocabulary:
    """The vocabulary of the kept rows, renumbered from 0."""
    new = {old: index for index, old in enumerate(keep)}
    return Vocabulary(
        tokens=[vocabulary.tokens[old] for old in keep],
        original_ids=list(keep),
        full_size=vocabulary.full_size,
        bos=None if vocabulary.bos is None else new[vocabulary.bos],
        stop=new[vocabulary.stop],
        pad=new[vocabulary.pad],
        stops=tuple(new[stop] for stop in vocabulary.stops),
        frames={
            style: replace(
                frame,
                before_ids=[new[old] for old in frame.before_ids],
                after_ids=[new[old] for old in frame.after_ids],
            )
            for style, frame in vocabulary.frames.items()
        },
    )


def trim_network(network: Any, vocabulary: Vocabulary) -> None:
    """Cut `network`'s embedding and output rows to `vocabulary.original_ids`, in place."""
    keep = torch.tensor(list(vocabulary.original_ids))
    inputs, outputs = network.get_input_embeddings(), network.get_output_embeddings()
    tied = inputs.weight is outputs.weight
    for layer in (inputs,) if tied else (inputs, outputs):
        layer.weight = nn.Parameter(layer.weight.detach()[keep].clone(), requires_grad=False)
    if tied:
        outputs.weight = inputs.weight
    inputs.num_embeddings = outputs.out_features = vocabulary.size
    inputs.padding_idx = None
    for config in (network.config, network.generation_config):
        config.bos_token_id = vocabulary.bos
        config.eos_token_id = list(vocabulary.stops)
        config.pad_token_id = vocabulary.pad
    network.config.vocab_size = vocabulary.size


def trimmed_folder(digest: str, layouts: Mapping[str, Layout]) -> Path:
    """Where the trimmed copy of base model `digest` is cached, by what it was made from."""
    key = hashlib.sha256(repr([2, _WANTED.pattern, *layouts.items()]).encode()).hexdigest()
    return cache_dir() / "models" / digest[:16] / f"trimmed-{key[:12]}"


def trim(network: Any, vocabulary: Vocabulary) -> Vocabulary:
    """Trim a full model, in place; returns the vocabulary that it then has."""
    trimmed = trim_vocabulary(vocabulary, kept_ids(vocabulary))
    trim_network(network, trimmed)
    return trimmed


def save_trimmed(network: Any, vocabulary: Vocabulary, folder: Path, digest: str) -> None:
    """Write a trimmed model with its vocabulary, whole or not at all, and seal it with the SHA-256
    of its base model. Of more than four copies of one, which differ in their prompts, those
    opened longest ago are removed.
    """
    with writing_folder(folder) as temporary:
        network.save_pretrained(temporary)
        vocabulary.save(temporary / "vocabulary.json")
        seal(temporary, digest)
    copies = sorted(folder.parent.glob("trimmed-*/"), key=lambda one: one.stat().st_mtime)
    for old in copies[:-_MOST_COPIES]:
        with locked(old):
            shutil.rmtree(old, ignore_errors=True)
