"""On the Chinese page everything that is said is Chinese."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.serve.test_page_write import address, finished
from tests.serve.test_results import SUMMARY, SWEEP, put

REPORT = {
    "verdict": ["Right shape 合式, heldout: tang 475 of 500 (95.0%)."],
    "systems": [
        {
            "label": "tang",
            "suites": {"heldout": {"couplets": [{}], "figures": {"shape": {"value": 1, "n": 4}}}},
        }
    ],
}
# Names: of the program, its models and suites, a command, decoding parameters, seeds of units.
NAMES = {
    "Lianju", "English", "lianju", "run", "tang", "base", "top", "typical", "min", "API", "gemma",
    "heldout", "settings", "summary", "json",
}  # fmt: skip
# The words that can be seen or heard, but for what the model wrote.
WORDS = r"""() => {
    const said = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const at = walk.currentNode.parentElement;
        const wrote = at.closest('.verse, .token, script, [aria-live]');
        if (at.checkVisibility() && !wrote) said.push(walk.currentNode.data);
    }
    for (const node of document.querySelectorAll('main [aria-label], main [title]')) {
        if (node.checkVisibility() && !node.closest('.verse, .choice')) {
            said.push(node.ariaLabel ?? '', node.title ?? '');
        }
    }
    return said.join('\n').match(/[A-Za-z]{2,}/g) ?? [];
}"""


@pytest.fixture
def chinese(browser: Browser) -> Iterator[Page]:
    """A page as a reader in Taiwan has it."""
    context = browser.new_context(locale="zh-TW")
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


def with_notes(page: Page, server: str) -> None:
    """A couplet in simplified characters that cannot open regulated verse, in another rhyme."""
    page.goto(address(server, "千山鸟飛絕，萬徑人蹤滅", form="auto", rhyme="東", n=1, seed=5))
    page.wait_for_selector(".poem footer .tools")
    finished(page)
    assert page.locator(".told .notes li").count() >= 3
    page.locator(".poem details summary").click()
    page.locator('.line[data-line="3"] .ch').first.click()
    page.wait_for_selector(".tap .bars li")


def free(page: Page, server: str) -> None:
    """A poem without rules that has no shape, of a couplet that is none."""
    page.goto(address(server, "空山新雨後，天氣晚", form="free", n=1, seed=2, max_tokens=9))
    page.wait_for_selector(".poem footer .tools")
    finished(page)
    page.locator(".more summary").click()


def refused(page: Page, server: str) -> None:
    """A locked line that cannot stand there."""
    page.goto(address(server, line4="清泉石上山", n=1, seed=2))
    page.wait_for_selector(".error")


def odd_address(page: Page, server: str) -> None:
    """A couplet that is too long for the server."""
    page.goto(address(server, "山" * 201, temperature="99", n=1, seed=2))
    expect(page.locator(".error")).to_contain_text("首聯至多 200 字")


def laboratory(page: Page, server: str) -> None:
    """Two panels, with notes."""
    page.goto(f"{server}/#decode?" + urlencode({"couplet": "千山鸟飛絕，萬徑人蹤滅。", "two": "1"}))
    page.locator(".lab-panel .stages").nth(1).wait_for()
    assert page.locator(".lab-panel .notes li").count()


def forbidden(page: Page, server: str) -> None:
    """A beginning that the rules forbid."""
    asked = {"couplet": "空山新雨後，天氣晚來秋。", "prefix": "空空空空空，空空空空空"}
    page.goto(f"{server}/#decode?" + urlencode(asked))
    page.wait_for_selector(".error")


def judged(page: Page, server: str) -> None:
    """A famous poem with its faults, remarks, readings and sources, in simplified characters."""
    poem = "故人西辞黄鹤楼，烟花三月下扬州。孤帆远影碧空尽，唯见长江天际流。"
    page.goto(f"{server}/#check?" + urlencode({"text": poem}))
    page.locator(".met-poem").wait_for()
    for summary in page.locator("#check summary").all():
        summary.click()


def reports(page: Page, server: str) -> None:
    """One report of each kind, and one that is damaged."""
    put(Path("runs/首"), "report.html", "summary.json", SUMMARY, 1)
    put(Path("runs/壞"), "report.html", "summary.json", SUMMARY, 1)
    Path("runs/壞/summary.json").write_text("{")
    put(Path("evaluations/評"), "report.html", "report.json", REPORT, 1)
    put(Path("sweeps/掃"), "sweep.html", "sweep.json", SWEEP, 1)
    page.goto(f"{server}/#results")
    page.locator(".res-item").nth(3).wait_for()
    summaries = page.locator(".res-summary").all_inner_texts()
    assert all(summaries) and any("475" not in one and "合式" in one for one in summaries)


@pytest.mark.parametrize(
    "show",
    [with_notes, free, refused, odd_address, laboratory, forbidden, judged, reports],
)
def test_all_that_is_said_is_chinese(
    chinese: Page,
    server: str,
    show: Callable[[Page, str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    show(chinese, server)
    assert set(chinese.evaluate(WORDS)) - NAMES == set()
