"""The one function that puts a couplet to a model, for training, evaluation and serving alike.

Fixed text is tokenised as the model's tokenizer does; verse is spelled. Prompt and
completion are tokenised apart and joined as ids, so their boundary never moves.
"""

import hashlib

from lianju.model import Vocabulary
from lianju.verse import normal

SYSTEM = "你是一個樂於助人的助手且擅長寫唐詩。"
INSTRUCTION = "以下是一首唐詩的第一句話，請用你的知識判斷並完成整首詩。"

# What stands before and after the couplet.
STYLES = {
    "plain": ("", ""),
    # The homework's own wording in the Llama-2 layout that TAIDE was tuned on.
    "homework": (f"[INST] <<SYS>>\n{SYSTEM}\n<</SYS>>\n\n{INSTRUCTION}\n", " [/INST]"),
}


def fixed_texts() -> tuple[str, ...]:
    """Every fixed text that a prompt can contain, in a stable order."""
    return tuple(text for pair in STYLES.values() for text in pair if text)


def render(style: str, vocabulary: Vocabulary, couplet: str) -> list[int]:
    """The prompt's token ids: beginning token, fixed text, couplet, fixed text.

    The couplet is first written as the corpus writes verse (see `verse.normal`).
    """
    before, after = STYLES[style]
    ids = [] if vocabulary.bos is None else [vocabulary.bos]
    if before:
        ids += vocabulary.texts[before]
    ids += vocabulary.spell(normal(couplet))
    if after:
        ids += vocabulary.texts[after]
    return ids


def render_completion(vocabulary: Vocabulary, completion: str) -> list[int]:
    """The ids of what the model is to write, the stop token last."""
    return [*vocabulary.spell(completion), vocabulary.stop]


def fingerprint(style: str) -> str:
    """Changes whenever `render` would give other ids; stored in adapters, checked on load."""
    parts = "\0".join(["spelled-1", style, *STYLES[style]])
    return f"{style}-{hashlib.sha256(parts.encode()).hexdigest()[:12]}"
