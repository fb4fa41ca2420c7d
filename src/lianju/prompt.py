"""The one function that puts a couplet to a model, for training, evaluation and serving alike.

Fixed text is tokenised as the model's tokenizer does; verse is spelled. Prompt and
completion are tokenised apart and joined as ids, so their boundary never moves.
"""

from typing import get_args

from lianju.config import PromptSettings, PromptStyle, PromptTexts
from lianju.corpus import line_keys
from lianju.errors import UserError
from lianju.model import SLOT, Layout, Messages, OwnLayout, PromptFrame, Vocabulary
from lianju.verse import lines_of, normal

# The control tokens of a layout are those that stand in it around this.
_BARE = "。"


def _layout(style: str, texts: PromptTexts) -> str | Messages:
    message = f"{texts.before}{SLOT}{texts.after}"
    if style == "chat":
        return Messages(texts.system, message)
    if style == "homework":
        system = f"<<SYS>>\n{texts.system}\n<</SYS>>\n\n" if texts.system else ""
        return f"[INST] {system}{message} [/INST]"
    return message


# plain: the couplet alone. homework: its own wording in the layout of Llama 2, on which TAIDE was
# tuned. chat: the same wording in the layout that the model brings with it.
_USUAL = [PromptSettings(style=style) for style in get_args(PromptStyle)]
LAYOUTS: dict[str, Layout] = {usual.style: _layout(usual.style, usual.texts) for usual in _USUAL}


def layouts_of(prompt: PromptSettings) -> dict[str, Layout]:
    """The layouts of all styles and, under its `name`, that of a prompt with texts of one's own."""
    if prompt.name in LAYOUTS:
        return LAYOUTS
    texts = prompt.texts
    bare = PromptTexts(_BARE if texts.system else "", "", "")
    own = OwnLayout(_layout(prompt.style, texts), _layout(prompt.style, bare))
    return {**LAYOUTS, prompt.name: own}


def render(style: str, vocabulary: Vocabulary, couplet: str) -> list[int]:
    """The prompt's token ids: beginning token, poems to show, fixed text, couplet, fixed text.

    `style`: the prompt's name, a style or that of `PromptSettings`. The couplet is first written as
    the corpus writes verse (see `verse.normal`). Of the poems to show none has a line of the
    couplet. Raises `UserError` where the model has no such layout.
    """
    frame = _frame(style, vocabulary)
    start = [] if vocabulary.bos is None else [vocabulary.bos]
    couplet = normal(couplet)
    shown: list[int] = []
    if frame.shots:
        shown = frame.shots.before(line_length(couplet), line_keys(couplet))
    return [*start, *shown, *frame.before_ids, *vocabulary.spell(couplet), *frame.after_ids]


def line_length(couplet: str) -> int:
    """The characters of each line of a couplet; 0 where they differ."""
    lengths = {len(line) for line in lines_of(couplet)}
    return lengths.pop() if len(lengths) == 1 else 0


def chat_messages(couplet: str, texts: PromptTexts) -> list[dict[str, str]]:
    """A prompt's texts as messages to a chat model that others serve."""
    system = [{"role": "system", "content": texts.system}] if texts.system else []
    return [*system, {"role": "user", "content": texts.before + normal(couplet) + texts.after}]


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
