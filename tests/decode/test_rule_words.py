"""What a user is told about the rules that a completion keeps."""

import re
from typing import Any

import pytest

from lianju.config import VerseSettings
from lianju.decode import rules_for, rules_notes
from lianju.errors import UserError
from lianju.verse import Bilingual, in_language

HERON = "白日依山盡，黃河入海流。"
OLD = "千山鳥飛絕，萬徑人蹤滅。"


@pytest.mark.parametrize(
    ("couplet", "verse", "notes"),
    [
        (HERON, {}, []),
        (HERON, {"form": "free"}, []),
        ("白日依山盡", {"form": "free"}, []),
        ("白日依山盡", {}, ["no couplet, so no rules are kept."]),
        (
            OLD,
            {},
            [
                "it cannot open regulated verse (落韻 in line 2); the lines to come keep what "
                "they can: length, rhyme."
            ],
        ),
        (HERON, {"rhyme": "東"}, ["line 2 ends in 流, which does not rhyme in 東."]),
        ("白日依山盡，黃河入海時。", {"rhymes": "居"}, ["居 rhymes only by a rare reading."]),
        (
            OLD,
            {"rhyme": "東", "tone": "off"},
            [
                "it cannot open regulated verse (落韻 in line 2); the lines to come keep what "
                "they can: length, rhyme.",
                "line 2 ends in 滅, which does not rhyme in 東.",
            ],
        ),
    ],
)
def test_what_cannot_be_kept(couplet: str, verse: dict[str, Any], notes: list[str]) -> None:
    settings = VerseSettings.model_validate(verse)
    found = rules_notes(couplet, rules_for(couplet, settings), settings)
    assert found == tuple(f"Note on {couplet}: {note}" for note in notes)
    assert all(is_chinese(note) for note in found)


@pytest.mark.parametrize(
    ("couplet", "verse"),
    [
        (HERON, {"form": "free", "tone": "off"}),
        ("白日依山盡", {"form": "wujue"}),
        (HERON, {"form": "qijue"}),
        (HERON, {"form": "wujue", "lines": 8}),
        (HERON, {"form": "wujue", "given": {6: "更上一層樓"}}),
        (HERON, {"acrostic": "山"}),
        (HERON, {"acrostic": "㐀山"}),
        (HERON, {"rhyme": "零"}),
        (HERON, {"rhymes": "樓愁"}),
        (HERON, {"rhymes": "㐀"}),
        (HERON, {"rhymes": "東"}),
        (HERON, {"rhymes": "目", "rhyme": "off"}),
        (HERON, {"rhymes": "樓愁樓"}),
        (HERON, {"rhymes": "愁", "given": {4: "更上一層樓"}}),
        (HERON, {"given": {4: "更上樓"}}),
        (HERON, {"form": "wujue", "acrostic": "欲更", "given": {4: "疑是地上霜"}}),
        (HERON, {"given": {4: "長江天際流"}}),
        (HERON, {"given": {4: "江清月近人"}}),
        (HERON, {"given": {3: "天天天天天"}}),
        (HERON, {"given": {4: "高樓樓上樓"}}),
        (HERON, {"given": {3: "獨坐幽篁裏"}}),
    ],
)
def test_what_is_refused_is_said_in_both_languages(couplet: str, verse: dict[str, Any]) -> None:
    with pytest.raises(UserError) as refused:
        rules_for(couplet, VerseSettings.model_validate(verse))
    assert is_chinese(refused.value.words)


def is_chinese(words: str) -> bool:
    return isinstance(words, Bilingual) and not re.search("[A-Za-z]", in_language(words, "zh"))
