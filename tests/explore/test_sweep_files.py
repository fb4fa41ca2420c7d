"""What a sweep ends in: tables, plots and a page that say the same numbers."""

import csv
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lianju.config import VerseSettings
from lianju.evaluate.statistics import NOTHING, Figure
from lianju.explore import Findings, Grid, ScoredCell, Sweep, png, sweep_tables, write_all
from lianju.explore.drawing import alone, ticks
from lianju.explore.grid import cell_words
from lianju.explore.metric_words import BY_NAME, METRIC_WORDS
from lianju.explore.png import has_letters, svg_to_png
from lianju.explore.sweep_page import page
from lianju.progress import SILENT, Reporter
from tests.explore.sweeps import GRID, OPENINGS, made_up, plan, scored, swept
from tests.reader import Reader

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = (
    '</p><script src="http://evil.test/x.js"></script><img src=x onerror="alert(1)">&\x00\u202e'
)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sweep, list[ScoredCell]]:
    sweep = swept(tmp_path_factory.mktemp("sweep") / "first", plan())
    cells = scored(sweep)
    write_all(sweep, cells, SILENT)
    return sweep, cells


Done = tuple[Sweep, list[ScoredCell]]


def test_csv_and_parquet_hold_the_same_numbers(done: Done) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    sweep, cells = done
    for name, rows in (("cells", len(cells)), ("poems", len(cells) * 10)):
        with (sweep.folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            texts = list(csv.DictReader(file))
        table = pandas.read_parquet(sweep.folder / f"{name}.parquet")
        assert len(texts) == len(table) == rows
        for text, (_, row) in zip(texts, table.iterrows(), strict=True):
            assert list(text) == list(row.index)
            for key, value in row.items():
                if value is None or value != value:
                    assert text[key] == ""
                elif isinstance(value, float | int) and not isinstance(value, bool):
                    assert float(text[key]) == pytest.approx(float(value))
                else:
                    assert text[key] == str(value)


def test_tables_say_what_was_measured(done: Done) -> None:
    sweep, cells = done
    row = sweep_tables.cell_rows(cells)[5]
    figure = cells[5].figures["characters"]
    assert (row["temperature"], row["top_p"], row["top_k"]) == (1.0, 0.5, 0)
    assert row["characters"] == figure.value and row["characters_low"] == figure.low
    assert row["characters_high"] == figure.high and row["characters_n"] == figure.n == 10
    poem = sweep_tables.poem_rows(sweep, cells)[10 * 5 + 4]
    assert (poem["cell"], poem["couplet_index"], poem["number"]) == (5, 2, 0)
    assert poem["couplet"] == OPENINGS[2].couplet and poem["source"] == "poem 2"
    assert poem["text"] == cells[5].written.poems[2][0].text
    assert poem["shape"] is cells[5].marks[2][0]["shape"]


def test_without_pyarrow_or_fonts_it_is_said_and_the_rest_is_written(
    done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Listening(Reporter):
        said = ""

        def say(self, line: str) -> None:
            self.said += line

    sweep, cells = done
    (tmp_path / "choices.json").write_bytes((sweep.folder / "choices.json").read_bytes())
    monkeypatch.setattr("lianju.extras.find_spec", lambda name: name != "pyarrow")
    monkeypatch.setattr(png, "has_letters", lambda: False)
    reporter = Listening()
    write_all(replace(sweep, folder=tmp_path), cells, reporter)
    assert "pip install 'lianju[parquet]'" in reporter.said
    assert "this system has no font" in reporter.said
    assert {path.suffix for path in (tmp_path / "plots").iterdir()} == {".svg"}
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".html", ".json", ""}


def test_every_plot_lies_there_as_svg_and_png(done: Done) -> None:
    sweep, _ = done
    names = {f"heat-{metric.name}" for metric in METRIC_WORDS}
    names |= {"quality-diversity", "curve-characters", "curve-collapse"}
    plots = sweep.folder / "plots"
    assert {path.stem for path in plots.iterdir()} == names
    for name in names:
        text = (plots / f"{name}.svg").read_text("utf-8")
        root = ElementTree.fromstring(text)
        assert root.tag == f"{SVG}svg" and "var(" not in text
        assert not re.search("[\u3400-\u9fff]", text), "a converter may have no Chinese letters"
        width, height = float(root.attrib["width"]), float(root.attrib["height"])
        if has_letters():
            data = (plots / f"{name}.png").read_bytes()
            assert data[:8] == b"\x89PNG\r\n\x1a\n"
            size = (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"))
            assert size == (round(2 * width), round(2 * height))


def test_a_png_shows_text_where_there_is_a_font(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resvg_py.svg_to_bytes", lambda svg_string: b"the same")
    assert not has_letters.__wrapped__()
    monkeypatch.undo()
    plain = '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"></svg>'
    assert svg_to_png(plain) != svg_to_png(
        plain.replace("></svg>", '><rect width="9" height="9"/></svg>')
    )


def test_a_heat_map_has_every_number_where_it_belongs(done: Done) -> None:
    sweep, cells = done
    metric = BY_NAME["characters"]
    maps = Findings(sweep, cells).heat_maps(metric)
    assert len(maps) == 2
    for top_k, drawn in zip(GRID.top_k, maps, strict=True):
        root = ElementTree.fromstring(drawn.replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" ', 1))
        tiles = [spot for spot in root.iter(f"{SVG}g") if spot.get("class") == "spot"]
        titles = [tile.findtext(f"{SVG}title") or "" for tile in tiles]
        shown = [tile.findtext(f"{SVG}text[@class='value']") for tile in tiles]
        these = [cell for cell in cells if cell.cell.top_k == top_k]
        assert shown == [metric.number(cell.figures["characters"].value) for cell in these]
        for cell, title, tile in zip(these, titles, tiles, strict=True):
            assert title.startswith(cell_words(cell.cell, GRID))
            assert metric.interval(cell.figures["characters"]) in title and "n 10" in title
            assert tile.get("tabindex") == "0"
        boxes = [next(tile.iter(f"{SVG}rect")).attrib for tile in tiles]
        assert len({(box["x"], box["y"]) for box in boxes}) == len(these) == 4
        for box, tile in zip(boxes, tiles, strict=True):
            number = next(tile.iter(f"{SVG}text"))
            across = float(number.attrib["x"]) - float(box["x"])
            assert across == pytest.approx(float(box["width"]) / 2, abs=0.2)
        assert boxes[0]["y"] == boxes[1]["y"] and boxes[0]["x"] == boxes[2]["x"]
        fullness = {float(r.get("fill-opacity", "0")) for r in root.iter(f"{SVG}rect")}
        assert max(fullness) <= 0.6


def test_the_page_is_whole_and_has_every_number(done: Done) -> None:
    sweep, cells = done
    html = (sweep.folder / "sweep.html").read_text("utf-8")
    reader = Reader(html)
    tags = {tag for tag, _ in reader.tags}
    assert not tags & {"script", "link", "img", "iframe", "object"}
    assert not re.search(r"""(src|href)\s*=\s*["']?(http|//)|url\(|@import""", html)
    [table] = re.findall(r'<table class="cells">.*?</table>', html, re.DOTALL)
    rows = re.findall(r"<tr>.*?</tr>|<tr class.*?</tr>", table, re.DOTALL)[1:]
    for cell, row in zip(cells, rows, strict=True):
        text = Reader(row).text
        assert text.startswith(cell_words(cell.cell, GRID))
        for metric in METRIC_WORDS:
            figure = cell.figures[metric.name]
            assert metric.number(figure.value) in text
            assert figure.value is None or metric.interval(figure) in text
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_test_couplets_give_no_recommendation(done: Done) -> None:
    sweep, cells = done
    free = Findings(sweep, cells)
    assert free.chosen is not None
    picked = cell_words(cells[free.chosen].cell, GRID)
    assert f'<p class="pick">{picked}</p>' in page(free)
    assert any(line.startswith("Recommended, by 10 poems a cell: --t") for line in free.in_words())
    for suite, why in (("hw5", "chosen on the test"), ("heldout", "looks better there")):
        held = Findings(replace(sweep, plan=plan(suite=suite)), cells)
        html = page(held)
        assert held.chosen is None and 'class="ring"' not in html
        assert why in html and '<p class="pick">No recommendation' in html
        assert "sweep --suite legal</code> to choose" in html and "choose on --suite legal" in html
        assert "choose with --suite legal" in held.in_words()[-1]


def test_figures_that_one_couplet_cannot_have_are_left_out(done: Done, tmp_path: Path) -> None:
    sweep, cells = done
    names = ("distinct_1", "distinct_2", "self_bleu", "compression")
    bare = [replace(cell, figures=cell.figures | dict.fromkeys(names, NOTHING)) for cell in cells]
    (tmp_path / "choices.json").write_bytes((sweep.folder / "choices.json").read_bytes())
    found = write_all(replace(sweep, folder=tmp_path), bare, SILENT)
    assert found.chosen is None and "too little was written" in found.in_words()[-1]
    html = Reader((tmp_path / "sweep.html").read_text("utf-8")).text
    assert "Too little was written to choose by" in html and "Recommended" in html
    with (tmp_path / "cells.csv").open(encoding="utf-8", newline="") as file:
        assert {row["distinct_2"] for row in csv.DictReader(file)} == {""}
    none = [replace(cell, figures=dict.fromkeys(cell.figures, NOTHING)) for cell in cells]
    assert "–" in page(Findings(sweep, none))


@pytest.mark.parametrize("value", [0.0, 1 / 3, 1.0])
@pytest.mark.parametrize("name", ["shape", "distinct_2", "logprob", "characters"])
def test_an_axis_of_one_value_has_a_width(name: str, value: float) -> None:
    only = Figure(value=value, low=value, high=value + 1e-16, n=1)
    marks = ticks([only], BY_NAME[name])
    assert marks[0] <= value <= marks[-1] and marks[0] < marks[-1]
    assert BY_NAME[name].digits is not None or (marks[0], marks[-1]) == (0, 1)


@pytest.mark.parametrize("seeds", [1, 2])
def test_one_cell_and_one_couplet_make_a_page_that_claims_nothing(
    tmp_path: Path, seeds: int
) -> None:
    grid = Grid(temperature=(0.5,), top_p=(1.0,), top_k=(0,))
    sweep = swept(tmp_path, plan(grid, seeds=seeds).model_copy(update={"openings": OPENINGS[:1]}))
    found = write_all(sweep, scored(sweep), SILENT)
    assert found.chosen is None
    [said] = found.in_words()
    assert said == "Too few couplets to tell 樣本太少: 1 couplet; give 5 at least, better 30."
    html = Reader((tmp_path / "sweep.html").read_text("utf-8")).text
    assert html.count("Too few couplets to tell") == 2 and "no difference shown" not in html
    assert "▲" not in html and "▼" not in html and "1 cells" not in html


def test_the_figures_at_the_top_name_their_cells(done: Done) -> None:
    sweep, cells = done
    metric = BY_NAME["characters"]
    html = Reader(page(Findings(sweep, cells))).text
    values = [cell.figures["characters"].value or 0 for cell in cells]
    low, high = (end(values) for end in (min, max))
    at = [cell_words(cells[values.index(end)].cell, GRID) for end in (low, high)]
    assert f"{metric.number(low)} per poem at {at[0]}; {metric.number(high)} at {at[1]}" in html
    assert "Right shape 合式0%in every cell" in html


def test_the_front_joins_no_cell_that_lost_the_shape() -> None:
    grid = Grid(temperature=(0.1, 0.7, 1.0), top_p=(1.0,), top_k=(0,))
    cells = made_up(grid, [(1, 0.3, -2.0), (0.95, 0.9, -3.0), (0.2, 1.0, -6.0)])
    sweep = Sweep(Path("nowhere"), plan=plan(grid))
    for drawn in Findings(sweep, cells).scatters():
        [line] = re.findall(r'class="front" points="([^"]*)"', drawn)
        assert len(line.split()) == 2


def test_particles_are_named_where_rules_are_kept(done: Done) -> None:
    sweep, cells = done
    assert "particles" not in page(Findings(sweep, cells))
    ruled = plan().model_copy(update={"verse": VerseSettings(form="wujue")})
    assert "seed 7, particles 4" in page(Findings(replace(sweep, plan=ruled), cells))


def test_what_a_model_wrote_cannot_break_out(done: Done) -> None:
    sweep, cells = done
    poems = [[replace(poem, text=HOSTILE) for poem in group] for group in cells[0].written.poems]
    marks = [
        [{**mark, "opening": HOSTILE, "fault": HOSTILE, "form": None} for mark in group]
        for group in cells[0].marks
    ]
    bad = [replace(c, written=replace(c.written, poems=poems), marks=marks) for c in cells]
    asked = plan().model_copy(
        update={
            "model": HOSTILE,
            "openings": tuple(o.model_copy(update={"couplet": HOSTILE}) for o in OPENINGS),
        }
    )
    html = page(Findings(replace(sweep, plan=asked), bad))
    reader = Reader(html)
    assert "script" not in {tag for tag, _ in reader.tags}
    assert not any("onerror" in attributes for _, attributes in reader.tags)
    assert "\u202e" not in html and "\x00" not in html
    assert '<script src="http://evil.test/x.js">' in reader.text


def test_a_file_puts_plots_side_by_side() -> None:
    words = '<text>a <tspan lang="zh-Hant">字</tspan></text>'
    plot = f'<svg class="plot" viewBox="0 0 100 50" role="group">{words}</svg>'
    root = ElementTree.fromstring(alone([plot, plot], "Two <plots>"))
    inner = root.findall(f"{SVG}svg")
    assert [svg.attrib["x"] for svg in inner] == ["28", "156"]
    assert root.attrib["width"] == "284"
    text = "".join(root.itertext())
    assert "Two <plots>" in text and "字" not in text
