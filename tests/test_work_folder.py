"""What a verb does with the folder it is told to write: only what is its own."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lianju.errors import UserError
from lianju.files import write_json
from lianju.work_folder import FolderKind, WorkFolder


class Work(WorkFolder):
    KIND = FolderKind("a run", "run", "settings.json", frozenset({"stages/poems.json"}))


def _contents(folder: Path) -> dict[str, str | None]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() if path.is_file() else None
        for path in folder.rglob("*")
    }


def _file(path: Path, text: str = "mine") -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.write_text(text)


def _link(path: Path) -> None:
    _file(path.parent / "elsewhere")
    path.symlink_to(path.parent / "elsewhere")


@pytest.mark.parametrize(
    "fill",
    [
        lambda out: _file(out / "stages/thesis.txt"),
        lambda out: _file(out / "settings.yaml"),
        lambda out: _file(out / ".hidden"),
        lambda out: (out / "settings.json").mkdir(parents=True),
        lambda out: (out / "checkpoints").mkdir(parents=True),
        lambda out: _file(out / "run.lock"),
        lambda out: (out / "run.lock").mkdir(parents=True),
        lambda out: _file(out / "evaluation.lock", ""),
        lambda out: _file(out / ".notes.0123456789abcdef.part"),
        lambda out: (_file(out / "run.lock", ""), _file(out / "notes.txt")),
        lambda out: _file(out),
        lambda out: _link(out),
        lambda out: out.symlink_to("nowhere"),
        lambda out: (out.mkdir(), (out / "run.lock").symlink_to("nowhere")),
        lambda out: (_file(out / "settings.json"), _file(out / "run.lock")),
    ],
)
def test_a_folder_that_holds_anything_else_is_left_as_it_is(
    tmp_path: Path, fill: Callable[[Path], object]
) -> None:
    fill(tmp_path / "out")
    before = _contents(tmp_path)
    with pytest.raises(UserError, match="choose another"), Work(tmp_path / "out").held():
        pytest.fail("it is held")
    assert _contents(tmp_path) == before


def test_below_a_file_there_is_no_folder(tmp_path: Path) -> None:
    _file(tmp_path / "file")
    with pytest.raises(UserError, match="cannot write"), Work(tmp_path / "file" / "x").held():
        pytest.fail("it is held")


def test_a_name_that_is_too_long_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="name too long"), Work(tmp_path / ("x" * 300)).held():
        pytest.fail("it is held")


def test_one_process_holds_a_folder(tmp_path: Path) -> None:
    with Work(tmp_path / "out").held() as begun:
        assert not begun
        write_json(tmp_path / "out" / "settings.json", {})
        before = _contents(tmp_path)
        with pytest.raises(UserError, match="another process"), Work(tmp_path / "out").held():
            pytest.fail("it is held twice")
        assert _contents(tmp_path) == before
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["settings.json"]
    with Work(tmp_path / "out").held() as begun:
        assert begun


def _beginning(folder: Path) -> None:
    write_json(folder / "settings.json", {})
    write_json(folder / "stages" / "poems.json", {})


def test_a_failed_start_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError), Work(tmp_path / "a" / "b" / "out").held():
        _beginning(tmp_path / "a" / "b" / "out")
        raise UserError("no such model")
    assert not list(tmp_path.iterdir())


def test_a_failed_start_leaves_the_folder_that_the_user_made(tmp_path: Path) -> None:
    with pytest.raises(UserError), Work(tmp_path).held():
        _beginning(tmp_path)
        raise UserError("no such model")
    assert tmp_path.is_dir() and not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["adapter/weights", "stages/before.json", "notes.txt"])
def test_a_failure_leaves_what_took_work_and_what_came_from_elsewhere(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(UserError), Work(tmp_path / "out").held():
        _beginning(tmp_path / "out")
        _file(tmp_path / "out" / name)
        raise UserError("the disk is full")
    files = {path for path, text in _contents(tmp_path / "out").items() if text is not None}
    assert files == {"settings.json", "stages/poems.json", name}


def test_a_failure_of_what_was_begun_before_removes_nothing(tmp_path: Path) -> None:
    _beginning(tmp_path / "out")
    before = _contents(tmp_path)
    with pytest.raises(UserError), Work(tmp_path / "out").held():
        raise UserError("other poems")
    assert _contents(tmp_path) == before


def test_ctrl_c_keeps_what_is_there_for_another_session(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Work(tmp_path / "out").held():
        _beginning(tmp_path / "out")
        raise KeyboardInterrupt
    assert (tmp_path / "out" / "settings.json").is_file()


def _killed(folder: Path, before: str) -> None:
    def kill(event: str, _: object) -> None:
        if event == before:
            os.kill(os.getpid(), signal.SIGKILL)

    with Work(folder).held():
        sys.addaudithook(kill)
        write_json(folder / "settings.json", {})


@pytest.mark.parametrize("before", ["open", "os.chmod", "os.rename"])
def test_a_kill_before_the_first_file_stands_leaves_a_folder_that_counts_as_empty(
    tmp_path: Path, before: str
) -> None:
    out = tmp_path / "out"
    process = multiprocessing.get_context("fork").Process(target=_killed, args=(out, before))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL and list(out.iterdir())
    with Work(out).held() as begun:
        assert not begun
        assert [path.name for path in out.iterdir()] == ["run.lock"]
