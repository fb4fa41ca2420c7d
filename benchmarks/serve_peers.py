"""The servers that the benchmark of serving starts: ours and others, each in a process of its own.

All serve the same tuned model on all cores of this machine. Ours is the trimmed model as it comes,
or in 32 bits (`--exact`). transformers has it whole, merged, in 32 bits. llama.cpp has it trimmed,
as GGUF in 16 or 8 bits; `llama-server` is found in PATH, and can be built with cmake from the
sources of llama-cpp-python (`vendor/llama.cpp`, target `llama-server`).
"""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import psutil

from benchmarks.load import Client

SLOTS = 32
_START = 300.0
_END = 10.0
_CORES = os.cpu_count() or 1


@dataclass
class Server:
    """A server of `/v1/completions`, not started yet.

    `ready`: the path that answers 200 once it can be asked. `extra`: what its requests need beside
    what all are asked. `at_once`: whether it writes several poems at once. `port` stands as {port}
    in `command`.
    """

    name: str
    command: list[str]
    ready: str
    extra: dict[str, Any]
    at_once: bool = True
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self, folder: Path) -> None:
        """Start it, and let it write its log there."""
        self.port = _free_port()
        command = [part.format(port=self.port) for part in self.command]
        environment = {k: v for k, v in self.environment.items() if k != "OMP_NUM_THREADS"}
        self.log = folder / f"{self.name.replace(' ', '-')}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    async def until_ready(self) -> float:
        """Wait until it can be asked; seconds it took. Raises `RuntimeError` if that fails."""
        start, client = perf_counter(), Client(self.port)
        while True:
            answer = await client.get(self.ready)
            if answer.status == 200:
                client.close()
                return perf_counter() - start
            assert self.process
            if self.process.poll() is not None or perf_counter() - start > _START:
                said = self.log.read_text(errors="replace").strip().splitlines()
                raise RuntimeError(f"{self.name} did not start: {said[-1] if said else ''}")
            await asyncio.sleep(0.1)

    @property
    def megabytes(self) -> float:
        """Resident memory."""
        assert self.process
        return psutil.Process(self.process.pid).memory_info().rss / 1e6

    def hold(self) -> None:
        """Let it do nothing at all until `go_on`: what idle servers do is not the others' load."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it, if it was started."""
        if self.process is None or self.process.poll() is not None:
            return
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        try:
            self.process.wait(_END)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self.process.wait()

    def _signal(self, number: int) -> None:
        assert self.process
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


def ours(adapter: Path, exact: bool = False) -> Server:
    """`lianju serve`; `exact`: in fp32."""
    command = [sys.executable, "-m", "lianju", "serve", f"--adapter=tang={adapter.resolve()}"]
    command += ["--exact"] if exact else []
    name = "lianju --exact" if exact else "lianju"
    return Server(name, [*command, "--port={port}"], "/readyz", {"model": "tang"})


def peers(merged: Path, files: dict[str, Path]) -> tuple[list[Server], list[str]]:
    """The others that are installed here, and a line on each that is not.

    `merged`: a folder for transformers; `files`: GGUF files by their type.
    """
    llama, missing = llama_cpp(files)
    return [*_transformers(merged), *llama], missing


def llama_cpp(files: dict[str, Path]) -> tuple[list[Server], list[str]]:
    """llama.cpp's servers that are installed here, of each file, and a line on each that is not."""
    # Its threads meet some hundred times a token; waiting passively would halve its speed.
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    found, missing = list[Server](), list[str]()
    for make, there, hint in (
        (_llama_python, find_spec("sse_starlette") and find_spec("llama_cpp"), "llama_cpp.server"),
        (_llama_server, shutil.which("llama-server"), "llama-server"),
    ):
        if there:
            found += [make(kind, file, environment) for kind, file in files.items()]
        else:
            missing.append(f"{hint} is not installed")
    return found, missing


def _transformers(merged: Path) -> list[Server]:
    own = [sys.executable, "-m", "benchmarks.serve_processes", "generate", str(merged), "{port}"]
    served = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(merged)]
    served += ["--continuous-batching", "--device=cpu", "--dtype=float32", "--port={port}"]
    # As it comes it takes all memory for its cache, and is no faster.
    served += ["--cb-max-batch-tokens=512", "--cb-num-blocks=64", "--host=127.0.0.1"]
    extra = {"model": str(merged)}
    return [
        Server("generate", own, "/health", extra, at_once=False),
        Server("transformers serve", served, "/health", extra),
    ]


# Without the cuts that llama.cpp makes by default, and with every prompt read as if it were new:
# the few couplets of the benchmark come again and again, real ones do not.
_PLAIN = {"model": "tang", "top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0, "cache_prompt": False}


def _llama_python(kind: str, file: Path, environment: dict[str, str]) -> Server:
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(file)]
    command += ["--n_threads", str(_CORES), "--n_threads_batch", str(_CORES), "--n_ctx", "512"]
    command += ["--logits_all", "false", "--interrupt_requests", "false", "--verbose", "false"]
    command += ["--host", "127.0.0.1", "--port", "{port}"]
    return Server(f"llama_cpp.server {kind}", command, "/v1/models", _PLAIN, False, environment)


def _llama_server(kind: str, file: Path, environment: dict[str, str]) -> Server:
    command = ["llama-server", "--model", str(file), "--threads", str(_CORES)]
    command += ["--parallel", str(SLOTS), "--ctx-size", str(256 * SLOTS), "--no-webui"]
    command += ["--host", "127.0.0.1", "--port", "{port}"]
    return Server(f"llama-server {kind}", command, "/health", _PLAIN, True, environment)


def merged_folder(adapter: Path, folder: Path) -> Path:
    """The untrimmed model with an adapter in it, for transformers; written once."""
    merged = _exported(adapter, folder / "merged-bf16", "--to=merged")
    _unsuppressed(merged / "generation_config.json")
    return merged


def gguf_files(adapter: Path, folder: Path) -> dict[str, Path]:
    """The GGUF files of an adapter, by their type; written once."""
    files = {}
    for kind in ("f16", "q8_0"):
        out = _exported(adapter, folder / f"gguf-{kind}", "--to=gguf", f"--type={kind}")
        files[kind] = next(out.glob("*.gguf"))
    return files


def _exported(adapter: Path, out: Path, *flags: str) -> Path:
    if not out.exists():
        command = [sys.executable, "-m", "lianju", "export", str(adapter), *flags]
        subprocess.run([*command, "--out", str(out)], check=True)
    return out


def _unsuppressed(file: Path) -> None:
    """Let transformers draw from all tokens: ruling out 250,000 at each step costs much time, and
    what the model was not trained to write hardly comes.
    """
    settings = json.loads(file.read_text(encoding="utf-8"))
    if settings.pop("suppress_tokens", None):
        file.write_text(json.dumps(settings, indent=2), encoding="utf-8")


def _free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port: int = line.getsockname()[1]
        return port


class Warm:
    """`lianju complete` in a process that stays, without HTTP."""

    def __init__(self, adapter: Path):
        environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.serve_processes", "complete", str(adapter)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
            start_new_session=True,
        )

    def until_ready(self) -> None:
        """Wait until it can be asked. Raises `RuntimeError` if that fails."""
        self._read()

    def ask(self, couplet: str, seed: int, ruled: bool) -> dict[str, Any]:
        """The text of a poem, its tokens and seconds."""
        assert self.process.stdin
        line = json.dumps({"couplet": couplet, "seed": seed, "ruled": ruled})
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = self._read()
        return answer

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()

    def _read(self) -> Any:
        assert self.process.stdout
        if not (line := self.process.stdout.readline()):
            raise RuntimeError("`lianju complete` ended")
        return json.loads(line)
