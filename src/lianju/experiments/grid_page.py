"""The page of a training grid: one HTML file that needs nothing but itself, and no script.

It says what the grid found, explains each setting by the reader's own numbers, and shows every
cell. `grid.html` is its body.
"""

from markupsafe import Markup

from lianju.evaluate import frame, markup
from lianju.experiments import grid_words as words
from lianju.experiments.axes import choice_words, value_words
from lianju.experiments.curves import curve_plots, curve_style
from lianju.experiments.grid_findings import GridFindings
from lianju.experiments.grid_plots import against_time, by_setting
from lianju.verse import in_language

# Couplets of the homework that every cell is seen to complete.
_READ = 5


def page(found: GridFindings) -> str:
    """The page as HTML."""
    plan = found.grid.plan
    name = markup.text(found.grid.folder.resolve().name)
    runs, couplets = (
        markup.plural(len(found.cells), "run"),
        markup.plural(len(plan.unseen), "unseen couplet"),
    )
    body = frame.rendered(
        "lianju.experiments",
        "grid.html",
        found=found,
        plan=plan,
        metrics=words.SHOWN,
        by_name={metric.name: metric for metric in words.SHOWN},
        words=words,
        zh_of=lambda sentence: in_language(sentence, "zh"),
        choice_words=choice_words,
        value_words=value_words,
        by_setting=by_setting,
        curves=[Markup(plot) for plot in curve_plots(found.curves)],
        against_time=against_time,
        read=_READ,
        terms=markup.terms,
    )
    return frame.page(
        title=f"Lianju 聯句 · training grid {name}",
        heading=f'{frame.NAME} <span class="run">· training grid {name}</span>',
        under=f"model {markup.text(plan.settings.model.name)} · {runs}, {couplets}",
        body=body,
        styles=[
            curve_style(len(found.cells)),
            frame.resource("lianju.explore", "sweep.css"),
            _choosing(),
        ],
    )


def _choosing() -> str:
    """Style that shows the plots of the chosen metric; a browser too old for it shows all."""
    shows = ", ".join(f".maps:has(#m-{s.name}:checked) .m-{s.name}" for s in words.SHOWN)
    return (
        "@supports selector(:has(*)) {\n.maps .map { display: none; }\n"
        f"{shows} {{ display: block; }}\n}}\n.plot {{ max-width: 40rem; }}"
    )
