"""Verse in answers: found whatever stands around it, never mended, and never made of prose."""

from collections.abc import Callable

import pytest

from lianju.evaluate.found_verse import verse_in
from lianju.evaluate.suites import suite
from lianju.verse import lines_of

COUPLET = "空山新雨後，天氣晚來秋。"
TWO = "明月松間照，清泉石上流。"
REST = f"{TWO}竹喧歸浣女，蓮動下漁舟。隨意春芳歇，王孫自可留。"


def rows(text: str) -> str:
    """A sentence in each row."""
    return text.replace("。", "。\n")


def lines(text: str) -> str:
    """A line in each row."""
    return rows(text).replace("，", "，\n")


def bare(text: str) -> str:
    """A line in each row, without marks."""
    return "\n".join(lines_of(text))


DRESSES: dict[str, Callable[[str, str], str]] = {
    "alone": lambda c, t: t,
    "whole": lambda c, t: c + t,
    "rows": lambda c, t: rows(c + t),
    "lines": lambda c, t: lines(c + t),
    "lines alone": lambda c, t: lines(t),
    "in brackets": lambda c, t: f"【{t}】",
    "introduced": lambda c, t: f"好的，以下是完整的詩：\n\n{rows(c + t)}\n希望你喜歡！",
    "titled": lambda c, t: f"《山居秋暝》\n王維\n\n{rows(c + t)}",
    "long title": lambda c, t: f"**早發白帝城**\n\n唐·李白\n\n{rows(t)}",
    "title right above": lambda c, t: f"早發白帝城\n{rows(c + t)}",
    "quoted": lambda c, t: f"這是王維的《山居秋暝》，下文是：「{t}」",
    "quoted without its last mark": lambda c, t: f"全詩為：“{(c + t)[:-1]}”這首詩寫山居之清幽。",
    "markdown": lambda c, t: "### 完整詩作\n\n> " + rows(c + t).strip().replace("\n", "  \n> "),
    "fenced": lambda c, t: f"```\n{t}\n```",
    "html": lambda c, t: (c + t).replace("。", "。<br>"),
    "thought": lambda c, t: f"<think>也許是「{TWO}」？</think>\n{t}",
    "numbered": lambda c, t: "\n".join(f"{n}. {row}" for n, row in enumerate(rows(t).split(), 1)),
    "annotated": lambda c, t: f"{c}{t[:-1]}（此句寫歸隱之意）。",
    "appreciated": lambda c, t: (
        f"{rows(c + t)}\n**賞析**：首聯「{c[:-1]}」點明時地，寫景如畫。「{t[:11]}」動靜相生，"
        "意境清遠。詩人以清新的筆觸，勾勒出一幅恬靜的畫面。"
    ),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_poems_of_poets_are_found_in_every_dress(dress: str) -> None:
    examples = [*suite("hw5"), *suite("heldout", 150)]
    assert [
        (one.text, found)
        for one in examples
        if (found := verse_in(DRESSES[dress](one.couplet, one.completion), one.couplet)).text
        != one.completion
    ] == []


@pytest.mark.slow
def test_no_line_of_poets_is_taken_for_talk() -> None:
    examples = [*suite("heldout"), *suite("legal")]
    assert not [one.text for one in examples if verse_in(one.completion, one.couplet).prose]


def test_rows_without_marks_are_given_them_and_simplified_text_is_left() -> None:
    assert verse_in(bare(COUPLET + REST), COUPLET).text == REST
    assert verse_in(bare(TWO), COUPLET).text == TWO
    simplified = "明月松间照，清泉石上流。"
    assert verse_in(f"空山新雨后，天气晚来秋。\n{simplified}", COUPLET).text == simplified


@pytest.mark.parametrize(
    ("answer", "kind", "prose"),
    [
        ("", "refused", 0),
        (" \n", "refused", 0),
        ("<think>空山新雨後，天氣晚來秋。明月", "refused", 0),
        ("抱歉，我無法完成這個請求。", "refused", 11),
        ("对不起，我不会。", "refused", 6),
        ("I'm sorry, but I can't help with that.", "refused", 27),
        ("好的。", "prose", 2),
        ("王維", "prose", 2),
        ("這首詩描寫了雨後山村的秋景，詩人以清新的筆觸，令人神往。", "prose", 25),
        ("秋雨之後的山林裡，空氣格外清新；月亮升起來了，照著松樹。", "prose", 24),
        ("「空山新雨後，天氣晚來秋。」寫山雨初晴，點明時令。", "prose", 19),
        ("首聯「空山新雨後，天氣晚來秋」點題，意境清新。", "prose", 18),
        ("**Moonlight** shines between the pines.", "prose", 30),
    ],
)
def test_prose_is_told_from_verse_and_from_refusals(answer: str, kind: str, prose: int) -> None:
    found = verse_in(answer, COUPLET)
    assert (found.text, found.kind, found.prose) == ("", kind, prose)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("明月松間照，清泉石上。", "明月松間照，清泉石上。"),
        (f"{COUPLET}\n{TWO}\n竹喧歸浣女，蓮動下漁。", f"{TWO}竹喧歸浣女，蓮動下漁。"),
        (f"{COUPLET}\n明月照松。\n{TWO}", f"明月照松。{TWO}"),
        ("明月照松間啊，清泉流石上呀。", "明月照松間啊，清泉流石上呀。"),
        ("明月松間照，清泉石�流。竹喧歸浣女，蓮動下漁舟。",) * 2,
        ("不知何處去，不知何處去，不知何處去，",) * 2,
        (f"{TWO}竹喧歸浣女，蓮動下漁舟", f"{TWO}竹喧歸浣女，蓮動下漁舟"),
    ],
)
def test_what_is_wrong_with_a_poem_stays_wrong(answer: str, text: str) -> None:
    found = verse_in(answer, COUPLET)
    assert (found.text, found.kind) == (text, "verse")


def test_a_line_that_is_cut_off_is_the_last() -> None:
    found = verse_in(f"{TWO}竹喧", COUPLET)
    assert (found.text, found.last) == (TWO, True)


def test_what_stands_around_is_counted_and_the_couplet_is_not() -> None:
    assert verse_in(COUPLET + TWO, COUPLET).prose == 0
    found = verse_in(f"續詩：\n{COUPLET}{TWO}\n——王維", COUPLET)
    assert (found.text, found.prose, found.kind) == (TWO, 4, "around")
    assert not verse_in(f"{TWO}\n\n這首詩意境清新。", COUPLET).last


def test_the_fullest_of_several_versions_counts() -> None:
    both = f"版本一：\n{TWO}\n\n版本二：\n{rows(REST)}"
    assert verse_in(both, COUPLET).text == REST


@pytest.mark.timeout(20)
@pytest.mark.parametrize("part", ["（", "空山新雨後，", "a，", "「", "\n\n", "**", "> ", "山 "])
def test_an_answer_of_any_length_is_read_at_once(part: str) -> None:
    verse_in(part * (200_000 // len(part)), COUPLET)
