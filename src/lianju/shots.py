"""Poems that a base model is shown before a couplet: what prompting alone can bring.

Each stands there as training would have it: the prompt with the poem's own couplet, and the rest of
the poem as the answer. So it works in every layout, plain text or conversation. Nothing here is
for fine-tuned models, which know what to do.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from lianju.config import DataSettings
from lianju.corpus import Example, RunPoems, line_keys, run_poems, select
from lianju.errors import UserError
from lianju.model import LanguageModel, PromptFrame, Shot, Shots, Vocabulary, read_config
from lianju.progress import SILENT, Reporter
from lianju.prompt import line_length, render
from lianju.verse import normal

# A couplet has two lines, each of which may stand in one more of them.
_SPARE = 2
# The lines that have poems of their own; their lengths are those of the four forms.
_LENGTHS = (5, 7)
# So many tokens must be left for the couplet and its answer.
_ANSWER = 256


def poems_to_show(seed: int, reporter: Reporter = SILENT) -> RunPoems:
    """The poems that the default recipe trains on, in the order of `seed`."""
    return run_poems(**DataSettings().model_dump(), seed=seed, reporter=reporter)


def with_shots(
    model: LanguageModel, style: str, poems: RunPoems, shots: int, seed: int
) -> LanguageModel:
    """`model`, shown `shots` of the poems that `poems` has to train on before each couplet.

    They are drawn by `seed`: for a couplet of lines of five or seven characters such as have lines
    as long, of four lines and of eight. None shares a line with what `poems` keeps to test and
    validate on, nor with the couplet. An answer then ends where the poems shown end: with the line
    or, in a conversation, with the turn. Raises `UserError` where the model is too small for as
    many, and where it lacks a character of theirs.
    """
    words = model.vocabulary
    ids = render(style, words, "")  # a model without such a layout is refused here
    apart = (line_keys(one.text) for one in (*poems.test, *poems.split.validation))
    kept = set[str]().union(*apart)
    pool = [one for one in poems.train if one.completion and not line_keys(one.text) & kept]
    if len(pool) < shots:
        raise UserError(f"there are only {len(pool)} poems that can be shown: ask for fewer")
    ends = _ends(words.frames[style], words)
    shown = {0: _shown(pool, shots, seed, style, words, ends)}
    for length in _LENGTHS:
        alike = [one for one in pool if line_length(one.text) == length]
        shown[length] = _shown(alike, shots, seed, style, words, ends)
    longest = max(sum(len(one.ids) for one in part) for part in shown.values()) + len(ids)
    _check_room(model, longest + _ANSWER, shots)
    frame = replace(words.frames[style], shots=Shots(shots, shown))
    return replace(model, vocabulary=_ending(replace(words, frames={style: frame}), ends))


def _shown(
    pool: Sequence[Example],
    shots: int,
    seed: int,
    style: str,
    words: Vocabulary,
    ends: "_Ends",
) -> tuple[Shot, ...]:
    """The first poems of `pool`, in the order of `seed`, that the model can spell."""
    shown: list[Shot] = []
    start = 0 if words.bos is None else 1
    for one in select(pool, len(pool), seed):
        if len(shown) == shots + _SPARE:
            break
        with suppress(UserError):  # it has a character that the model does not know
            answer = words.spell(normal(one.completion))
            ids = (*render(style, words, one.couplet)[start:], *answer, *ends.between)
            shown.append(Shot(frozenset(line_keys(one.text)), ids))
    return tuple(shown)


class _Ends(NamedTuple):
    """The tokens that end an answer, the one that ends those shown first; and what stands between
    the answer and the next prompt.
    """

    tokens: tuple[int, ...]
    between: tuple[int, ...]


def _ends(frame: PromptFrame, words: Vocabulary) -> _Ends:
    """How an answer ends in a layout: in a conversation with the turn, else with the line."""
    starting = [index for index, raw in enumerate(words.tokens) if (raw or b"").startswith(b"\n")]
    # As the model spells it, where it can.
    line = next((index for index in starting if words.tokens[index] == b"\n"), words.stop)
    if not frame.style.startswith("chat"):
        return _Ends((line, *starting), (line,))
    around = [*frame.before_ids, *frame.after_ids]
    turn = next((index for index in around if index in words.stops), None)
    if turn is None:
        again = () if words.bos is None else (words.bos,)
        return _Ends((words.stop,), (words.stop, *again))
    follows = around[around.index(turn) + 1 :][:1]
    return _Ends((turn,), (turn, *(index for index in follows if index in starting)))


def _ending(words: Vocabulary, ends: _Ends) -> Vocabulary:
    """`words` in which these tokens end an answer, and stand for no text."""
    tokens = [None if index in ends.tokens else raw for index, raw in enumerate(words.tokens)]
    return replace(words, tokens=tokens, stop=ends.tokens[0], stops=(*words.stops, *ends.tokens))


def _check_room(model: LanguageModel, length: int, shots: int) -> None:
    config = read_config(model.folder) if (model.folder / "config.json").is_file() else {}
    room = config.get("max_position_embeddings")
    if isinstance(room, int) and length > room:
        raise UserError(
            f"{model.name} reads {room} tokens at most, and {shots} poems with what follows may "
            f"take {length}: show fewer"
        )
