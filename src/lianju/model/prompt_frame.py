"""What stands around the couplet in a prompt: fixed text, as the model's tokenizer cuts it."""

import hashlib
from collections.abc import Mapping, Set
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


@dataclass(frozen=True)
class OwnLayout:
    """A layout with texts of the user's own, and the same without them: they hold none of the
    model's control tokens.
    """

    layout: str | Messages
    bare: str | Messages


# A text with a `SLOT`, or messages.
Layout = str | Messages | OwnLayout


@dataclass(frozen=True)
class Shot:
    """A poem to show, answered as the model is to answer: its lines, as they are compared, and the
    ids of its whole turn.
    """

    lines: frozenset[str]
    ids: tuple[int, ...]


@dataclass(frozen=True)
class Shots:
    """Poems to show before a couplet: `most` of those whose lines are as long, where there are.

    `poems`: by the characters of a line, some more than are shown; under 0 those for lines of any
    other length.
    """

    most: int
    poems: Mapping[int, tuple[Shot, ...]]

    def before(self, length: int, lines: Set[str]) -> list[int]:
        """The ids to put before a couplet of so long lines: of poems that have none of `lines`."""
        poems = self.poems.get(length) or self.poems[0]
        shown = [poem for poem in poems if not poem.lines & lines][: self.most]
        return [index for poem in shown for index in poem.ids]


@dataclass(frozen=True)
class PromptFrame:
    """A layout as one model spells it: the text before and after the couplet, and its ids.

    `style` is the prompt's name. `shots`: poems that are shown before it; see `lianju.shots`.
    """

    style: str
    before: str
    after: str
    before_ids: list[int]
    after_ids: list[int]
    shots: Shots | None = None

    @property
    def fingerprint(self) -> str:
        """Changes whenever prompts of this style would get another text around the couplet."""
        parts = ["spelled-1", self.style, self.before, self.after]
        if self.shots:
            parts.append(repr(self.shots))
        text = "\0".join(parts)
        return f"{self.style}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def frames_of(
    layouts: Mapping[str, Layout], tokenizer: Tokenizer, chat: Any
) -> dict[str, PromptFrame]:
    """The frame of each layout. `chat` is the model's transformers tokenizer, which lays out
    messages; without one, or where it has no chat template, messages give no frame. Raises
    `UserError` where texts of the user's own hold a control token of the model.
    """
    frames = {}
    for style, layout in layouts.items():
        own = layout if isinstance(layout, OwnLayout) else None
        text = _text(layout.layout if isinstance(layout, OwnLayout) else layout, chat)
        if text is not None:
            if own is not None:
                _check_controls(tokenizer, text, _text(own.bare, chat) or "")
            before, _, after = text.partition(SLOT)
            ids = _ids_around(tokenizer, before, after)
            frames[style] = PromptFrame(style, before, after, *ids)
    return frames


def _text(layout: str | Messages, chat: Any) -> str | None:
    return layout if isinstance(layout, str) else _templated(layout, chat)


def _check_controls(tokenizer: Tokenizer, text: str, bare: str) -> None:
    """Refuse a text that comes to other control tokens than the `bare` layout."""
    found, meant = (_controls(tokenizer, each) for each in (text, bare))
    if found != meant:
        more = next((name for name in found if found.count(name) > meant.count(name)), "one")
        raise UserError(
            f"the texts of the prompt hold {more!r}, which this model has as a control token, or "
            "have a character that it has no token for: leave it out of prompt.system, "
            "prompt.instruction and prompt.template"
        )


def _controls(tokenizer: Tokenizer, text: str) -> list[str]:
    """The control tokens of a text, in order; white space that has a token is none."""
    added = {
        index: token.content
        for index, token in tokenizer.get_added_tokens_decoder().items()
        if token.special or token.content.strip()
    }
    ids = tokenizer.encode(text.replace(SLOT, _END), add_special_tokens=False).ids
    return [added[index] for index in ids if index in added]


def _templated(messages: Messages, chat: Any) -> str | None:
    """The messages in the model's chat template, up to where the answer begins.

    The beginning token that templates write is left out, since every prompt has it anyway. A
    template without a place for a system text gets it at the head of the user's message.
    """
    if chat is None or not chat.chat_template:
        return None
    system, user = messages.system, messages.user
    attempts = [[{"role": "user", "content": f"{system}\n{user}" if system else user}]]
    if system:
        apart = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        attempts.insert(0, apart)
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
