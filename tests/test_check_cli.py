"""The verb `check`, as a user calls it."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from lianju.cli import main
from lianju.console import out

TOWER = "白日依山盡，黃河入海流。欲窮千里目，更上一層樓。"
WRONG = TOWER.replace("樓", "峰")
SNOW = "千山鳥飛絕，萬徑人蹤滅。孤舟簑笠翁，獨釣寒江雪。"
HW5 = Path(__file__).parents[2] / "shared" / "hw5"


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command line here; gives the exit code, the output and the errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lianju", "check", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        printed = capsys.readouterr()
        return stop.value.code or 0, printed.out, printed.err  # type: ignore[return-value]

    return run


def test_a_regular_poem(check: Any) -> None:
    code, printed, errors = check(TOWER)
    assert (code, errors) == (0, "")
    assert printed.splitlines() == [
        "五絕 wujue · regulated verse 近體詩 with no fault",
        "oblique opening 仄起, first line does not rhyme 首句不入韻 · rhyme 下平聲十一尤",
        "",
        "1  白日依山盡",
        "   ● ● ○ ○ ●",
        "2  黃河入海流  下平聲十一尤",
        "   ○ ○ ● ● ○",
        "3  欲窮千里目",
        "   ● ○ ○ ● ●",
        "4  更上一層樓  下平聲十一尤",
        "   ● ● ● ○ ○",
        "",
        "○ level 平  ● oblique 仄  ◌ unknown",
    ]


def test_a_fault_is_an_answer_not_an_error(check: Any) -> None:
    code, printed, _ = check(WRONG)
    assert code == 0
    assert "4  更上一層峰  上平聲二冬\n   ● ● ● ○ ○   ✗ 落韻\n" in printed
    assert "✗ 落韻 off the rhyme, line 4, character 5 峰: in 上平聲二冬, not 下平聲" in printed
    assert "  All rhymes of a poem" in printed


def test_each_rule_is_explained_once_and_lines_fit_a_terminal(check: Any) -> None:
    _, printed, _ = check(
        "芳辰追逸趣，禁苑信多奇。橋形通漢上，峰勢接雲危。"
        "煙霞交隱映，花鳥自參差。何如肆轍跡？萬里賞瑤池。"
    )
    assert printed.count("✗ 失粘 not linked") == 3
    assert "· 三仄尾 all-oblique end, line 7" in printed
    assert printed.count("A couplet takes up the tone") == 1
    assert max(map(cell_len, printed.splitlines())) <= 80


def test_chinese_has_no_english(check: Any) -> None:
    for poem in (TOWER, WRONG, SNOW, "白日依山盡", TOWER.replace("日", "□"), "看山" + TOWER[2:]):
        code, printed, _ = check(poem, "--lang", "zh")
        assert code == 0 and not re.search("[A-Za-z]", printed)


def test_old_style_verse_says_why_and_has_no_faults(check: Any) -> None:
    _, printed, _ = check(SNOW)
    assert "old-style verse 古體詩" in printed and "The even lines end oblique" in printed
    assert "入聲九屑" in printed and "✗" not in printed
    _, printed, _ = check(TOWER.replace("一層", "層"))
    assert "Line 4 has 4 characters, not 5." in printed and "✗" not in printed


def test_old_style_by_its_metre_shows_a_few_faults(check: Any) -> None:
    _, printed, _ = check(
        "涼風吹遠念，使我升高臺。寧知數片雲，不是舊山來。"
        "故人天一涯，久客殊未回。雁來不得書，空寄聲哀哀。"
    )
    assert "More than half" in printed
    assert printed.startswith("五古 wugu · old-style verse 古體詩\n")
    assert printed.count("\n✗ ") == 3 and "… 5 more" in printed


def test_strict_and_borrow(check: Any) -> None:
    three = TOWER.replace("千", "萬")
    assert "· 三仄尾 all-oblique end, line 3" in check(three)[1]
    assert "✗ 三仄尾 all-oblique end, line 3" in check(three, "--strict")[1]
    # 峰 is of 冬, beside 東.
    first = "孤客倚西峰，寒雲起海東。江流天地外，山色有無中。"
    assert "· 借韻 borrowed rhyme, line 1" in check(first)[1]
    assert check(first, "--borrow") == check(first)
    assert "✗ 落韻 off the rhyme, line 1" in check(first, "--no-borrow")[1]


def test_the_middle_couplets_are_remarked_on_and_change_no_verdict(check: Any) -> None:
    moon = (
        "海上生明月，天涯共此時。情人怨遙夜，竟夕起相思。"
        "滅燭憐光滿，披衣覺露滋。不堪盈手贈，還寢夢佳期。"
    )
    printed = check(moon)[1]
    assert printed.startswith("五律 wulü · regulated verse 近體詩 with no fault\n")
    assert "· 對仗 parallelism: lines 3 and 4 頷聯 seem not to be parallel\n  An est" in printed
    assert "· 對仗 parallelism: lines 5 and 6 頸聯 seem parallel\n" in printed
    assert printed.count("An estimate") == 1
    printed = check(moon, "--lang", "zh")[1]
    assert "· 對仗：頷聯（第3、4句）未見對仗\n  此為估計" in printed
    assert "· 對仗：頸聯（第5、6句）可見對仗\n" in printed
    row = json.loads(check(moon, "--json")[1])
    assert row["regular"] and [
        (one["line"], one["found"]) for one in row["remarks"] if one["rule"] == "對仗"
    ] == [(3, "未見"), (5, "可見")]


def test_what_only_a_rare_reading_saves_is_said_first(check: Any) -> None:
    egret = "白鷺下秋水，孤飛如墜霜。心閑且未去，獨立沙洲傍。"
    printed = check(egret)[1]
    assert printed.startswith("五絕 wujue · regular only by a rare reading\n")
    assert "? 罕讀 rare reading, line 4, character 3 沙" in printed
    assert check(egret, "--lang", "zh")[1].startswith("五絕 · 近體詩，合律，惟賴罕用讀音\n")
    assert "✗ 三平尾" in check(egret, "--strict")[1]


def test_simplified_text_is_read_as_traditional(check: Any) -> None:
    code, printed, errors = check("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。")
    assert code == 0 and "has simplified 尽黄穷层楼; read as 白日依山盡，黃河" in errors
    assert printed == check(TOWER)[1]


def test_json_of_one_poem(check: Any) -> None:
    _, printed, _ = check(WRONG, "--json")
    row = json.loads(printed)
    assert (row["number"], row["poem"], row["form"], row["regular"]) == (1, WRONG, "wujue", False)
    assert row["rhyme_titles"] == ["下平聲十一尤"] and row["lines"][0]["marks"] == "●●○○●"
    assert "off the rhyme" in row["faults"][0]["words_en"]
    assert row["faults"][0]["words_zh"].startswith("落韻：第4句")


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("nowhere.json", "'nowhere.json' is neither a file that exists nor a poem"),
        ("詩.txt", "neither"),
        ("hello", "neither"),
        ("（白日）", "neither"),
        ("", "neither"),
        ("。" * 400, "neither"),
        ("白日\x1b[31m依山盡", "no text"),
        ("白日\udcff依山盡", "no text"),
        ("\udcff.json", "no text"),
        ("x" * 5000 + ".json", "neither"),
        ("/", "folder"),
    ],
)
def test_what_is_no_poem(argument: str, message: str, check: Any) -> None:
    code, printed, errors = check(argument)
    assert (code, printed) == (2, "") and message in errors
    assert errors.count("\n") == 1 and errors.startswith("lianju: ")


def test_a_long_poem_is_no_file_name(check: Any) -> None:
    assert check(TOWER * 20)[0] == 0


@pytest.mark.timeout(60)
@pytest.mark.parametrize("gap", [" ", "\u3000", "\n", "（", "——", "["])
def test_a_long_gap_between_two_characters_ends_at_once(gap: str, check: Any) -> None:
    assert check(f"白{gap * 10**5}日")[0] == 0


@pytest.mark.parametrize("gap", ["/", "｜", "\u3000", "\n", "\r", "\xa0", "\u200b", "——"])
def test_a_gap_parts_lines(gap: str, check: Any) -> None:
    lines = [line for line in re.split("[，。]", TOWER) if line]
    assert check(gap.join(lines))[1] == check(TOWER)[1]


def test_title_author_and_marks_are_told_from_the_poem(check: Any) -> None:
    shown = check(TOWER)[1]
    marked = "白日依山盡①，黃河入海流[2]。欲窮千里目〔三〕，更上一層樓（一作「臺」）。——《登樓》"
    assert check(marked)[1] == check(f"「{TOWER}」")[1] == shown
    headed = f"王之渙 登鸛雀樓\n{shown}"
    for text in (f"登鸛雀樓 王之渙\n{TOWER}", f"王之渙《登鸛雀樓》：{TOWER}"):
        assert check(text)[1] == headed


def test_several_poems_in_quotes_are_a_table(check: Any) -> None:
    code, printed, _ = check(f"{TOWER}\n{SNOW}")
    assert code == 0 and printed.startswith("no.  poem") and "千山鳥飛絕" in printed


def test_a_line_that_looks_like_no_verse_is_named(check: Any, tmp_path: Path) -> None:
    path = tmp_path / "poems.txt"
    path.write_text(f"五言絕句\n{TOWER}\nhello world\n{WRONG}\n- 3 -\n{SNOW}\n", "utf-8")
    code, printed, errors = check(str(path))
    assert code == 2 and len(re.findall("^ +[123]  ", printed, re.MULTILINE)) == 3
    assert f"{path} line 3: looks like no verse: hello world\n" in errors
    assert "1 of 4 records" in errors.splitlines()[-1]


def write(path: Path, *poems: str) -> str:
    path.write_text("".join(f"{n}. {poem}\n" for n, poem in enumerate(poems, 1)), "utf-8")
    return str(path)


def test_a_file_of_one_poem_is_shown_whole(check: Any, tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps([{"title": "登鸛雀樓", "author": "王之渙", "paragraphs": [TOWER]}]))
    assert check(str(path))[1] == f"王之渙 登鸛雀樓\n{check(TOWER)[1]}"


def test_a_file_of_poems_is_a_table_with_totals(check: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "results.txt", TOWER, WRONG, SNOW, "白日依山盡，黃河入海流。")
    code, printed, errors = check(file)
    assert (code, errors) == (0, "")
    assert printed.splitlines() == [
        "no.  poem        form      verse      rhyme  first fault",
        "  1  白日依山盡  五絕      regulated  尤",
        "  2  白日依山盡  五絕      faulty     尤     落韻 line 4: 冬, not 尤",
        "  3  千山鳥飛絕  五言古絕  old-style  屑     oblique rhyme",
        "  4  白日依山盡            couplet    尤",
        "",
        "form          poems     rhyme      tone      full",
        "五絕 wujue        3  1  33.3%  2  66.7%  1  33.3%",
        "other shapes      1  0   0.0%  0   0.0%  0   0.0%",
        "all               4  1  25.0%  2  50.0%  1  25.0%",
        "1 of 4 are old-style verse 古體詩, judged by the same rules",
    ]
    assert not re.search("[A-Za-z]", check(file, "--lang", "zh")[1])


def test_json_of_a_file_is_a_line_a_poem(check: Any, tmp_path: Path) -> None:
    _, printed, _ = check(write(tmp_path / "a.txt", TOWER, WRONG), "--json")
    rows = [json.loads(line) for line in printed.splitlines()]
    assert [(row["number"], row["rhymes"], row["scans"]) for row in rows] == [
        (1, True, True),
        (2, False, True),
    ]


def test_a_terminal_shows_the_first_rows_a_pipe_all(
    check: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "a.txt", *[TOWER] * 60)
    assert check(file)[1].count("白日依山盡") == 60
    monkeypatch.setattr(out, "_force_terminal", True)
    printed = check(file)[1]
    assert printed.count("白日依山盡") == 50 and "… 10 more" in printed


def test_bad_records_are_named_and_the_others_checked(check: Any, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps([{"paragraphs": [TOWER]}, {"paragraphs": []}] * 30))
    code, printed, errors = check(str(path))
    assert code == 2 and printed.count("白日依山盡") == 30
    assert f"{path}[1].paragraphs: empty\n" in errors and "… and 10 more" in errors
    assert errors.splitlines()[-1].startswith("lianju: 30 of 60 records in")


def test_simplified_poems_of_a_file_are_counted(check: Any, tmp_path: Path) -> None:
    short = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
    _, printed, errors = check(write(tmp_path / "a.txt", TOWER, short))
    assert "Note: 1 of 2 poems have simplified characters, such as 尽黄穷层楼 in no. 2" in errors
    assert printed.count("regulated") == 2


def test_only_long_work_shows_its_progress(
    check: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "a.txt", TOWER, WRONG)
    assert "Checking" not in check(file)[2]
    monkeypatch.setattr(sys.modules["lianju.cli.check"], "_MANY", 1)
    assert "Checking: 2/2" in check(file)[2]


def test_the_homeworks_files(check: Any) -> None:
    if not HW5.is_dir():
        pytest.skip("the official homework files are not beside the repository")
    code, printed, _ = check(str(HW5 / "Tang_training_data.json"))
    rows = printed.splitlines()
    assert code == 0 and len(rows) == 5001 + 1 + 1 + 8 + 1
    five = (int(row.split()[2].replace(",", "")) for row in rows if row[:2] in ("五律", "五古"))
    assert sum(five) == 2644
    code, _, errors = check(str(HW5 / "Tang_testing_data.json"))
    assert code == 2 and "test file" in errors
