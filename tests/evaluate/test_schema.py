"""report.json: its schema is written down as it is, and what is written is read back the same."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lianju.evaluate.schema import Report, WrittenPoem
from tools.schema import OUT

MARKS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)


def test_the_schema_in_docs_is_current() -> None:
    written_down = json.loads(OUT.read_text(encoding="utf-8"))
    assert written_down == Report.model_json_schema(), "run `python -m tools.schema`"


@given(st.dictionaries(st.text(), MARKS))
def test_marks_keep_their_kind(marks: dict[str, Any]) -> None:
    poem = WrittenPoem(number=0, text="", finish="stop", marks=marks)
    back = WrittenPoem.model_validate_json(poem.model_dump_json()).marks
    assert [(name, type(mark), mark) for name, mark in back.items()] == [
        (name, type(mark), mark) for name, mark in marks.items()
    ]
