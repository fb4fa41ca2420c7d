"""The report page: it shows what the run's files say, all of it, and nothing can break out."""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianju.errors import UserError
from lianju.evaluate.plots import loss_figure, nice_ticks, smoothed
from lianju.evaluate.run_page import write_run_page
from lianju.files import write_json, write_jsonl
from tests.reader import Reader

COUPLET, REST = "白日依山盡，黃河入海流。", "欲窮千里目，更上一層樓。"
HOSTILE = (
    '</p><script src="http://evil.test/x.js"></script><img src=x onerror="alert(1)">&\x00\u202e'
)
FILES = ("settings.json", "summary.json", "before.jsonl", "results.jsonl", "steps.jsonl")


def _row(index: int, completion: str, fault: str = "", **other: Any) -> dict[str, Any]:
    return {
        "index": index,
        "couplet": COUPLET,
        "completion": completion,
        "truth": REST,
        "form": None if fault else "wujue",
        "fault": fault,
        "finish": "stop",
        "tokens": 13,
        "logprob_per_token": -4.1,
        **other,
    }


def _validation(loss: float, right: int, interval: list[float]) -> dict[str, Any]:
    return {
        "n": 512,
        "loss_per_character": loss,
        "perplexity": 1652.0,
        "shape_n": 103,
        "shape_right": right,
        "shape_interval": interval,
    }


def _summary() -> dict[str, Any]:
    return {
        "recipe": "quick",
        "model": {
            "name": "gemma-3-270m",
            "parameters": 110733568,
            "trainable_parameters": 3796992,
            "vocabulary": 10329,
            "full_vocabulary": 262144,
            "device": "cpu",
            "precision": "bf16",
            "reason": "bf16 is the faster here",
        },
        "data": {
            "origin": "npm package chinese-poetry 2.0.1",
            "total": 5001,
            "examples": 4891,
            "used": 2017,
            "dropped": {"placeholder character": 12, "duplicate poem": 38},
            "validation": {"n": 512, "note": "poems of the large corpus"},
        },
        "training": {
            "steps": 253,
            "epochs": 1,
            "tokens": 95123,
            "trained_tokens": 67321,
            "seconds": 231.0,
            "tokens_per_second": 411.0,
            "mfu": 0.61,
            "peak_gflops": 372.0,
            "best_step": 247,
        },
        "before": {
            "test": {"n": 3, "right": 0, "distinct": 3, "repeated_lines": 1},
            "validation": _validation(6.481, 0, [0.0, 0.036]),
        },
        "after": {
            "test": {"n": 3, "right": 2, "distinct": 3, "repeated_lines": 0},
            "validation": _validation(4.402, 101, [0.932, 0.9947]),
        },
        "decoding": {"temperature": 0.83, "top_p": 0.91, "seed": 7},
        "seconds": {"poems": 2.1, "finetune": 231.4, "total": 3904.0},
        "memory_gb": 3.94,
        "machine": {
            "cpu": "AMD EPYC",
            "cores": 2,
            "memory_gb": 23.4,
            "system": "Linux",
            "python": "3.11.7",
            "torch": "2.13.0",
            "gpu": None,
        },
    }


def _steps(count: int) -> list[dict[str, Any]]:
    train = [
        {"kind": "train", "step": step, "loss": 6 - step / count, "learning_rate": 1e-3 / step}
        for step in range(1, count + 1)
    ]
    return [*train, {"kind": "validation", "step": count, "loss_per_character": 4.9, "n": 64}]


def _write(run: Path, **changed: Any) -> Path:
    """A run folder of three couplets, with the files in `changed` (by stem) replaced."""
    contents = {
        "settings": {"seed": 7, "model": {"lora": {"rank": 16, "targets": ["q_proj"]}}},
        "summary": _summary(),
        "before": [
            _row(number, "的" * 300, "too long", truth=None if number == 2 else REST)
            for number in (1, 2, 3)
        ],
        "results": [
            _row(1, REST),
            _row(2, "欲窮千里目，更上一層。", "line 4 has 4 characters, not 5", truth=None),
            _row(3, "欲窮千里目，更上一層樓。"),
        ],
        "steps": _steps(20),
        **changed,
    }
    for name, value in contents.items():
        if isinstance(value, dict):
            write_json(run / f"{name}.json", value)
        else:
            write_jsonl(run / f"{name}.jsonl", value)
    return run


def _page(run: Path, **changed: Any) -> str:
    path = write_run_page(_write(run, **changed))
    assert path == run / "report.html"
    return path.read_text(encoding="utf-8")


def test_numbers_of_the_summary_are_shown(tmp_path: Path) -> None:
    text = Reader(_page(tmp_path)).text.replace("\N{NO-BREAK SPACE}", " ")
    shown = (
        "0 → 2", "of 3 test couplets", "6.48 → 4.40", "3 min 51 s", "1 h 5 min", "3.9 GB",
        "101 of 103 (93.2–99.5%)", "1,652.0", "2,017 poems", "253 steps", "247", "67,321",
        "110,733,568", "3.43%", "10,329 of 262,144", "61% of 372 GFLOP/s", "411 tokens",
        "placeholder character", "duplicate poem", "4,891", "512 (poems of the large corpus)",
        "AMD EPYC, 2 cores", "temperature 0.83, top_p 0.91", "bf16 is the faster here",
        "Gemma Terms of Use", "lora.rank", '["q_proj"]',
    )  # fmt: skip
    assert [number for number in shown if number not in text] == []


def test_every_row_is_a_card_with_both_poems_and_their_marks(tmp_path: Path) -> None:
    page = _page(tmp_path)
    cards = re.findall('<article class="card.*?</article>', page, re.DOTALL)
    texts = [Reader(card).text for card in cards]
    assert len(texts) == 3
    assert all("✗shape 合式" in text and "的" * 300 in text for text in texts)
    assert ["✓shape 合式" in text for text in texts] == [True, False, True]
    assert "line 4 has 4 characters, not 5" in texts[1]
    assert ["原詩下文" in text for text in texts] == [True, False, True]
    assert '<span class="tones"' in cards[0]


def test_the_poems_are_measured_as_in_an_evaluation(tmp_path: Path) -> None:
    text = Reader(_page(tmp_path)).text
    assert "Right shape 合式" in text and "66.7%" in text and "All rules kept 全合" in text
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    named = set(re.findall('href="#(metric-[a-z_0-9]+)"', page))
    assert named and named <= set(re.findall('id="(metric-[a-z_0-9]+)"', page))


def test_rules_reference_and_poets_stand_beside(tmp_path: Path) -> None:
    rows = [_row(number, REST) for number in (1, 2, 3)]
    ruled = [_row(number, "欲飲黃龍酒，相逢共上樓。") for number in (1, 2, 3)]
    page = _page(tmp_path, results=rows, reference=rows, **{"results-in-rules": ruled})
    cards = re.findall('<article class="card.*?</article>', page, re.DOTALL)
    sides = re.findall("<h5>(.*?)</h5>", cards[0], re.DOTALL)
    labels = ["before", "after", "after, in rules", "reference adapter", "the poets"]
    assert [Reader(side).text.strip() for side in sides] == labels
    assert all("欲飲黃龍酒" in Reader(card).text for card in cards)
    # The difference is between the first two, and says so.
    assert "after – before" in Reader(page).text
    assert f"run {tmp_path.name}" in Reader(page).text


def test_the_base_that_was_shown_poems_stands_beside_the_plain_one(tmp_path: Path) -> None:
    rows = [_row(number, "欲飲黃龍酒，相逢共上樓。") for number in (1, 2, 3)]
    summary, plain = _summary(), Reader(_page(tmp_path / "plain")).text
    test = {"n": 3, "right": 1, "distinct": 3, "repeated_lines": 0}
    loss = {"n": 512, "loss_per_character": 5.777, "perplexity": 323.0}
    summary["shown"] = {"shots": 4, "test": test, "validation": loss}
    page = _page(tmp_path / "shown", summary=summary, **{"before-shown": rows})
    text = " ".join(Reader(page).text.split())
    assert "shown 4 poems" in text and "1 of 3 of the right shape" in text
    assert "before, poems shown" in text and "5.777" in text and "323.0" in text
    assert "after – before" in text  # and not the one with poems shown
    assert "poems shown" not in plain
    row = re.search("<tr><th[^>]*>Right shape, test couplets.*?</tr>", page, re.DOTALL)
    assert row and re.findall(r"<td>(.*?)</td>", row[0]) == ["0 of 3", "1 of 3", "2 of 3"]


def test_hostile_text_stays_text_wherever_it_comes_from(tmp_path: Path) -> None:
    summary = _summary()
    summary["recipe"] = summary["model"]["name"] = summary["model"]["reason"] = HOSTILE
    summary["data"]["origin"] = summary["data"]["validation"]["note"] = HOSTILE
    summary["data"]["dropped"] = {HOSTILE: 1}
    summary["seconds"] = {HOSTILE: 1.0, "finetune": 1.0, "total": 2.0}
    summary["machine"] = {**summary["machine"], "cpu": HOSTILE, "system": HOSTILE, "gpu": HOSTILE}
    summary["decoding"] = {HOSTILE: HOSTILE}
    summary["training"]["remarks"] = [HOSTILE]
    summary["data"]["source"] = HOSTILE
    summary["after"]["test"]["n"] = 1
    row = _row(1, HOSTILE * 9, HOSTILE, couplet=HOSTILE, truth=HOSTILE)
    run = tmp_path / "<script>alert(1)<"
    settings = {HOSTILE: HOSTILE, "group": {HOSTILE: [HOSTILE]}}
    page = _page(run, summary=summary, before=[row], results=[row], settings=settings)
    reader = Reader(page)
    assert not reader.named("script") and not reader.named("img")
    assert "\x00" not in page and "\u202e" not in page
    assert reader.text.count("http://evil.test") > 20


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    page = _page(tmp_path)
    reader = Reader(page)
    used = {name for _, attributes in reader.tags for name in attributes}
    assert all(str(one["href"]).startswith("#") for _, one in reader.tags if "href" in one)
    assert not used & {"src", "srcset", "action", "data", "poster", "background"}
    assert not {tag for tag, _ in reader.tags} & {"script", "link", "iframe", "object", "embed"}
    assert not re.search(r"url\(|@import|@font-face|https?:", page)
    policies = [meta["content"] for meta in reader.named("meta") if "http-equiv" in meta]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_headings_are_in_order_and_ids_are_unique(tmp_path: Path) -> None:
    reader = Reader(_page(tmp_path))
    levels = [int(tag[1]) for tag, _ in reader.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids)) > 0


def test_optional_fields_may_be_absent(tmp_path: Path) -> None:
    summary = _summary()
    for side in ("before", "after"):
        for name in ("shape_n", "shape_right", "shape_interval"):
            del summary[side]["validation"][name]
    text = Reader(_page(tmp_path, summary=summary)).text
    assert "Right shape, validation" not in text and "validation prompts" not in text
    assert "GPU" not in text and "None" not in text

    summary["machine"]["gpu"] = "NVIDIA H200"
    summary["model"]["name"] = "TAIDE-7B"
    text = Reader(_page(tmp_path, summary=summary)).text
    assert "GPU 顯示卡NVIDIA H200" in text
    assert "Gemma" not in text


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    (_write(tmp_path) / name).unlink()
    with pytest.raises(UserError, match=re.escape(name)):
        write_run_page(tmp_path)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("name", FILES)
def test_a_broken_file_is_named(tmp_path: Path, name: str) -> None:
    (_write(tmp_path) / name).write_text('{"half', encoding="utf-8")
    with pytest.raises(UserError, match=re.escape(name)):
        write_run_page(tmp_path)


def _nothing(path: Path) -> None:
    path.write_text("")


def _deep(path: Path) -> None:
    path.write_text("[" * 100_000)


def _of_other_types(path: Path) -> None:
    path.write_text(re.sub(r'"?[\w.]+"?(?=[,}\n]|$)', '"?"', path.read_text()))


def _one_list(path: Path) -> None:
    path.write_text("[1]\n")


def _half_the_rows(path: Path) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:1]))


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        *((name, harm) for name in FILES for harm in (_nothing, _deep, _one_list)),
        *((name, _of_other_types) for name in ("summary.json", "before.jsonl", "steps.jsonl")),
        ("before.jsonl", _half_the_rows),
        ("results.jsonl", _half_the_rows),
    ],
)
def test_a_file_that_no_run_wrote_is_named_with_what_to_do(
    tmp_path: Path, name: str, harm: Callable[[Path], None]
) -> None:
    harm(_write(tmp_path) / name)
    if (name, harm) == ("steps.jsonl", _nothing):
        assert "No training step was logged." in write_run_page(tmp_path).read_text(
            encoding="utf-8"
        )
        return
    if name.endswith("l") and harm is _nothing:
        expected = f"{re.escape(name)} is not as a run writes it .*restore it"
    else:
        expected = f"{re.escape(name)} is .*: restore it, or run again"
    with pytest.raises(UserError, match=expected):
        write_run_page(tmp_path)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"source": None}, "fine-tuning on 2,017 of the homework's 5,001 poems."),
        (
            {"source": None, "corpus": "tang", "origin": "the Tang poems of chinese-poetry"},
            "fine-tuning on 2,017 of the Tang poems of chinese-poetry.",
        ),
        (
            {"source": "/home/reader/my_poems.json", "corpus": "homework"},
            "fine-tuning on 2,017 of the 5,001 poems in my_poems.json.",
        ),
    ],
)
def test_the_poems_are_called_the_homeworks_only_where_they_are(
    tmp_path: Path, told: dict[str, Any], said: str
) -> None:
    summary = _summary()
    summary["data"] |= told
    text = Reader(_page(tmp_path, summary=summary)).text
    assert said in text and "/home" not in text


def test_remarks_on_training_stand_above_the_curve(tmp_path: Path) -> None:
    summary = _summary()
    summary["training"]["remarks"] = ["The loss exploded.", "Few steps <3."]
    page = _page(tmp_path, summary=summary)
    places = [
        page.index(part) for part in ("Loss curve", "Few steps &lt;3.", '<figure class="curve')
    ]
    assert places == sorted(places)
    assert 'class="noted"' not in _page(tmp_path / "old")


# --- the curve -----------------------------------------------------------------------------


def _drawings(rows: list[dict[str, Any]]) -> list[ElementTree.Element]:
    figure = loss_figure(rows)
    return [ElementTree.fromstring(svg) for svg in re.findall("<svg.*?</svg>", figure, re.DOTALL)]


@pytest.mark.parametrize("count", [1, 2, 250, 6000])
def test_drawings_are_well_formed_and_stay_in_their_box(count: int) -> None:
    drawings = _drawings(_steps(count))
    assert [svg.get("class") for svg in drawings] == ["wide", "narrow"]
    for svg in drawings:
        assert svg.get("role") == "img"
        labels = {child.get("id") for child in svg if child.tag in ("title", "desc")}
        assert labels == set((svg.get("aria-labelledby") or "").split())
        _, _, width, height = map(float, (svg.get("viewBox") or "").split())
        places = [
            tuple(map(float, place.split(",")))
            for line in svg.iter("polyline")
            for place in (line.get("points") or "").split()
        ]
        places += [
            (float(dot.get("cx") or -1), float(dot.get("cy") or -1)) for dot in svg.iter("circle")
        ]
        assert places
        assert all(0 <= x <= width and 0 <= y <= height for x, y in places)
        # No line has many more points than the drawing is wide.
        assert len(places) < 4 * width


def test_the_step_whose_weights_were_kept_is_marked_and_named() -> None:
    rows = [
        *_steps(40),
        {"kind": "validation", "step": 10, "loss_per_character": 4.5, "n": 64},
        {"kind": "validation", "step": 20, "loss_per_character": 4.2, "n": 64},
    ]
    figure = loss_figure(rows, kept=20)
    for svg in (ElementTree.fromstring(one) for one in re.findall("<svg.*?</svg>", figure, re.S)):
        [ring] = [dot for dot in svg.iter("circle") if dot.get("class") == "kept"]
        dots = [dot for dot in svg.iter("circle") if dot.get("class") == "dot"]
        titles = ["".join(dot.itertext()) for dot in dots]
        at = titles.index("step 20: validation 4.20, kept")
        assert (ring.get("cx"), ring.get("cy")) == (dots[at].get("cx"), dots[at].get("cy"))
        assert "The weights of step 20 were kept." in "".join(svg.itertext())
    assert "the step whose weights were kept" in figure
    # In the log of an old run the step may be missing.
    assert "kept" not in loss_figure(rows, kept=21) and "kept" not in loss_figure(rows)


@pytest.mark.parametrize("worst", [40.0, 4e6, 1e300])
def test_a_loss_that_explodes_leaves_the_rest_to_be_seen(worst: float) -> None:
    rows = [{**row, "loss": worst} if row["step"] == 9 else row for row in _steps(20)[:20]]
    figure = loss_figure([*rows, _steps(20)[-1]])
    assert "logarithmic" in figure and "logarithmic" not in loss_figure(_steps(20))
    for svg in (ElementTree.fromstring(one) for one in re.findall("<svg.*?</svg>", figure, re.S)):
        [line] = [one for one in svg.iter("polyline") if one.get("class") == "raw"]
        heights = [float(place.split(",")[1]) for place in (line.get("points") or "").split()]
        assert min(heights) == heights[8] >= 0
        if worst < 1e9:  # of 300 powers of ten nobody sees one
            assert heights[-1] - heights[0] > 1
        numbers = "".join(svg.itertext())
        assert len(numbers) < 700


def test_one_step_is_drawn_as_dots() -> None:
    for svg in _drawings(_steps(1)):
        assert not list(svg.iter("polyline"))
        kinds = [dot.get("class") for dot in svg.iter("circle")]
        assert kinds == ["raw alone", "rate alone", "dot"]


def test_steps_logged_twice_count_as_logged_last() -> None:
    resumed = [*_steps(20), *({**row, "loss": 1.0} for row in _steps(20)[10:20])]
    once = [*_steps(20)[:10], *({**row, "loss": 1.0} for row in _steps(20)[10:20]), _steps(20)[-1]]
    assert loss_figure(resumed) == loss_figure(once) != loss_figure(_steps(20))


def test_a_loss_that_is_no_number_is_left_out() -> None:
    broken = {"kind": "train", "step": 21, "loss": float("inf"), "learning_rate": 1e-4}
    figure = loss_figure([*_steps(20), broken])
    assert "inf" not in figure and "nan" not in figure


def test_the_mean_is_over_the_window_and_shorter_at_the_ends() -> None:
    assert smoothed([1.0, 2.0, 6.0, 4.0], 3) == [1.5, 3.0, 4.0, 5.0]


@given(st.floats(0, 100), st.floats(1e-4, 1e3), st.integers(1, 10))
def test_ticks_enclose_the_range_with_few_round_steps(low: float, span: float, count: int) -> None:
    high = low + span
    ticks = nice_ticks(low, high, count)
    step = (ticks[-1] - ticks[0]) / (len(ticks) - 1)
    assert ticks[0] - 1e-6 * step <= low and high <= ticks[-1] + 1e-6 * step
    assert 2 <= len(ticks) <= count + 3
    assert ticks == sorted(set(ticks))
