"""The page's shell and its tab Write, driven in a real browser against a real server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx2
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from lianju.verse import check, words

COUPLET = "空山新雨後，天氣晚來秋。"


expect.set_options(timeout=60_000)


def address(server: str, couplet: str = COUPLET, **values: object) -> str:
    """A link to the tab, with settings as the page writes them."""
    pairs = {"couplet": couplet, "form": "wujue", **values}
    return f"{server}/#write?" + "&".join(f"{name}={quote(str(it))}" for name, it in pairs.items())


def open_poems(page: Page, link: str) -> None:
    """Follow a link with a seed and wait for all its poems."""
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_selector(".poem footer .tools")
    finished(page)


def finished(page: Page) -> None:
    """Wait until nothing is being written."""
    page.locator(".growing").first.wait_for(state="detached", timeout=60_000)


def text_of(poem: Locator) -> str:
    """Couplet and poem as they stand on a sheet, without punctuation."""
    return "".join(poem.locator(".glyph").all_inner_texts())


def line_of(poem: Locator, number: int) -> str:
    """One line of the poem on a sheet."""
    return "".join(poem.locator(f'.line[data-line="{number}"] .glyph').all_inner_texts())


def state(page: Page) -> dict[str, str]:
    """What the address holds."""
    query = urlsplit(page.url).fragment.partition("?")[2]
    return {name: values[0] for name, values in parse_qs(query).items()}


def han(text: str) -> str:
    """The text without punctuation."""
    return "".join(character for character in text if character.isalnum())


def test_first_visit_one_click(browser_page: Page, server: str) -> None:
    """Someone who never was here gets poems with one click, and sees them grow."""
    page = browser_page
    page.goto(server)
    page.get_by_role("button", name="Write", exact=True).click()
    page.wait_for_selector(".draft .pair:nth-child(2) .glyph")
    expect(page.locator(".poem")).to_have_count(3)
    page.wait_for_selector(".poem footer .tools")
    finished(page)
    asked = state(page)
    body = {"couplet": asked["couplet"], "verse": {}, "n": 3, "seed": int(asked["seed"])}
    answer = httpx2.post(f"{server}/v1/poems", json=body, timeout=60).json()
    for poem in answer["poems"]:
        sheet = page.locator(".poem").nth(poem["index"])
        assert text_of(sheet) == han(poem["couplet"] + poem["text"])
        signs = [one["sign"] for line in poem["lines"] for one in line["characters"]]
        assert sheet.locator(".tone").all_inner_texts() == signs
        rhymes = [
            one["character"] for x in poem["lines"] for one in x["characters"] if one["rhymes"]
        ]
        assert sheet.locator(".rhyme .glyph").all_inner_texts() == rhymes
    best = page.locator(".poem.best")
    expect(best).to_have_count(1)
    assert text_of(best) == han(answer["poems"][0]["couplet"] + answer["poems"][0]["text"])


@pytest.mark.slow
def test_below_eight_lines_stands_what_is_parallel(browser_page: Page, server: str) -> None:
    open_poems(browser_page, address(server, form="wulu", n=2, seed=5))
    for sheet in browser_page.locator(".poem").all():
        verdict = check("，".join(line_of(sheet, number) for number in range(1, 9)))
        said = [words.fault_words(verdict, remark, "en") for remark in verdict.remarks]
        assert sum("parallel" in one for one in said) == 2
        for one in said:
            expect(sheet.locator(".words").get_by_text(one)).to_be_visible()


def test_alternative_of_a_character(browser_page: Page, server: str) -> None:
    """The pop-over shows what the model weighed; a click goes on from it, and back again."""
    page = browser_page
    open_poems(page, address(server, n=1, seed=5, top_p=1))
    poem = page.locator(".poem").first
    old = text_of(poem)
    poem.locator('.line[data-line="3"] .ch').nth(1).hover()
    expect(page.locator(".tap .bars li")).not_to_have_count(0)
    poem.locator('.line[data-line="3"] .ch').nth(1).click()
    expect(page.locator(".tap .large")).to_have_text(old[11])
    body = {
        "couplet": COUPLET,
        "prefix": old[10],
        "verse": {"form": "wujue"},
        "top_p": 1,
        "top": 24,
    }
    answer = httpx2.post(f"{server}/v1/explore/next", json=body, timeout=60).json()
    known = {choice["text"] for choice in answer["choices"]}
    others = page.locator(".tap button.choice")
    taken = others.first.locator(".token").inner_text()
    assert taken in known and taken != old[11]
    others.first.click()
    expect(poem.locator(".versions")).to_contain_text("2 / 2")
    assert line_of(poem, 3)[:2] == old[10] + taken
    assert state(page)["prefix"] == old[10] + taken
    poem.get_by_role("button", name="Earlier version").click()
    expect(poem.locator(".versions")).to_contain_text("1 / 2")
    assert text_of(poem) == old
    assert "prefix" not in state(page)


def test_pop_over_by_keyboard(browser_page: Page, server: str) -> None:
    """Arrows move among characters, Enter opens, Escape closes and leads back."""
    page = browser_page
    open_poems(page, address(server, n=1, seed=5))
    page.locator(".poem .ch").first.focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowDown", "ArrowDown", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    expect(page.locator(".tap")).to_be_focused()
    there = '.ch.open[data-line="3"][data-position="2"]'
    expect(page.locator(there)).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(page.locator(".tap")).to_be_hidden()
    expect(page.locator('.ch[data-line="3"][data-position="2"]')).to_be_focused()
    assert page.locator('.poem .ch[tabindex="0"]').count() == 1


@pytest.mark.slow
def test_what_was_given_has_no_alternatives(browser_page: Page, server: str) -> None:
    """Of the couplet only readings are told."""
    page = browser_page
    open_poems(page, address(server, n=1, seed=5))
    page.locator('.line[data-line="2"] .ch').last.click()
    expect(page.locator(".tap")).to_contain_text("尤")
    expect(page.locator(".tap")).to_contain_text("This stood in what you gave.")
    assert page.locator(".tap .choice").count() == 0


def test_lock_and_redraw(browser_page: Page, server: str) -> None:
    """A locked line stays, the others are written anew; a link to that shows it again."""
    page = browser_page
    open_poems(page, address(server, n=1, seed=6, top_p=1))
    poem = page.locator(".poem").first
    old = [line_of(poem, number) for number in (3, 4)]
    page.get_by_role("button", name="Keep line 4").click()
    page.get_by_role("button", name="Redraw the rest").click()
    expect(poem.locator(".versions")).to_contain_text("2 / 2")
    assert line_of(poem, 4) == old[1]
    assert line_of(poem, 3) != old[0]
    expect(page.get_by_role("button", name="Keep line 4")).to_have_attribute("aria-pressed", "true")
    drawn, link = text_of(poem), page.url
    assert state(page)["line4"] == old[1]
    open_poems(page, link)
    assert text_of(page.locator(".poem").first) == drawn


def test_shared_link(browser_page: Page, server: str) -> None:
    """A link holds everything: whoever opens it sees the same poem."""
    page = browser_page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_poems(page, address(server, n=2, seed=7, temperature=1.2, top_p=0.9))
    texts = [text_of(page.locator(".poem").nth(number)) for number in (0, 1)]
    assert texts[0] != texts[1]
    page.locator(".poem").nth(1).get_by_role("button", name="Link").click()
    expect(page.locator(".toast")).to_contain_text("link is copied")
    link = page.evaluate("navigator.clipboard.readText()")
    open_poems(page, link)
    assert [text_of(page.locator(".poem").nth(number)) for number in (0, 1)] == texts
    expect(page.locator(".poem").nth(1)).to_be_focused()
    expect(page.get_by_role("radio", name="五絕")).to_be_checked()
    page.reload()
    page.wait_for_selector(".poem footer .tools")
    finished(page)
    assert text_of(page.locator(".poem").nth(1)) == texts[1]
    page.locator(".poem").nth(1).get_by_role("button", name="Copy").click()
    expect(page.locator(".toast")).to_contain_text("Copied")
    assert han(page.evaluate("navigator.clipboard.readText()")) == texts[1]


@pytest.mark.slow
def test_picture(browser_page: Page, server: str, tmp_path: Path) -> None:
    """A poem as a PNG: higher in columns than in rows, and not blank."""
    page = browser_page
    open_poems(page, address(server, n=1, seed=5))
    shapes = []
    for way in ("In columns", "In rows"):
        page.get_by_role("radio", name=way).check()
        with page.expect_download() as download:
            page.get_by_role("button", name="Picture").click()
        assert download.value.suggested_filename == "lianju-空山新雨後.png"
        download.value.save_as(tmp_path / "poem.png")
        png = (tmp_path / "poem.png").read_bytes()
        assert png[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
        shapes.append(height / width)
    assert shapes[0] > shapes[1]


def test_languages(browser_page: Page, server: str) -> None:
    """The browser's language first; the switch changes every word, and is remembered."""
    page = browser_page
    open_poems(page, address(server, n=1, seed=5))
    poem = text_of(page.locator(".poem"))
    page.get_by_role("button", name="中文").click()
    assert page.get_attribute("html", "lang") == "zh-Hant"
    expect(page.get_by_role("link", name="續詩")).to_have_attribute("aria-current", "page")
    expect(page.locator(".poem .words")).to_contain_text("近體詩")
    expect(page.get_by_role("heading", name="其一")).to_be_visible()
    expect(page.get_by_role("button", name="保留第 3 句")).to_be_visible()
    assert "Write" not in page.locator("main").inner_text()
    assert text_of(page.locator(".poem")) == poem
    page.reload()
    expect(page.get_by_role("button", name="English")).to_be_visible()


def test_every_word_in_both_languages(browser_page: Page, server: str) -> None:
    """Each key has English and Chinese words with the same places to fill in."""
    page = browser_page
    page.goto(server)
    page.wait_for_selector(".desk")
    words = page.evaluate(
        "Promise.all([import('/page/words_page.js'), import('/page/words_more.js')])"
        ".then(([page, more]) => ({...page.WORDS, ...more.MORE}))"
    )
    for key, (english, chinese) in words.items():
        assert bool(english) == bool(chinese), key
        filled = [{part.split("}")[0] for part in x.split("{")[1:]} for x in (english, chinese)]
        assert filled[0] == filled[1], key
    asked = page.locator("[data-say]").evaluate_all("all => all.map(node => node.dataset.say)")
    assert set(asked) <= {*words, *"123456"}


@pytest.mark.slow
def test_wrong_shape_is_said_and_not_refused(browser_page: Page, server: str) -> None:
    """A gentle word on the couplet; ten characters in a row are two lines."""
    page = browser_page
    page.goto(server)
    field, word = page.locator("#couplet"), page.locator("#couplet-shape")
    expect(word).to_be_hidden()
    field.fill("空山新雨後，天氣晚來")
    expect(word).to_contain_text("these have 5 and 4")
    field.fill("")
    expect(word).to_contain_text("two lines")
    field.fill("空山新雨後天氣晚來秋")
    expect(word).to_be_hidden()
    page.get_by_role("radio", name="1", exact=True).check()
    field.press("Enter")
    expect(field).to_have_value(COUPLET)
    page.wait_for_selector(".poem footer .tools")
    field.fill("空山新雨後，天氣晚來")
    page.get_by_role("radio", name="Free").check()
    page.locator(".more summary").click()
    page.get_by_role("spinbutton", name="Length").fill("8")
    field.press("Enter")
    expect(page.locator(".told .notes")).to_contain_text("5 and 4")
    expect(page.locator(".earlier")).to_contain_text("Earlier poems (1)")
    expect(page.locator(".board > .poem .words").first).to_contain_text("cut off at the length")


def test_stop(browser_page: Page, server: str) -> None:
    """Stopping leaves what was written, and the button writes again."""
    page = browser_page
    page.goto(address(server, n=6, seed=3, form="wulu"))
    page.get_by_role("button", name="Stop").first.click()
    expect(page.get_by_role("button", name="Write", exact=True)).to_be_visible()
    expect(page.locator(".growing")).to_have_count(0)
    expect(page.locator(".poem")).to_have_count(6)
    stopped = page.locator(".poem:has-text('stopped')").first
    stopped.get_by_role("button", name="Another").click()
    expect(page.locator(".poem footer .tools")).not_to_have_count(0)


def test_one_stop_button_for_all(browser_page: Page, server: str) -> None:
    """Sheets that are written together are stopped together."""
    page = browser_page
    page.goto(address(server, n=3, seed=3, form="wulu"))
    page.wait_for_selector(".growing")
    assert page.get_by_role("button", name="Stop").count() == 1


def events(*pairs: tuple[str, object]) -> str:
    """Server-sent events."""
    return "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in pairs)


@pytest.mark.slow
def test_broken_stream_says_what_to_do(browser_page: Page, server: str) -> None:
    """An error in the middle keeps what came, and offers to try again; markup stays text."""
    page = browser_page
    wrong = {"message": "the <b>model</b> failed", "type": "", "param": None, "code": None}
    draft = {"index": 0, "settled": "明", "text": "明<i>月"}

    def broken(route: Route) -> None:
        body = events(("draft", draft), ("error", {"error": wrong}))
        route.fulfill(status=200, content_type="text/event-stream", body=body)

    page.route("**/v1/poems", broken, times=1)
    page.goto(address(server, n=1, seed=5))
    expect(page.get_by_role("alert")).to_contain_text("the <b>model</b> failed")
    expect(page.locator(".poem .faint")).not_to_have_count(0)
    assert page.locator("main b, main .poem i:not([aria-hidden])").count() == 0
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(".poem footer .tools")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_server_gone(phone: Page, server: str) -> None:
    """What to look for, instead of the browser's words; what was half written says so."""
    gone = "伺服器沒有回應。lianju serve 還在執行嗎？"
    draft = {"index": 0, "settled": "明", "text": "明月"}
    phone.route(
        "**/v1/poems",
        lambda route: route.fulfill(
            content_type="text/event-stream", body=events(("draft", draft))
        ),
    )
    phone.goto(address(server, n=1, seed=5))
    expect(phone.get_by_role("alert")).to_have_text(gone + "再試一次")
    expect(phone.locator(".poem footer")).to_have_text("未完")
    phone.route("**/page/check.js", lambda route: route.abort())
    phone.route("**/v1/examples*", lambda route: route.abort())
    phone.get_by_role("link", name="格律").click()
    expect(phone.locator("#check").get_by_role("alert")).to_have_text(gone + "再試一次")
    phone.unroute("**/page/check.js")
    phone.locator("#check").get_by_role("button").click()
    expect(phone.locator(".met-asked")).to_be_visible()


def test_words_before_sending(browser_page: Page, server: str) -> None:
    """Nothing is sent for an empty field; forms that do not fit and whole poems are named."""
    page = browser_page
    page.goto(server)
    field, word = page.locator("#couplet"), page.locator("#couplet-shape")
    field.fill(" ")
    page.get_by_role("button", name="Write", exact=True).click()
    expect(field).to_be_focused()
    assert page.locator(".growing").count() == 0
    field.fill(COUPLET)
    page.get_by_role("radio", name="七律").check()
    expect(word).to_contain_text("七律 has lines of 7 characters; for lines of 5 choose 五律")
    page.get_by_role("radio", name="五絕").check()
    expect(word).to_be_hidden()
    poem = "移舟泊煙渚\n日暮客愁新。\n野曠天低樹，江清月近人。"
    field.fill(poem)
    expect(word).to_contain_text("whole poem")
    page.get_by_role("button", name="Keep only the first couplet").click()
    expect(field).to_have_value("移舟泊煙渚，日暮客愁新。")
    expect(word).to_be_hidden()
    field.fill(poem)
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_label("Poem", exact=True)).to_have_value(poem)


@pytest.mark.parametrize(
    ("text", "asked"),
    [("空山新雨後", "請給兩句"), ("空山新雨後天氣晚來", "請給兩句"), ("山" * 201, "請給兩句")],
)
def test_one_line_is_asked_for_its_second(phone: Page, server: str, text: str, asked: str) -> None:
    """Nothing is sent; the reader stays in the field, and the next key mends it."""
    phone.goto(server)
    field, word = phone.locator("#couplet"), phone.locator("#couplet-shape")
    field.fill(text)
    field.press("Enter")
    expect(word).to_contain_text(asked)
    expect(word).to_have_class("help wrong")
    expect(field).to_be_focused()
    assert phone.locator(".growing").count() == 0
    field.fill(COUPLET)
    expect(word).to_be_hidden()


WHOLE = "登鸛雀樓　王之渙\n白日依山盡，黃河入海流。\n欲窮千里目，更上一層樓。"


def test_a_whole_poem_is_led_to_check(browser_page: Page, server: str) -> None:
    """Pasted, with its heading, in a row, or several at once: the button checks all of it."""
    page = browser_page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(server)
    field, press = page.locator("#couplet"), page.get_by_role("button", name="Check it")
    for text in ("床前看月光疑是地上霜舉頭望山月低頭思故鄉", "春眠不覺曉，" * 50, WHOLE):
        field.fill("")
        page.evaluate("text => navigator.clipboard.writeText(text)", text)
        field.press("Control+V")
        expect(press).to_be_visible()
    page.get_by_role("button", name="Keep only the first couplet").click()
    expect(field).to_have_value("白日依山盡，黃河入海流。")
    expect(press).to_have_count(0)
    field.fill(WHOLE)
    field.press("Enter")
    expect(page.get_by_label("Poem", exact=True)).to_have_value(WHOLE)
    expect(page.locator(".met-poem")).to_contain_text("《登鸛雀樓》 王之渙")


@pytest.mark.slow
def test_acrostic(phone: Page, server: str) -> None:
    """The lines to come begin with what was asked, and stand out; what does not fit is named."""
    phone.goto(server)
    field = phone.get_by_label("藏頭")
    field.fill("明月山")
    expect(phone.get_by_text("藏頭須一句一字，共 2 或 6 字；現為 3 字。")).to_be_visible()
    phone.get_by_role("radio", name="1", exact=True).check()
    phone.locator("#couplet").press("Enter")
    expect(phone.get_by_role("alert")).to_contain_text("藏頭有3字；須2或6字")
    field.fill("空天明月")
    expect(phone.get_by_text("以下各句依次以明、月起頭。")).to_be_visible()
    phone.locator("#couplet").press("Enter")
    phone.wait_for_selector(".poem footer .tools")
    assert [line_of(phone.locator(".poem"), number)[0] for number in (3, 4)] == ["明", "月"]
    assert state(phone)["acrostic"] == "空天明月"
    phone.get_by_role("radio", name="自由").check()
    expect(field).to_be_hidden()


@pytest.mark.slow
def test_rhyme_characters(phone: Page, server: str) -> None:
    """The even lines end with what was asked, one is left open; what does not fit is named."""
    phone.goto(server)
    field = phone.get_by_label("限韻", exact=True)
    field.fill("流樓")
    expect(phone.get_by_text("限韻須偶數句一句一字，共 1 或 3 字；現為 2 字。")).to_be_visible()
    phone.get_by_role("radio", name="1", exact=True).check()
    phone.locator("#couplet").press("Enter")
    expect(phone.get_by_role("alert")).to_contain_text("限韻有2字；須1或3字")
    field.fill("流？東")
    expect(phone.get_by_text("以下偶數句依次以流、任一字、東為韻。")).to_be_visible()
    phone.locator("#couplet").press("Enter")
    expect(phone.get_by_role("alert")).to_contain_text("第8句限「東」字，屬東韻，而全詩押尤韻")
    field.fill("秋流？愁")
    expect(phone.get_by_text("以下偶數句依次以流、任一字、愁為韻。")).to_be_visible()
    phone.locator("#couplet").press("Enter")
    phone.wait_for_selector(".poem footer .tools")
    poem = phone.locator(".poem")
    ends = [line_of(poem, number)[-1] for number in (4, 6, 8)]
    assert ends[0] == "流" and ends[2] == "愁" and check(text_of(poem)).regular
    assert state(phone)["rhymes"] == "秋流？愁"
    phone.reload()
    expect(field).to_have_value("秋流？愁")
    phone.get_by_role("radio", name="自由").check()
    expect(field).to_be_hidden()


def test_a_poem_to_look_at_before_the_first_click(browser_page: Page, server: str) -> None:
    """With the checker's own marks; it gives way to the first poem that is written."""
    page = browser_page
    page.goto(server)
    example = page.locator(".example")
    expect(example).to_be_visible()
    verdict = check(text_of(example))
    assert verdict.style == "regulated"
    marks = [mark.sign for line in verdict.marks for mark in line]
    assert example.locator(".tone").all_inner_texts() == marks
    page.get_by_role("button", name="See why in Check").click()
    expect(page.locator(".met-poem h3")).to_contain_text("with no fault")
    page.go_back()
    page.get_by_role("radio", name="1", exact=True).check()
    page.get_by_role("button", name="Write", exact=True).click()
    page.wait_for_selector(".poem footer .tools")
    expect(example).to_have_count(0)


@pytest.mark.slow
def test_what_is_no_verse_stands_in_rows(browser_page: Page, server: str) -> None:
    """Letters are not set in columns, Han characters are."""
    page = browser_page
    odd = "The moon is bright, I think"
    open_poems(page, address(server, odd, form="free", max_tokens=8, n=1, seed=5))
    expect(page.locator(".poem .verse.vertical")).to_have_count(0)
    open_poems(page, address(server, n=1, seed=5))
    expect(page.locator(".poem .verse.vertical")).to_have_count(1)


@pytest.mark.slow
def test_nothing_to_redraw(browser_page: Page, server: str) -> None:
    """Where all lines are kept no other poem can be asked for."""
    page = browser_page
    open_poems(page, address(server, n=1, seed=6))
    page.get_by_role("button", name="Keep line 3").click()
    expect(page.get_by_role("button", name="Redraw the rest")).to_be_enabled()
    page.get_by_role("button", name="Keep line 4").click()
    expect(page.get_by_role("button", name="Redraw the rest")).to_be_disabled()


@pytest.mark.slow
def test_decode_begins_with_what_was_written(browser_page: Page, server: str) -> None:
    """The menu leads to the couplet that was written last, and back to the poem."""
    page = browser_page
    open_poems(page, address(server, n=1, seed=5))
    written = page.url
    page.get_by_role("link", name="Decode").click()
    expect(page.get_by_label("First couplet")).to_have_value(COUPLET)
    page.get_by_role("link", name="Lianju").click()
    expect(page.locator("#write")).to_be_visible()
    assert page.url == written


def test_strange_addresses(browser_page: Page, server: str) -> None:
    """What an address has that is no value of a setting is left as usual."""
    page = browser_page
    odd = {"temperature": "<b>", "n": 99, "form": "__proto__", "rhyme": "x", "seed": -1}
    page.goto(address(server, couplet="<img src=x>", **odd))
    expect(page.locator("#couplet")).to_have_value("<img src=x>")
    expect(page.get_by_role("radio", name="Auto")).to_be_checked()
    expect(page.get_by_role("radio", name="3", exact=True)).to_be_checked()
    assert page.locator("img").count() == 0
    assert page.locator(".poem:not(.example)").count() == 0


def test_settings_reach_the_server(browser_page: Page, server: str) -> None:
    """Each control stands in the request that is sent, and in the address."""
    page = browser_page
    page.goto(server)
    page.locator(".more summary").click()
    for name, value in {"Temperature": "0.7", "Top-k": "40", "Top-p": "0.9"}.items():
        page.get_by_role("spinbutton", name=name).fill(value)
        page.keyboard.press("Tab")
    page.locator("#seed").fill("12")
    page.get_by_label("Rhyme").first.select_option("尤")
    page.get_by_role("radio", name="五絕").check()
    page.get_by_role("radio", name="1", exact=True).check()
    page.locator("#model").select_option("base")
    expect(page.locator(".more summary")).to_contain_text("3 changed")
    with page.expect_request("**/v1/poems") as sent:
        page.locator("#couplet").press("Enter")
    assert sent.value.post_data_json == {
        "couplet": COUPLET,
        "model": "base",
        "prefix": "",
        "n": 1,
        "temperature": 0.7,
        "top_k": 40,
        "top_p": 0.9,
        "max_tokens": None,
        "seed": 12,
        "verse": {"form": "wujue", "rhyme": "尤", "acrostic": "", "rhymes": "", "given": {}},
        "stream": True,
    }
    page.wait_for_selector(".poem footer .tools")
    assert {"model": "base", "rhyme": "尤", "seed": "12", "top_k": "40"}.items() <= state(
        page
    ).items()


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """A narrow page in Chinese, dark, that wants no motion."""
    context = browser.new_context(
        viewport={"width": 360, "height": 740},
        locale="zh-TW",
        color_scheme="dark",
        reduced_motion="reduce",
        has_touch=True,
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


def test_on_a_phone(phone: Page, server: str) -> None:
    """Nothing is wider than the window, eight columns fit, and a tap opens the pop-over."""
    phone.goto(address(server, couplet="移舟泊煙渚，日暮客愁新。", n=1, seed=5, form="wulu"))
    phone.wait_for_selector(".poem footer .tools")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    assert phone.evaluate(
        "(({scrollWidth, clientWidth}) => scrollWidth <= clientWidth)"
        "(document.querySelector('.poem .stage'))"
    )
    phone.locator('.line[data-line="8"] .ch').first.tap()
    expect(phone.locator(".tap")).to_be_visible()
    box = phone.locator(".tap").bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= 360
    assert phone.get_attribute("html", "lang") == "zh-Hant"


def test_asks_for_the_api_key(phone: Page, server: str) -> None:
    """At a 401 the page asks once, says when the key was wrong, and goes on with the right one."""
    refused: Any = {"error": {"message": "no key", "type": "", "param": None, "code": None}}
    asked: list[str | None] = []

    def guard(route: Route) -> None:
        key = route.request.headers.get("authorization")
        asked.append(key)
        if key == "Bearer right":
            route.continue_()
        else:
            route.fulfill(status=401, content_type="application/json", body=json.dumps(refused))

    phone.route("**/v1/**", guard)
    phone.goto(server)
    expect(phone.locator("#key")).to_be_visible()
    expect(phone.locator("#key-wrong")).to_be_hidden()
    phone.locator("#key-field").fill("wrong")
    phone.keyboard.press("Enter")
    expect(phone.locator("#key-wrong")).to_be_visible()
    phone.locator("#key-field").fill("right")
    phone.keyboard.press("Enter")
    expect(phone.locator(".desk")).to_be_visible()
    expect(phone.locator(".chip")).to_have_count(3)
    assert asked[:2] == [None, "Bearer wrong"] and asked[-1] == "Bearer right"
    assert "right" not in phone.evaluate("JSON.stringify(localStorage)")
