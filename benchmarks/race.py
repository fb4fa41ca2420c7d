"""The constraint against other engines: the same quatrains, the same walks, one process each.

A process takes a vocabulary and couplets with walks from a folder and prints a line of JSON when
the vocabulary is ready and one for each couplet, so that what an engine did before its time was
up is not lost. All run on one thread.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.peers import ENGINES, Matcher
from lianju.config import VerseSettings
from lianju.decode import Constraint, Masks, rules_for
from lianju.model import Vocabulary
from tests.decode.grammar import constraint, regex

OURS = "lianju"
_WALKS = 5
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}


class _Ours(Matcher):
    """Our constraint in the shape of the others; its masks are bytes, so `bits` is not used."""

    def __init__(self, rules: Constraint):
        super().__init__(0)
        self.rules, self.state = rules, rules.start

    def fill(self) -> None:
        self.rules.mask(self.state)

    def advance(self, token: int) -> None:
        state = self.rules.advance(self.state, token)
        assert state is not None
        self.state = state

    def reset(self) -> None:
        self.state = self.rules.start


def race(vocabulary: Vocabulary, couplets: Sequence[str], patience: float) -> None:
    """Let every engine run for at most `patience` seconds, and print the table.

    A token is a mask and an advance. A couplet is compiled and then has five quatrains written.
    """
    head = f"{'':14}{'quatrains':>10}{'vocab s':>9}{'compile s':>11}{'max':>8}"
    head += f"{'ms/token':>10}{'mean':>9}{'max':>9}{'× median':>10}{'× mean':>8}"
    print(head + f"{'ms/couplet':>12}{'×':>8}")
    basis: tuple[float, float, float] | None = None
    with TemporaryDirectory() as name:
        folder = Path(name)
        vocabulary.save(folder / "vocabulary.json")
        cases = [(couplet, list(_walks(vocabulary, couplet))) for couplet in couplets]
        (folder / "cases.json").write_text(json.dumps(cases), encoding="utf-8")
        for engine in (OURS, *ENGINES):
            if engine != OURS and find_spec(engine.replace("-", "_")) is None:
                print(f"{engine:14}{'not installed':>14}")
                continue
            rows, end = _run(engine, folder, patience)
            if len(rows) < 2:
                print(f"{engine:14}{0:>10}  {end}")
                continue
            steps = [1000 * step for row in rows[1:] for step in row["steps"]]
            compiled = [row["compile"] for row in rows[1:]]
            whole = 1000 * median(compiled) + sum(steps) / len(compiled)
            basis = basis or (median(steps), mean(steps), whole)
            print(
                f"{engine:14}{len(compiled):10}{rows[0]['vocabulary']:9.3f}{median(compiled):11.4f}"
                f"{max(compiled):8.3f}{median(steps):10.4f}{mean(steps):9.4f}{max(steps):9.3f}"
                f"{median(steps) / basis[0]:10.1f}{mean(steps) / basis[1]:8.1f}"
                f"{whole:12.2f}{whole / basis[2]:8.1f}  {end}",
                flush=True,
            )


def _walks(vocabulary: Vocabulary, couplet: str) -> Iterator[list[int]]:
    """Tokens of quatrains at random, all that are allowed equally likely."""
    rules = constraint(couplet, Masks(vocabulary), lines=4)
    chance = random.Random(couplet)
    for _ in range(_WALKS):
        state, tokens = rules.start, list[int]()
        while not rules.may_stop(state):
            tokens.append(chance.choice(np.flatnonzero(rules.mask(state)).tolist()))
            after = rules.advance(state, tokens[-1])
            assert after is not None
            state = after
        yield tokens


def _run(engine: str, folder: Path, patience: float) -> tuple[list[dict[str, Any]], str]:
    """The lines that an engine's process printed, and why it ended if not by itself."""
    command = [sys.executable, "-m", "benchmarks.race", engine, str(folder)]
    end = ""
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=patience, env=os.environ | _ONE_THREAD
        )
        printed = done.stdout
        if done.returncode:
            end = "failed: " + done.stderr.decode().strip().splitlines()[-1][:200]
    except subprocess.TimeoutExpired as error:
        printed = error.stdout or b""
        end = f"stopped after {patience:.0f} s"
    return [json.loads(line) for line in printed.splitlines()], end


def _measure(engine: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Seconds for the vocabulary, then for each couplet: to compile, and each mask and advance."""
    vocabulary = Vocabulary.read(folder / "vocabulary.json")
    cases = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
    clock = time.perf_counter
    start = clock()
    masks = Masks(vocabulary) if engine == OURS else None
    if masks:
        rules_for(cases[0][0], VerseSettings())  # loads the rhyme books
    made = None if masks else ENGINES[engine](vocabulary.tokens, vocabulary.stop)
    yield {"vocabulary": clock() - start}
    for couplet, walks in cases:
        expression = regex(couplet) if made else ""
        start = clock()
        if made:
            matcher = made.compile(expression)
        else:
            assert masks is not None
            rules = rules_for(couplet, VerseSettings(lines=4))
            assert rules is not None
            matcher = _Ours(Constraint(rules, masks))
        compiled, steps = clock() - start, []
        for walk in walks:
            matcher.reset()
            for token in walk:
                start = clock()
                matcher.fill()
                matcher.advance(token)
                steps.append(clock() - start)
        yield {"compile": compiled, "steps": steps}


if __name__ == "__main__":
    for line in _measure(sys.argv[1], Path(sys.argv[2])):
        print(json.dumps(line), flush=True)
