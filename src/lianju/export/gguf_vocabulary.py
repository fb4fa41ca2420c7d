"""A spelling tokenizer as a GGUF file holds it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gguf import GGUFWriter, TokenType

from lianju.errors import UserError
from lianju.export.spelling import Pair, joins_verse, merges_of
from lianju.export.tokenizer import ExportTokenizer
from lianju.model import kept_ids

# How llama.cpp calls the ways in which byte-level tokenizers cut text into words. What they are
# is in its src/llama-vocab.cpp.
_QWEN_2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def rows_of(words: ExportTokenizer, trimmed: bool) -> list[int]:
    """Which tokens, by their ids in the base model, a GGUF file holds, in order.

    Those that were trained: of a trimmed model, what spells verse and this prompt. The others
    would still be likely, at 7% a token where that was measured, and write in other languages.
    """
    vocabulary = words.vocabulary
    if not trimmed:
        return list(range(vocabulary.full_size))
    small = replace(vocabulary, frames={words.frame.style: words.frame})
    layout = words.spelling.layout
    first = [layout["model"]["vocab"]["".join(pair)] for pair in merges_of(layout)[:1]]
    return sorted({*kept_ids(small), *words.spelling.needed, *first})


def add_vocabulary(writer: GGUFWriter, words: ExportTokenizer, rows: Sequence[int]) -> None:
    """Write the tokens of `rows`, how text is cut into them, the controls and the template."""
    layout = words.spelling.layout
    new = {old: index for index, old in enumerate(rows)}
    if layout["model"]["type"] != "BPE":
        raise UserError("llama.cpp has no such tokenizer as this model's: export --to merged")
    if layout["model"].get("byte_fallback"):
        _add_pieces(writer, layout, rows)
        first = words.spelling.tokenizer.encode("a", add_special_tokens=False).tokens[0]
        writer.add_add_space_prefix(first.startswith("▁"))
    else:
        _add_byte_level(writer, layout, rows)
    vocabulary = words.vocabulary
    if vocabulary.bos is not None:
        writer.add_bos_token_id(new[vocabulary.bos])
    writer.add_add_bos_token(vocabulary.bos is not None)
    writer.add_add_eos_token(False)
    writer.add_pad_token_id(new[vocabulary.pad])
    writer.add_eos_token_id(new[vocabulary.stop])
    others = [new[stop] for stop in vocabulary.stops if stop != vocabulary.stop]
    # llama.cpp ends at these too; it knows more by their names.
    for add, stop in zip((writer.add_eot_token_id, writer.add_eom_token_id), others, strict=False):
        add(stop)
    writer.add_chat_template(words.template)


def _add_pieces(writer: GGUFWriter, layout: dict[str, Any], rows: Sequence[int]) -> None:
    """SentencePiece. llama.cpp merges what makes the token with the best score, so a token's
    score is the rank of its merge; and it has no merges to leave out, so a joined token that
    must not come about gets a name that no text holds.
    """
    rank: dict[str, int] = {}
    for number, pair in enumerate(merges_of(layout)):
        rank.setdefault("".join(pair), number)
    texts, types, scores = [], [], []
    for index, text, kind in _tokens(layout, rows):
        if kind == TokenType.NORMAL and joins_verse(text) and text not in rank:
            text, kind = f"[UNUSED{index}]", TokenType.UNUSED
        texts.append(text)
        types.append(kind)
        scores.append(-float(rank.get(text, len(rank))))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(texts)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    unknown = layout["model"]["unk_token"]
    if unknown in texts:
        writer.add_unk_token_id(texts.index(unknown))


def _add_byte_level(writer: GGUFWriter, layout: dict[str, Any], rows: Sequence[int]) -> None:
    tokens = list(_tokens(layout, rows))
    there = {text for _, text, _ in tokens}
    merges: list[Pair] = [pair for pair in merges_of(layout) if {*pair, "".join(pair)} <= there]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_words_cut(layout["pre_tokenizer"]))
    writer.add_token_list([text for _, text, _ in tokens])
    writer.add_token_types([kind for _, _, kind in tokens])
    writer.add_token_merges([" ".join(pair) for pair in merges])


def _tokens(layout: dict[str, Any], rows: Sequence[int]) -> list[tuple[int, str, TokenType]]:
    """Id in the base model, text and type of each row."""
    pieces = {index: piece for piece, index in layout["model"]["vocab"].items()}
    added = {token["id"]: token for token in layout["added_tokens"]}
    found = []
    for index in rows:
        text = pieces.get(index, f"[PAD{index}]")
        kind = TokenType.NORMAL if index in pieces else TokenType.UNUSED
        if index in added:
            special = added[index]["special"]
            kind = TokenType.CONTROL if special else TokenType.USER_DEFINED
            text = added[index]["content"]
            # llama.cpp looks for these in the text before it turns spaces into their sign.
            text = text if special else text.replace("▁", " ")
        if text == layout["model"].get("unk_token"):
            kind = TokenType.UNKNOWN
        elif layout["model"].get("byte_fallback") and len(text) == 6 and text.startswith("<0x"):
            kind = TokenType.BYTE
        found.append((index, text, kind))
    return found


def _words_cut(pre_tokenizer: dict[str, Any]) -> str:
    steps = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    kinds = [step["type"] for step in steps]
    splits = [step["pattern"].get("Regex") for step in steps if step["type"] == "Split"]
    if kinds == ["Split", "ByteLevel"] and splits == [_QWEN_2]:
        return "qwen2"
    if kinds == ["Digits", "ByteLevel"]:
        return "smollm"
    if kinds == ["ByteLevel"]:
        return "gpt-2"
    raise UserError(
        "how this model's tokenizer cuts text into words has no name here that llama.cpp "
        "knows: export --to merged"
    )
