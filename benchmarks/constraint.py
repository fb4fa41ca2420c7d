"""What constraints cost: a step of decoding, a new couplet, and against other engines.

Run: `python -m benchmarks.constraint [ADAPTER]`; without an adapter the base model writes. Engines
that are compared are those of the extra `bench` that are installed.
"""

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks.common import constrain, held_out, load
from benchmarks.race import EngineRun, race
from lianju.config import DecodeSettings, VerseSettings
from lianju.decode import Constraint, Masks, complete, mass, rules_for
from lianju.decode.batch import Batch
from lianju.decode.forward import forward_of
from lianju.decode.particles import Particle
from lianju.decode.sampling import RULED_OUT
from lianju.decode.spelling_table import table_of
from lianju.loading import load_model
from lianju.model import LanguageModel, Vocabulary


@contextmanager
def timed(owner: type, name: str) -> Iterator[list[float]]:
    """Within, the milliseconds of every call of a method."""
    spent: list[float] = []
    method = getattr(owner, name)

    def measured(*arguments: Any) -> Any:
        start = time.perf_counter()
        result = method(*arguments)
        spent.append(1000 * (time.perf_counter() - start))
        return result

    setattr(owner, name, measured)
    try:
        yield spent
    finally:
        setattr(owner, name, method)


def application(rows: int, size: int) -> float:
    """Milliseconds to rule tokens out of logits and to add up what is left."""
    logits = torch.randn(rows, size)
    allowed = torch.rand(rows, size) < 0.2
    chosen = allowed.int().argmax(dim=-1)
    spent = []
    for _ in range(51):
        start = time.perf_counter()
        mass(logits, torch.where(allowed, logits, RULED_OUT), chosen, 0.7)
        spent.append(1000 * (time.perf_counter() - start))
    return median(spent)


def step_cost(model: LanguageModel, style: str, couplets: list[str]) -> None:
    """All that the rules make a step do, against the forward pass over one token a poem.

    Masks are worked out as the couplets come, none of them before. What is not measured: that
    fewer tokens are left to sort and to draw from, which saves time.
    """
    print("\nA step of decoding, mean ms: masks, ruling out, following the token that was drawn")
    print(f"{'batch':>6}{'steps':>7}{'forward':>9}{'median':>9}{'masks':>8}{'median':>8}", end="")
    print(f"{'ruling':>8}{'follow':>8}{'% mean':>8}{'% median':>9}")
    network = type(forward_of(model))
    for rows in (1, 16):
        every = constrain(model, couplets, VerseSettings(lines=4))
        passes: list[float] = []
        with timed(Batch, "_allowed") as masks, timed(Particle, "write") as follow:
            for start in range(0, len(couplets), rows):
                part = slice(start, start + rows)
                with timed(network, "read") as forward:
                    few = couplets[part]
                    complete(model, style, few, DecodeSettings(), constraints=every[part])
                passes += forward[len(set(map(len, few))) :]  # the first ones read the prompts
        ruling = application(rows, model.vocabulary.size)
        one = sum(follow) / len(masks)
        share = (mean(masks) + ruling + one) / mean(passes)
        usual = (median(masks) + ruling + one) / median(passes)
        print(
            f"{rows:6}{len(masks):7}{mean(passes):9.3f}{median(passes):9.3f}{mean(masks):8.3f}"
            f"{median(masks):8.3f}{ruling:8.3f}{one:8.3f}{100 * share:8.2f}{100 * usual:9.2f}",
            flush=True,
        )


def table_seconds(vocabulary: Vocabulary) -> tuple[float, float]:
    """What a vocabulary costs once: seconds to build its table, and to load it afterwards."""
    usual = os.environ.get("LIANJU_CACHE")
    with TemporaryDirectory() as folder:
        os.environ["LIANJU_CACHE"] = folder
        spent = []
        for _ in range(6):
            start = time.perf_counter()
            table_of(vocabulary)
            spent.append(time.perf_counter() - start)
    os.environ.pop("LIANJU_CACHE")
    if usual is not None:
        os.environ["LIANJU_CACHE"] = usual
    return spent[0], median(spent[1:])


def couplet_seconds(vocabulary: Vocabulary, couplets: list[str]) -> list[float]:
    """What each new couplet costs: reading it, and the rules over the model's tokens."""
    masks, spent = Masks(vocabulary), []
    for couplet in couplets:
        start = time.perf_counter()
        rules = rules_for(couplet, VerseSettings())
        assert rules is not None
        Constraint(rules, masks).longest()
        spent.append(time.perf_counter() - start)
    return spent


def beside_others(vocabulary: Vocabulary, couplets: list[str], patience: float) -> None:
    """The race, as a table; × is beside ours."""
    head = f"{'':14}{'quatrains':>10}{'vocab s':>9}{'compile s':>11}{'max':>8}"
    head += f"{'ms/token':>10}{'mean':>9}{'max':>9}{'× median':>10}{'× mean':>8}"
    print(head + f"{'ms/couplet':>12}{'×':>8}")
    first: EngineRun | None = None
    for engine, found in race(vocabulary, couplets, patience):
        if isinstance(found, str):
            print(f"{engine:14}{found:>14}")
            continue
        first = first or found
        steps, compiled = found.steps, found.compiled
        print(
            f"{engine:14}{len(compiled):10}{found.vocabulary:9.3f}{median(compiled):11.4f}"
            f"{max(compiled):8.3f}{1000 * median(steps):10.4f}{1000 * mean(steps):9.4f}"
            f"{1000 * max(steps):9.3f}{median(steps) / median(first.steps):10.1f}"
            f"{mean(steps) / mean(first.steps):8.1f}{1000 * found.couplet:12.2f}"
            f"{found.couplet / first.couplet:8.1f}  {found.end}",
            flush=True,
        )


def main() -> None:
    """Measure all three, and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adapter", type=Path, nargs="?")
    parser.add_argument("--couplets", type=int, default=200)
    parser.add_argument("--steps", type=int, default=64, help="couplets to complete")
    parser.add_argument("--quatrains", type=int, default=6, help="compared with other engines")
    parser.add_argument("--patience", type=float, default=300, help="seconds for an engine")
    arguments = parser.parse_args()
    if arguments.adapter:
        model, style = load(arguments.adapter)
    else:
        model, style = load_model(None, None)
    couplets = held_out(arguments.couplets)
    print(f"{model.vocabulary.size} tokens, {torch.get_num_threads()} threads")
    built, loaded = table_seconds(model.vocabulary)
    print(f"\nThe table: built in {1000 * built:.0f} ms, loaded in {1000 * loaded:.1f} ms")
    spent = [1000 * seconds for seconds in couplet_seconds(model.vocabulary, couplets)]
    print(
        f"A new couplet, {len(spent)} of them: median {median(spent):.3f} ms, mean "
        f"{mean(spent):.3f}, max {max(spent):.2f}; the first {spent[0]:.2f}"
    )
    step_cost(model, style, couplets[: arguments.steps])
    print(f"\nAgainst other engines: {arguments.quatrains} quatrains, lines of five and of seven")
    beside_others(model.vocabulary, couplets[: arguments.quatrains], arguments.patience)


if __name__ == "__main__":
    main()
