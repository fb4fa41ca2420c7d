"""The page of an evaluation: it shows what the report says, and nothing can break out of it."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from lianju.evaluate.page import write_page
from lianju.evaluate.schema import Leaks, Report
from lianju.evaluate.statistics import Figure
from tests.evaluate.reports import (
    METRICS,
    OFF_RHYME,
    SHORT,
    TRUTH,
    contamination,
    couplet,
    metric,
    poem,
    report,
    suite,
    system,
    written,
)
from tests.evaluate.test_run_page import HOSTILE
from tests.reader import Reader

# A couplet that rhymes on an oblique tone; nothing after it is judged on rhyme and tone.
OBLIQUE = "千山鳥飛絕，萬徑人蹤滅。"


def _page(tmp_path: Path, made: Report) -> str:
    write_page(made, tmp_path / "report.html")
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def _pair(**other: Any) -> Report:
    """Nine couplets: two of `ours` do not rhyme, and none of `theirs` has the right shape."""
    ours = suite(written(*[TRUTH] * 7, *[OFF_RHYME] * 2, losses=[4.25] * 9))
    theirs = suite(written(*[SHORT] * 9, losses=[6.5] * 9))
    return report(system("ours", ours), system("theirs", theirs), **other)


def _articles(page: str) -> list[str]:
    return re.findall('<article class="card.*?</article>', page, re.DOTALL)


def _rows(page: str) -> dict[str, str]:
    """The text of the rows of the first table of figures, by metric."""
    table = page[page.index('class="numbers"') :]
    table = table[: table.index("</table>")]
    found = re.findall(r'<tr role="row"><th[^>]*><a href="#metric-(\w+)".*?</tr>', table, re.DOTALL)
    rows = re.findall(r'<tr role="row"><th[^>]*><a .*?</tr>', table, re.DOTALL)
    return {name: Reader(row).text for name, row in zip(found, rows, strict=True)}


# --- the numbers ---------------------------------------------------------------------------


def test_every_sentence_of_the_verdict_is_shown(tmp_path: Path) -> None:
    made = _pair()
    text = Reader(_page(tmp_path, made)).text
    for sentence in made.verdict:
        about, _, found = sentence.partition(": ")
        assert about + found in text


def test_every_figure_has_its_value_interval_and_number(tmp_path: Path) -> None:
    rows = _rows(_page(tmp_path, _pair()))
    assert rows.keys() == METRICS.keys()
    assert "Shape 合式 ↑100%70.1–100% · n 90%0–29.9% · n 9" in rows["shape"]
    assert "Full 全合 ↑77.8%45.3–93.7% · n 9" in rows["full"]
    assert "Loss 損失 ↓4.25all equal · n 96.50all equal · n 9" in rows["loss"]
    assert "Distinct 1 相異 ↑70.0%60.0–80.0% · n 770.0%" in rows["distinct_1"]


def test_differences_say_how_couplets_voted_and_whether_they_hold(tmp_path: Path) -> None:
    rows = _rows(_page(tmp_path, _pair()))
    assert rows["loss"].endswith(
        "−2.259 better, 0 worse, 0 alike▲ better 較佳 · p = 0.0039 (Holm 0.027)"
    )
    # Alone it would count, but three of the seven comparisons come before it.
    assert "7 better, 0 worse, 2 alike" in rows["full"]
    assert "not after correction 校正後不成立 · p = 0.016 (Holm 0.062)" in rows["full"]
    assert rows["distinct_1"].endswith("—")


def test_worse_and_neither_are_named(tmp_path: Path) -> None:
    longer = suite([couplet(poem(lines=6, known_lines=0.5)) for _ in range(8)])
    shorter = suite([couplet(poem()) for _ in range(8)])
    rows = _rows(_page(tmp_path, report(system("a", longer), system("b", shorter))))
    assert "▼ worse 較差" in rows["known_lines"] and "+50.0 points" in rows["known_lines"]
    assert "8 higher, 0 lower" in rows["lines"] and "higher · p" in rows["lines"]


def test_every_metric_leads_to_what_it_cannot_tell(tmp_path: Path) -> None:
    page = _page(tmp_path, _pair())
    reader = Reader(page)
    ids = {attributes.get("id") for _, attributes in reader.tags}
    links = [str(attributes["href"]) for attributes in reader.named("a")]
    assert {link[1:] for link in links} <= ids
    assert {f"#metric-{name}" for name in METRICS} <= set(links)
    for one in METRICS.values():
        assert all(part in reader.text for part in (one.formula, one.source, one.limits))


def test_a_metric_of_no_known_group_is_shown_too(tmp_path: Path) -> None:
    made = _pair(metrics={**METRICS, "novel": metric("novel")})
    for one in made.systems:
        one.suites["heldout"].figures["novel"] = Figure(value=0.5, low=0.4, high=0.6, n=8)
    page = _page(tmp_path, made)
    assert "50.0%40.0–60.0% · n 8" in _rows(page)["novel"] and "Other" in page


def test_one_system_has_nothing_to_differ_from(tmp_path: Path) -> None:
    page = _page(tmp_path, report(system("alone", suite(written(TRUTH, SHORT)))))
    text = Reader(page).text
    assert "Difference 差異" not in text and "The two differ" not in text
    assert page.count('class="side"') == 2


def test_a_suite_that_only_one_system_has_is_shown_for_it_alone(tmp_path: Path) -> None:
    more = suite(written(SHORT, SHORT), "legal")
    pair = report(system("a", suite(written(TRUTH))), system("b", suite(written(TRUTH)), more))
    page = _page(tmp_path, pair)
    assert len(_articles(page)) == 3
    assert [article.count('class="side"') for article in _articles(page)] == [2, 1, 1]


# --- the drawing and what goes wrong -------------------------------------------------------


def _drawings(page: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(svg) for svg in re.findall("<svg.*?</svg>", page, re.DOTALL)]


def test_figures_are_drawn_where_they_stand_on_the_scale(tmp_path: Path) -> None:
    made = report(system("a", suite(written(TRUTH, TRUTH, SHORT, SHORT))))
    drawings = _drawings(_page(tmp_path, made))
    assert [svg.get("class") for svg in drawings] == ["wide", "narrow"]
    for svg in drawings:
        grid = [float(line.get("x1", "")) for line in svg.findall("line")]
        shape = next(g for g in svg.findall("g") if "Shape: 50.0%" in (g.findtext("title") or ""))
        middle = float(shape.find("circle").get("cx"))  # type: ignore[union-attr, arg-type]
        assert middle == pytest.approx((grid[0] + grid[-1]) / 2, abs=0.1)
        ends = [float(shape.find("line").get(end)) for end in ("x1", "x2")]  # type: ignore
        # Wilson, 2 of 4: 15.0–85.0%.
        width = grid[-1] - grid[0]
        assert [(end - grid[0]) / width for end in ends] == pytest.approx([0.150, 0.850], abs=2e-3)


def test_the_second_system_has_another_shape(tmp_path: Path) -> None:
    svg, _ = _drawings(_page(tmp_path, _pair()))
    marks = [(g.get("class"), [child.tag for child in g][-1]) for g in svg.findall("g")]
    assert set(marks) == {("s0", "circle"), ("s1", "path")}


def test_faults_are_counted_by_poem_and_kind(tmp_path: Path) -> None:
    twice = [couplet(poem(OFF_RHYME), poem(SHORT, 1)), couplet(poem(SHORT), poem(TRUTH, 1))]
    made = report(system("a", suite(twice)))
    text = Reader(_page(tmp_path, made)).text
    assert "a line of the wrong length 字數不合2 of 4 50.0%" in text
    assert "off the rhyme 落韻1 of 2 judged 50.0%" in text


def test_where_no_shape_is_right_faults_of_rhyme_are_not_judged(tmp_path: Path) -> None:
    made = _pair()
    text = Reader(_page(tmp_path, made)).text
    assert "off the rhyme 落韻2 of 9 judged 22.2%not judged 未評" in text
    assert "a line of the wrong length 字數不合0 of 9 0%9 of 9 100%" in text


@pytest.mark.parametrize(("n", "said"), [(5, "too few couplets to tell 樣本太少"), (7, "within")])
def test_few_couplets_tell_nothing_whichever_way_they_go(tmp_path: Path, n: int, said: str) -> None:
    ours = suite(written(*[TRUTH] * 5, *[SHORT] * (n - 5)))
    rows = _rows(
        _page(tmp_path, report(system("a", ours), system("b", suite(written(*[SHORT] * n)))))
    )
    assert "5 better, 0 worse" in rows["shape"] and said in rows["shape"]


def test_no_fault_at_all_is_said(tmp_path: Path) -> None:
    made = report(system("a", suite(written(TRUTH))))
    assert "No poem here has a fault" in _page(tmp_path, made)


# --- the poems -----------------------------------------------------------------------------


def test_every_poem_stands_beside_the_other_with_its_marks_in_words(tmp_path: Path) -> None:
    articles = _articles(_page(tmp_path, _pair()))
    texts = [Reader(article).text for article in articles]
    assert len(texts) == 9
    assert all(article.count('class="side"') == 2 for article in articles)
    assert all("✓shape 合式 ✓rhyme 押韻 ✓tone 平仄 五絕 下平聲十一尤" in text for text in texts[:7])
    assert all("✗rhyme 押韻" in text for text in texts[7:])
    assert "落韻 off the rhyme, line 4, character 5 峰" in texts[7]
    assert all("✗shape 合式" in text and "line 4 has 4 characters, not 5" in text for text in texts)
    assert all(
        "原詩下文" in text and "4.25 nats a character, rank 3 of 100" in text for text in texts
    )


def test_tones_stand_under_the_lines_and_only_faults_are_marked(tmp_path: Path) -> None:
    page = _page(tmp_path, report(system("a", suite(written(TRUTH, OFF_RHYME)))))
    right, wrong = (
        [
            re.findall("<([ib])>(.)</", row)
            for row in re.findall('class="tones".*?</span>', article)
        ][:2]
        for article in _articles(page)
    )
    assert [[sign for _, sign in row] for row in right] == [list("●○○●●"), list("●●●○○")]
    assert {tag for row in right for tag, _ in row} == {"i"}
    marked = [[tag == "b" for tag, _ in row] for row in wrong]
    assert marked == [[False] * 5, [False, False, False, False, True]]


def test_what_is_wrong_in_the_couplet_is_not_the_writers_fault(tmp_path: Path) -> None:
    # 鶴 should be level.
    rows = [couplet(poem(), couplet="白日依山盡，黃鶴入海流。")]
    made = report(system("a", suite(rows)))
    assert "出律" not in Reader(_page(tmp_path, made)).text
    assert "No poem here has a fault" in _page(tmp_path, made)


def test_a_rhyme_that_is_wrong_has_its_reason_even_in_the_couplet(tmp_path: Path) -> None:
    # Three lines in 庚 outvote the couplet's 尤.
    rest = "此地一為別，孤蓬萬里征。浮雲遊子意，落日故人情。揮手自茲去，蕭蕭班馬鳴。"
    rows = [couplet(poem(rest, rhyme=False, full=False), couplet="空山新雨後，天氣晚來秋。")]
    made = report(system("a", suite(rows)))
    text = Reader(_page(tmp_path, made)).text
    assert "✗rhyme 押韻" in text
    assert "落韻 off the rhyme, line 2, character 5 秋" in text
    assert "most lines written leave the couplet's rhyme" in text
    drawn = Reader(_page(tmp_path, made)).text
    assert "off the rhyme 落韻1 of 1 judged 100%" in drawn


def test_after_a_couplet_of_old_style_verse_only_shape_is_judged(tmp_path: Path) -> None:
    text = "孤舟蓑笠翁，獨釣寒江雪。"
    rows = [couplet(poem(text, rhyme=None, tone=None, full=None), couplet=OBLIQUE)]
    article = _articles(_page(tmp_path, report(system("a", suite(rows)))))[0]
    assert "<b>" not in article.split("<details>")[0]
    assert "opens old-style verse" in article and "rhyme 押韻" not in Reader(article).text


def test_copied_lines_are_underlined_and_named(tmp_path: Path) -> None:
    copied = "更上一層樓 王之渙〈登鸛雀樓〉；欲窮千里 某〈；欲窮千里目〉"
    page = _page(tmp_path, report(system("a", suite([couplet(poem(copied=copied))]))))
    assert re.findall("<mark>(.*?)</mark>", page) == ["更上一層樓"]
    assert "王之渙〈登鸛雀樓〉" in Reader(page).text


def test_further_poems_on_a_couplet_are_folded(tmp_path: Path) -> None:
    rows = [couplet(poem(), poem(SHORT, 1), poem(OFF_RHYME, 2))]
    page = _page(tmp_path, report(system("a", suite(rows))))
    assert page.count('class="poem"') == 3 and "2 more 其餘" in Reader(page).text


def test_buttons_choose_by_classes_that_the_style_knows(tmp_path: Path) -> None:
    page = _page(tmp_path, _pair())
    text = Reader(page).text
    assert "All 全部 9" in text and "ours at fault 有誤 2" in text
    assert "theirs at fault 有誤 9" in text and "The two differ 有別 9" in text
    for kind, count in (("f0", 2), ("f1", 9), ("d", 9)):
        assert f"body:has(#show-{kind}:checked) .card:not(.{kind})" in page
        assert f'id="show-{kind}"' in page
        cards_of = re.findall('<article class="([^"]*)"', page)
        assert sum(kind in classes.split() for classes in cards_of) == count


def test_poems_that_are_wrong_alike_do_not_differ(tmp_path: Path) -> None:
    pair = report(system("a", suite(written(SHORT))), system("b", suite(written(SHORT))))
    assert "The two differ 有別 0" in Reader(_page(tmp_path, pair)).text


def test_a_long_suite_is_folded_and_the_page_stays_small(tmp_path: Path) -> None:
    lines = "欲窮千里目，更上一層樓。" * 3
    long = [couplet(poem(lines, shape=True, rhyme=False, tone=False)) for _ in range(500)]
    few = suite(written(TRUTH), "hw5")
    pair = report(system("a", suite(long), few), system("b", suite(long), few))
    page = _page(tmp_path, pair)
    assert len(page.encode()) < 3_000_000
    folds = re.findall('<details class="suite"( open)?><summary><h3>(.*?)</h3>', page)
    assert folds == [(" open", "hw5"), ("", "heldout")]


# --- what the numbers rest on --------------------------------------------------------------


def test_leaks_are_listed(tmp_path: Path) -> None:
    leaks = Leaks(
        checked=True, note="A note.", trained=99, shared={"hw5": ["白日依山盡"], "heldout": []}
    )
    text = Reader(_page(tmp_path, report(system("a", suite(written(TRUTH)), leaks=leaks)))).text
    assert "1 line shared with 99 training poems. A note." in text
    assert "hw5: 白日依山盡" in text


def test_contamination_is_a_table_or_said_not_to_be_tested(tmp_path: Path) -> None:
    text = Reader(_page(tmp_path, _pair(contamination=contamination()))).text
    assert "The base model knows none by heart." in text
    assert "Famous poems 名篇" in text and "Poems 首數40" in text
    assert "True lines 原句−5.50 −5.70 to −5.30" in text and "53.0% 38.0–67.0%" in text
    assert "Not tested: the base model may know" in Reader(_page(tmp_path, _pair())).text


def test_the_systems_settings_are_shown(tmp_path: Path) -> None:
    text = Reader(_page(tmp_path, _pair())).text
    assert "temperature0.83" in text and "top_knone" in text and "formfree" in text
    assert "AMD EPYC" in text and "Gemma Terms of Use" in text


@pytest.mark.parametrize(
    ("seeds", "kind", "said"),
    [
        ((1, 1), "model", "of the same number, which had the same random numbers."),
        ((1, 2), "model", "random numbers were not the same, for the seeds differ (1, 2)."),
        ((1, 1), "poets", "with poems of the same number. A couplet"),
    ],
)
def test_poems_are_said_to_share_their_random_numbers_only_if_they_do(
    tmp_path: Path, seeds: tuple[int, int], kind: str, said: str
) -> None:
    ours = system("a", suite(written(TRUTH)), decoding={"seed": seeds[0]})
    theirs = system("b", suite(written(TRUTH)), decoding={"seed": seeds[1]}, kind=kind)
    assert said in Reader(_page(tmp_path, report(ours, theirs))).text


def test_the_poets_have_no_loss(tmp_path: Path) -> None:
    tuned = system("tuned", suite(written(TRUTH, losses=[4.25])))
    poets = system("poets", suite(written(TRUTH, losses=[5.5])), kind="poets")
    page = _page(tmp_path, report(tuned, poets))
    assert "Loss 損失 ↓4.25all equal · n 1——" in _rows(page)["loss"] and "5.50" not in page
    assert "loss" not in _rows(_page(tmp_path, report(poets)))


def test_the_terms_of_every_base_model_are_named_once(tmp_path: Path) -> None:
    one, other = (system(label, suite(written(TRUTH))) for label in "ab")
    text = Reader(_page(tmp_path, report(one, other))).text
    assert text.count("The base model, gemma-3-270m, is provided under and subject to the") == 1
    other = other.model_copy(update={"model": "TAIDE-7B"})
    text = Reader(_page(tmp_path, report(one, other))).text
    assert "The base model, TAIDE-7B, is under its own licence." in text


# --- the page as a whole -------------------------------------------------------------------


def test_hostile_text_stays_text_wherever_it_comes_from(tmp_path: Path) -> None:
    marks: dict[str, Any] = {"fault": HOSTILE, "copied": HOSTILE, "shape": False}
    row = couplet(
        poem(HOSTILE * 9, **marks), couplet=HOSTILE, truth=HOSTILE, source=HOSTILE, loss=1.0
    )
    leaks = Leaks(checked=True, note=HOSTILE, trained=1, shared={"heldout": [HOSTILE]})
    said = {
        "model": HOSTILE,
        "sha256": HOSTILE,
        "adapter": HOSTILE,
        "style": HOSTILE,
        "decoding": {HOSTILE: 1},
        "rules": {HOSTILE: HOSTILE},
        "leaks": leaks,
    }
    words = {"title": HOSTILE, "chinese": HOSTILE, "formula": HOSTILE, "source": HOSTILE}
    hostile = {
        name: one.model_copy(update={**words, "limits": HOSTILE, "name": name})
        for name, one in METRICS.items()
    }
    knows = contamination().model_copy(update={"model": HOSTILE, "verdict": HOSTILE})
    made = report(
        system(HOSTILE, suite([row]), **said),
        system(HOSTILE + "2", suite([row]), **said),
        metrics=hostile,
        contamination=knows,
        lianju=HOSTILE,
        made=HOSTILE,
        machine={HOSTILE: HOSTILE},
    )
    page = _page(tmp_path, made)
    reader = Reader(page)
    assert not reader.named("script") and not reader.named("img")
    assert "\x00" not in page and "\u202e" not in page
    assert reader.text.count("http://evil.test") > 60


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    page = _page(tmp_path, _pair(contamination=contamination()))
    reader = Reader(page)
    used = {name for _, attributes in reader.tags for name in attributes}
    assert not used & {"src", "srcset", "action", "data", "poster", "background", "onclick"}
    assert not {tag for tag, _ in reader.tags} & {"script", "link", "iframe", "object", "embed"}
    assert all(str(attributes["href"]).startswith("#") for attributes in reader.named("a"))
    assert not re.search(r"url\(|@import|@font-face|https?:", page)
    policies = [meta["content"] for meta in reader.named("meta") if "http-equiv" in meta]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_headings_are_in_order_and_ids_are_unique(tmp_path: Path) -> None:
    few = suite(written(TRUTH), "hw5")
    pair = report(system("a", suite(written(TRUTH)), few), system("b", suite(written(SHORT)), few))
    reader = Reader(_page(tmp_path, pair))
    levels = [int(tag[1]) for tag, _ in reader.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids)) > 0
