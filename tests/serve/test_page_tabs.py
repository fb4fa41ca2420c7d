"""The tabs Decode, Check and Results of the page, in a real browser against a real server."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import httpx2
import pytest

from lianju.verse import check, words

COUPLET = "空山新雨後，天氣晚來秋。"
FAULTY = "移舟泊煙渚，日暮客愁新。野曠天低樹，江清月近樓。"
REPORT = """<!doctype html><meta charset="utf-8"><title>a report</title>
<style>h1 { color: rgb(1, 2, 3) }</style><h1>好報告</h1><a href="#end">end</a>
<p style="height: 3000px">long</p><p id="end">終</p>"""


def opened(page: Any, server: str, tab: str, **state: str) -> None:
    """Open a tab with a state in the address."""
    page.goto(f"{server}/#{tab}?{urlencode(state)}")


def lab(page: Any, server: str, **state: str) -> None:
    """Open the laboratory and wait for its bars."""
    opened(page, server, "decode", **{"couplet": COUPLET, **state})
    answered(page)


def answered(page: Any) -> None:
    """Wait until every question that the laboratory asked is answered and shown."""
    page.wait_for_selector(".lab-panel:not([hidden]) .stages")
    # The sliders wait a little before they ask.
    page.wait_for_timeout(200)
    page.locator(".lab-shown[aria-busy]").first.wait_for(state="detached")


def written(page: Any) -> str:
    """What the laboratory has written so far."""
    return str(page.get_by_label("Written so far").input_value())


def kept(page: Any) -> dict[str, str]:
    """The state that the address keeps, once it does."""
    page.wait_for_timeout(600)
    return {name: value for name, [value] in parse_qs(page.url.partition("?")[2]).items()}


def share(probability: float) -> str:
    """As the page writes a probability above 1% that is not all."""
    return f"{100 * probability:.1f}%"


def test_bars_show_what_the_server_says_at_every_stage(browser_page: Any, server: str) -> None:
    settings = {"temperature": 0.5, "top_k": 20, "top_p": 0.9}
    lab(browser_page, server, **{name: str(value) for name, value in settings.items()})
    body = {"couplet": COUPLET, "verse": {"form": "auto"}, "top": 40, **settings}
    step = httpx2.post(f"{server}/v1/explore/next", json=body, timeout=60).json()
    heads = browser_page.locator(".stages thead th").all_inner_texts()
    assert [" ".join(head.split()) for head in heads] == [
        "Token",
        "Model",
        "Form",
        "Penalty 1.3",
        "Temperature 0.5",
        "Top-k 20",
        "Top-p 0.9",
    ]
    first = step["choices"][0]
    row = browser_page.locator(".tokens tr").first
    assert row.locator("th").inner_text() == first["text"]
    shown = row.locator(".amount").all_inner_texts()
    assert shown == [share(value) for value in first["probabilities"]]
    left = browser_page.locator(".figures tr").first.locator("td").all_inner_texts()
    assert left == [f"{stage['left']:,}" for stage in step["stages"]]
    struck = browser_page.locator("td.struck").first.inner_text()
    assert re.search(r"struck by (Form|Top-k|Top-p)", struck)
    # Every token sums to 1 with the others, in each column of percents.
    browser_page.get_by_text(re.compile("Show all")).click()
    last = browser_page.locator(".tokens tr td:last-child .amount").all_inner_texts()
    total = sum(float(text[:-1]) for text in last if text.endswith("%"))
    assert total == pytest.approx(100, abs=1.5)


def test_a_slider_changes_the_bars_and_the_address(browser_page: Any, server: str) -> None:
    lab(browser_page, server, top_p="1")
    entropy = browser_page.locator(".figures tr:last-child td:last-child")
    before = float(entropy.inner_text())
    slider = browser_page.get_by_role("slider", name="Temperature")
    slider.fill("0.3")
    answered(browser_page)
    assert float(entropy.inner_text()) < before / 2
    assert kept(browser_page)["temperature"] == "0.3"
    browser_page.reload()
    answered(browser_page)
    assert slider.input_value() == "0.3"


def test_the_last_answer_wins(browser_page: Any, server: str) -> None:
    lab(browser_page, server)
    late: list[Any] = []

    def hold(route: Any) -> None:
        if json.loads(route.request.post_data)["temperature"] == 2:
            late.append(route)
        else:
            route.continue_()

    browser_page.route("**/explore/next", hold)
    slider = browser_page.get_by_role("slider", name="Temperature")
    slider.fill("2")
    browser_page.wait_for_timeout(300)
    slider.fill("0.5")
    answered(browser_page)
    assert len(late) == 1
    late[0].fulfill(json={"notes": [], "prefix": "", "stages": [], "choices": [], "rest": []})
    browser_page.wait_for_timeout(100)
    assert "Temperature 0.5" in " ".join(browser_page.locator(".stages thead").inner_text().split())


def test_draw_back_and_take(browser_page: Any, server: str) -> None:
    lab(browser_page, server, seed="7")
    random = browser_page.locator(".random b").inner_text()
    draw = browser_page.get_by_role("button", name="Draw", exact=True)
    draw.click()
    answered(browser_page)
    first = written(browser_page)
    assert len(first) == 1 and f"falls on {first}." in random
    browser_page.get_by_role("button", name="Back", exact=True).click()
    answered(browser_page)
    assert written(browser_page) == ""
    assert browser_page.locator(".random b").inner_text() == random
    # Any bar can be taken, with the keyboard too, but none that the form forbids.
    token = browser_page.locator(".token:enabled").nth(2)
    text = token.inner_text()
    token.focus()
    browser_page.keyboard.press("Enter")
    answered(browser_page)
    assert written(browser_page) == text
    assert browser_page.locator(".lab-poem .ch").last.inner_text() == text
    assert kept(browser_page)["prefix"] == text


def test_draws_follow_the_distribution(browser_page: Any, server: str) -> None:
    browser_page.goto(server)
    step = {"choices": [{"text": t, "probabilities": [p]} for t, p in (("山", 0.5), ("水", 0.2))]}
    counted = browser_page.evaluate(
        """async (step) => {
            const { chance, fallsOn } = await import("/page/decode_draw.js");
            const found = [];
            for (let seed = 0; seed < 400; seed += 1)
                for (let place = 0; place < 50; place += 1)
                    found.push(fallsOn(step, chance(seed, place))?.text ?? "others");
            return found;
        }""",
        step,
    )
    shares = {text: count / len(counted) for text, count in Counter(counted).items()}
    # Three standard deviations of a share of 20,000 draws are about 0.01.
    assert shares == pytest.approx({"山": 0.5, "水": 0.2, "others": 0.3}, abs=0.012)


def test_a_lot_on_the_others_is_drawn_by_the_server(browser_page: Any, server: str) -> None:
    browser_page.goto(server)
    last = """async () => {
        const { chance } = await import("/page/decode_draw.js");
        for (let seed = 0; ; seed += 1) if (chance(seed, 0) > 0.98) return seed;
    }"""
    seed = browser_page.evaluate(last)
    lab(browser_page, server, top_p="1", temperature="0.8", seed=str(seed))
    assert "one of the others" in browser_page.locator(".random b").inner_text()
    browser_page.get_by_text(re.compile("Show all")).click()
    listed = browser_page.locator(".token").all_inner_texts()
    browser_page.get_by_role("button", name="Draw", exact=True).click()
    browser_page.locator(".lab-poem button.ch").wait_for()
    assert len(written(browser_page)) == 1
    assert written(browser_page) not in listed


def test_to_the_end_and_on_to_check(browser_page: Any, server: str) -> None:
    body = {"couplet": COUPLET, "verse": {"form": "wujue"}, "seed": 3}
    [poem] = httpx2.post(f"{server}/v1/poems", json=body, timeout=60).json()["poems"]
    lab(browser_page, server, form="wujue", seed="3", prefix=poem["text"][:8])
    browser_page.get_by_role("button", name="Draw to the end").click()
    browser_page.get_by_text("The poem is finished.").wait_for(timeout=60_000)
    assert written(browser_page).startswith(poem["text"][:8])
    whole = COUPLET + written(browser_page)
    assert check(whole).form == "wujue"
    assert kept(browser_page)["end"] == "1"
    browser_page.reload()
    browser_page.get_by_text("The poem is finished.").wait_for()
    browser_page.get_by_role("button", name="Check it").click()
    head = browser_page.locator(".met-poem h3")
    assert words.form_words(check(whole), "en") in head.inner_text()
    assert browser_page.get_by_label("Poem", exact=True).input_value() == whole


def test_two_settings_side_by_side(browser_page: Any, server: str) -> None:
    lab(browser_page, server, two="1", seed="11", form="wujue", prefix="山", temperature="0")
    browser_page.wait_for_selector(".lab-panel:nth-child(2) .stages")
    answers: list[Any] = []
    browser_page.on("response", lambda got: answers.append(got) if "/v1/poems" in got.url else None)
    browser_page.get_by_role("button", name="Write both").click()
    browser_page.locator(".lab-pair").wait_for()
    asked = {json.loads(got.request.post_data)["temperature"]: got for got in answers}
    one, other = (asked[heat].json()["poems"][0]["lines"] for heat in (0, 1))
    assert {got.json()["seed"] for got in answers} == {11}
    apart = [
        (line + 1, place + 1)
        for line in range(4)
        for place in range(5)
        if one[line]["text"][place] != other[line]["text"][place]
    ]
    line, place = apart[0]
    said = browser_page.locator(".lab-poems > p").inner_text()
    assert said.startswith(f"They part at line {line}, character {place}: ")
    assert f"{len(apart)} of 20 places differ" in said
    marked = browser_page.locator(".lab-pair figure:first-child .parts")
    assert marked.count() == len(apart)
    # With the same settings and seed there is nothing to tell apart.
    browser_page.get_by_role("button", name="Default settings").nth(0).click()
    browser_page.get_by_role("button", name="Default settings").nth(1).click()
    answered(browser_page)
    browser_page.get_by_role("button", name="Write both").click()
    browser_page.get_by_text("Both wrote the same poem.").wait_for()


def test_check_as_one_types(browser_page: Any, server: str) -> None:
    opened(browser_page, server, "check", text=FAULTY)
    verdict, fault = check(FAULTY), check(FAULTY).faults[0]
    found = browser_page.locator(".met-list li").first
    found.wait_for()
    assert words.fault_words(verdict, fault, "en") in found.inner_text()
    assert words.rule_words(fault, "en") in found.inner_text()
    assert browser_page.locator(".met-poem .ch.fault").inner_text().startswith("樓")
    browser_page.get_by_role("button", name="中文").click()
    assert words.fault_words(verdict, fault, "zh") in found.inner_text()
    browser_page.get_by_label("詩", exact=True).fill(FAULTY.replace("樓", "人"))
    browser_page.get_by_text("合律", exact=False).first.wait_for()
    browser_page.locator(".met-poem .ch.fault").wait_for(state="detached")
    browser_page.get_by_role("checkbox").first.check()
    assert kept(browser_page) == {"text": FAULTY.replace("樓", "人"), "strict": "1"}
    browser_page.get_by_label("詩", exact=True).fill("abc")
    browser_page.get_by_text("沒有可查的詩句").wait_for()
    browser_page.get_by_label("詩", exact=True).fill("")
    browser_page.get_by_text("還沒有詩可查").wait_for()


def test_check_remarks_on_the_middle_couplets(browser_page: Any, server: str) -> None:
    poem = (
        "海上生明月，天涯共此時。情人怨遙夜，竟夕起相思。"
        "滅燭憐光滿，披衣覺露滋。不堪盈手贈，還寢夢佳期。"
    )
    opened(browser_page, server, "check", text=poem)
    noted = browser_page.get_by_role("heading", name="Worth noting").locator("xpath=..")
    noted.wait_for()
    assert "lines 3 and 4 頷聯 seem not to be parallel" in noted.inner_text()
    assert "lines 5 and 6 頸聯 seem parallel" in noted.inner_text()
    assert "✓" in browser_page.locator(".met-poem h3").inner_text()
    browser_page.get_by_role("button", name="中文").click()
    browser_page.get_by_text("對仗：頷聯（第3、4句）未見對仗").wait_for()
    browser_page.get_by_text("此為估計").first.wait_for()


def test_results_show_reports_that_can_do_nothing(
    browser: Any, browser_page: Any, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    opened(browser_page, server, "results")
    browser_page.get_by_text("No reports here yet").wait_for()
    assert browser_page.get_by_text("lianju run", exact=True).is_visible()
    run = tmp_path / "runs" / "first"
    run.mkdir(parents=True)
    (run / "report.html").write_text(REPORT, encoding="utf-8")
    browser_page.get_by_role("button", name="Look again").click()
    browser_page.get_by_role("button", name="Training run first").click()
    frame = browser_page.locator(".res-report iframe")
    # From outside: playwright would leave listeners in the frame, which may run none.
    inside = "node => node.contentDocument.querySelector('h1')?.textContent"
    frame.wait_for()
    assert frame.get_attribute("sandbox") == "allow-same-origin"
    browser_page.wait_for_timeout(300)
    assert frame.evaluate(inside) == "好報告"
    # Its own style works, and its links lead to its own parts.
    style = "node => getComputedStyle(node.contentDocument.querySelector('h1')).color"
    assert frame.evaluate(style) == "rgb(1, 2, 3)"
    frame.evaluate("node => node.contentDocument.querySelector('a').click()")
    browser_page.wait_for_timeout(200)
    assert frame.evaluate("node => node.contentWindow.scrollY") > 0
    with browser_page.context.expect_page() as alone:
        browser_page.get_by_role("link", name="Open it alone").click()
    assert alone.value.locator("h1").inner_text() == "好報告"
    assert kept(browser_page)["id"].startswith("run-")
    report = browser_page.url
    browser_page.get_by_role("link", name="Check").click()
    browser_page.get_by_role("link", name="Results").click()
    assert browser_page.url == report
    browser_page.get_by_role("button", name="Back to the list").click()
    frame.wait_for(state="detached")
    browser_page.go_back()
    frame.wait_for()

    evil = "<script>parent.document.title = document.title = '0wned'</script>"
    (run / "report.html").write_text(REPORT + evil, encoding="utf-8")
    other = browser.new_page()
    other.goto(browser_page.url)
    other.frame_locator(".res-report iframe").get_by_role("heading").wait_for()
    other.wait_for_timeout(200)
    assert other.title() == "Results · Lianju 聯句"
    other.close()


NAMELESS = """tab => [...document.querySelectorAll(`#${tab} :is(button, input, select, textarea)`)]
    .filter((node) => !node.labels?.length && !node.ariaLabel && !node.textContent)
    .map((node) => node.outerHTML)"""
UNSAID = """() => [...document.querySelectorAll("[data-say]")].map((node) => node.textContent)
    .filter((text) => /^[a-z]+\\.[a-z.-]+$|\\{\\w+\\}/.test(text))"""


def test_everything_has_a_name_in_both_languages(browser_page: Any, server: str) -> None:
    lab(browser_page, server, two="1")
    opened(browser_page, server, "check", text=FAULTY)
    browser_page.locator(".met-poem").wait_for()
    opened(browser_page, server, "results")
    browser_page.get_by_role("button", name="Look again").wait_for()
    for language in ("en", "zh"):
        for tab in ("decode", "check", "results"):
            assert browser_page.evaluate(NAMELESS, tab) == []
        assert browser_page.evaluate(UNSAID) == [], language
        browser_page.locator("#language").click()
