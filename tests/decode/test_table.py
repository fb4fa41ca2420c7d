import errno
import os
from pathlib import Path

import numpy as np
import pytest

from lianju.decode import spelling_table
from lianju.decode.spelling_table import Table, table_of
from lianju.verse import alphabet
from tests import families
from tests.decode.grammar import patchwork


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIANJU_CACHE", str(tmp_path))
    return tmp_path / "constraint"


def same(one: Table, other: Table) -> bool:
    fields = vars(one).keys() & Table.__annotations__
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in fields)


def spelled(found: Table, token: int) -> list[str]:
    """The characters of the tokens that are words of this one's bytes."""
    rows = found.word_characters[found.word_ids == token]
    return ["".join(found.characters[index] for index in row if index >= 0) for row in rows]


def test_a_stored_table_equals_the_one_that_was_built(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = table_of(patchwork(0))
    other = table_of(patchwork(1))
    assert not same(built, other) and len(list(cache.glob("*.npz"))) == 2
    monkeypatch.setattr(spelling_table, "_build", None)
    assert same(table_of(patchwork(0)), built) and same(table_of(patchwork(1)), other)


@pytest.mark.parametrize("damage", ["cut", "empty", "changed", "other"])
def test_a_damaged_table_is_built_anew(cache: Path, damage: str) -> None:
    built = table_of(patchwork(0))
    [path] = cache.glob("*.npz")
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "cut": whole[:middle],
            "empty": b"",
            "changed": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            "other": b"something else",
        }[damage]
    )
    assert same(table_of(patchwork(0)), built)
    assert path.read_bytes() == whole


def test_a_table_of_another_shape_is_built_anew(cache: Path) -> None:
    built = table_of(patchwork(0))
    [path] = cache.glob("*.npz")
    np.savez(path, characters="春")
    assert same(table_of(patchwork(0)), built)


def test_a_killed_builder_leaves_nothing_and_a_full_disk_stops_nobody(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = table_of(patchwork(0))
    [path] = cache.glob("*.npz")
    path.unlink()
    left = cache / f".{path.name}.0123456789abcdef.part"
    left.write_bytes(b"half")
    assert same(table_of(patchwork(0)), built) and not left.exists()
    path.unlink()

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert same(table_of(patchwork(0)), built)
    assert not list(cache.glob("*.npz")) and not list(cache.glob(".*"))


def test_tokens_are_sorted_by_what_they_hold(cache: Path) -> None:
    words = patchwork(0)
    found = table_of(words)
    assert set(found.characters) == {*alphabet(), "，", "。"} and found.by_bytes.all()
    singles = zip(found.single_ids, found.single_characters, strict=True)
    assert all(words.tokens[i] == found.characters[c].encode() for i, c in singles)
    for token in found.word_ids.tolist():
        raw = words.tokens[token]
        assert raw is not None
        assert spelled(found, token) == [raw.decode()] and "，" not in raw.decode()
    kinds = [found.single_ids.tolist(), found.word_ids.tolist(), found.other_ids.tolist()]
    assert len({*kinds[0], *kinds[1], *kinds[2]}) == sum(map(len, kinds))
    assert min(map(len, kinds)) > 50


def test_without_bytes_only_whole_characters_can_be_spelled(cache: Path) -> None:
    found = table_of(families.wordpiece())
    assert not found.by_bytes.any() and found.prefixes == {}
    assert set(found.lengths.tolist()) == {1}
    whole = {token for token in families.wordpiece().tokens if token}
    assert set(found.characters) == {c for c in (*alphabet(), "，", "。") if c.encode() in whole}
