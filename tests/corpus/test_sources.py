"""Where the poems come from, in which order, and what happens when a source fails."""

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from lianju.corpus import large_corpus, sources, training_corpus
from lianju.errors import UserError

from . import tiny
from .conftest import Listener, Tiny


@contextlib.contextmanager
def served(body: bytes, length: int | None = None, silent: bool = False) -> Iterator[str]:
    """A web server that answers with `body`, may promise another length, or says nothing."""
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if silent:
                stop.wait(10)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        stop.set()
        server.shutdown()
        thread.join()
        server.server_close()


def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_get", lambda _: pytest.fail("the network was asked"))


def cached(world: Tiny) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in world.poems.iterdir() if path.name != "lock"}


BOTH = {"Tang_training_data.json": tiny.TRAINING, "tang.json": tiny.LARGE}


def test_a_named_folder_comes_first_and_asks_nobody(
    world: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_network(monkeypatch)
    (world.folder / "Tang_training_data.json").write_bytes(tiny.TRAINING.replace(b"  ", b" "))
    corpus = training_corpus(world.folder)
    assert [example.source for example in corpus.examples] == [
        f"Tang_training_data.json[{index}]" for index in range(3)
    ]
    assert corpus.origin == str(world.folder / "Tang_training_data.json")
    assert world.calls == 0
    assert not world.poems.exists()


def test_a_named_jsonl_file_is_read(world: Tiny) -> None:
    path = world.folder / "mine.jsonl"
    path.write_text('{"input": "白日依山盡,黃河入海流.", "output": "欲窮千里目，更上一層樓。"}\n')
    (example,) = training_corpus(path).examples
    assert example.text == tiny.POEMS[0].text  # half-width punctuation is made whole
    assert example.source == "mine.jsonl[0]"


def test_a_named_folder_without_the_file_is_never_passed_over(world: Tiny) -> None:
    with pytest.raises(UserError, match=r"Tang_training_data\.json does not exist"):
        training_corpus(world.folder)


def test_the_cache_comes_before_the_network(world: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    first = training_corpus()
    no_network(monkeypatch)
    second = training_corpus()
    assert second.examples == first.examples
    assert second.origin.startswith("the cache")
    assert large_corpus() == tiny.POEMS
    assert world.calls == 1


def test_the_official_file_comes_before_npm(
    world: Tiny, reporter: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(tiny.TRAINING) as url:
        monkeypatch.setattr(sources, "OFFICIAL_URL", url)
        corpus = training_corpus(reporter=reporter)
    assert corpus.origin == "the repository CheeEn-Yu/GenAI-Hw5"
    assert [example.source for example in corpus.examples] == list(tiny.IDS)
    assert cached(world) == {"Tang_training_data.json": tiny.TRAINING}
    assert reporter.lines == ["No poems from the cache: not there yet"]
    assert world.calls == 0


def test_npm_comes_last_and_each_failure_is_told_once(world: Tiny, reporter: Listener) -> None:
    corpus = training_corpus(reporter=reporter)
    assert corpus.origin == "the npm package chinese-poetry 2.0.1"
    assert [example.text for example in corpus.examples] == [
        poem.text.replace("[苔]", "苔") for poem in tiny.POEMS if poem.id in tiny.IDS
    ]
    assert cached(world) == BOTH
    starts = ["No poems from the cache", "No poems from the repository", "Fetching chinese-poetry"]
    assert len(reporter.lines) == 3
    assert all(line.startswith(s) for line, s in zip(reporter.lines, starts, strict=True))


def test_when_all_fail_the_error_lists_what_was_tried(
    world: Tiny, reporter: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError) as caught:
        training_corpus(reporter=reporter)
    message = str(caught.value)
    for part in ("the cache: not there", "GenAI-Hw5: cannot be reached", "npm is not installed"):
        assert part in message
    assert "name a folder that holds Tang_training_data.json" in message
    assert "\n" not in message
    assert len(reporter.lines) == 3
    with pytest.raises(UserError, match=r"npm is not installed.*install npm"):
        large_corpus()


@pytest.mark.parametrize(
    ("body", "length", "reason"),
    [
        (tiny.TRAINING.replace("白".encode(), "百".encode()), None, "damaged or changed"),
        (tiny.TRAINING[:-40], None, "damaged or changed"),
        (tiny.TRAINING[:-40], len(tiny.TRAINING), "damaged or changed"),
        (b"", None, "damaged or changed"),
    ],
    ids=["changed", "short", "cut off", "empty"],
)
def test_a_bad_download_is_refused_and_the_next_source_asked(
    world: Tiny,
    reporter: Listener,
    monkeypatch: pytest.MonkeyPatch,
    body: bytes,
    length: int | None,
    reason: str,
) -> None:
    monkeypatch.setenv("PATH", "")
    with served(body, length) as url, pytest.raises(UserError):
        monkeypatch.setattr(sources, "OFFICIAL_URL", url)
        training_corpus(reporter=reporter)
    assert reason in reporter.lines[1]
    assert cached(world) == {}


def test_a_server_that_says_nothing_is_soon_given_up(
    world: Tiny, reporter: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "CONNECT_SECONDS", 0.1)
    with served(b"", silent=True) as url:
        monkeypatch.setattr(sources, "OFFICIAL_URL", url)
        training_corpus(reporter=reporter)
    assert "cannot be reached" in reporter.lines[1]
    assert "timed out" in reporter.lines[1]


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data + b" ", lambda _: b""]
)
def test_a_damaged_cache_is_noticed_and_mended(
    world: Tiny, reporter: Listener, damage: Callable[[bytes], bytes]
) -> None:
    large_corpus()
    training_corpus()
    for path in (world.poems / "tang.json", world.poems / "Tang_training_data.json"):
        path.write_bytes(damage(path.read_bytes()))
    corpus = training_corpus(reporter=reporter)
    assert len(corpus.examples) == 3
    assert reporter.lines[0].startswith("No poems from the cache: damaged or changed")
    assert cached(world) == BOTH
    assert world.calls == 2


def test_a_changed_archive_is_refused_and_leaves_the_cache(world: Tiny, reporter: Listener) -> None:
    training_corpus()
    (world.poems / "tang.json").unlink()
    archive = Path(os.environ["TINY_ARCHIVE"])
    archive.write_bytes(archive.read_bytes()[:-1])
    with pytest.raises(UserError, match="sha512 is not the known one"):
        large_corpus(reporter)
    assert cached(world) == {"Tang_training_data.json": tiny.TRAINING}


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'npm error code ENOTFOUND' >&2; exit 1", r"\(ENOTFOUND\)"),
        ("echo 'npm ERR! code E404' >&2; exit 1", r"\(E404\)"),
        ("exit 7", r"\(exit status 7\)"),
        ("exit 0", r"\(exit status 0\)"),
    ],
)
def test_what_npm_says_is_told_in_short(world: Tiny, script: str, reason: str) -> None:
    (world.folder / "bin" / "npm").write_text(f"#!/bin/sh\n{script}\n")
    with pytest.raises(UserError, match=f"npm could not fetch it {reason}"):
        large_corpus()
    assert cached(world) == {}


def test_a_cache_that_cannot_be_written_is_one_clear_line(
    world: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIANJU_CACHE", str(world.folder / "package.tgz"))
    with pytest.raises(UserError, match=r"cannot write .*Set LIANJU_CACHE"):
        training_corpus()


def test_a_full_disk_leaves_the_cache_as_it_was(
    world: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    large_corpus()

    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch, pytest.raises(UserError, match="No space left"):
        patch.setattr(Path, "write_bytes", full)
        training_corpus()
    assert cached(world) == {"tang.json": tiny.LARGE}


def test_a_file_without_a_usable_poem_is_refused(world: Tiny) -> None:
    path = world.folder / "mine.json"
    path.write_text('[{"input": "白日依山盡，黃河入海流。", "output": ""}]')
    with pytest.raises(UserError, match="no poem to train on: all 1 records are bad"):
        training_corpus(path)
