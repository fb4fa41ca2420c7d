"""What stands around the couplet in a prompt: fixed text, as the model's tokenizer cuts it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError
from tokenizers import Tokenizer

from lianju.errors import UserError

# Where the couplet goes in a layout: a private character that no poem holds.
SLOT = "\ue000"
# Stands in for the couplet while the text around it is tokenised; couplets end so.
_END = "。"
# What a template that asks for the date is told.
_SOME_DAY = "{% macro strftime_now(form) %}26 Jul 2024{% endmacro %}"


@dataclass(frozen=True)
class Messages:
    """A system text and a user's message with a `SLOT`, for the model's own chat template."""

    system: str
    user: str


# A text with a `SLOT`, or messages.
Layout = str | Messages


@dataclass(frozen=True)
class PromptFrame:
    """A layout as one model spells it: the text before and after the couplet, and its ids."""

    style: str
    before: str
    after: str
    before_ids: list[int]
    after_ids: list[int]

    @property
    def fingerprint(self) -> str:
        """Changes whenever prompts of this style would get another text around the couplet."""
        parts = "\0".join(["spelled-1", self.style, self.before, self.after])
        return f"{self.style}-{hashlib.sha256(parts.encode()).hexdigest()[:12]}"


def frames_of(
    layouts: Mapping[str, Layout], tokenizer: Tokenizer, chat: Any
) -> dict[str, PromptFrame]:
    """The frame of each layout. `chat` is the model's transformers tokenizer, which lays out
    messages; without one, or where it has no chat template, messages give no frame.
    """
    frames = {}
    for style, layout in layouts.items():
        text = layout if isinstance(layout, str) else _templated(layout, chat)
        if text is not None:
            before, _, after = text.partition(SLOT)
            ids = _ids_around(tokenizer, before, after)
            frames[style] = PromptFrame(style, before, after, *ids)
    return frames


def _templated(messages: Messages, chat: Any) -> str | None:
    """The messages in the model's chat template, up to where the answer begins.

    The beginning token that templates write is left out, since every prompt has it anyway. A
    template without a place for a system text gets it at the head of the user's message.
    """
    if chat is None or not chat.chat_template:
        return None
    system, user = messages.system, messages.user
    attempts = (
        [{"role": "system", "content": system}, {"role": "user", "content": user}],
        [{"role": "user", "content": f"{system}\n{user}"}],
    )
    for attempt in attempts:
        try:
            # A model that can think aloud is to answer at once, and on any day the same.
            text: str = chat.apply_chat_template(
                attempt,
                tokenize=False,
                add_generation_prompt=True,
                enable_thinking=False,
                chat_template=_SOME_DAY + chat.get_chat_template(),
            )
        except TemplateError:
            continue
        if system in text and text.count(SLOT) == 1:
            return text.removeprefix(chat.bos_token or "")
    raise UserError("the model's chat template cannot be used: choose prompt.style=homework")


def _ids_around(tokenizer: Tokenizer, before: str, after: str) -> tuple[list[int], list[int]]:
    """The ids of both texts as they come with verse between them."""
    encoding = tokenizer.encode(before + _END + after, add_special_tokens=False)
    left: list[int] = []
    right: list[int] = []
    for index, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
        if end <= len(before):
            left.append(index)
        elif start > len(before):
            right.append(index)
        elif (start, end) != (len(before), len(before) + 1):
            # A token joins verse to the text around it, which spelled verse never does.
            apart = (tokenizer.encode(text, add_special_tokens=False) for text in (before, after))
            left, right = (piece.ids for piece in apart)
            break
    return left, right
