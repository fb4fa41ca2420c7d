"""The distribution of one token as a bar chart: a stand-alone SVG file, light and dark."""

from lianju.config import DecodeSettings
from lianju.decode import Choice, Step
from lianju.evaluate import markup
from lianju.explore.stage_words import number, share, words_of

_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 720, 96, 170, 112, 38
_STYLE = """\
svg { --paper: #fdfefd; --ink: #1c2427; --quiet: #55636a; --line: #d5dcda; --accent: #1d6470;
  --wrong: #9c3a2b; }
@media (prefers-color-scheme: dark) { svg { --paper: #192024; --ink: #e3e8e6; --quiet: #9aa8ab;
  --line: #2e393d; --accent: #79c2cb; --wrong: #f0a08f; } }
text { font: 14px system-ui, "Segoe UI", Roboto, "Noto Sans CJK TC", "Noto Sans TC",
  "PingFang TC", "Microsoft JhengHei", sans-serif; fill: var(--ink); }
.title { font-size: 17px; font-weight: 600; } .token { font-size: 20px; }
.quiet { fill: var(--quiet); } .cut { fill: var(--wrong); }
.paper { fill: var(--paper); } .line { stroke: var(--line); }
.before { fill: none; stroke: var(--quiet); } .after { fill: var(--accent); }
"""


def chart_file(step: Step, couplet: str, settings: DecodeSettings) -> str:
    """The likeliest tokens of a step, by the model (outlined) and in the end (filled)."""
    longest = max(p for choice in step.choices for p in (*choice.probabilities[:1], _end(choice)))
    rows = [
        part
        for at, choice in enumerate(step.choices)
        for part in _row(choice, _TOP + _ROW * at, longest, step, settings)
    ]
    foot = _TOP + _ROW * len(step.choices) + 26
    stages = _stages(step, settings, foot)
    height = foot + 24 * (len(step.stages) + 1)
    said = f"What the next token could be after {couplet}{step.prefix}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{markup.text(said)}">',
        f"<style>\n{_STYLE}</style>",
        f'<rect class="paper" width="{_WIDTH}" height="{height}"/>',
        _text(20, 34, f"{couplet}{step.prefix}□", "title"),
        '<rect class="before" x="20.5" y="58.5" width="18" height="11"/>',
        _text(46, 69, "by the model 模型", "quiet"),
        '<rect class="after" x="190" y="58" width="18" height="12"/>',
        _text(216, 69, "when it is drawn 抽籤時", "quiet"),
        *rows,
        *stages,
        "</svg>\n",
    ]
    return "\n".join(parts)


def _end(choice: Choice) -> float:
    return choice.probabilities[-1]


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
        f"{markup.text(words)}</text>"
    )


def _row(
    choice: Choice, y: float, longest: float, step: Step, settings: DecodeSettings
) -> list[str]:
    """A token with its two bars, their numbers, and what cut it."""
    scale = (_WIDTH - _LEFT - _RIGHT) / longest
    raw, end = choice.probabilities[0], _end(choice)
    cut = choice.cut_at
    after = f"→ {share(end)}"
    if cut is not None:
        after = f"✗ {words_of(step.stages[cut].name, settings).title}"
    at = _LEFT + scale * max(raw, end) + 10
    return [
        _text(_LEFT - 14, y + 19, choice.text, "token" if len(choice.text) == 1 else "", "end"),
        f'<rect class="before" x="{_LEFT}.5" y="{y + 0.5}" width="{scale * raw:.1f}" height="9"/>',
        f'<rect class="after" x="{_LEFT}" y="{y + 12}" width="{scale * end:.1f}" height="13"/>',
        _text(at, y + 17, share(raw), "quiet"),
        _text(at + 52, y + 17, after, "cut" if cut is not None else ""),
    ]


def _stages(step: Step, settings: DecodeSettings, y: float) -> list[str]:
    """A line for each stage: what it leaves."""
    columns = (240, 380, 520, 700)
    heads = ("tokens left 剩", "cut away 刪去", "entropy, nats 熵", "equal choices 相當於")
    parts = [_text(x, y, words, "quiet", "end") for x, words in zip(columns, heads, strict=True)]
    for at, stage in enumerate(step.stages, 1):
        words = words_of(stage.name, settings)
        cells = (
            f"{stage.left:,}",
            share(stage.cut) if stage.cut else "–",
            f"{stage.entropy:.2f}",
            number(stage.effective),
        )
        parts.append(_text(20, y + 24 * at, f"{words.title} {words.chinese}"))
        parts += [
            _text(x, y + 24 * at, cell, "", "end") for x, cell in zip(columns, cells, strict=True)
        ]
    return parts
