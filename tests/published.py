"""The shapes of the models that recipes name, as their `config.json` on the hub gives them, and
their numbers of parameters as their pages on the hub give them.
"""

from typing import Any

from transformers import (
    Gemma3TextConfig,
    LlamaConfig,
    MistralConfig,
    PretrainedConfig,
    Qwen2Config,
    Qwen3Config,
)


def _qwen2(hidden: int, inner: int, layers: int, heads: int, groups: int, **more: Any) -> Any:
    return Qwen2Config(
        **{"vocab_size": 151936, **more},
        hidden_size=hidden,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=groups,
    )


def _qwen3(hidden: int, inner: int, layers: int, heads: int, **more: Any) -> Any:
    return Qwen3Config(
        **more,
        vocab_size=151936,
        hidden_size=hidden,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=8,
        head_dim=128,
    )


def _gemma3(hidden: int, inner: int, layers: int) -> Any:
    return Gemma3TextConfig(
        vocab_size=262144,
        hidden_size=hidden,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=1,
        head_dim=256,
    )


def _breeze() -> Any:
    return MistralConfig(
        vocab_size=61952,
        hidden_size=4096,
        intermediate_size=14336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
    )


# By the `model.name` of a recipe.
CONFIGS: dict[str, PretrainedConfig] = {
    # Llama-2-7B with 24,720 more entries, of which it had some already. The page is closed to those
    # who have not accepted the licence; 56,064 rows give the 13.9 GB of its files.
    "taide/TAIDE-LX-7B-Chat": LlamaConfig(
        vocab_size=56064,
        hidden_size=4096,
        intermediate_size=11008,
        num_hidden_layers=32,
        num_attention_heads=32,
    ),
    "MediaTek-Research/Breeze-7B-Instruct-v1_0": _breeze(),
    "MediaTek-Research/Breeze-7B-Instruct-v0_1": _breeze(),
    "Qwen/Qwen2.5-0.5B": _qwen2(896, 4864, 24, 14, 2, tie_word_embeddings=True),
    "Qwen/Qwen2.5-1.5B": _qwen2(1536, 8960, 28, 12, 2, tie_word_embeddings=True),
    "Qwen/Qwen2.5-7B": _qwen2(3584, 18944, 28, 28, 4, vocab_size=152064),
    "Qwen/Qwen3-0.6B-Base": _qwen3(1024, 3072, 28, 16, tie_word_embeddings=True),
    "Qwen/Qwen3-8B-Base": _qwen3(4096, 12288, 36, 32),
    "google/gemma-3-1b-pt": _gemma3(1152, 6912, 26),
    "gemma-3-270m": _gemma3(640, 2048, 18),
    "smollm2-135m": LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        tie_word_embeddings=True,
    ),
}
PARAMETERS = {
    "taide/TAIDE-LX-7B-Chat": 6_935_547_904,
    "MediaTek-Research/Breeze-7B-Instruct-v1_0": 7_487_098_880,
    "MediaTek-Research/Breeze-7B-Instruct-v0_1": 7_487_098_880,
    "Qwen/Qwen2.5-0.5B": 494_032_768,
    "Qwen/Qwen2.5-1.5B": 1_543_714_304,
    "Qwen/Qwen2.5-7B": 7_615_616_512,
    "Qwen/Qwen3-0.6B-Base": 596_049_920,
    "Qwen/Qwen3-8B-Base": 8_190_735_360,
    "google/gemma-3-1b-pt": 999_885_952,
    "gemma-3-270m": 268_098_176,
    "smollm2-135m": 134_515_008,
}
