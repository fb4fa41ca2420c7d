"""A Gemma of a few thousand weights and the poems that it learns from, for tests of the loop."""

import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from lianju.corpus import Example
from lianju.model import LanguageModel, PromptFrame, Vocabulary

COUPLETS = (
    ("白日依山盡，黃河入海流。", "欲窮千里目，更上一層樓。"),
    ("床前看月光，疑是地上霜。", "舉頭望山月，低頭思故鄉。"),
    ("春眠不覺曉，處處聞啼鳥。", "夜來風雨聲，花落知多少。"),
    ("千山鳥飛絕，萬徑人蹤滅。", "孤舟蓑笠翁，獨釣寒江雪。"),
    ("朝辭白帝彩雲間，千里江陵一日還。", "兩岸猿聲啼不住，輕舟已過萬重山。"),
    ("故人西辭黃鶴樓，煙花三月下揚州。", "孤帆遠影碧空盡，唯見長江天際流。"),
)
EXAMPLES = [
    Example(couplet, completion, f"poem {index}")
    for index, (couplet, completion) in enumerate(COUPLETS)
]


def vocabulary() -> Vocabulary:
    """Controls, all bytes, and the characters of the couplets but one, which takes bytes."""
    characters = sorted({c for pair in COUPLETS for c in "".join(pair)} - {"蓑"})
    tokens: list[bytes | None] = [None, None, None]
    tokens += [bytes([byte]) for byte in range(256)]
    tokens += [character.encode() for character in characters]
    frames = {
        "plain": PromptFrame("plain", "", "", [], []),
        "homework": PromptFrame("homework", "before\n", " after", [*range(10, 40)], [12]),
        "chat": PromptFrame("chat", "<before>", "<after>", [13], [14, 15]),
    }
    return Vocabulary(tokens, range(len(tokens)), len(tokens), bos=2, stop=1, pad=0, frames=frames)


def model(seed: int = 0) -> LanguageModel:
    """A random model; the same seed gives the same weights."""
    words = vocabulary()
    torch.manual_seed(seed)
    config = Gemma3TextConfig(
        vocab_size=words.size,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        query_pre_attn_scalar=16,
        sliding_window=64,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=2,
    )
    network = Gemma3ForCausalLM(config).eval().requires_grad_(False)
    return LanguageModel(network, words, "tiny", f"{seed:064}", torch.device("cpu"))
