import errno
import multiprocessing
import os
import resource
import signal
from pathlib import Path

import pytest

from lianju.errors import UserError
from lianju.files import (
    locked,
    read_json,
    read_jsonl,
    sweep,
    write_json,
    write_jsonl,
    write_text,
    writing,
    writing_folder,
)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_text(target, "old")
    with pytest.raises(RuntimeError), writing(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_failed_folder_leaves_the_old_folder(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    with writing_folder(target) as temporary:
        (temporary / "a").write_text("old")
    with pytest.raises(RuntimeError), writing_folder(target) as temporary:
        (temporary / "b").write_text("half")
        raise RuntimeError
    assert [path.name for path in target.iterdir()] == ["a"]
    with writing_folder(target) as temporary:
        (temporary / "c").write_text("new")
    assert [path.name for path in target.iterdir()] == ["c"]
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def _too_large(target: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        write_text(target, "x" * 10_000)
    except UserError as error:
        os._exit(7 if str(target) in str(error) else 1)


def test_a_write_that_the_system_refuses_names_the_file_and_keeps_the_old(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_text(target, "old")
    process = multiprocessing.get_context("fork").Process(target=_too_large, args=(target,))
    process.start()
    process.join()
    assert process.exitcode == 7
    assert target.read_text() == "old"


def test_a_full_disk_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left on device"):
        write_json(tmp_path / "file", {})
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot write"):
        write_text(tmp_path / "file" / "inner", "x")


def test_a_folder_at_work_is_named_as_it_was_given(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "here" / "evaluation", wait=False),
        pytest.raises(UserError, match=f"at work in {tmp_path / 'here'}: wait for it"),
        locked(tmp_path / "here" / "evaluation", wait=False),
    ):
        pass


def test_jsonl_keeps_every_kind_of_line_separator(tmp_path: Path) -> None:
    rows = [{"text": "a\u2028b\x85c\nd\r"}, {"text": "二"}]
    write_jsonl(tmp_path / "rows", rows)
    assert read_jsonl(tmp_path / "rows") == rows


def test_written_files_have_ordinary_permissions(tmp_path: Path) -> None:
    write_text(tmp_path / "ours", "")
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def _killed_while_writing(target: Path, folder: bool) -> None:
    with writing_folder(target) if folder else writing(target):
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("folder", [True, False])
def test_what_a_killed_writer_left_goes_with_the_next_lock(tmp_path: Path, folder: bool) -> None:
    target = tmp_path / "weights"
    (tmp_path / ".weights.mine.part").write_text("not ours: the name is another")
    process = multiprocessing.get_context("fork").Process(
        target=_killed_while_writing, args=(target, folder)
    )
    process.start()
    process.join()
    assert len(list(tmp_path.glob(".weights.*"))) == 2
    with locked(target):
        assert [path.name for path in tmp_path.glob(".weights.*")] == [".weights.mine.part"]


def test_a_folder_whose_replacement_was_killed_comes_back(tmp_path: Path) -> None:
    old = tmp_path / ".adapter.0123456789abcdef.old"
    old.mkdir()
    (old / "weights").write_text("the only copy")
    sweep(tmp_path)
    assert (tmp_path / "adapter" / "weights").read_text() == "the only copy"
    old.mkdir()
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]


def test_a_new_folder_takes_no_place_that_was_filled_meanwhile(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    with writing_folder(target, replace=False) as temporary:
        (temporary / "model").write_text("ours")
    assert (target / "model").read_text() == "ours"
    with (
        pytest.raises(UserError, match=f"cannot write {target}"),
        writing_folder(target, replace=False) as temporary,
    ):
        (temporary / "model").write_text("again")
    assert (target / "model").read_text() == "ours"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_rename_is_synced_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    real = os.fsync

    def noted(handle: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        real(handle)

    monkeypatch.setattr(os, "fsync", noted)
    write_text(tmp_path / "file", "x")
    assert synced[-1] == str(tmp_path)
    with writing_folder(tmp_path / "folder") as temporary:
        (temporary / "inner").mkdir()
    assert synced[-1] == str(tmp_path)
    assert any(name.endswith("/inner") for name in synced)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a": 1' + b"0" * 5000 + b"}"]
)
def test_a_damaged_file_of_state_is_named_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"state\.json is damaged .*: begin anew"):
        read_json(path, "begin anew")


def test_a_row_that_is_no_object_is_damage(tmp_path: Path) -> None:
    (tmp_path / "rows").write_text('{"a": 1}\n2\n')
    with pytest.raises(UserError, match="rows is damaged"):
        read_jsonl(tmp_path / "rows")
