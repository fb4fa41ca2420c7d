"""What a user is told about the rules that a completion keeps."""

from typing import Any

import pytest

from lianju.config import VerseSettings
from lianju.decode import rules_for, rules_notes

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
