"""The tab Check with several poems, and the page while the model loads."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from lianju.config import ServeSettings
from lianju.model import LanguageModel
from lianju.serve import Service
from tests.serve.conftest import running, served
from tests.serve.test_page_tabs import kept
from tests.typed import lianju

POEMS = """登鸛雀樓
王之渙

白日依山盡，黃河入海流。欲窮千里目，更上一層樓。
移舟泊煙渚，日暮客愁新。野曠天低樹，江清月近樓。

千山鳥飛絕，萬徑人蹤滅。
孤舟蓑笠翁，獨釣寒江雪。

以上是今日所讀
"""


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """`lianju check` on the same text."""
    return lianju("check", POEMS, *arguments, cwd=Path())


@pytest.fixture
def several(browser_page: Page, server: str) -> Iterator[Page]:
    """The tab with the poems in it, judged."""
    browser_page.goto(f"{server}/#check?{urlencode({'text': POEMS})}")
    browser_page.locator(".met-table").wait_for()
    yield browser_page


def test_several_poems_are_judged_as_the_command_does(several: Page) -> None:
    rows = [json.loads(line) for line in command("--json").stdout.splitlines()]
    table = several.locator(".met-table tbody tr")
    expect(table).to_have_count(len(rows))
    shown = table.locator(".style").all_inner_texts()
    assert shown == [row["style"] for row in rows]
    for language in ("en", "zh"):
        printed = command("--lang", language).stdout
        for cells in table.all():
            for cell in ("form", "style", "rhyme", "brief"):
                assert cells.locator(f".{cell}").inner_text().split(" ")[0] in printed
        last = next(line for line in printed.splitlines() if line.startswith(("all", "合計")))
        totals = several.locator(".met-totals tbody tr").last.locator("td").all_inner_texts()
        counted = [word for word in last.split() if word.isdigit()]
        assert [total.split()[0] for total in totals] == counted
        several.locator("#language").click()


def test_each_of_several_poems_opens_and_leads_back(several: Page) -> None:
    several.get_by_role("button", name="Open poem 2").click()
    expect(several.locator(".met-list.faults")).to_contain_text("落韻")
    expect(several.locator(".met-verdict")).to_be_focused()
    assert kept(several)["poem"] == "2"
    several.reload()
    several.get_by_role("button", name="All poems").press("Enter")
    expect(several.locator(".met-table")).to_be_visible()
    several.get_by_role("button", name="Open poem 1").click()
    expect(several.locator(".met-poem")).to_contain_text("《登鸛雀樓》 王之渙")
    assert "poem" in kept(several)


def test_a_line_that_is_no_verse_is_named_in_either_language(several: Page) -> None:
    expect(several.locator(".notes")).to_contain_text("looks like no verse: 以上是今日所讀")
    several.locator("#language").click()
    expect(several.locator(".notes")).to_have_text("第 10 行：不像詩句：以上是今日所讀")


def test_while_the_model_loads_check_answers_and_write_waits(
    browser: Browser, gemma: LanguageModel
) -> None:
    service = Service(list, ServeSettings())
    page = browser.new_page()
    with running(service) as address:
        page.goto(f"{address}/#check")
        expect(page.locator(".met-poem h3")).to_contain_text("with no fault")
        loading = page.get_by_text("The model is loading. Check and Results work already.")
        expect(loading).to_be_visible()
        page.get_by_role("link", name="Results").click()
        expect(page.locator("#results h2")).to_be_visible()
        page.get_by_role("link", name="Write").click()
        page.get_by_role("radio", name="1", exact=True).check()
        page.get_by_role("button", name="Write", exact=True).click()
        expect(page.locator(".poem footer")).to_contain_text("Waiting for the model")
        page.get_by_role("button", name="Stop").click()
        expect(page.locator(".poem footer")).to_contain_text("stopped")
        page.get_by_role("button", name="Write", exact=True).click()
        expect(page.get_by_text("This is the untouched model")).to_be_hidden()
        service.open([served(gemma, "base")])
        expect(page.locator(".poem footer .tools")).to_be_visible(timeout=60_000)
        expect(loading).to_have_count(0)
        expect(page.get_by_text("This is the untouched model")).to_be_visible()
    page.close()
