"""Every file that a sweep ends in: tables, plots, the page."""

from collections.abc import Iterator
from pathlib import Path

from lianju.explore import sweep_tables
from lianju.explore.drawing import alone
from lianju.explore.metric_words import BY_NAME, METRIC_WORDS
from lianju.explore.png import lacking_png, svg_to_png
from lianju.explore.sweep import ScoredCell, Sweep
from lianju.explore.sweep_page import CURVES, Findings, page
from lianju.extras import lacking
from lianju.files import write_text, writing
from lianju.progress import Reporter


def write_all(sweep: Sweep, cells: list[ScoredCell], reporter: Reporter) -> Findings:
    """Write tables, plots and the page into the sweep's folder.

    What a system lacks is said, with what to do: pyarrow for Parquet, a font for PNG.
    """
    found = Findings(sweep, cells)
    no_parquet, no_png = lacking("parquet"), lacking_png()
    for name, rows in (
        ("cells", sweep_tables.cell_rows(cells)),
        ("poems", sweep_tables.poem_rows(sweep, cells)),
    ):
        sweep_tables.write_csv(sweep.folder / f"{name}.csv", rows)
        if not no_parquet:
            sweep_tables.write_parquet(sweep.folder / f"{name}.parquet", rows)
    for missing in filter(None, (no_parquet, no_png)):
        reporter.say(missing)
    charts = list(_plots(found))
    with reporter.task("Charts", len(charts)) as task:
        for name, svg in charts:
            _write_plot(sweep.folder / "plots" / name, svg, png=not no_png)
            task.advance()
    write_text(sweep.folder / "sweep.html", page(found))
    return found


def _plots(found: Findings) -> Iterator[tuple[str, str]]:
    """Every plot under the name of its file."""
    ring = "" if found.chosen is None else " (red: recommended)"
    for metric in METRIC_WORDS:
        yield f"heat-{metric.name}", alone(found.heat_maps(metric), f"{metric.title}{ring}")
    title = f"Quality against diversity; empty: significantly fewer right shapes{ring}"
    yield "quality-diversity", alone(found.scatters(), title)
    for name in CURVES:
        metric = BY_NAME[name]
        if drawn := found.curves(metric):
            yield f"curve-{name}", alone(drawn, f"{metric.title} by temperature")


def _write_plot(path: Path, svg: str, png: bool) -> None:
    write_text(path.with_suffix(".svg"), svg)
    if png:
        with writing(path.with_suffix(".png")) as temporary:
            temporary.write_bytes(svg_to_png(svg))
