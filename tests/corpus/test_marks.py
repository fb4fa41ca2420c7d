"""Notes, marks, gaps and holes in what is trained on and checked: stripped, or named."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from lianju.corpus import check_file, interpret_couplet, to_traditional, training_corpus
from lianju.corpus.verse_text import verse_only
from lianju.errors import UserError
from lianju.verse import check, lines_of, normal

from .conftest import Listener

COUPLET, REST = "白日依山盡，黃河入海流。", "欲窮千里目，更上一層樓。"
TOWER = COUPLET + REST
GAPS = ["\n", "\r", "\r\n", " ", "\u3000", "    ", "\xa0", "\t", "\u2028", "\u200b", "\ufeff"]
GAPS += ["/", " / ", "／", "|", "｜", "\x85", "\u2003", "\v"]


def write(folder: Path, *pairs: tuple[Any, Any]) -> Path:
    records = [{"input": couplet, "output": rest} for couplet, rest in pairs]
    (folder / "poems.json").write_text(json.dumps(records), encoding="utf-8")
    return folder / "poems.json"


@pytest.mark.parametrize("gap", GAPS)
def test_a_gap_parts_lines_everywhere(gap: str, tmp_path: Path) -> None:
    lines = ("白日依山盡", "黃河入海流", "欲窮千里目", "更上一層樓")
    assert lines_of(gap.join(lines)) == lines
    assert normal(gap.join(lines)) + "。" == TOWER
    assert interpret_couplet(gap.join(lines[:2])).text == COUPLET
    path = write(tmp_path, (gap.join(lines[:2]), gap.join(lines[2:]) + gap))
    [example] = training_corpus(path).examples
    assert (example.couplet, example.completion) == (COUPLET, REST)
    assert check_file(path).bad == []


@pytest.mark.parametrize("sign", ["\u200b", "\ufeff", "\u200d", "\u2060", "\xad", "\u202e"])
def test_signs_of_no_width_within_a_line_are_nothing(sign: str) -> None:
    text = f"{sign}白{sign}日依山盡{sign}，{sign}黃河入海{sign}流。"
    assert normal(text) == interpret_couplet(text).text == COUPLET


def test_single_characters_with_spaces_between_are_a_line() -> None:
    assert normal("白 日 依 山 盡，黃 河 入 海 流。") == COUPLET
    assert normal("白日 依山盡，黃河入海流。") == "白日，依山盡，黃河入海流。"  # never glued


@pytest.mark.parametrize(
    "output",
    [
        "欲窮千里目（一作日），更上一層樓。",
        "欲窮千里目(一作日），更上一層樓。",
        "欲窮千里目①，更上一層樓②。",
        "欲窮千里目[1]，更上一層樓〔二〕。",
        "欲窮千里目【一作日】，更上一層樓。",
        "欲窮千里目，更上一[層]樓。",
        "「欲窮千里目，更上一層樓。」",
        "“欲窮千里目，更上一層樓。”",
        "**欲窮千里目，更上一層樓。**",
        "欲窮千里目——更上一層樓。",
        "欲窮千里目､更上一層樓｡",
        "欲窮千里目，更上一層樓……",
        "欲窮千里目，，更上一層樓。。",
        "欲窮千里目，更上一層樓。——王之渙《登鸛雀樓》",
        "欲窮千里目，更上一層樓。（王之渙）",
        "欲窮千里目，更上一層樓。\n出自《全唐詩》",
        "欲窮千里目 更上一層樓 ——王之渙",
        TOWER,
        f"《登鸛雀樓》{TOWER}",
        f"{COUPLET}\n欲窮千里目\n更上一層樓",
    ],
)
def test_what_surely_stands_around_an_output_is_left_out(output: str, tmp_path: Path) -> None:
    path = write(tmp_path, (COUPLET, output))
    [example] = training_corpus(path).examples
    assert (example.couplet, example.completion) == (COUPLET, REST)
    assert check_file(path).bad == []


def test_what_is_left_out_is_told(tmp_path: Path, reporter: Listener) -> None:
    path = write(
        tmp_path,
        (COUPLET, f"「{REST}」（一作）"),
        ("移舟泊煙渚，日暮客愁新。", "野曠天低樹，江清月近人。"),
    )
    training_corpus(path, reporter)
    [note] = reporter.lines
    assert note == (
        "1 of 2 poems have notes, quotation marks or the like, such as [0]; these are left out"
    )


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("欲窮千〓目，更上一層樓。", "a placeholder for a lost character: 〓"),
        ("欲窮千里＊，更上一層樓。", "a placeholder for a lost character: ＊"),
        ("欲窮千*目，更上一層樓。", "a placeholder for a lost character: *"),
        ("欲窮千×目，更上一層樓。", "a placeholder for a lost character: ×"),
        ("欲窮千▯目，更上一層樓。", "a placeholder for a lost character: ▯"),
        ("欲窮千_目，更上一層樓。", "a placeholder for a lost character: _"),
        ("欲窮千（缺）目，更上一層樓。", "a placeholder for a lost character: □"),
        ("欲窮千{臨/手}目，更上一層樓。", "a placeholder for a lost character: □"),
        ("欲窮？里目，更上一層樓。", "a placeholder for a lost character: ？"),
        ("欲窮?里目，更上一層樓。", "a placeholder for a lost character: ？"),
        ("欲窮千里目，更上一樓。", "line 4 has 4 characters, not 5"),
        ("欲窮千里目，更上一 層樓。", "line 4 has 3 characters, not 5"),
        ("欲窮千里目更上一層樓。", "line 3 has 10 characters, not 5"),
        (COUPLET, "nothing of a poem"),
    ],
)
def test_a_hole_in_an_output_is_named_and_not_trained_on(
    output: str, reason: str, tmp_path: Path
) -> None:
    path = write(tmp_path, (COUPLET, REST), ("移舟泊煙渚，日暮客愁新。", output))
    if output == COUPLET:
        path = write(tmp_path, ("移舟泊煙渚，日暮客愁新。", REST), (COUPLET, output))
    [bad] = check_file(path).bad
    assert (bad.place, bad.field, bad.reason, bad.dropped) == ("[1]", "output", reason, True)
    assert len(training_corpus(path).examples) == 1


def test_verse_of_mixed_lengths_is_named_and_trained_on_all_the_same(tmp_path: Path) -> None:
    path = write(
        tmp_path, ("紅藕香殘玉簟秋。輕解羅裳，獨上蘭舟。", "雲中誰寄錦書來，雁字回時，月滿西樓。")
    )
    [bad] = check_file(path).bad
    assert (bad.field, bad.dropped) == ("input", False)
    assert len(training_corpus(path).examples) == 1


def test_a_simplified_source_is_converted_which_is_told_first(
    tmp_path: Path, reporter: Listener
) -> None:
    path = write(tmp_path, ("白日依山尽，黄河入海流。", "欲穷千里目，更上一层楼。"))
    [example] = training_corpus(path, reporter).examples
    assert example.text == TOWER
    assert reporter.lines == [
        "1 of 1 poems have simplified characters, such as 尽黄穷层楼 in [0]; they are read as "
        "traditional"
    ]
    assert check_file(path).bad == []


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        f"白{' ' * 10**6}日",
        "（" * 10**6,
        "（" * 10**5 + "）" * 10**5,
        "([【" * 10**5 + "】])" * 10**5,
        "([" * 10**5 + "】" * 10**5,
        "《" * 10**6,
        "白—" * 10**5,
        "，" * 10**6,
        "{a" * 10**5,
        "\u200b" * 10**6,
        "白\u200b" * 10**5,
        "1. " * 10**5,
        "白：" * 10**5,
    ],
)
def test_a_text_of_any_length_is_read_in_time_that_grows_with_it(text: str, tmp_path: Path) -> None:
    verse_only(text)
    normal(text)
    path = tmp_path / "long.txt"
    path.write_text(text, encoding="utf-8")
    with contextlib.suppress(UserError):
        check_file(path)


def test_half_a_surrogate_pair_is_no_character_and_breaks_nothing() -> None:
    verdict = check("白日\ud800山盡，黃河入海流。欲窮千里目，更上一層樓。")
    assert verdict.marks[0][2].readings == ()
    assert to_traditional("尽\ud800").text == "盡\ud800"
    with pytest.raises(UserError, match="no text"):
        interpret_couplet("白日\udcff山盡，黃河入海流。")
