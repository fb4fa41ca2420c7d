"""The page of a sweep: one HTML file that needs nothing but itself.

It explains the parameters on a real distribution, says what the sweep found, and shows every
cell. It fetches nothing and runs no script. `sweep.html` is its body.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from markupsafe import Markup

from lianju.evaluate import frame, markup
from lianju.explore import finding_words
from lianju.explore.drawing import STYLE
from lianju.explore.findings import FEWEST, Contrast, common_opening, contrasts
from lianju.explore.grid import cell_words
from lianju.explore.metric_words import BY_NAME, METRIC_WORDS, MetricWords
from lianju.explore.recommend import ENOUGH, Recommendation, choose, front
from lianju.explore.reported_suites import REPORTED_SUITES
from lianju.explore.sweep import ScoredCell, Sweep
from lianju.explore.sweep_plots import curves, heat_map, scatter
from lianju.explore.templates import rendered

CURVES = ("characters", "collapse")


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

    @cached_property
    def contrasts(self) -> list[Contrast]:
        """What each parameter changes by itself."""
        return contrasts(self.sweep.plan.grid, self.cells)

    def in_words(self) -> list[str]:
        """What was found, a sentence each, for a terminal."""
        plan, few = self.sweep.plan, finding_words.few_words(self.cells)
        said = [finding_words.sentence(plan.grid, self.cells, one) for one in self.contrasts]
        if few:
            said.append(f"{few}.")
        if plan.suite in REPORTED_SUITES:
            why = "scores are reported on these couplets; choose with --suite legal"
            said.append(f"No recommendation: {why}.")
        elif self.choice:
            n = markup.plural(plan.poems_each, "poem")
            flags = finding_words.flags(self.cells[self.choice.chosen].cell, plan.grid)
            said.append(f"Recommended, by {n} a cell: {flags}")
        elif not few:
            said.append("No recommendation: too little was written; give several couplets.")
        return said

    def heat_maps(self, metric: MetricWords) -> list[str]:
        """The heat maps of a metric, one for each panel of the grid."""
        grid = self.sweep.plan.grid
        return [heat_map(grid, panel, self.cells, metric, self.chosen) for panel in grid.panels()]

    def scatters(self) -> list[str]:
        """Right shape, then likelihood, each against different pairs, with the Pareto front."""
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
    plan = found.sweep.plan
    poems = len(found.cells) * plan.poems_each
    name = markup.text(found.sweep.folder.resolve().name)
    return frame.page(
        title=f"Lianju 聯句 · sweep {name}",
        heading=f'{frame.NAME} <span class="run">· sweep {name}</span>',
        under=f"model {markup.text(plan.model)}, {'fine-tuned' if plan.adapter else 'untouched'} · "
        f"{markup.text(_couplets(found))} · {poems:,} poems",
        body=_body(found, poems),
        styles=[STYLE, frame.resource("lianju.explore", "sweep.css"), _choosing()],
    )


def _body(found: Findings, poems: int) -> str:
    plan = found.sweep.plan
    return rendered(
        "sweep.html",
        found=found,
        plan=plan,
        grid=plan.grid,
        cells=found.cells,
        poems=poems,
        example=found.sweep.choices(),
        few=finding_words.few_words(found.cells),
        reported=REPORTED_SUITES.get(plan.suite),
        metrics=METRIC_WORDS,
        by_name=BY_NAME,
        curved=[BY_NAME[name] for name in CURVES],
        recommended=_recommended(found),
        facts=Markup(_facts(found)),
        ends=partial(_ends, found),
        enough=f"{ENOUGH:.0%}",
        fewest=FEWEST,
        cell_words=cell_words,
        common_opening=common_opening,
        terms=markup.terms,
        words=finding_words,
    )


def _couplets(found: Findings) -> str:
    suite, n = found.sweep.plan.suite, len(found.sweep.plan.openings)
    return markup.plural(n, "couplet") + (f" of the suite {suite}" if suite else "")


def _recommended(found: Findings) -> tuple[str, str]:
    """The recommended cell, by its temperature and the rest; or that there is none, and why."""
    if found.chosen is None:
        reported = found.sweep.plan.suite in REPORTED_SUITES
        why = "choose on --suite legal" if reported else "too few couplets to tell 樣本太少"
        return "none here", why
    cell = found.cells[found.chosen].cell
    rest = cell_words(cell, found.sweep.plan.grid).partition(", ")[2]
    return f"T {cell.temperature:g}", rest or "temperature alone was swept"


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


def _choosing() -> str:
    """Style that shows the heat maps of the chosen metric; a browser too old for it shows all."""
    shows = ", ".join(f".maps:has(#m-{s.name}:checked) .m-{s.name}" for s in METRIC_WORDS)
    return (
        "@supports selector(:has(*)) {\n.maps .map { display: none; }\n"
        f"{shows} {{ display: block; }}\n}}"
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
