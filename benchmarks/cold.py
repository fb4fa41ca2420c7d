"""How long the first poem takes: from a cold shell, and from a model that is loaded.

    python -m benchmarks.cold ADAPTER

is the process that `measure` starts for the second; it prints a line of JSON.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.tables import Figure, Measured, Row, Table, Work, child
from lianju.corpus import test_set

_SHELLS, _PROCESSES = 10, 5
_QUICK = (1, 1)
_BATCH = 64
_COUPLET = "空山新雨後，天氣晚來秋。"


def measure(work: Work) -> Measured:
    """Start shells, in turn, and processes that load and write."""
    shells, processes = _QUICK if work.quick else (_SHELLS, _PROCESSES)
    complete = ["-m", "lianju", "complete", _COUPLET, "--adapter", str(work.adapter)]
    commands = {
        "importing torch": ["-c", "import torch"],
        "`check`": ["-m", "lianju", "check", _COUPLET],
        "`complete`": complete,
        "`complete --form free`": [*complete, "--form", "free"],
        "`complete --exact`": [*complete, "--exact"],
    }
    spent: dict[str, list[float]] = {name: [] for name in commands}
    for command in commands.values():
        _seconds(command)  # so that files are in the disk's cache
    for _ in range(shells):
        for name, command in commands.items():
            spent[name].append(_seconds(command))
    rows = [Row(name, {"s": Figure.of(every)}) for name, every in spent.items()]
    loaded: dict[str, list[float]] = {}
    for _ in range(processes):
        said = json.loads(child("benchmarks.cold", str(work.adapter)).stdout.splitlines()[-1])
        for name, seconds in said.items():
            loaded.setdefault(name, []).append(seconds)
    rows += [Row(name, {"s": Figure.of(every)}) for name, every in loaded.items()]
    return Measured(rows)


def _seconds(arguments: list[str]) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], capture_output=True, check=True, env=environment)
    return time.perf_counter() - start


def _loaded(adapter: Path) -> Iterator[tuple[str, float]]:
    """Seconds of what a process does first, in order."""
    from lianju import Writer

    start = time.perf_counter()
    writer = Writer.load(adapter)
    yield "`Writer.load`", time.perf_counter() - start
    start = time.perf_counter()
    writer.write(_COUPLET)
    yield "then the first poem", time.perf_counter() - start
    start = time.perf_counter()
    writer.write(test_set()[0].couplet)
    yield "then the next, of another couplet", time.perf_counter() - start
    couplets = [example.couplet for example in test_set()]
    many = [couplets[number % len(couplets)] for number in range(_BATCH)]
    start = time.perf_counter()
    poems = writer.write_many(many)
    next(poems)
    yield f"then the first of a batch of {_BATCH}", time.perf_counter() - start
    for _ in poems:
        pass
    yield f"and all {_BATCH}", time.perf_counter() - start


TABLE = Table(
    name="cold",
    title="The first poem",
    about=f"""\
Above: whole commands from a shell, in turn, everything in the disk's cache; `lianju complete`
writes one poem in rules, which is the default, on 「{_COUPLET}」.
Below: within one new process, one after the other.""",
    columns={"s": "{:.2f}"},
    measure=measure,
)

if __name__ == "__main__":
    print(json.dumps(dict(_loaded(Path(sys.argv[1])))))
