"""Distributions on a terminal: tables with bars, as `lianju explore next` prints them."""

from collections.abc import Callable, Iterator, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from lianju.config import DecodeSettings
from lianju.decode import Choice, Position, StageFigures, Step, Walk
from lianju.explore.stage_words import number, share, words_of

# Without bars a table is still worth its room; longer ones say no more.
_SHORTEST, _LONGEST = 4, 24
# So much of the poem stands before another alternative, for the eye to find the place.
_BEFORE = 6
_LABELS, _COLUMN = 12, 8
_ABBREVIATED = {"Temperature": "Temp."}
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def step_lines(step: Step, settings: DecodeSettings, width: int) -> Iterator[RenderableType]:
    """One step as a table of `width` columns: a column a stage, tokens above, figures below."""
    room = (width - _LABELS - _COLUMN * len(step.stages)) // 2 - 1
    bars = min(_LONGEST, room) if room >= _SHORTEST else 0
    several = len(step.stages) > 1
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    table.add_column("Token\n\n字", no_wrap=True)
    for at, stage in enumerate(step.stages):
        words = words_of(stage.name, settings)
        name = _ABBREVIATED.get(words.name, words.name)
        heading = f"{name}\n{words.value}\n{words.chinese}"
        table.add_column(heading, justify="right", min_width=_COLUMN - 1, no_wrap=True)
        if bars and at == 0:
            table.add_column("", min_width=bars, no_wrap=True)
    if bars and several:
        table.add_column("Drawn from\n\n抽籤", min_width=bars, no_wrap=True)
    longest = max(p for choice in step.choices for p in choice.probabilities)
    for choice in step.choices:
        marks = [_mark(choice, at) for at in range(len(step.stages))]
        edges = (choice.probabilities[0] / longest, choice.probabilities[-1] / longest)
        token = Text(choice.text, "bold" if choice.cut_at is None else "dim")
        table.add_row(token, *_with_bars(marks, edges, bars))
    _figures(table, step, bars)
    yield table
    yield Text(
        "✗ cut here 於此刪去 · choices: as uncertain as so many equally likely tokens 相當於幾選一",
        "dim",
    )


def _mark(choice: Choice, at: int) -> Text:
    """The probability of a token at a stage, or that it was cut there; blank after that."""
    if choice.cut_at is None or at < choice.cut_at:
        return Text(share(choice.probabilities[at]))
    return Text("✗", "red") if at == choice.cut_at else Text("·", "dim")


def _with_bars(cells: Sequence[Text], edges: tuple[float, float], size: int) -> list[Text]:
    """`cells` with a bar after the first and, of several, one after the last."""
    first, *others = cells
    if not size:
        return [first, *others]
    after = [_bar(edges[1], size, "cyan")] if others else []
    return [first, _bar(edges[0], size, "dim"), *others, *after]


def _bar(share: float, size: int, style: str) -> Text:
    full, eighths = divmod(round(8 * size * share), 8)
    if share and not full:
        eighths = max(1, eighths)
    return Text(_EIGHTHS[8] * full + (_EIGHTHS[eighths] if eighths else ""), style)


def _figures(table: Table, step: Step, bars: int) -> None:
    """The rows below the tokens: what each stage leaves."""
    rows: tuple[tuple[str, Callable[[StageFigures], str]], ...] = (
        ("left 剩", lambda stage: f"{stage.left:,}"),
        ("cut 刪", lambda stage: share(stage.cut) if stage.cut else "–"),
        ("choices 選", lambda stage: number(stage.effective)),
        ("nats 熵", lambda stage: f"{stage.entropy:.2f}"),
        ("bits 熵", lambda stage: f"{stage.bits:.2f}"),
    )
    rest = [Text(share(value) if value > 1e-7 else "–", "dim") for value in step.rest]
    table.add_row(Text("others 其餘", "dim"), *_with_bars(rest, (0, 0), bars), end_section=True)
    for name, said in rows:
        cells = [Text(said(stage)) for stage in step.stages]
        table.add_row(Text(name), *_with_bars(cells, (0, 0), bars))


def walk_lines(walk: Walk) -> Iterator[RenderableType]:
    """A completion token by token, with the poems that others would have led to."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    table.add_column("Token\n字")
    for heading in ("Model\n模型", "Drawn\n抽籤", "Left\n剩", "Choices\n選"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Roads not taken\n未走的路")
    for position in walk.positions:
        table.add_row(*_position(position))
    yield table
    yield Text(
        "Model, Drawn: the token's probability by the model and in the end 模型與抽籤時的機率 · "
        "Choices: as uncertain as so many equal ones 相當於幾選一 · "
        "✗ could not be drawn 籤筒裡沒有",
        "dim",
    )


def _position(position: Position) -> Iterator[RenderableType]:
    last = position.step.stages[-1]
    yield Text(position.taken.text, "bold")
    yield share(position.taken.probabilities[0])
    yield share(position.taken.probabilities[-1])
    yield f"{last.left:,}"
    yield number(last.effective)
    alternatives = Text()
    for at, alternative in enumerate(position.alternatives):
        cut = alternative.choice.cut_at is not None
        before = len(position.step.prefix)
        alternatives.append("\n" if at else "")
        alternatives.append(
            f"{alternative.choice.text} {share(alternative.choice.probabilities[0])}", "cyan"
        )
        alternatives.append(" ✗" if cut else "", "red")
        alternatives.append(f" {_tail(position.step.prefix)}", "dim").append(
            alternative.completion.text[before:]
        )
    yield alternatives


def _tail(text: str) -> str:
    """The last characters of a text, after an ellipsis if there are more."""
    return text if len(text) <= _BEFORE else f"…{text[-_BEFORE:]}"
