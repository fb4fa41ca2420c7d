"""Each format is read as what it is; what is no poem is named, not passed over."""

import json
from pathlib import Path
from typing import Any

import pytest

from lianju.corpus.plain_text import text_records
from lianju.corpus.verse_files import VerseRecord, read_verse
from lianju.corpus.verse_text import verse_only
from lianju.errors import UserError

COUPLET, REST = "白日依山盡，黃河入海流。", "欲窮千里目，更上一層樓。"
TOWER = COUPLET + REST


def poems(path: Path) -> list[str]:
    file = read_verse(path)
    assert file.bad == []
    return [item.text for item in file.poems]


def written(path: Path, content: Any) -> Path:
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "record",
    [
        {"instruction": "完成", "input": COUPLET, "output": REST},
        {"index": 1, "couplet": COUPLET, "completion": REST, "truth": None},
        {"couplet": COUPLET, "text": REST, "finish": "stop"},
        {"paragraphs": [COUPLET, REST]},
    ],
)
def test_every_format_of_json(record: dict[str, Any], tmp_path: Path) -> None:
    line = json.dumps(record, ensure_ascii=False)
    for path in (
        written(tmp_path / "a.json", [record, record]),
        written(tmp_path / "a.jsonl", f"{line}\n{line}\n"),
        written(tmp_path / "no-suffix", f"{line}\n{line}\n"),
    ):
        assert poems(path) == [TOWER, TOWER]


def test_a_list_of_texts(tmp_path: Path) -> None:
    assert poems(written(tmp_path / "a.json", [TOWER, TOWER])) == [TOWER, TOWER]


def test_title_and_author_are_kept_and_printable(tmp_path: Path) -> None:
    record: dict[str, Any] = {"title": "登\x1b鸛雀樓", "author": "王之渙", "paragraphs": [TOWER]}
    file = read_verse(written(tmp_path / "a.json", [record]))
    assert file.poems == [VerseRecord(1, TOWER, "登鸛雀樓", "王之渙")]
    record["title"] = 5
    assert read_verse(written(tmp_path / "a.json", [record])).poems[0].title == ""


def test_bad_records_are_named_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    records = [
        {"input": COUPLET, "output": ""},
        {"input": COUPLET, "output": REST},
        {"couplet": 5, "completion": REST},
        {"paragraphs": [5]},
        {"paragraphs": []},
        {"paragraphs": ["hello"]},
        "白日\ud800",
        {"sonnet": "hello"},
        7,
        {"couplet": COUPLET, "completion": ""},
        {"couplet": COUPLET},
    ]
    file = read_verse(written(tmp_path / "a.json", records))
    assert [item.number for item in file.poems] == [2, 10]
    assert file.bad == [
        "[0].output: empty",
        "[2].couplet: a number, not text",
        "[3].paragraphs[0]: a number, not an object",
        "[4].paragraphs: empty",
        "[5].paragraphs: no Chinese character",
        "[6]: a broken character: half of a surrogate pair",
        "[7]: no field that holds a poem; wanted are input and output, or paragraphs with the "
        "whole poem, not sonnet",
        "[8]: a number, not an object",
        "[10].text: missing",
    ]


def test_a_broken_line_of_jsonl_is_named(tmp_path: Path) -> None:
    good = json.dumps({"paragraphs": [TOWER]})
    file = read_verse(written(tmp_path / "a.jsonl", f"{good}\n{{\n"))
    assert len(file.poems) == 1 and file.bad[0].startswith("[1]: line 2 is not JSON")


def test_a_test_file_says_that_it_is_one(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", [{"instruction": "完成", "input": COUPLET}] * 3)
    with pytest.raises(UserError, match="test file"):
        read_verse(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "[1, 2]", r"a\.json\[0\]: a number, not an object, and 1 more"),
        ("a.json", "[", "not JSON"),
        ("a.json", "{}", "an object, not a list"),
        ("a.txt", "", "empty"),
        ("a.txt", " \n\n", "empty"),
        ("a.txt", "hello\n", "line 1: looks like no verse: hello"),
    ],
)
def test_files_without_a_poem(name: str, content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        read_verse(written(tmp_path / name, content))


def test_what_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(TOWER.encode("big5"))
    with pytest.raises(UserError, match="BIG5"):
        read_verse(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TOWER, [TOWER]),
        (f"{TOWER}\n{TOWER}\n", [TOWER, TOWER]),
        (f"{TOWER}\n\n{TOWER}", [TOWER, TOWER]),
        (f"{COUPLET}\n{REST}", [TOWER]),
        (f"{COUPLET}\n{REST}\n \u3000\n\n{COUPLET}\n{REST}\n", [TOWER, TOWER]),
        # As results.txt has it, with a completion that stopped early.
        (f"1. {TOWER}\n2. {COUPLET}\n", [TOWER, COUPLET]),
        (f"１、{TOWER}\n12) {TOWER}", [TOWER, TOWER]),
        (f"{TOWER}\r\n\r\n{COUPLET}\r\n{REST}\r\n", [TOWER, TOWER]),
    ],
)
def test_plain_text(text: str, expected: list[str]) -> None:
    found = [record.parts[0].text for record in text_records(text)]
    assert ["".join(poem.split()) for poem in found] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("青[苔]上", "青苔上"),
        ("「床前」《看》月【光】，", "床前看月光，"),
        ("白日（「日」一作「月」（見別本）。）依山盡，", "白日依山盡，"),
        ("白日(bái rì)依山盡，", "白日依山盡，"),
        ("白\u200b日\x1b\ufeff依山盡\n", "白日依山盡\n"),
        ("白日（依山盡", "白日（依山盡"),
    ],
)
def test_only_the_verse_is_left(text: str, expected: str) -> None:
    assert verse_only(text) == expected


def test_the_official_files(hw5: Path) -> None:
    file = read_verse(hw5 / "Tang_training_data.json")
    assert (len(file.poems), file.bad) == (5001, [])
    with pytest.raises(UserError, match="test file"):
        read_verse(hw5 / "Tang_testing_data.json")
