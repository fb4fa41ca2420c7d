"""report.json: its schema is written down as it is, and what is written is read back the same."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lianju.evaluate.schema import Report, WrittenPoem
from tests.evaluate.reports import (
    OFF_RHYME,
    SHORT,
    TRUTH,
    contamination,
    report,
    suite,
    system,
    written,
)
from tools.schema import OUT

MARKS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)


def _report() -> Report:
    first = system("a", suite(written(TRUTH, OFF_RHYME)), suite(written(SHORT), "hw5"))
    second = system("b", suite(written(SHORT, SHORT)), kind="poets")
    return report(first, second, contamination=contamination())


def test_the_schema_in_docs_is_current() -> None:
    written_down = json.loads(OUT.read_text(encoding="utf-8"))
    assert written_down == Report.model_json_schema(), "run `python -m tools.schema`"


def test_a_system_without_a_suite_is_refused() -> None:
    made = json.loads(_report().model_dump_json())
    made["systems"][0]["suites"] = {}
    with pytest.raises(ValidationError, match="suites"):
        Report.model_validate(made)


def test_the_schema_says_what_every_field_is() -> None:
    named = json.loads(OUT.read_text(encoding="utf-8"))["$defs"]
    assert named["Comparison"]["properties"]["adjusted"]["description"].startswith("The same p")
    assert all(part["additionalProperties"] is False for part in named.values())


def test_a_report_that_was_written_is_read_back_the_same(tmp_path: Path) -> None:
    made = _report()
    path = tmp_path / "report.json"
    path.write_text(made.model_dump_json(indent=1), encoding="utf-8")
    assert Report.model_validate_json(path.read_text(encoding="utf-8")) == made


def test_a_report_has_the_fields_of_the_schema_and_no_others() -> None:
    schema = json.loads(OUT.read_text(encoding="utf-8"))
    _fits(json.loads(_report().model_dump_json()), schema, schema["$defs"])


def _fits(value: Any, schema: dict[str, Any], named: dict[str, Any]) -> None:
    """Every object has all that its schema requires and nothing that it does not know."""
    schema = named[schema["$ref"].split("/")[-1]] if "$ref" in schema else schema
    options = [one for one in schema.get("anyOf", []) if "$ref" in one]
    if isinstance(value, dict) and options:
        _fits(value, options[0], named)
    elif isinstance(value, dict) and "properties" in schema:
        assert set(schema.get("required", [])) <= value.keys() <= schema["properties"].keys()
        for name, part in value.items():
            _fits(part, schema["properties"][name], named)
    elif isinstance(value, dict):
        for part in value.values():
            _fits(part, schema["additionalProperties"], named)
    elif isinstance(value, list):
        for part in value:
            _fits(part, schema["items"], named)


@given(st.dictionaries(st.text(), MARKS))
def test_marks_keep_their_kind(marks: dict[str, Any]) -> None:
    poem = WrittenPoem(number=0, text="", finish="stop", marks=marks)
    back = WrittenPoem.model_validate_json(poem.model_dump_json()).marks
    assert [(name, type(mark), mark) for name, mark in back.items()] == [
        (name, type(mark), mark) for name, mark in marks.items()
    ]
