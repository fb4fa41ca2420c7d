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
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
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


@dataclass(frozen=True)
class EngineRun:
    """What an engine did: seconds for the vocabulary, for each couplet, and for each token (a mask
    and an advance); `end` says why it stopped, if not by itself.
    """

    vocabulary: float
    compiled: list[float]
    steps: list[float]
    end: str

    @property
    def couplet(self) -> float:
        """Seconds for a couplet: compiling it, and writing five quatrains."""
        return median(self.compiled) + sum(self.steps) / len(self.compiled)


def race(
    vocabulary: Vocabulary, couplets: Sequence[str], patience: float
) -> Iterator[tuple[str, EngineRun | str]]:
    """Let every engine run for at most `patience` seconds; for one that did nothing, why.

    A couplet is compiled and then has five quatrains written.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        vocabulary.save(folder / "vocabulary.json")
        cases = [(couplet, list(_walks(vocabulary, couplet))) for couplet in couplets]
        (folder / "cases.json").write_text(json.dumps(cases), encoding="utf-8")
        for engine in (OURS, *ENGINES):
            if engine != OURS and find_spec(engine.replace("-", "_")) is None:
                yield engine, "not installed"
                continue
            rows, end = _run(engine, folder, patience)
            steps = [step for row in rows[1:] for step in row["steps"]]
            compiled = [row["compile"] for row in rows[1:]]
            if compiled:
                yield engine, EngineRun(rows[0]["vocabulary"], compiled, steps, end)
            else:
                yield engine, end


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
