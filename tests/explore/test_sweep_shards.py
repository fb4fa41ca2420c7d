"""`lianju explore sweep --shard`, with the tiny model in place of a real one."""

import json
from pathlib import Path

import pytest

from tests.explore.test_sweep_cli import BASE, SMALL, loads, sweep

__all__ = ["loads"]

TWO = [*SMALL, "--couplets", "2"]


def _cells(folder: Path) -> dict[str, object]:
    """The poems of each cell."""
    files = sorted((folder / "cells").iterdir())
    return {file.name: json.loads(file.read_text("utf-8"))["couplets"] for file in files}


def test_shards_are_joined_to_what_one_process_writes(
    tmp_path: Path, loads: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    sweep(*TWO, "--out", tmp_path / "whole")
    for part in ("1/3", "2/3", "3/3"):
        sweep(*TWO, "--out", tmp_path / "s", "--shard", part)
    parts = [_cells(tmp_path / f"s-{number}-of-3") for number in (1, 2, 3)]
    assert [list(part) for part in parts] == [["000.json", "003.json"], ["001.json"], ["002.json"]]
    assert not (tmp_path / "s-1-of-3/sweep.html").exists()
    before = len(loads)
    capsys.readouterr()
    sweep(*TWO, "--out", tmp_path / "s")
    assert "s-1-of-3: 2" in capsys.readouterr().err.replace("\n", " ")
    assert len(loads) == before, "nothing was left to write"
    assert _cells(tmp_path / "s") == _cells(tmp_path / "whole")
    assert (tmp_path / "s/sweep.html").is_file()


def test_what_a_shard_lacks_is_written_by_the_whole(tmp_path: Path, loads: list[object]) -> None:
    sweep(*TWO, "--out", tmp_path / "s", "--shard", "2/2")
    (tmp_path / "s-2-of-2/cells/001.json").write_text("{}")
    sweep(*TWO, "--out", tmp_path / "s")
    sweep(*TWO, "--out", tmp_path / "whole")
    assert len(loads) == 3 and _cells(tmp_path / "s") == _cells(tmp_path / "whole")


def test_a_shard_of_other_settings_is_left_aside(
    tmp_path: Path, loads: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    sweep(*BASE, "--seeds", "1", "--max-length=9", "--out", tmp_path / "s", "--shard", "1/2")
    capsys.readouterr()
    sweep(*TWO, "--out", tmp_path / "s")
    assert "s-1-of-2 is left aside: it has other settings" in capsys.readouterr().err
    assert len(_cells(tmp_path / "s")) == 4
