"""What a sweep found, in words, one parameter at a time."""

from collections.abc import Sequence

from lianju.evaluate import markup
from lianju.explore.findings import FEWEST, Change, Contrast, too_few
from lianju.explore.grid import AXES, Cell, Grid, axis_words, value_words
from lianju.explore.metric_words import BY_NAME, MetricWords
from lianju.explore.sweep import ScoredCell

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


def few_words(cells: Sequence[ScoredCell]) -> str:
    """That nothing can be told, with what to do; empty where it can."""
    if not too_few(cells):
        return ""
    n = markup.plural(len(cells[0].marks), "couplet")
    return f"Too few couplets to tell 樣本太少: {n}; give {FEWEST} at least, better 30"


def sentence(grid: Grid, cells: Sequence[ScoredCell], contrast: Contrast) -> str:
    """What one parameter changed of length, shape and diversity, with the numbers, in English."""
    changes = [contrast.changes[metric] for metric in _SPOKEN]
    found = [
        f"{way_words(change, 0)} ({_numbers(change)}{_SPOKEN[change.metric]})"
        for change in changes
        if change.way
    ]
    rest = [metric_of(change).title.lower() for change in changes if not change.way]
    n = markup.plural(sum(map(len, cells[contrast.tight].marks)), "poem")
    said = _opening(grid, cells, contrast)
    said += f" made the poems {_listed(found)}." if found else _NONE
    if found and rest:
        said += f" No difference could be shown in {_listed(rest)}."
    return f"{said} Each side: {n}."


def chinese_sentence(contrast: Contrast) -> str:
    """The same in Chinese, without what was not found."""
    changes = [contrast.changes[metric] for metric in _SPOKEN]
    found = [f"{way_words(change, 1)}（{_numbers(change)}）" for change in changes if change.way]
    low, high = ends_words(contrast)
    name = _CHINESE.get(contrast.axis, f"{contrast.axis.replace('_', '-')} ")
    return f"{name}由 {low} 到 {high}：{'、'.join(found) or '長短、合式、多樣均未見差別'}。"


def ends_words(contrast: Contrast) -> tuple[str, str]:
    """The tightest and the most open value of the axis."""
    low, high = contrast.ends
    return value_words(contrast.axis, low), value_words(contrast.axis, high)


def way_words(change: Change, language: int) -> str:
    """What a change is called in English (0) or Chinese (1)."""
    return _WAYS[change.metric][2 * language + (change.way > 0)]


def metric_of(change: Change) -> MetricWords:
    """The metric that changed."""
    return BY_NAME.get(change.metric, _DIFFERENT)


def _numbers(change: Change) -> str:
    metric = metric_of(change)
    return f"{metric.number(change.before.value)} → {metric.number(change.after.value)}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _opening(grid: Grid, cells: Sequence[ScoredCell], contrast: Contrast) -> str:
    """Which parameter went from where to where, and where the others stood."""
    axis, cell = contrast.axis, cells[contrast.tight].cell
    others = [
        axis_words(name, getattr(cell, name))
        for name in AXES
        if name in grid.varied() and name != axis
    ]
    verb = _DOES.get(axis, f"opening {axis.replace('_', '-')}")
    said = "{} from {} to {}".format(verb, *ends_words(contrast))
    return f"With {_listed(others)}, {said}" if others else said[0].upper() + said[1:]


def flags(cell: Cell, grid: Grid) -> str:
    """The cell as flags of `lianju complete`."""
    axes = ["temperature", "top_p", "top_k"] + [
        a for a in ("min_p", "typical_p") if a in grid.varied()
    ]
    return " ".join(f"--{axis.replace('_', '-')} {getattr(cell, axis):g}" for axis in axes)
