"""The pages and the chart of `explore next`."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from lianju.config import DecodeSettings
from lianju.decode import Choice, Masks, StageFigures, Step, Walk, next_tokens, walk
from lianju.explore.next_page import PageContext, chart_file, step_page, walk_page
from lianju.explore.stage_words import happened, idle, number, share, words_of
from tests import tiny
from tests.decode.grammar import constraint

COUPLET = "白日依山盡，黃河入海流。"
SETTINGS = DecodeSettings(
    temperature=0.6, top_k=30, top_p=0.9, min_p=0.1, typical_p=0.8, repetition_penalty=1.5, seed=2
)
CONTEXT = PageContext(COUPLET, "tiny", tuned=True, settings=SETTINGS)
# Worked out by hand: raw 0.6, 0.3, 0.1; at temperature 0.5 squared, 36:9:1; top-k 2 leaves 36:9.
BY_HAND = Step(
    "欲",
    (
        StageFigures("raw", 0.898, 3, 0.0),
        StageFigures("temperature", 0.586, 3, 0.0),
        StageFigures("top_k", 0.5, 2, 1 / 46),
    ),
    (
        Choice(1, "窮", (0.6, 36 / 46, 0.8)),
        Choice(2, "渡", (0.3, 9 / 46, 0.2)),
        Choice(3, "<b>", (0.1, 1 / 46, 0.0), cut_at=2),
    ),
    (0.0, 0.0, 0.0),
)
TWO = DecodeSettings(temperature=0.5, top_k=2, top_p=1, repetition_penalty=1)


class Page(HTMLParser):
    """What a test needs of a page; fails where its tags do not nest."""

    def __init__(self, page: str):
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.tags.append(tag)
        given = dict(attrs)
        if "id" in given:
            assert given["id"] not in self.ids
            self.ids.add(given["id"] or "")
        if "href" in given:
            self.links.append(given["href"] or "")
        assert "src" not in given and not any(name.startswith("on") for name in given)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def poem() -> Walk:
    model = tiny.model()
    rules = constraint(COUPLET, Masks(model.vocabulary), lines=4)
    return walk(model, "plain", COUPLET, SETTINGS, rules, top=5)


@pytest.fixture(scope="module")
def step() -> Step:
    model = tiny.model()
    rules = constraint(COUPLET, Masks(model.vocabulary), lines=4)
    return next_tokens(model, "plain", COUPLET, SETTINGS, rules, "欲窮", top=5)


def test_what_each_stage_did_in_words() -> None:
    assert happened(BY_HAND, 0, TWO) == (
        "The likeliest is 窮 with 60.0%; the choice is as open as among 2.5 equally likely tokens."
    )
    assert happened(BY_HAND, 1, TWO) == (
        "窮 goes from 60.0% to 78.3%. The choice was as open as among 2.5 equally likely tokens, "
        "now it is as among 1.8."
    )
    assert happened(BY_HAND, 2, TWO) == "It struck 1 token, which had 2.2%; 2 tokens stay."
    floor = replace(BY_HAND.stages[2], name="min_p")
    at = replace(BY_HAND, stages=(*BY_HAND.stages[:2], floor))
    settings = DecodeSettings(temperature=0.5, min_p=0.1, top_p=1)
    assert happened(at, 2, settings).startswith("The bar lies at 7.8%. It struck 1 token")
    same = replace(BY_HAND, stages=(BY_HAND.stages[0], BY_HAND.stages[0], BY_HAND.stages[2]))
    same = replace(same, stages=(same.stages[0], replace(same.stages[1], name="top_p")))
    assert happened(same, 1, TWO) == "Here it struck nothing: 3 tokens stay."


def test_greedy_decoding_is_a_cut_in_words() -> None:
    alone = StageFigures("temperature", 0.0, 1, 0.4)
    greedy = replace(BY_HAND, stages=(BY_HAND.stages[0], alone))
    settings = DecodeSettings(temperature=0, top_p=1, repetition_penalty=1)
    assert happened(greedy, 1, settings) == (
        "It struck 2 tokens, which together had 40.0%; 1 token stays."
    )
    assert idle(DecodeSettings(temperature=0, top_k=3, repetition_penalty=1)) == [
        "repetition_penalty",
        "top_k",
        "top_p",
        "min_p",
        "typical_p",
    ]
    page = Page(step_page(greedy, replace(CONTEXT, settings=settings)))
    assert "The one token that is left is taken." in page.text
    assert "only the likeliest" in words_of("temperature", settings).says


def test_every_setting_is_either_a_stage_or_idle(step: Step) -> None:
    named = [stage.name for stage in step.stages]
    assert not idle(SETTINGS) and named[:2] == ["raw", "rules"] and len(named) == 8
    assert idle(TWO) == ["repetition_penalty", "top_p", "min_p", "typical_p"]
    for name in named:
        words = words_of(name, SETTINGS)
        assert words.says and words.says_chinese and words.chinese
    assert words_of("top_p", SETTINGS).title == "Top-p 0.9"


@pytest.mark.parametrize(
    ("probability", "said"),
    [
        (0.0, "0.00%"),
        (1e-9, "<0.01%"),
        (0.00123, "0.12%"),
        (0.00996, "1.0%"),
        (0.1, "10.0%"),
        (0.9996, "99.9%"),
        (0.99999, "100%"),
        (1.0, "100%"),
    ],
)
def test_shares_in_words(probability: float, said: str) -> None:
    assert share(probability) == said


def test_numbers_in_words() -> None:
    assert [number(value) for value in (1.0, 14.26, 99.96, 1234.5)] == [
        "1.0",
        "14.3",
        "100",
        "1,234",
    ]


def test_the_bars_of_a_step_are_its_probabilities() -> None:
    page = step_page(BY_HAND, replace(CONTEXT, settings=TWO))
    cards = re.findall(r"<article.*?</article>", page, re.S)
    widths = [re.findall(r'<i class="(\w+)" style="width:([\d.]+)%"', card) for card in cards]
    assert widths[0] == [("new", "75.0"), ("new", "37.5"), ("new", "12.5")]
    assert widths[1] == [
        ("old", "75.0"),
        ("new", "97.8"),
        ("old", "37.5"),
        ("new", "24.5"),
        ("old", "12.5"),
        ("new", "2.7"),
    ]
    assert widths[2] == [
        ("old", "97.8"),
        ("new", "100.0"),
        ("old", "24.5"),
        ("new", "25.0"),
        ("old", "2.7"),
    ]
    assert 'class="struck"' in cards[2] and "struck" not in cards[1]


def test_text_of_a_model_stays_text(poem: Walk) -> None:
    shown = PageContext("<i>白", "<script>", tuned=False, settings=TWO)
    page = Page(step_page(replace(BY_HAND, prefix="</p><img src=x>"), shown))
    assert "</p><img src=x>" in page.text and "img" not in page.tags and "b" not in page.tags
    first = poem.positions[0]
    bad = replace(first.taken, text="<script>")
    alternative = replace(
        first.alternatives[0],
        completion=replace(first.alternatives[0].completion, text="<script>1</script>"),
    )
    walked = replace(poem, positions=(replace(first, taken=bad, alternatives=(alternative,)),))
    page = Page(walk_page(walked, shown))
    assert "script" not in page.tags and "<script>" in page.text


def test_the_page_of_a_walk_leads_to_every_place_and_every_road(poem: Walk) -> None:
    html = walk_page(poem, CONTEXT)
    page = Page(html)
    count = len(poem.positions)
    assert {f"t{at + 1}" for at in range(count)} <= page.ids
    assert {link.removeprefix("#") for link in page.links} <= page.ids
    assert "script" not in page.tags and "default-src 'none'" in html
    panels = re.findall(r'<section class="step".*?</section>', html, re.S)
    assert len(panels) == count
    seen = 0
    for panel, position in zip(panels, poem.positions, strict=True):
        said = Page(panel).text.replace(" ", "")
        assert panel.count('class="mine"') == 1
        for alternative in position.alternatives:
            assert alternative.completion.text in said
            seen += 1
    assert seen > count and f":has(#t{count}:target)" in html


def test_the_chart_is_an_svg_of_the_two_ends() -> None:
    text = chart_file(BY_HAND, "<白>", TWO)
    root = ElementTree.fromstring(text)
    bars = [
        (bar.get("class"), float(bar.get("width") or 0))
        for bar in root.iter("{http://www.w3.org/2000/svg}rect")
        if bar.get("class") in ("before", "after")
    ][2:]
    longest = max(width for _, width in bars)
    assert [kind for kind, _ in bars] == ["before", "after"] * 3
    expected = [0.75, 1, 0.375, 0.25, 0.125, 0]
    assert [width / longest for _, width in bars] == pytest.approx(expected, abs=0.001)
    words = " ".join(word for word in root.itertext())
    assert "✗ Top-k 2" in words and "→ 80.0%" in words and "<白>欲□" in words
    assert float(root.get("width") or 0) == 720
