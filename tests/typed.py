"""Commands typed in a folder: real processes, forked from one that has the libraries loaded.

So each costs what it does, and not the nine seconds that importing takes.
"""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import chdir, suppress
from multiprocessing.context import ForkServerProcess
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from typing import Any

import torch

from lianju.cli import main

_FORK = multiprocessing.get_context("forkserver")
_FORK.set_forkserver_preload(
    ["torch", "transformers", "peft", "lianju.cli", "lianju.decode", "lianju.training", __name__]
)


def _process(target: Callable[..., None], arguments: tuple[Any, ...]) -> ForkServerProcess:
    """A process of the server, which is started where our own `tests` come before any other's:
    a package that we depend on brings some, too.
    """
    with chdir(Path(__file__).parents[1]):
        ensure_running()
    return _FORK.Process(target=target, args=arguments)


def _lianju(
    words: list[str], folder: Path, files: tuple[Path, Path], environment: dict[str, str]
) -> None:
    """What the `lianju` script does, its output in two files."""
    os.chdir(folder)
    for stream, file in zip((1, 2), files, strict=True):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    os.environ |= environment
    sys.argv = ["lianju", *words]
    main()


def _one_of(
    rank: int, count: int, port: int, target: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    """What a process of a launch does; torch is told of the others as torchrun tells it."""
    torch.set_num_threads(1)
    os.environ |= {
        **{"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)},
        **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)},
    }
    target(*arguments)


def together(target: Callable[..., None], *arguments: Any, count: int = 2) -> list[int | None]:
    """The exit codes of `count` processes that know of each other and each call `target`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [_process(_one_of, (rank, count, port, target, arguments)) for rank in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
        process.kill()
        process.join()
    return [process.exitcode for process in processes]


class Typed:
    """A `lianju` command that was typed in `folder` and is at work, or has ended."""

    def __init__(self, words: list[str], folder: Path, **environment: str):
        self._said = tempfile.TemporaryDirectory()
        self.files = Path(self._said.name, "out"), Path(self._said.name, "err")
        for file in self.files:
            file.touch()
        paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = {"COLUMNS": "100", "PATH": paths} | environment
        arguments = (words, folder, self.files, environment)
        self.process = _process(_lianju, arguments)
        self.process.start()

    @property
    def out(self) -> str:
        """Its standard output so far."""
        return self.files[0].read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        """Its standard error so far."""
        return self.files[1].read_text(encoding="utf-8")

    def until(self, words: str, seconds: float = 300) -> None:
        """Wait until it says `words` on standard error."""
        end = time.monotonic() + seconds
        while words not in self.err:
            assert self.process.is_alive() and time.monotonic() < end, self.err
            time.sleep(0.05)

    def ended(self, seconds: float = 300) -> int | None:
        """Its exit status, once it has ended."""
        self.process.join(seconds)
        return self.process.exitcode

    def send(self, sign: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        assert self.process.pid
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, sign)

    def stop(self) -> int | None:
        """Press Ctrl-C; its exit status then."""
        self.send(signal.SIGINT)
        return self.ended()


def lianju(
    *words: str, cwd: Path, timeout: float = 300, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Type a command in `cwd` and wait until it has ended, however that is."""
    command = Typed([*words], cwd, **environment)
    status = command.ended(timeout)
    assert status is not None, f"{' '.join(words)} does not end\n{command.err}"
    return subprocess.CompletedProcess(words, status, command.out, command.err)


def typed(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """A command that is to end well: an assertion says what it printed if it does not."""
    done = lianju(*words, cwd=folder)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done
