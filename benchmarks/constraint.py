"""What constraints cost: a step of decoding, a new couplet, and against other engines.

Run: `python -m benchmarks.constraint [ADAPTER]`; without an adapter the base model writes. Engines
that are compared are those of the extra `bench` that are installed.
"""

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks.common import constrain, held_out, load
from benchmarks.race import race
from lianju.config import DecodeSettings, ModelSettings, VerseSettings
from lianju.decode import Constraint, Masks, complete, rules_for
from lianju.decode.generate import _Batch
from lianju.decode.table import table_of
from lianju.model import LanguageModel, Vocabulary, load_base
from lianju.prompt import fixed_texts
from lianju.verse import lines_of

# Quatrains with lines of five that are spelled one token a character take so many.
_QUATRAIN = 13


@contextmanager
def timed(name: str, rows: int) -> Iterator[list[float]]:
    """Within, the seconds of every call of a method of `_Batch` with `rows` poems under way.

    The first of each batch, which reads the prompts, is left out.
    """
    seconds: list[float] = []
    method = getattr(_Batch, name)

    def measured(batch: _Batch, *arguments: Any) -> Any:
        start = time.perf_counter()
        result = method(batch, *arguments)
        if len(batch.active) == rows and batch.ids.shape[1] == 1:
            seconds.append(time.perf_counter() - start)
        return result

    setattr(_Batch, name, measured)
    try:
        yield seconds
    finally:
        setattr(_Batch, name, method)


def steps(
    model: LanguageModel,
    style: str,
    couplets: Sequence[str],
    rows: int,
    constraints: Sequence[Constraint | None],
) -> tuple[list[float], list[float]]:
    """Milliseconds of all forward passes, and of all the rest of a step."""
    settings = DecodeSettings(max_length=None if constraints[0] else _QUATRAIN)
    with timed("_forward", rows) as passes, timed("_write", rows) as writes:
        for start in range(0, len(couplets), rows):
            part = slice(start, start + rows)
            complete(model, style, couplets[part], settings, constraints=constraints[part])
    return [1000 * second for second in passes], [1000 * second for second in writes]


def step_cost(model: LanguageModel, style: str, couplets: list[str]) -> None:
    """What is added to a step: all that writing a token takes with rules, less without."""
    print("\nA step of decoding, ms; of steps in which all poems of the batch are under way")
    print(f"{'batch':>6}{'steps':>7}{'forward':>9}{'free':>8}{'ruled':>8}{'added':>8}", end="")
    print(f"{'% median':>10}{'% mean':>8}")
    for rows in (1, 16):
        few = couplets[: 32 if rows == 1 else 96]
        constraints = constrain(model, few, VerseSettings(lines=4))
        forward, free = steps(model, style, few, rows, [None] * len(few))
        ruled_forward, ruled = steps(model, style, few, rows, constraints)
        forward += ruled_forward
        added = median(ruled) - median(free)
        print(
            f"{rows:6}{len(ruled):7}{median(forward):9.3f}{median(free):8.3f}{median(ruled):8.3f}"
            f"{added:8.3f}{100 * added / median(forward):10.2f}"
            f"{100 * (mean(ruled) - mean(free)) / mean(forward):8.2f}",
            flush=True,
        )


def preparation(vocabulary: Vocabulary, couplets: list[str]) -> None:
    """What a vocabulary costs once, and each new couplet."""
    usual = os.environ.get("LIANJU_CACHE")
    with TemporaryDirectory() as folder:
        os.environ["LIANJU_CACHE"] = folder
        spent = []
        for _ in range(6):
            start = time.perf_counter()
            table_of(vocabulary)
            spent.append(1000 * (time.perf_counter() - start))
    os.environ.pop("LIANJU_CACHE")
    if usual is not None:
        os.environ["LIANJU_CACHE"] = usual
    print(f"\nThe table: built in {spent[0]:.0f} ms, loaded in {median(spent[1:]):.1f} ms")
    masks = Masks(vocabulary)
    spent.clear()
    for couplet in couplets:
        start = time.perf_counter()
        rules = rules_for(couplet, VerseSettings())
        assert rules is not None
        Constraint(rules, masks).longest()
        spent.append(1000 * (time.perf_counter() - start))
    print(
        f"A new couplet, {len(spent)} of them: median {median(spent):.3f} ms, mean "
        f"{mean(spent):.3f}, max {max(spent):.2f}; the first {spent[0]:.2f}"
    )


def main() -> None:
    """Measure all three, and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adapter", type=Path, nargs="?")
    parser.add_argument("--couplets", type=int, default=200)
    parser.add_argument("--quatrains", type=int, default=6, help="compared with other engines")
    parser.add_argument("--patience", type=float, default=300, help="seconds for an engine")
    arguments = parser.parse_args()
    if arguments.adapter:
        model, style = load(arguments.adapter)
    else:
        model = load_base(ModelSettings(), fixed_texts(), torch.device("cpu"))
        style = "plain"
    couplets = held_out(arguments.couplets)
    print(f"{model.vocabulary.size} tokens, {torch.get_num_threads()} threads")
    preparation(model.vocabulary, couplets)
    step_cost(model, style, [c for c in couplets if len(lines_of(c)[0]) == 5])
    print(f"\nAgainst other engines: {arguments.quatrains} quatrains, lines of five and of seven")
    race(model.vocabulary, couplets[: arguments.quatrains], arguments.patience)


if __name__ == "__main__":
    main()
