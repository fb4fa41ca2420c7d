"""The shapes of JSON and of tables that people have poems in: read where sure, else named."""

import json
from pathlib import Path
from typing import Any

import pytest

from lianju.corpus import check_file, training_corpus
from lianju.corpus.verse_files import read_verse
from lianju.errors import UserError

COUPLET, REST = "白日依山盡，黃河入海流。", "欲窮千里目，更上一層樓。"
RIVER = "移舟泊煙渚，日暮客愁新。野曠天低樹，江清月近人。"
ASKED = f"以下是一首唐詩的第一句話，請用你的知識判斷並完成整首詩。\n{COUPLET}"
TOWER = {"title": "登鸛雀樓", "author": "王之渙", "paragraphs": [COUPLET, REST]}


def write(folder: Path, content: Any, name: str = "poems.json") -> Path:
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder / name


def turns(*said: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for role, text in zip(ROLES, said, strict=False)]


ANSWER = {"role": "assistant", "content": REST}
ROLES = ("system", "user", "assistant", "user", "assistant")


@pytest.mark.parametrize(
    "content",
    [
        [TOWER],
        TOWER,
        [{"paragraphs": f"{COUPLET}\n{REST}"}],
        [{"題目": "登鸛雀樓", "內容": COUPLET + REST}],
        [{"poem": ["白日依山盡，", "黃河入海流。", "欲窮千里目，", "更上一層樓。"]}],
        [COUPLET + REST],
        [[COUPLET, REST]],
        {"登鸛雀樓": COUPLET + REST},
        {"王之渙": {"登鸛雀樓": COUPLET + REST}},
        {"title": "唐詩三百首", "content": [{"type": "五言絕句", "content": [TOWER]}]},
        [{"author": "王之渙", "poems": [TOWER]}],
        {"about": {"version": 1}, "poems": [TOWER], "tags": ["唐詩"]},
        [{"prompt": COUPLET, "completion": REST}],
        [{"prompt": ASKED, "response": REST}],
        [{"question": f"請續寫：「{COUPLET}」", "answer": REST}],
        [{"instruction": ASKED, "output": REST}],
        [{"instruction": ASKED, "input": "", "output": REST}],
        [{"messages": turns("你是詩人", ASKED, REST)}],
        [{"messages": [{"role": "user", "content": [{"type": "text", "text": COUPLET}]}, ANSWER]}],
        [{"conversations": [{"from": "human", "value": ASKED}, {"from": "gpt", "value": REST}]}],
        [{"couplet": COUPLET, "text": REST}],
    ],
)  # fmt: skip
def test_the_same_poem_in_every_shape_is_read_for_checking_and_for_training(
    content: Any, tmp_path: Path
) -> None:
    path = write(tmp_path, content)
    assert [item.text for item in read_verse(path).poems] == [COUPLET + REST]
    [example] = training_corpus(path).examples
    assert (example.couplet, example.completion) == (COUPLET, REST)
    assert check_file(path).bad == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", f'"題目","朝代","作者","内容"\n"登鸛雀樓","唐","王之渙","{COUPLET}{REST}"\n'),
        ("a.csv", f"title,author,text\r\n登鸛雀樓,王之渙,{COUPLET}{REST}\r\n"),
        (
            "a.csv",
            "title,author,poem\n登鸛雀樓,王之渙,白日依山盡,黃河入海流.欲窮千里目,更上一層樓.\n",
        ),
        ("a.csv", f'Title,Author,Content\n登鸛雀樓,王之渙,"{COUPLET}\n{REST}"\n'),
        ("a.tsv", f"作者\t詩名\t正文\n王之渙\t登鸛雀樓\t{COUPLET}{REST}\n"),
        ("a.txt", f"作者;詩名;正文\n王之渙;登鸛雀樓;{COUPLET}{REST}\n"),
        (
            "a.md",
            f"| 題目 | 作者 | 內容 |\n|---|---|---|\n| 登鸛雀樓 | 王之渙 | {COUPLET}{REST} |\n",
        ),
        ("a.csv", f"title,author,input,output\n登鸛雀樓,王之渙,{COUPLET},{REST}\n"),
    ],
)
def test_a_table_is_read_by_the_names_of_its_columns(name: str, text: str, tmp_path: Path) -> None:
    path = write(tmp_path, text, name)
    [poem] = read_verse(path).poems
    assert (poem.title, poem.author, poem.text) == ("登鸛雀樓", "王之渙", COUPLET + REST)
    [example] = training_corpus(path).examples
    assert (example.couplet, example.completion) == (COUPLET, REST)


def test_a_row_that_lacks_columns_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, f"title,text\n登鸛雀樓\n宿建德江,{RIVER}\n", "a.csv")
    file = read_verse(path)
    assert [item.text for item in file.poems] == [RIVER]
    assert file.bad == [" line 2: 1 of 2 columns: title、text"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", f"登鸛雀樓,王之渙,{COUPLET}{REST}\n", "does not name its columns: write a"),
        ("a.csv", f"text,text\n{COUPLET},{REST}\n", "a column stands twice in the first line"),
        ("a.csv", 'title,text\n"a","' + "白" * 140_000, "is no row of a table"),
        (
            "a.json",
            [{"messages": turns("", ASKED, REST, "再來一首", REST)}],
            r"\[0\]\.messages: this looks like a list of messages, of 4 turns; wanted are one",
        ),
        (
            "a.json",
            {"conversations": [{"from": "human", "value": "寫一首詩"}]},
            r"\.conversations: this looks like ShareGPT, of 1 turns; wanted are one question",
        ),
        (
            "a.json",
            [{"prompt": "寫一首詩", "completion": COUPLET + REST}],
            r"\[0\]\.prompt: does not end in a couplet of two lines",
        ),
        ("a.json", [{"foo": "bar", "n": 1}], "no field that holds a poem; wanted .*, not foo、n"),
        ("a.json", [[[[[[[[[["x"]]]]]]]]]], "nested too deeply to be a poem"),
    ],
)  # fmt: skip
def test_what_is_not_sure_is_named_with_what_is_wanted(
    name: str, content: Any, message: str, tmp_path: Path
) -> None:
    path = write(tmp_path, content, name)
    with pytest.raises(UserError, match=message):
        read_verse(path)
    with pytest.raises(UserError):
        training_corpus(path)


@pytest.mark.parametrize(
    "record",
    [
        '{"input": "%(c)s", "input": "%(c)s", "output": "%(r)s"}',
        '{"paragraphs": ["%(c)s"], "title": "a", "paragraphs": ["%(r)s"]}',
    ],
)
def test_a_key_that_stands_twice_is_a_fault(record: str, tmp_path: Path) -> None:
    good = json.dumps({"input": RIVER[:12], "output": RIVER[12:]}, ensure_ascii=False)
    path = write(tmp_path, f"[{good}, {record % {'c': COUPLET, 'r': REST}}]")
    assert [bad.reason for bad in check_file(path).bad] == ["stands twice in the record"]
    assert read_verse(path).bad[0].startswith("[1].")
    assert len(training_corpus(path).examples) == 1
