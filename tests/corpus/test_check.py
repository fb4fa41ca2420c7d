"""Bad files are told apart in words; no file at all gives anything but a `UserError`."""

import json
from pathlib import Path
from typing import Any

import opencc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lianju.corpus import check_file, read_records, training_corpus
from lianju.corpus.characters import simplified
from lianju.errors import UserError

WANTED = "wanted are input and output, or paragraphs with the whole poem"
GOOD = {
    "instruction": "完成整首詩。",
    "input": "白日依山盡，黃河入海流。",
    "output": "欲窮千里目，更上一層樓。",
}
SNOW = {"input": "孤舟簑笠翁，獨釣寒江雪。", "output": "千山鳥飛絕，萬徑人蹤滅。"}
anything = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def write(folder: Path, content: Any, name: str = "poems.json") -> Path:
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def faults(folder: Path, *records: Any, test: bool = False) -> list[tuple[str, str, str]]:
    report = check_file(write(folder, list(records)), test)
    assert report.total == len(records)
    return [(bad.place, bad.field, bad.reason) for bad in report.bad]


def test_a_good_file_has_no_faults(tmp_path: Path) -> None:
    assert faults(tmp_path, GOOD, SNOW) == []


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"input": 5}, "input", "a number, not text"),
        ({"input": None}, "input", "null, not text"),
        ({"output": ["白"]}, "output", "a list, not text"),
        ({"output": True}, "output", "true or false, not text"),
        ({"output": {}}, "output", "an object, not text"),
        ({"input": " \u3000\n"}, "input", "empty"),
        ({"output": "。，"}, "output", "no word, only signs"),
        ({"output": "（見別本）"}, "output", "nothing of a poem"),
        ({"output": "欲窮\ud800"}, "output", "a broken character: half of a surrogate pair"),
        ({"input": "白日依山盡。"}, "input", "a couplet has two lines; this has 1"),
        (
            {"input": "白日依山盡，黃河流。"},
            "input",
            "a couplet has two lines of five or of seven characters; these have 5 and 3",
        ),
        ({"input": "White sun, river."}, "input", "Latin text: Whitesunrv"),
        ({"input": "ｗｈｉｔｅ，黃河入海流。"}, "input", "Latin text: ｗｈｉｔｅ"),
        ({"output": "しろい，日。"}, "output", "text that is not Chinese: しろい"),
        (
            {"output": "欲窮千里囗，更上一\ue829樓。"},
            "output",
            "a placeholder for a lost character: 囗 U+E829",
        ),
    ],
)
def test_each_fault_is_told(
    tmp_path: Path, change: dict[str, Any], field: str, reason: str
) -> None:
    path = tmp_path / "poems.json"
    path.write_text(json.dumps([SNOW, GOOD | change]), encoding="utf-8")
    [bad] = check_file(path).bad
    assert (bad.place, bad.field, bad.reason) == ("[1]", field, reason)


def test_half_width_punctuation_is_no_fault(tmp_path: Path) -> None:
    assert faults(tmp_path, GOOD | {"input": "白日依山盡, 黃河入海流."}) == []


def test_every_bad_record_is_told(tmp_path: Path) -> None:
    assert faults(tmp_path, {}, GOOD, [], "x", None, 1.5) == [
        ("[0]", "", f"no field that holds a poem; {WANTED}, not none"),
        ("[2]", "", "an empty list, not an object"),
        ("[3]", "", "Latin text: x"),
        ("[4]", "", "null, not an object"),
        ("[5]", "", "a number, not an object"),
    ]


@pytest.mark.parametrize("output", [{}, {"output": ""}, {"output": None}])
def test_only_a_test_file_may_lack_outputs(tmp_path: Path, output: dict[str, Any]) -> None:
    record = {key: GOOD[key] for key in ("instruction", "input")} | output
    assert faults(tmp_path, record, test=True) == []
    assert [field for _, field, _ in faults(tmp_path, record)] == ["output"]


def test_a_test_file_with_bad_outputs_is_told(tmp_path: Path) -> None:
    assert faults(tmp_path, GOOD | {"output": "abc"}, test=True) == [
        ("[0]", "output", "Latin text: abc")
    ]


BIG5 = json.dumps([GOOD], ensure_ascii=False).encode("big5")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\t", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"[]", "holds no records"),
        (b"{}", "holds an object, not a list of records"),
        (b'"abc"', "holds text, not a list"),
        (b"3", "holds a number, not a list"),
        (b"null", "holds null, not a list"),
        (b"true", "holds true or false, not a list"),
        (b'[\n  {"input": "a"},\n  {"inp', r"is not JSON: Unterminated string.* at line 3, column"),
        (b"[{}", r"is not JSON: Expecting ',' delimiter at line 1, column 4"),
        ("白日依山盡，黃河入海流。\n".encode(), "is not JSON: Expecting value at line 1, column 1"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" + b"9" * 5000 + b"]", "a number has too many digits"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "is not UTF-8: byte 0x89 at offset 0"),
        (b"PK\x03\x04\xff\xff\xff", r"byte 0xFF at offset 4 \(line 1\)"),
        (BIG5, r"byte 0xA7 at offset 18 \(line 1\)\. It may be BIG5: convert it with `iconv -f"),
        (json.dumps([GOOD]).encode("utf-16"), "byte 0xFF at offset 0.* It may be UTF-16"),
        (b'\xef\xbb\xbf[\n"\xff"]', r"byte 0xFF at offset 6 \(line 2\)"),
    ],
)
def test_files_that_hold_no_records(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        check_file(write(tmp_path, content))
    assert "poems.json" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.json does not exist"):
        check_file(tmp_path / "none.json")
    with pytest.raises(UserError, match="is a folder"):
        check_file(tmp_path)
    with pytest.raises(UserError, match="cannot read"):
        check_file(write(tmp_path, [GOOD]) / "below")


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    content = json.dumps([GOOD], ensure_ascii=False).encode("utf-8-sig")
    assert check_file(write(tmp_path, content)).bad == []


@pytest.mark.parametrize("name", ["poems.jsonl", "poems.json"])
def test_jsonl_under_any_name(tmp_path: Path, name: str) -> None:
    # U+2028 ends a line for str.splitlines, and does not in JSON.
    odd = GOOD | {"instruction": "完成\u2028整首詩。"}
    rows = [json.dumps(row, ensure_ascii=False) for row in (GOOD, odd)]
    content = "\r\n".join(["", *rows, "", '{"input": ', "7"]).encode()
    report = check_file(write(tmp_path, content, name))
    assert report.total == 4
    assert [(bad.place, bad.field) for bad in report.bad] == [
        ("[1]", "input"),
        ("[2]", ""),
        ("[3]", ""),
    ]
    assert report.bad[0].reason == "duplicate poem: as [0]"
    assert report.bad[1].reason.startswith("line 5 is not JSON: Expecting value at line 1")
    assert report.bad[2].reason == "a number, not an object"


def test_jsonl_of_one_record(tmp_path: Path) -> None:
    [record] = read_records(write(tmp_path, GOOD, "poems.jsonl"))
    assert [part.text for part in record.parts] == [GOOD["input"], GOOD["output"]]


def test_a_file_called_jsonl_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is not JSON: .* line 1, column 1"):
        check_file(write(tmp_path, "白日依山盡\n黃河入海流".encode(), "poems.jsonl"))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("filler", ["白", "a", "□", "门"])
def test_a_line_of_ten_megabytes_is_fast_and_never_quoted_whole(
    tmp_path: Path, filler: str
) -> None:
    long = filler * (10_000_000 // len(filler.encode()))
    path = write(tmp_path, [GOOD, GOOD | {"input": long}], "poems.json")
    (bad,) = check_file(path).bad
    corpus = training_corpus(path)
    assert "characters: no Tang poem has more than 4,000" in bad.reason
    assert len(bad.reason) < 100
    assert [len(item.text) < 100 for item in corpus.dropped] == [True]
    broken = write(tmp_path, f'[{{"input": "{long}'.encode())
    with pytest.raises(UserError) as caught:
        check_file(broken)
    assert len(str(caught.value)) < 300


def test_many_kinds_of_characters_are_not_all_quoted(tmp_path: Path) -> None:
    letters = "".join(map(chr, range(0x100, 0x180)))
    ((_, _, reason),) = faults(tmp_path, GOOD | {"input": letters})
    assert reason == f"Latin text: {letters[:20]}…"


def test_control_characters_never_reach_the_terminal(tmp_path: Path) -> None:
    escape = GOOD | {"input": "\x1b[31mabc，\x1b[0m。", "output": "白\u202eabc"}
    assert [reason for _, _, reason in faults(tmp_path, escape)] == [
        "Latin text: 31mabc0",
        "Latin text: abc",
    ]


def test_the_faults_of_the_official_files(hw5: Path) -> None:
    report = check_file(hw5 / "Tang_training_data.json")
    reasons = [bad.reason.split(":")[0] for bad in report.bad]
    assert report.total == 5001
    assert reasons.count("a placeholder for a lost character") == 12
    assert reasons.count("a couplet has two lines; this has 1") == 4
    # What `data show` drops is what is named, record by record.
    dropped = training_corpus(hw5 / "Tang_training_data.json").dropped
    assert [bad.place for bad in report.bad] == [f"[{item.index}]" for item in dropped]
    assert reasons.count("duplicate poem") + reasons.count("duplicate input") == 101
    assert check_file(hw5 / "Tang_testing_data.json", test=True).bad == []
    assert len(check_file(hw5 / "Tang_testing_data.json").bad) == 15


def test_simplified_poems_are_found_and_traditional_ones_never(hw5: Path) -> None:
    rows = json.loads((hw5 / "Tang_training_data.json").read_text("utf-8"))
    texts = [row["input"] + row["output"] for row in rows]
    assert not any(map(simplified, texts))
    converter = opencc.OpenCC("t2s")
    found = sum(bool(simplified(converter.convert(text))) for text in texts)
    assert found >= 0.999 * len(texts)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["instruction", "input", "output", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
surrogates = st.text(st.characters(categories=["Cs", "Lo", "Co", "Cc"]), max_size=6)
near_records = st.lists(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("instruction", "input", "output"), json_values | surrogates)
    ),
    max_size=4,
)


def all_or_user_error(path: Path) -> None:
    for test in (False, True):
        try:
            report = check_file(path, test)
        except UserError as error:
            assert "\n" not in str(error).removeprefix(str(path))
            return
        assert report.total >= 1
        for bad in report.bad:
            assert bad.place.isprintable()
            assert 0 < len(bad.reason) < 300
            bad.reason.encode()
            assert bad.reason.isprintable()
    try:
        corpus = training_corpus(path)
    except UserError:
        return
    assert corpus.total == len(corpus.examples) + len(corpus.dropped) == report.total
    for text in [item.text for item in corpus.examples] + [item.text for item in corpus.dropped]:
        text.encode()


@anything
@given(json_values | near_records)
def test_any_json_gives_a_report_or_a_user_error(tmp_path: Path, value: Any) -> None:
    all_or_user_error(write(tmp_path, json.dumps(value).encode()))


@anything
@given(st.lists(json_values | near_records, min_size=1, max_size=4))
def test_any_jsonl_gives_a_report_or_a_user_error(tmp_path: Path, values: list[Any]) -> None:
    text = "\n".join(json.dumps(value) for value in values)
    all_or_user_error(write(tmp_path, text.encode(), "poems.jsonl"))


@anything
@given(
    st.binary(max_size=60) | st.text(max_size=40).map(lambda text: text.encode("big5", "ignore"))
)
def test_any_bytes_give_a_report_or_a_user_error(tmp_path: Path, content: bytes) -> None:
    all_or_user_error(write(tmp_path, content))


@anything
@given(st.data())
def test_a_file_cut_anywhere_gives_a_report_or_a_user_error(
    tmp_path: Path, data: st.DataObject
) -> None:
    whole = json.dumps([GOOD, GOOD], ensure_ascii=False, indent=1).encode()
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(UserError):
        check_file(write(tmp_path, whole[:cut]))
