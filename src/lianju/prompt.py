"""The one function that puts a couplet to a model, for training, evaluation and serving alike.

Fixed text is tokenised as the model's tokenizer does; verse is spelled. Prompt and
completion are tokenised apart and joined as ids, so their boundary never moves.
"""

from lianju.errors import UserError
from lianju.model import SLOT, Layout, Messages, PromptFrame, Vocabulary
from lianju.verse import normal

SYSTEM = "你是一個樂於助人的助手且擅長寫唐詩。"
INSTRUCTION = "以下是一首唐詩的第一句話，請用你的知識判斷並完成整首詩。"

LAYOUTS: dict[str, Layout] = {
    "plain": SLOT,
    # The homework's own wording in the layout of Llama 2, on which TAIDE was tuned.
    "homework": f"[INST] <<SYS>>\n{SYSTEM}\n<</SYS>>\n\n{INSTRUCTION}\n{SLOT} [/INST]",
    # The same wording in the layout that the model brings with it.
    "chat": Messages(SYSTEM, f"{INSTRUCTION}\n{SLOT}"),
}


def render(style: str, vocabulary: Vocabulary, couplet: str) -> list[int]:
    """The prompt's token ids: beginning token, fixed text, couplet, fixed text.

    The couplet is first written as the corpus writes verse (see `verse.normal`). Raises
    `UserError` where the model has no such layout.
    """
    frame = _frame(style, vocabulary)
    start = [] if vocabulary.bos is None else [vocabulary.bos]
    return [*start, *frame.before_ids, *vocabulary.spell(normal(couplet)), *frame.after_ids]


def chat_messages(couplet: str) -> list[dict[str, str]]:
    """The homework's wording as messages to a chat model that others serve."""
    return [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": f"{INSTRUCTION}\n{normal(couplet)}"},
    ]


def render_completion(vocabulary: Vocabulary, completion: str) -> list[int]:
    """The ids of what the model is to write, the stop token last."""
    return [*vocabulary.spell(completion), vocabulary.stop]


def fingerprint(style: str, vocabulary: Vocabulary) -> str:
    """Changes whenever `render` would put another text around the couplet; stored in adapters and
    checked on load, as are the ids themselves (`Vocabulary.prompt_digest`).
    """
    return _frame(style, vocabulary).fingerprint


def _frame(style: str, vocabulary: Vocabulary) -> PromptFrame:
    if style not in vocabulary.frames:
        raise UserError("the model has no chat template: choose prompt.style homework or plain")
    return vocabulary.frames[style]
