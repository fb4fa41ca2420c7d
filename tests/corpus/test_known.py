"""The index of lines: what of it is damaged is built again, which is said."""

import sqlite3
from collections.abc import Callable

import pytest

from lianju.corpus import known_lines, large_corpus

from . import tiny
from .conftest import Listener, Tiny


def test_there_is_none_before_the_corpus_is_fetched(world: Tiny) -> None:
    assert known_lines() is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda data: data[:100],
        lambda data: data[: len(data) // 2],
        lambda data: b"x" * len(data),
        lambda data: data[:4096] + bytes(len(data) - 4096),
    ],
    ids=["empty", "head", "half", "other", "zeros"],
)
def test_a_damaged_index_is_built_again_and_that_is_said(
    world: Tiny, reporter: Listener, damage: Callable[[bytes], bytes]
) -> None:
    large_corpus()
    whole = known_lines()
    assert whole and whole.find("白日依山盡")[0].title == tiny.POEMS[0].title
    [path] = world.poems.glob("lines-*.sqlite")
    path.write_bytes(damage(path.read_bytes()))
    mended = known_lines(reporter)
    assert mended and mended.find("白日依山盡") == whole.find("白日依山盡")
    assert [line for line in reporter.lines if str(path) in line and "building it again" in line]
    reporter.lines.clear()
    assert known_lines(reporter) and reporter.lines == []


def test_an_index_that_lacks_poems_is_built_again(world: Tiny, reporter: Listener) -> None:
    large_corpus()
    assert known_lines()
    [path] = world.poems.glob("lines-*.sqlite")
    with sqlite3.connect(path) as base:
        base.execute("DELETE FROM poems WHERE number = 0")
    assert known_lines(reporter) and len(reporter.lines) >= 1
