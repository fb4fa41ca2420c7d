"""The page of `explore next`: what one token could be, or how a whole poem came about.

One HTML file that needs nothing but itself. It fetches nothing and runs no script: the places of
a poem are links, and the page's style shows the one that was followed. Text from a model reaches
it only through `markup.text`. `next.html` is its body; the functions here fill it.
"""

from dataclasses import dataclass
from itertools import groupby

from lianju.config import DecodeSettings
from lianju.decode import END, Choice, Position, Road, Step, Walk
from lianju.evaluate import frame, markup
from lianju.explore.stage_words import SETTINGS, happened, idle, number, share, words_of

# A poem of more couplets would leave no room below it if it stayed in view.
_PINNED = 4


@dataclass(frozen=True)
class PageContext:
    """What a page is about besides the distribution: who was asked, and how it was drawn."""

    couplet: str
    model: str
    tuned: bool
    settings: DecodeSettings
    rules: str = ""
    """The form and what the lines to come keep, in words; empty where no rules are kept."""


def step_page(step: Step, shown: PageContext) -> str:
    """The page of one step: stage by stage what becomes of the likeliest tokens."""
    first, last = step.stages[0], step.stages[-1]
    best = max(step.choices, key=lambda choice: choice.probabilities[0])
    drawn = max(step.choices, key=lambda choice: choice.probabilities[-1])
    tiles = (
        (
            "Likeliest by the model 模型首選",
            best.text,
            f"with {share(best.probabilities[0])} of the probability",
        ),
        (
            "Likeliest to be drawn 最可能抽中",
            drawn.text,
            f"with {share(drawn.probabilities[-1])} in the end",
        ),
        (
            "Tokens left 剩下",
            f"{last.left:,}",
            f"of {first.left:,}, in verse one token a character",
        ),
        (
            "Equal choices 相當於幾選一",
            f"{number(first.effective)} → {number(last.effective)}",
            "as uncertain as among so many equally likely ones",
        ),
    )
    scale = max(p for choice in step.choices for p in choice.probabilities)
    cards = "\n".join(_stage(step, at, scale, shown.settings) for at in range(len(step.stages)))
    main = frame.filled(
        "lianju.explore",
        "next_step.html",
        couplet=markup.text(shown.couplet),
        prefix=markup.text(step.prefix),
        tiles=_tiles(tiles),
        stages=cards,
        last=_last(last.left),
        table=_figures(step, shown.settings),
        tokens=_tokens(step, shown.settings),
    )
    return _page("The next character", "下一字", main, shown)


def walk_page(walk: Walk, shown: PageContext) -> str:
    """The page of a completion: each of its tokens with its distribution and the other roads."""
    rows = _rows(walk)
    pairs = (len(rows) + 1) // 2
    free = [position.step.stages[-1].effective for position in walk.positions]
    forced = sum(position.step.stages[-1].left == 1 for position in walk.positions)
    surprise = min(walk.positions, key=lambda position: position.taken.probabilities[0])
    first = sum(_is_first(position) for position in walk.positions)
    tiles = (
        (
            "Tokens drawn 抽了幾次",
            f"{len(free)}",
            f"at {forced} of them only one was left",
        ),
        (
            "Likeliest taken 取首選",
            f"{first}",
            "times the token that was then likeliest",
        ),
        (
            "Freest choice 最自由處",
            number(max(free)),
            "equally likely tokens would be as uncertain",
        ),
        (
            "Rarest token 最冷門",
            surprise.taken.text,
            f"to which the model gave {share(surprise.taken.probabilities[0])}",
        ),
    )
    main = frame.filled(
        "lianju.explore",
        "next_walk.html",
        couplet=markup.text(shown.couplet),
        tiles=_tiles(tiles),
        rows=pairs,
        pinned=" pinned" if pairs <= _PINNED else "",
        poem="\n".join(_row(row) for row in rows),
        steps="\n".join(_panel(walk, at, shown.settings) for at in range(len(walk.positions))),
    )
    return _page("How the poem came about", "步步成詩", main, shown, _current(len(walk.positions)))


def _page(title: str, chinese: str, main: str, shown: PageContext, style: str = "") -> str:
    return frame.page(
        title=f"Lianju 聯句 · {title}",
        heading=f'{title} <span lang="zh-Hant" class="run">{chinese}</span>',
        under=f"model {markup.text(shown.model)}, {'fine-tuned' if shown.tuned else 'untouched'} · "
        f"{markup.text(shown.rules or 'no rules of verse')} · "
        f"{markup.text(_decoding(shown.settings))}",
        body=frame.filled("lianju.explore", "next.html", main=main, idle=_idle(shown.settings)),
        styles=[frame.resource("lianju.explore", "next.css"), style],
    )


def _last(left: int) -> str:
    """What follows the last stage."""
    if left == 1:
        return 'The one token that is left is taken. <span lang="zh-Hant">只剩一個，就取它。</span>'
    return (
        f"Now one of the {left:,} tokens is drawn, each with the probability it has at the last "
        'stage. <span lang="zh-Hant">最後按末一步的機率抽出一個。</span>'
    )


def _decoding(settings: DecodeSettings) -> str:
    """The settings in force, in the order in which they act."""
    off = idle(settings)
    titles = [words_of(name, settings).title.lower() for name in SETTINGS if name not in off]
    return ", ".join([*titles, f"seed {settings.seed}"])


def _tiles(rows: tuple[tuple[str, str, str], ...]) -> str:
    return "".join(
        f'<li><span class="name">{markup.label(name)}</span><span class="value">'
        f'{markup.text(value)}</span><span class="note">{markup.text(note)}</span></li>'
        for name, value, note in rows
    )


def _idle(settings: DecodeSettings) -> str:
    """What the settings would do that are off."""
    items = []
    for name in idle(settings):
        words = words_of(name, settings)
        term = f'{markup.text(words.title)} <span lang="zh-Hant">{words.chinese}</span>'
        says = f'{words.says} <span lang="zh-Hant" class="says">{words.says_chinese}</span>'
        items.append(f"<div><dt>{term}</dt><dd>{says}</dd></div>")
    if not items:
        return ""
    return (
        '<section>\n<h2>Not in force here <span lang="zh-Hant">未用的參數</span></h2>\n'
        f'<dl class="facts">{"".join(items)}</dl>\n</section>'
    )


# --- one step ------------------------------------------------------------------------------


def _stage(step: Step, at: int, scale: float, settings: DecodeSettings) -> str:
    """A stage as a card: its name, what it does, what it did, and the bars it leaves."""
    words = words_of(step.stages[at].name, settings)
    bars = "".join(_bar(choice, at, scale) for choice in step.choices)
    rest = step.rest[at]
    others = (
        f'<li class="others"><span class="token">others <span lang="zh-Hant">其餘</span></span>'
        f'<span class="amount">{share(rest) if rest > 1e-7 else "–"}</span></li>'
    )
    return (
        f'<article class="card stage"><h3><span class="number">{at + 1}</span> '
        f'{markup.text(words.title)} <span lang="zh-Hant">{words.chinese}</span></h3>\n'
        f'<p>{words.says}</p><p lang="zh-Hant" class="says">{words.says_chinese}</p>\n'
        f'<p class="here">{markup.text(happened(step, at, settings))}</p>\n'
        f'<ul class="bars">{bars}{others}</ul></article>'
    )


def _bar(choice: Choice, at: int, scale: float) -> str:
    """A token at a stage: its bar, and in outline that of the stage before."""
    now, cut = choice.probabilities[at], choice.cut_at
    before = choice.probabilities[at - 1] if at else 0.0
    kind, amount = "", share(now)
    if cut is not None and at >= cut:
        struck = at == cut
        kind = ' class="struck"' if struck else ' class="gone"'
        amount = '✗<span class="off"> struck</span>' if struck else '<span class="off">gone</span>'
    return (
        f'<li{kind}><span class="token" lang="zh-Hant">{markup.text(choice.text)}</span>'
        f'<span class="track" aria-hidden="true">{_length("old", before / scale)}'
        f'{_length("new", now / scale)}</span><span class="amount">{amount}</span></li>'
    )


def _length(kind: str, part: float) -> str:
    return f'<i class="{kind}" style="width:{100 * part:.1f}%"></i>' if part else ""


def _figures(step: Step, settings: DecodeSettings) -> str:
    """What each stage leaves, as a table."""
    head = ("Stage 步驟", "Tokens left 剩下", "Cut away 刪去", "Equal choices 相當於")
    rows = []
    for stage in step.stages:
        words = words_of(stage.name, settings)
        rows.append(
            (
                f"{words.title} {words.chinese}",
                f"{stage.left:,}",
                share(stage.cut) if stage.cut else "–",
                number(stage.effective),
                f"{stage.entropy:.2f}",
                f"{stage.bits:.2f}",
            )
        )
    return markup.table(
        "What each stage leaves", (*head, "Entropy, nats 熵", "Entropy, bits 熵"), rows
    )


def _tokens(step: Step, settings: DecodeSettings) -> str:
    """The probability of every token shown at every stage, as a table."""
    words = [words_of(stage.name, settings) for stage in step.stages]
    rows = [
        (choice.text, *(_cell(choice, at) for at in range(len(step.stages))))
        for choice in step.choices
    ]
    rest = (share(value) if value > 1e-7 else "–" for value in step.rest)
    head = ("Token 字", *(f"{word.title} {word.chinese}" for word in words))
    return markup.table("Every token shown", head, [*rows, ("others 其餘", *rest)])


def _cell(choice: Choice, at: int) -> str:
    cut = choice.cut_at
    if cut is None or at < cut:
        return share(choice.probabilities[at])
    return '<span class="cut">✗</span>' if at == cut else '<span class="quiet">·</span>'


# --- a whole completion --------------------------------------------------------------------


def _is_first(position: Position) -> bool:
    likeliest = max(choice.probabilities[-1] for choice in position.step.choices)
    return position.taken.probabilities[-1] >= likeliest


def _rows(walk: Walk) -> list[list[tuple[int, Position]]]:
    """The places of the poem, numbered from 0, a line of verse a row."""

    def line(numbered: tuple[int, Position]) -> int:
        prefix = numbered[1].step.prefix
        # The sign that ends the poem stands where the poem ended, not on a line of its own.
        return sum(prefix.count(sign) for sign in "，。") - (numbered[1].taken.text == END)

    return [list(part) for _, part in groupby(enumerate(walk.positions), key=line)]


def _row(row: list[tuple[int, Position]]) -> str:
    cells = []
    for at, position in row:
        free = position.step.stages[-1].effective
        cells.append(
            f'<a href="#t{at + 1}" class="{_freedom(free)}"><span class="taken" lang="zh-Hant">'
            f'{_short(position.taken.text)}</span><span class="free">{number(free)}'
            '<span class="off"> equal choices</span></span></a>'
        )
    return f'<span class="line">{"".join(cells)}</span>'


def _short(text: str) -> str:
    """A token where there is little room."""
    return '<span class="off">end </span>止' if text == END else markup.text(text)


def _freedom(effective: float) -> str:
    """How free a choice was, in four steps."""
    return f"f{sum(effective >= edge for edge in (1.5, 5, 20))}"


def _panel(walk: Walk, at: int, settings: DecodeSettings) -> str:
    """One place of the poem: how its token was drawn, and what else could have stood there."""
    position = walk.positions[at]
    count = len(walk.positions)
    links = [
        *([f'<a href="#t{at}">← before <span lang="zh-Hant">前</span></a>'] if at else []),
        '<a href="#poem">poem <span lang="zh-Hant">全詩</span></a>',
        *(
            [f'<a href="#t{at + 2}">after <span lang="zh-Hant">後</span> →</a>']
            if at + 1 < count
            else []
        ),
    ]
    taken = position.taken
    roads = "".join(_road(position, road) for road in position.roads)
    if not roads:
        roads = '<li class="quiet">None: no other token that the rules allow has 0.1% or more.</li>'
    return (
        f'<section class="step" id="t{at + 1}" aria-labelledby="h{at + 1}">\n'
        f'<nav aria-label="Place {at + 1} of {count}">{"".join(links)}</nav>\n'
        f'<h3 id="h{at + 1}"><span class="big" lang="zh-Hant">{_short(taken.text)}</span> '
        f"{at + 1} of {count}</h3>\n"
        f'<p>{_drawn(position)}</p>\n<div class="halves">'
        f"<div>{_lots(position)}</div>"
        f'<div><h4>Roads not taken <span lang="zh-Hant">未走的路</span></h4>'
        f'<ul class="roads">{roads}</ul></div></div>\n'
        f"<details><summary>{markup.label('Stage by stage 逐步')}</summary>"
        f"{_figures(position.step, settings)}{_tokens(position.step, settings)}</details>\n"
        "</section>"
    )


def _drawn(position: Position) -> str:
    """How the token came to be drawn, in two sentences."""
    taken, last = position.taken, position.step.stages[-1]
    text = "The sign that ends a poem" if taken.text == END else markup.text(taken.text)
    start = f"{text} had {share(taken.probabilities[0])} by the model"
    if last.left == 1:
        return f"{start}, and was the only token left to draw."
    return (
        f"{start} and {share(taken.probabilities[-1])} when it was drawn, among {last.left:,} "
        f"tokens that were as uncertain as {number(last.effective)} equally likely ones."
    )


def _lots(position: Position) -> str:
    """The likeliest tokens of a place: in outline by the model, filled as they were drawn."""
    step, taken = position.step, position.taken
    every = {choice.token: choice for choice in (*step.choices, taken)}
    choices = sorted(every.values(), key=lambda choice: -choice.probabilities[0])
    edges = [p for choice in choices for p in (choice.probabilities[0], choice.probabilities[-1])]
    scale = max(edges)
    rows = []
    for choice in choices:
        raw, end = choice.probabilities[0], choice.probabilities[-1]
        amount = share(end)
        if choice.cut_at is not None:
            amount = f"✗ {words_of(step.stages[choice.cut_at].name, DecodeSettings()).name}"
        mine = ' class="mine"' if choice.token == taken.token else ""
        rows.append(
            f'<li{mine}><span class="token" lang="zh-Hant">{markup.text(choice.text)}</span>'
            f'<span class="track" aria-hidden="true">{_length("old", raw / scale)}'
            f'{_length("new", end / scale)}</span><span class="amount">{amount}</span></li>'
        )
    return (
        '<p class="key-line"><i class="old"></i>by the model <span lang="zh-Hant">模型</span> '
        '<i class="new"></i>when drawn <span lang="zh-Hant">抽籤時</span></p>'
        f'<ul class="bars">{"".join(rows)}</ul>'
    )


def _road(position: Position, road: Road) -> str:
    choice, before = road.choice, position.step.prefix
    cut = choice.cut_at
    could = f"{share(choice.probabilities[-1])} when drawn"
    if cut is not None:
        name = words_of(position.step.stages[cut].name, DecodeSettings()).name
        could = f"not in the lot: struck by {name.lower()}"
    text = road.completion.text.removeprefix(before)
    # A byte shows as the character that came of it.
    size = len(choice.text) if text.startswith(choice.text) else 1
    turn, rest = text[:size], text[size:]
    return (
        f'<li><span class="verse"><span class="before">{markup.text(before)}</span>'
        f"<b>{markup.text(turn)}</b>{markup.text(rest)}</span>"
        f'<span class="quiet">{markup.text(choice.text)}: {share(choice.probabilities[0])} by the '
        f"model, {could}</span></li>"
    )


def _current(count: int) -> str:
    """Style that marks the link to the place that is shown, the first where none was asked for."""
    asked = ", ".join(
        f'main:has(#t{at}:target) a[href="#t{at}"] .taken' for at in range(1, count + 1)
    )
    first = 'main:not(:has(.step:target)) a[href="#t1"] .taken'
    return f"{asked}, {first} {{ background: var(--seal); color: #fff; }}"
