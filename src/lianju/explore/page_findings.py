"""What a sweep found, in words: one parameter at a time, and which cell to write with."""

from collections.abc import Sequence

from lianju.evaluate import Figure, markup
from lianju.explore.findings import FEWEST, Change, Contrast, common_opening, too_few
from lianju.explore.grid import AXES, Cell, Grid, axis_words, cell_words, value_words
from lianju.explore.metric_words import BY_NAME, MetricWords
from lianju.explore.recommend import ENOUGH, Recommendation
from lianju.explore.reported_suites import REPORTED_SUITES
from lianju.explore.sweep import ScoredCell, SweepPlan

_DIFFERENT = MetricWords(
    "different", "Different poems on a couplet", "同題異作", "", better="more", digits=1
)
# By metric: what less and more of it is called; then the same in Chinese.
_WAYS = {
    "characters": ("shorter", "longer", "變短", "變長"),
    "different": (
        "more alike from seed to seed",
        "more diverse from seed to seed",
        "趨同",
        "更多樣",
    ),
    "distinct_2": (
        "poorer in different pairs of characters",
        "richer in different pairs of characters",
        "用字更少變化",
        "用字更多變化",
    ),
    "self_bleu": ("less like each other", "more like each other", "彼此較不像", "彼此更像"),
    "collapse": (
        "less often alike in their first two characters",
        "more often alike in their first two characters",
        "開頭較不重複",
        "開頭更重複",
    ),
    "shape": (
        "less often of the right shape",
        "more often of the right shape",
        "合式變少",
        "合式變多",
    ),
    "logprob": (
        "less likely to the model",
        "likelier to the model",
        "模型覺得更意外",
        "模型覺得更平常",
    ),
    "known_lines": ("less often copied", "more often copied", "抄得較少", "抄得較多"),
}
# Those that the sentences speak of, with what follows their numbers; the tables have all.
_SPOKEN = {
    "characters": " characters",
    "shape": "",
    "different": " different poems a couplet",
    "distinct_2": "",
    "collapse": "",
}
_NONE = ": no difference in length, shape or variety could be shown."
_DOES = {"temperature": "raising the temperature", "min_p": "lowering min-p"}
_CHINESE = {"temperature": "溫度"}


def findings(grid: Grid, cells: Sequence[ScoredCell], contrasts: Sequence[Contrast]) -> str:
    """A paragraph in each language and a table for every parameter that the grid varies."""
    if too_few(cells):
        return f'<p>{_few(cells)}.</p><p lang="zh-Hant">上聯不足 {FEWEST} 則，差別無從判斷。</p>'
    if not contrasts:
        return "<p>Every axis has one value: there is nothing to compare.</p>"
    return "\n".join(_contrast(grid, cells, contrast) for contrast in contrasts)


def _few(cells: Sequence[ScoredCell]) -> str:
    """That nothing can be told, with what to do."""
    n = markup.plural(len(cells[0].marks), "couplet")
    return f"Too few couplets to tell 樣本太少: {n}; give {FEWEST} at least, better 30"


def sentence(grid: Grid, cells: Sequence[ScoredCell], contrast: Contrast) -> str:
    """What one parameter changed of length, shape and diversity, with the numbers, in English."""
    changes = [contrast.changes[metric] for metric in _SPOKEN]
    found = [
        f"{_way(change, 0)} ({_numbers(change)}{_SPOKEN[change.metric]})"
        for change in changes
        if change.way
    ]
    rest = [_metric(change).title.lower() for change in changes if not change.way]
    n = markup.plural(sum(map(len, cells[contrast.tight].marks)), "poem")
    said = _opening(grid, cells, contrast)
    said += f" made the poems {_listed(found)}." if found else _NONE
    if found and rest:
        said += f" No difference could be shown in {_listed(rest)}."
    return f"{said} Each side: {n}."


def _chinese(contrast: Contrast) -> str:
    changes = [contrast.changes[metric] for metric in _SPOKEN]
    found = [f"{_way(change, 1)}（{_numbers(change)}）" for change in changes if change.way]
    return "、".join(found) or "長短、合式、多樣均未見差別"


def _way(change: Change, language: int) -> str:
    """What a change is called in English (0) or Chinese (1)."""
    return _WAYS[change.metric][2 * language + (change.way > 0)]


def _numbers(change: Change) -> str:
    metric = _metric(change)
    return f"{metric.number(change.before.value)} → {metric.number(change.after.value)}"


def _metric(change: Change) -> MetricWords:
    return BY_NAME.get(change.metric, _DIFFERENT)


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _contrast(grid: Grid, cells: Sequence[ScoredCell], contrast: Contrast) -> str:
    tight, loose = cells[contrast.tight], cells[contrast.loose]
    axis = contrast.axis
    low, high = (value_words(axis, getattr(cell.cell, axis)) for cell in (tight, loose))
    rows = [_row(change) for change in contrast.changes.values()]
    rows.append(_openings(tight, loose))
    name = axis.replace("_", "-")
    chinese = _CHINESE.get(axis, f"{name} ")
    return (
        f'<div class="contrast"><h3>{name.capitalize()} {low} → {high}</h3>'
        f"<p>{markup.text(sentence(grid, cells, contrast))}</p>"
        f'<p lang="zh-Hant">{chinese}由 {low} 到 {high}：{_chinese(contrast)}。</p>'
        + markup.table(f"{name} compared", ("", f"{name} {low}", f"{name} {high}", ""), rows)
        + "</div>"
    )


def _opening(grid: Grid, cells: Sequence[ScoredCell], contrast: Contrast) -> str:
    """Which parameter went from where to where, and where the others stood."""
    axis, cell = contrast.axis, cells[contrast.tight].cell
    others = [
        axis_words(name, getattr(cell, name))
        for name in AXES
        if name in grid.varied() and name != axis
    ]
    verb = _DOES.get(axis, f"opening {axis.replace('_', '-')}")
    low, high = (getattr(cells[n].cell, axis) for n in (contrast.tight, contrast.loose))
    said = f"{verb} from {value_words(axis, low)} to {value_words(axis, high)}"
    return f"With {_listed(others)}, {said}" if others else said[0].upper() + said[1:]


def _row(change: Change) -> tuple[str, str, str, str]:
    metric = _metric(change)
    found = '<span class="none">no difference shown <span lang="zh-Hant">未見差別</span></span>'
    if change.way:
        found = (
            f'<span class="found">{"▲" if change.way > 0 else "▼"} {_way(change, 0)} '
            f'<span lang="zh-Hant">{_way(change, 1)}</span></span>'
        )
    name = f"{metric.title} {metric.chinese}"
    return name, value(metric, change.before), value(metric, change.after), found


def _openings(tight: ScoredCell, loose: ScoredCell) -> tuple[str, str, str, str]:
    return "The opening itself 開頭二字", _common(tight), _common(loose), ""


def _common(cell: ScoredCell) -> str:
    opening, share = common_opening(cell)
    return (
        f'<span lang="zh-Hant">{markup.text(opening or "（無）")}</span> '
        f'<span class="range">{100 * share:.0f}%</span>'
    )


def value(metric: MetricWords, figure: Figure) -> str:
    """A number over its interval, as a table shows them."""
    if figure.value is None:
        return '<span class="none">–</span>'
    return (
        f'{metric.number(figure.value)} <span class="range">{metric.interval(figure)}, '
        f"n\N{NO-BREAK SPACE}{figure.n}</span>"
    )


# --- which to write with -------------------------------------------------------------------


def recommendation(
    plan: SweepPlan, cells: Sequence[ScoredCell], choice: Recommendation | None
) -> str:
    """The recommended cell with the rule that led to it, or why there is none."""
    if reported := REPORTED_SUITES.get(plan.suite):
        return (
            '<div class="choice"><p class="pick">No recommendation from these couplets.</p>'
            f"<p>{reported.english} Run <code>lianju explore sweep --suite legal</code> to choose."
            f'</p><p lang="zh-Hant">{reported.chinese}'
            "要挑參數，請用 <code>--suite legal</code>。</p></div>"
        )
    if too_few(cells):
        return f"<p>{_few(cells)}.</p>"
    if choice is None:
        return "<p>Too little was written to choose by: diversity shows on several couplets.</p>"
    return _chosen(plan, cells, choice)


def _chosen(plan: SweepPlan, cells: Sequence[ScoredCell], choice: Recommendation) -> str:
    grid, picked, best = plan.grid, cells[choice.chosen], cells[choice.best]
    shape, pairs, liking = (BY_NAME[name] for name in ("shape", "distinct_2", "logprob"))

    def number(cell: ScoredCell, metric: MetricWords) -> str:
        return metric.number(cell.figures[metric.name].value)

    most = max(
        figure
        for n in choice.shapely
        if (figure := cells[n].figures["distinct_2"].value) is not None
    )
    return (
        f'<div class="choice"><p class="pick">{markup.text(cell_words(picked.cell, grid))}</p>'
        f"<p><code>lianju complete … {flags(picked.cell, grid)}</code></p><ol>"
        f"<li>Right shape first. The best cell ({markup.text(cell_words(best.cell, grid))}) has "
        f"{number(best, shape)}; kept are {len(choice.shapely)} of "
        f"{markup.plural(len(cells), 'cell')}: not significantly below it, couplet by "
        "couplet.</li>"
        f"<li>Not collapsed. Of these, kept: {len(choice.diverse)}, with at least "
        f"{ENOUGH:.0%} of the most different pairs among them ({pairs.number(most)}).</li>"
        f"<li>Then the one whose poems the model finds likeliest: {number(picked, liking)} nats a "
        f"character, {number(picked, pairs)} different pairs, {number(picked, shape)} of the right "
        "shape. No cell that keeps the shape is both likelier and more diverse: it stands on the "
        "Pareto front.</li></ol>"
        '<p lang="zh-Hant">先求合式：留下與最佳格無顯著差別的；再求不單調：'
        f"相異二字組至少為其中最高者的 {ENOUGH:.0%}；最後取模型覺得最自然的一格。</p>"
        '<p class="quiet">The rule cannot see sense, nor beauty; “likely” is what this model '
        "expects, not what is good. With "
        f"{markup.plural(plan.poems_each, 'poem')} a cell, cells near the chosen one may be as "
        "good: see their intervals.</p></div>"
    )


def flags(cell: Cell, grid: Grid) -> str:
    """The cell as flags of `lianju complete`."""
    axes = ["temperature", "top_p", "top_k"] + [
        a for a in ("min_p", "typical_p") if a in grid.varied()
    ]
    return " ".join(f"--{axis.replace('_', '-')} {getattr(cell, axis):g}" for axis in axes)


def in_words(
    plan: SweepPlan,
    cells: Sequence[ScoredCell],
    contrasts: Sequence[Contrast],
    choice: Recommendation | None,
) -> list[str]:
    """What the sweep found, a sentence each, for a terminal."""
    said = [sentence(plan.grid, cells, contrast) for contrast in contrasts]
    if plan.suite in REPORTED_SUITES:
        why = "scores are reported on these couplets; choose with --suite legal"
        few = [f"{_few(cells)}."] if too_few(cells) else []
        return [*said, *few, f"No recommendation: {why}."]
    if too_few(cells):
        return [f"{_few(cells)}."]
    if choice is None:
        return [*said, "No recommendation: too little was written; give several couplets."]
    picked = cells[choice.chosen]
    n = markup.plural(plan.poems_each, "poem")
    return [*said, f"Recommended, by {n} a cell: {flags(picked.cell, plan.grid)}"]
