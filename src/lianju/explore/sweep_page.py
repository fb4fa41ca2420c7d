"""The page of a sweep: one HTML file that needs nothing but itself.

It explains the parameters on a real distribution, says what the sweep found, and shows every
cell. It fetches nothing and runs no script, and text from a model reaches it only through
`markup.text`. `sweep.html` is its body; the functions here fill it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from lianju.evaluate import frame, markup, writing
from lianju.explore import page_findings
from lianju.explore.drawing import STYLE
from lianju.explore.example_figures import parameter_figures
from lianju.explore.findings import contrasts
from lianju.explore.grid import cell_words
from lianju.explore.metric_words import BY_NAME, METRIC_WORDS, MetricWords
from lianju.explore.recommend import Recommendation, choose, front
from lianju.explore.reported_suites import REPORTED_SUITES
from lianju.explore.sweep import ScoredCell, Sweep
from lianju.explore.sweep_plots import curves, heat_map, scatter
from lianju.verse import FORMS

# How many couplets of each cell the page shows; the files have all.
_SAMPLES = 3
CURVES = ("characters", "collapse")
_FORMS = {form.name: form.chinese for form in FORMS}


@dataclass(frozen=True)
class Findings:
    """A sweep with its scores: what pages and files are made of."""

    sweep: Sweep
    cells: list[ScoredCell]

    @cached_property
    def choice(self) -> Recommendation | None:
        """What the rule finds, whatever the couplets."""
        return choose(self.cells)

    @property
    def chosen(self) -> int | None:
        """The recommended cell; none on couplets that scores are reported on."""
        if self.choice is None or self.sweep.plan.suite in REPORTED_SUITES:
            return None
        return self.choice.chosen

    def in_words(self) -> list[str]:
        """What was found, a sentence each, for a terminal."""
        grid = self.sweep.plan.grid
        found = contrasts(grid, self.cells)
        return page_findings.in_words(self.sweep.plan, self.cells, found, self.choice)

    def heat_maps(self, metric: MetricWords) -> list[str]:
        """The heat maps of a metric, one for each panel of the grid."""
        grid = self.sweep.plan.grid
        return [heat_map(grid, panel, self.cells, metric, self.chosen) for panel in grid.panels()]

    def scatters(self) -> list[str]:
        """Right shape, then liking, each against different pairs, with the Pareto front."""
        grid = self.sweep.plan.grid
        every = range(len(self.cells))
        shapely = self.choice.shapely if self.choice else list(every)
        lost = set(every) - set(shapely)
        return [
            scatter(
                grid,
                self.cells,
                ("distinct_2", up),
                lost,
                self._front("distinct_2", up, shapely),
                self.chosen,
            )
            for up in ("shape", "logprob")
        ]

    def curves(self, metric: MetricWords) -> list[str]:
        """A metric by temperature, for each panel; nothing to draw at one temperature."""
        grid = self.sweep.plan.grid
        if len(grid.temperature) < 2:
            return []
        return [curves(grid, panel, self.cells, metric) for panel in grid.panels()]

    def _front(self, across: str, up: str, numbers: Sequence[int]) -> list[int]:
        pairs = {
            number: (x, y)
            for number in numbers
            if (x := self.cells[number].figures[across].value) is not None
            and (y := self.cells[number].figures[up].value) is not None
        }
        there = list(pairs)
        return [there[index] for index in front(list(pairs.values()))]


def page(found: Findings) -> str:
    """The page as HTML."""
    plan, cells, example = found.sweep.plan, found.cells, found.sweep.choices()
    poems = len(cells) * plan.poems_each
    name = markup.text(found.sweep.folder.resolve().name)
    body = frame.filled(
        "lianju.explore",
        "sweep.html",
        tiles=_tiles(found, poems),
        couplets=markup.plural(len(plan.openings), "couplet"),
        seeds=markup.plural(plan.seeds, "poem"),
        cells=markup.plural(len(cells), "combination"),
        couplet=markup.text(example.couplet),
        begun=markup.text(example.begun),
        cuts=parameter_figures(example),
        findings=page_findings.findings(plan.grid, cells, contrasts(plan.grid, cells)),
        choice=page_findings.recommendation(plan, cells, found.choice),
        maps=_maps(found),
        scatters=_scatters(found),
        curves=_curves(found),
        samples=_samples(found),
        table=_table(found),
        facts=_facts(found),
        glossary="".join(
            f"<div><dt>{markup.label(f'{s.title} {s.chinese}')}</dt><dd>{s.says}</dd></div>"
            for s in METRIC_WORDS
        ),
        terms=f"<p>The base model, {markup.text(plan.model)}, {markup.terms(plan.model)}.</p>",
    )
    return frame.page(
        title=f"Lianju 聯句 · sweep {name}",
        heading=f'{frame.NAME} <span class="run">· sweep {name}</span>',
        under=f"model {markup.text(plan.model)}, {'fine-tuned' if plan.adapter else 'untouched'} · "
        f"{markup.text(_couplets(found))} · {poems:,} poems",
        body=body,
        styles=[STYLE, frame.resource("lianju.explore", "sweep.css"), _choosing()],
    )


def _couplets(found: Findings) -> str:
    suite, n = found.sweep.plan.suite, len(found.sweep.plan.openings)
    return markup.plural(n, "couplet") + (f" of the suite {suite}" if suite else "")


def _tiles(found: Findings, poems: int) -> str:
    plan, grid = found.sweep.plan, found.sweep.plan.grid
    picked = "none here"
    note = (
        "choose on --suite legal"
        if plan.suite in REPORTED_SUITES
        else "too few couplets to tell 樣本太少"
    )
    if found.chosen is not None:
        picked = f"T {found.cells[found.chosen].cell.temperature:g}"
        rest = cell_words(found.cells[found.chosen].cell, grid).partition(", ")[2]
        note = rest or "temperature alone was swept"
    rows = (
        ("Cells 格", f"{len(found.cells)}", f"{poems:,} poems, {plan.seeds} a couplet"),
        (
            "Right shape 合式",
            *_ends(found, BY_NAME["shape"], ""),
        ),
        (
            "Characters 字數",
            *_ends(found, BY_NAME["characters"], " per poem"),
        ),
        ("Recommended 建議", picked, note),
    )
    return "".join(
        f'<li><span class="name">{markup.label(name)}</span><span class="value">{value}</span>'
        f'<span class="note">{markup.text(said)}</span></li>'
        for name, value, said in rows
    )


def _ends(found: Findings, metric: MetricWords, unit: str) -> tuple[str, str]:
    """The lowest and the highest number of a metric, and the cells that have them."""
    grid = found.sweep.plan.grid
    known = [
        (value, cell_words(cell.cell, grid))
        for cell in found.cells
        if (value := cell.figures[metric.name].value) is not None
    ]
    if not known:
        return metric.number(None), "nothing to measure"
    ends = (min(known, key=lambda one: one[0]), max(known, key=lambda one: one[0]))
    low, high = (metric.number(value) for value, _ in ends)
    if low == high:
        where = "in every cell" if len(found.cells) > 1 else f"at {ends[0][1]}"
        return low, f"{unit} {where}".strip()
    return f"{low} – {high}", f"{low}{unit} at {ends[0][1]}; {high} at {ends[1][1]}"


# --- plots ---------------------------------------------------------------------------------


def _choosing() -> str:
    """Style that shows the heat maps of the chosen metric; a browser too old for it shows all."""
    shows = ", ".join(f".maps:has(#m-{s.name}:checked) .m-{s.name}" for s in METRIC_WORDS)
    return (
        "@supports selector(:has(*)) {\n.maps .map { display: none; }\n"
        f"{shows} {{ display: block; }}\n}}"
    )


def _maps(found: Findings) -> str:
    buttons = "".join(
        f'<label><input type="radio" name="metric" id="m-{metric.name}"'
        f"{'' if number else ' checked'}>{markup.label(f'{metric.title} {metric.chinese}')}</label>"
        for number, metric in enumerate(METRIC_WORDS)
    )
    maps = "\n".join(
        f'<div class="map m-{metric.name}"><h3>{markup.label(f"{metric.title} {metric.chinese}")}'
        f"</h3><p>{metric.says}{_BETTER[metric.better]}</p>"
        f'<div class="pair">{"".join(map(_scrolling, found.heat_maps(metric)))}</div></div>'
        for metric in METRIC_WORDS
    )
    ring = '<p class="quiet">The red frame is the recommended cell.</p>'
    return (
        f'<fieldset><legend>{markup.label("Metric 指標")}</legend><div class="pills">{buttons}'
        f"</div></fieldset>\n{maps}\n{ring if found.chosen is not None else ''}"
    )


_BETTER = {"more": " More is better.", "less": " Less is better.", "neither": ""}


def _scrolling(plot: str) -> str:
    return f'<div class="scroll">{plot}</div>'


def _scatters(found: Findings) -> str:
    hollow = " Empty circles have significantly fewer right shapes than the best cell."
    ring = " The red ring is the recommended cell." if found.chosen is not None else ""
    shape, liking = found.scatters()
    return (
        "<p>Each circle is a cell, the fuller the hotter, with its intervals. Up is better, right "
        "is more diverse. The dashed line is the Pareto front of the cells that keep the shape: on "
        "it nothing is gained "
        f"without losing something.{hollow}{ring}</p>"
        '<p lang="zh-Hant">每一圈是一格，顏色越實溫度越高。越上越好，越右越多樣；'
        "虛線為帕雷托前緣，線上的格無法兩樣都更好。空心者合式顯著較少。</p>"
        f'<div class="pair"><figure>{shape}<figcaption>Right shape against diversity.</figcaption>'
        f"</figure><figure>{liking}<figcaption>How likely the model finds its own poems against "
        "diversity. Very likely and hardly "
        "diverse, upper left, is a collapsed decoding.</figcaption></figure></div>"
    )


def _curves(found: Findings) -> str:
    drawn = "".join(
        f"<figure>{plot}</figure>" for name in CURVES for plot in found.curves(BY_NAME[name])
    )
    if not drawn:
        return ""
    return (
        "<section><h2>Longer or shorter, static or diverse "
        '<span lang="zh-Hant">長短與單調</span></h2>'
        "<p>How many characters a poem has, and how many poems begin with the same two characters, "
        "as the temperature rises. Upright lines are 95% intervals.</p>"
        '<p lang="zh-Hant">溫度升高時，每首字數與開頭重複的變化；直線為 95% 區間。</p>'
        f'<div class="pair">{drawn}</div></section>'
    )


# --- poems ---------------------------------------------------------------------------------


def _samples(found: Findings) -> str:
    folded = "\n".join(
        f"<details><summary>{markup.text(cell_words(cell.cell, found.sweep.plan.grid))} "
        f'<span class="quiet">{_brief(cell)}</span></summary>'
        + "".join(_couplet(found, cell, index) for index in range(_shown(found)))
        + "</details>"
        for cell in found.cells
    )
    return f'<div class="samples">{_extremes(found)}\n{folded}</div>'


def _shown(found: Findings) -> int:
    return min(_SAMPLES, len(found.sweep.plan.openings))


def _brief(cell: ScoredCell) -> str:
    said = (
        f"{BY_NAME[name].number(cell.figures[name].value)} {what}"
        for name, what in (("shape", "right shape"), ("distinct_2", "different pairs"))
    )
    return ", ".join(said)


def _extremes(found: Findings) -> str:
    """The first couplet in the tightest cell and in the most open one."""
    if len(found.cells) < 2:
        return ""
    grid = found.sweep.plan.grid
    sides = "".join(
        f'<div class="side{kind}"><h4>{markup.text(cell_words(cell.cell, grid))}</h4>'
        f"{_seeds(cell, 0)}</div>"
        for kind, cell in (("", found.cells[0]), (" after", found.cells[-1]))
    )
    couplet = writing(found.sweep.plan.openings[0].couplet)
    return f'<article class="card"><h3>{couplet}</h3><div class="sides">{sides}</div></article>'


def _couplet(found: Findings, cell: ScoredCell, index: int) -> str:
    couplet = writing(found.sweep.plan.openings[index].couplet)
    return f'<div class="sample">{couplet}{_seeds(cell, index)}</div>'


def _seeds(cell: ScoredCell, index: int) -> str:
    poems = "".join(
        f'<div class="poem">{writing(poem.text)}{_verdict(str(mark["fault"]), mark["form"])}</div>'
        for poem, mark in zip(cell.written.poems[index], cell.marks[index], strict=True)
    )
    return f'<div class="seeds">{poems}</div>'


def _verdict(fault: str, form: object) -> str:
    if form:
        said = markup.label(f"{form} {_FORMS[str(form)]}")
        return f'<p class="verdict right"><span class="mark">✓</span>{said}</p>'
    return f'<p class="verdict wrong"><span class="mark">✗</span>{markup.text(fault)}</p>'


# --- numbers -------------------------------------------------------------------------------


def _table(found: Findings) -> str:
    grid = found.sweep.plan.grid
    heads = "".join(
        f'<th scope="col">{markup.label(f"{metric.title} {metric.chinese}")}</th>'
        for metric in METRIC_WORDS
    )
    rows = "".join(
        f"<tr{' class=picked' if cell.written.number == found.chosen else ''}>"
        f'<th scope="row">{markup.text(cell_words(cell.cell, grid))}</th>'
        + "".join(
            f"<td>{page_findings.value(metric, cell.figures[metric.name])}</td>"
            for metric in METRIC_WORDS
        )
        + "</tr>"
        for cell in found.cells
    )
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="All cells">'
        f'<table class="cells"><thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody>'
        "</table></div>"
    )


def _facts(found: Findings) -> str:
    plan = found.sweep.plan
    ruled = plan.verse.form != "free"
    fixed = ", ".join(
        f"{name.replace('_', '-')} {value if value is not None else 'default'}"
        for name, value in (
            ("max_length", plan.max_length),
            ("repetition_penalty", plan.repetition_penalty),
            ("seed", plan.seed),
            *((("particles", plan.particles),) if ruled else ()),
        )
    )
    return markup.facts(
        (
            ("Model 模型", plan.model),
            ("Adapter 微調", f"SHA-256 {plan.adapter}" if plan.adapter else "none"),
            ("Prompt 提示", plan.style),
            ("Couplets 上聯", _couplets(found)),
            ("Rules 格律", plan.verse.form if ruled else "none"),
            ("The same in every cell 共同設定", fixed),
            ("Writing took 用時", markup.duration(sum(c.written.seconds for c in found.cells))),
        )
    )
