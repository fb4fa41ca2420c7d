"""Which records are trained on, and why the others are not."""

from collections.abc import Sequence
from typing import Any

from lianju.corpus.characters import foreign, key, line_keys, placeholders
from lianju.corpus.check import text_fault
from lianju.corpus.poems import Dropped, Example
from lianju.verse import lines_of, normal

UNUSABLE = "no usable input or output"
PLACEHOLDER = "placeholder for a lost character"
NOT_CHINESE = "text that is not Chinese"
ONE_LINE = "input of one line"
IN_TEST = "shares a line with the test set"
SAME_POEM = "duplicate poem"
SAME_INPUT = "duplicate input"


def clean(
    records: Sequence[Any], sources: Sequence[str], test: Sequence[Example]
) -> tuple[list[Example], list[Dropped]]:
    """Keep the first of each poem and each input, and nothing that stands in `test`.

    Poems are compared by their Han characters with variants folded. `sources` names each
    record. Each record becomes one example or one `Dropped` with the first reason that holds.
    """
    test_lines = set().union(*(line_keys(example.text) for example in test))
    poems: set[str] = set()
    inputs: set[str] = set()
    examples: list[Example] = []
    dropped: list[Dropped] = []
    for index, (record, source) in enumerate(zip(records, sources, strict=True)):
        if not _usable(record):
            dropped.append(Dropped(index, UNUSABLE, str(record)[:60]))
            continue
        example = Example(normal(record["input"]), normal(record["output"]), source)
        poem, opening = key(example.text), key(example.couplet)
        reason = _fault(example, test_lines)
        if poem in poems:
            reason = reason or SAME_POEM
        elif opening in inputs:
            reason = reason or SAME_INPUT
        if reason:
            dropped.append(Dropped(index, reason, example.text))
            continue
        examples.append(example)
        poems.add(poem)
        inputs.add(opening)
    return examples, dropped


def _usable(record: Any) -> bool:
    return isinstance(record, dict) and not any(
        text_fault(record, field) for field in ("input", "output")
    )


def _fault(example: Example, test_lines: set[str]) -> str | None:
    if placeholders(example.text):
        return PLACEHOLDER
    if foreign(example.text):
        return NOT_CHINESE
    if len(lines_of(example.couplet)) < 2:
        return ONE_LINE
    if line_keys(example.text) & test_lines:
        return IN_TEST
    return None
