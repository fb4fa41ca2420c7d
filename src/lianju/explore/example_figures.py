"""The decoding parameters explained: what each makes of one real distribution."""

from lianju.evaluate import markup
from lianju.explore.drawing import WIDTH, svg, write
from lianju.explore.example_distribution import DistributionView, ExampleDistribution
from lianju.explore.grid import axis_words

# By the setting that is changed: what it does, in both languages.
_SAID = {
    "": (
        "What the model says, unchanged. Most of its tokens are very unlikely, yet together they "
        "are drawn now and then.",
        "模型原本的機率。冷僻的字各自機會極小，合起來卻時有抽中。",
    ),
    "temperature 0.5": (
        "Temperature below 1 makes the likely likelier. Near 0 only the first is ever drawn: safe, "
        "and always the same.",
        "溫度低於一，強者更強；近於零時只取第一個：穩妥，但千篇一律。",
    ),
    "temperature 1.5": (
        "Temperature above 1 evens the chances out: more surprises, and more mistakes.",
        "溫度高於一，機會趨於平均：新奇多，錯誤也多。",
    ),
    "top-k 3": (
        "Top-k keeps the k likeliest, here three, however good the fourth may be.",
        "top-k 只留前 k 個，這裡是三個，第四個再好也不要。",
    ),
    "top-p 0.8": (
        "Top-p keeps the likeliest until they reach this share together, here 80%: few where the "
        "model is sure, many where it is not.",
        "top-p 由高往低取，累計滿八成為止：模型有把握時留得少，沒把握時留得多。",
    ),
    "min-p 0.1": (
        "Min-p keeps what is at least this many times as likely as the first, here a tenth.",
        "min-p 只留機率至少為第一名十分之一的。",
    ),
}
_TOP, _ROW, _LEFT, _RIGHT = 30, 24, 58, 62


def parameter_figures(example: ExampleDistribution) -> str:
    """A small drawing with its explanation for each view."""
    top = max(share for view in example.views for share in (*view.shares, view.rest))
    return "\n".join(_figure(example, view, top) for view in example.views)


def _figure(example: ExampleDistribution, view: DistributionView, top: float) -> str:
    name = _name(view)
    english, chinese = _SAID[name]
    return (
        f"<figure>{_drawing(example, view, top)}<figcaption>"
        f'<p>{english}</p><p lang="zh-Hant">{chinese}</p></figcaption></figure>'
    )


def _name(view: DistributionView) -> str:
    return ", ".join(axis_words(axis, value) for axis, value in view.changed.items())


def _drawing(example: ExampleDistribution, view: DistributionView, top: float) -> str:
    """Bars of the shown tokens and of all others; those that cannot be drawn have none."""
    parts = [write(0, 16, _name(view) or "the model as it is", kind="name")]
    rows = [*zip(example.tokens, view.shares, example.views[0].shares, strict=True)]
    rows.append(("others", view.rest, example.views[0].rest))
    for index, (token, share, raw) in enumerate(rows):
        y = _TOP + index * _ROW
        parts.append(write(_LEFT - 10, y + 16, token, "end", "name"))
        width = (WIDTH - _LEFT - _RIGHT) * (share or raw) / top
        kind = "shade" if share else "gone"
        parts.append(
            f'<rect class="{kind}" x="{_LEFT}" y="{y + 3}" width="{max(width, 1):.1f}" '
            f'height="{_ROW - 7}" rx="2"/>'
        )
        said = _percent(share) if share else "cut"
        parts.append(write(_LEFT + max(width, 1) + 7, y + 16, said))
    foot = _TOP + len(rows) * _ROW + 18
    left = f"{view.kept:,} of {markup.plural(example.vocabulary, 'token')} can be drawn"
    parts.append(write(0, foot, left))
    return svg(WIDTH, foot + 8, f"{_name(view) or 'The model as it is'}: {left}", parts)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%" if share >= 0.001 else "<0.1%"
