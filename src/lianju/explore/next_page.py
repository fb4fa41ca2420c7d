"""The pages and the chart of `explore next`: one token, or how a whole poem came about.

A page is one HTML file that needs nothing but itself. It fetches nothing and runs no script: the
places of a poem are links, and the page's style shows the one that was followed.
"""

from dataclasses import dataclass
from itertools import groupby

from lianju.config import DecodeSettings
from lianju.decode import END, Choice, Position, Step, Walk
from lianju.evaluate import frame, markup
from lianju.explore.stage_words import SETTINGS, idle, words_of
from lianju.explore.templates import rendered

# How wide the longest bar of a chart is.
_BARS = 454


@dataclass(frozen=True)
class PageContext:
    """What a page is about besides the distribution: who was asked, and how it was drawn."""

    couplet: str
    model: str
    tuned: bool
    settings: DecodeSettings
    rules: str = ""
    """The form and what the lines to come keep, in words; empty where no rules are kept."""


def step_page(step: Step, context: PageContext) -> str:
    """The page of one step: stage by stage what becomes of the likeliest tokens."""
    return _page(
        "next_step.html",
        'The next character <span lang="zh-Hant" class="run">下一字</span>',
        context,
        step=step,
        first=step.stages[0],
        last=step.stages[-1],
        best=max(step.choices, key=lambda choice: choice.probabilities[0]),
        drawn=max(step.choices, key=lambda choice: choice.probabilities[-1]),
        scale=max(p for choice in step.choices for p in choice.probabilities),
    )


def walk_page(walk: Walk, context: PageContext) -> str:
    """The page of a completion: each of its tokens with its distribution and the other roads."""
    lines = _lines(walk)
    stages = [position.step.stages[-1] for position in walk.positions]
    rarest = min(walk.positions, key=lambda position: position.taken.probabilities[0])
    return _page(
        "next_walk.html",
        'How the poem came about <span lang="zh-Hant" class="run">步步成詩</span>',
        context,
        style=_current(len(walk.positions)),
        walk=walk,
        lines=lines,
        pairs=(len(lines) + 1) // 2,
        forced=sum(stage.left == 1 for stage in stages),
        freest=max(stage.effective for stage in stages),
        first=sum(map(_is_first, walk.positions)),
        rarest=rarest.taken,
        candidates_of=_candidates,
        end=END,
    )


def chart_file(step: Step, couplet: str, settings: DecodeSettings) -> str:
    """The step as a bar chart: a stand-alone SVG file, light and dark."""
    ends = [p for c in step.choices for p in (c.probabilities[0], c.probabilities[-1])]
    scale = _BARS / max(ends)
    return rendered("next_chart.svg", step=step, couplet=couplet, settings=settings, scale=scale)


def _page(
    template: str, heading: str, context: PageContext, style: str = "", **values: object
) -> str:
    settings = context.settings
    off = idle(settings)
    on = [words_of(name, settings).title.lower() for name in SETTINGS if name not in off]
    title = heading.partition(" <")[0]
    under = (
        f"model {context.model}, {'fine-tuned' if context.tuned else 'untouched'} · "
        f"{context.rules or 'no rules of verse'} · {', '.join([*on, f'seed {settings.seed}'])}"
    )
    return frame.page(
        title=f"Lianju 聯句 · {title}",
        heading=heading,
        under=markup.text(under),
        body=rendered(
            template,
            context=context,
            settings=settings,
            off=[words_of(name, settings) for name in off],
            **values,
        ),
        styles=[frame.resource("lianju.explore", "next.css"), style],
    )


def _is_first(position: Position) -> bool:
    likeliest = max(choice.probabilities[-1] for choice in position.step.choices)
    return position.taken.probabilities[-1] >= likeliest


def _lines(walk: Walk) -> list[list[tuple[int, Position]]]:
    """The places of the poem, numbered from 0, by line of verse."""

    def line(numbered: tuple[int, Position]) -> int:
        prefix = numbered[1].step.prefix
        # The sign that ends the poem stands where the poem ended, not on a line of its own.
        return sum(prefix.count(sign) for sign in "，。") - (numbered[1].taken.text == END)

    return [list(part) for _, part in groupby(enumerate(walk.positions), key=line)]


def _candidates(position: Position) -> list[Choice]:
    """The tokens shown of a place and the one that was taken, the likeliest by the model first."""
    every = {choice.token: choice for choice in (*position.step.choices, position.taken)}
    return sorted(every.values(), key=lambda choice: -choice.probabilities[0])


def _current(count: int) -> str:
    """Style that marks the link to the place that is shown, the first where none was asked for."""
    asked = ", ".join(
        f'main:has(#t{at}:target) a[href="#t{at}"] .taken' for at in range(1, count + 1)
    )
    first = 'main:not(:has(.step:target)) a[href="#t1"] .taken'
    return f"{asked}, {first} {{ background: var(--seal); color: #fff; }}"
