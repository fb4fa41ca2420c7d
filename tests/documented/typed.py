"""Commands typed in a folder: real processes, forked from one that has the libraries loaded.

So each costs what it does, and not the nine seconds that importing takes.
"""

import multiprocessing
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import lianju.cli

_FORK = multiprocessing.get_context("forkserver")
_FORK.set_forkserver_preload(["torch", "transformers", "peft", "lianju.cli", __name__])


def _lianju(words: list[str], folder: Path, files: tuple[Path, Path], paths: list[str]) -> None:
    """What the `lianju` script does, its output in two files."""
    os.chdir(folder)
    for stream, file in zip((1, 2), files, strict=True):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    os.environ |= {"COLUMNS": "100", "PATH": os.pathsep.join(paths)}
    sys.argv = ["lianju", *words]
    lianju.cli.main()


class Typed:
    """A `lianju` command that was typed in `folder` and is at work, or has ended."""

    def __init__(self, words: list[str], folder: Path):
        (folder / "typed").mkdir(exist_ok=True)
        stem = folder / "typed" / str(len(list((folder / "typed").iterdir())))
        self.files = stem.with_suffix(".out"), stem.with_suffix(".err")
        for file in self.files:
            file.touch()
        paths = [str(Path(sys.executable).parent), os.environ["PATH"]]
        self.process = _FORK.Process(target=_lianju, args=(words, folder, self.files, paths))
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

    def stop(self) -> int | None:
        """Press Ctrl-C; its exit status then."""
        assert self.process.pid
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGINT)
        return self.ended()


def typed(words: list[str], folder: Path) -> Typed:
    """A command that is to end well: an assertion says what it printed if it does not."""
    command = Typed(words, folder)
    assert command.ended() == 0, f"{' '.join(words)}\n{command.out}\n{command.err}"
    return command
