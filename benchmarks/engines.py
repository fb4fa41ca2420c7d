"""What the engine that writes by default costs and loses against the exact one.

    python -m benchmarks.engines [POEMS]

prints milliseconds of a step by how many rows stand side by side, the nats a character of real
poems that no model here was trained on under both engines, in pairs, and the mean divergence.
"""

import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch

from lianju.config import load_settings
from lianju.corpus import Example
from lianju.decode import forward_of, next_logits
from lianju.evaluate import suite
from lianju.likelihood import encode
from lianju.model import LanguageModel, load_base, made_ready
from lianju.progress import SILENT
from lianju.prompt import LAYOUTS

_ROWS = (1, 4, 16, 32, 64)
_STEPS, _KEPT = 20, 24


class Fidelity(NamedTuple):
    """Of `n` poems, in nats: what each character costs under the exact engine, how much more under
    the other with the standard error of that difference, and the mean Kullback-Leibler divergence
    of a token's distribution.
    """

    n: int
    exact: float
    more: float
    error: float
    divergence: float


def fidelity(exact: LanguageModel, fast: LanguageModel, examples: Sequence[Example]) -> Fidelity:
    """How far `fast` is from `exact` on real poems."""
    costs, more, apart = [], [], []
    for item in encode(examples, "plain", exact.vocabulary, 512):
        ids, count = [*item.prompt, *item.completion], len(item.completion)
        true, other = (
            next_logits(one, ids[:-1], count).log_softmax(-1).double() for one in (exact, fast)
        )
        chosen = torch.tensor(item.completion)[:, None]
        costs.append(-float(true.gather(1, chosen).sum()) / item.characters)
        more.append(-float(other.gather(1, chosen).sum()) / item.characters - costs[-1])
        apart.append(float((true.exp() * (true - other)).sum(-1).mean()))
    return Fidelity(
        n=len(costs),
        exact=statistics.mean(costs),
        more=statistics.mean(more),
        error=statistics.stdev(more) / len(more) ** 0.5,
        divergence=statistics.mean(apart),
    )


def step_times(models: Sequence[LanguageModel], rows: int) -> list[float]:
    """Median seconds that a step of so many rows takes each model, the models in turn."""
    ids, first = torch.full((rows, _KEPT), 7), torch.arange(_KEPT).expand(rows, -1)
    forwards = [forward_of(model) for model in models]
    for forward in forwards:
        forward.read(0, ids, first, torch.tensor([0]))
    spent: list[list[float]] = [[] for _ in models]
    for step in range(_STEPS):
        place = torch.full((rows, 1), _KEPT + step)
        for forward, seconds in zip(forwards, spent, strict=True):
            start = time.perf_counter()
            forward.read(0, ids[:, :1], place, torch.tensor([0]))
            seconds.append(time.perf_counter() - start)
    return [statistics.median(seconds) for seconds in spent]


@torch.inference_mode()
def main(poems: str = "200") -> None:
    """Measure, and print."""
    plain = load_base(load_settings().model, LAYOUTS, torch.device("cpu"), reporter=SILENT)
    fast = made_ready(plain)
    exact = replace(fast, graph=None)
    for rows in _ROWS:
        first, second = (1000 * seconds for seconds in step_times((exact, fast), rows))
        print(f"{rows:3} rows: {exact.engine} {first:.1f} ms, {fast.engine} {second:.1f} ms")
    found = fidelity(exact, fast, suite("heldout", int(poems), SILENT))
    print(
        f"{found.n} poems: {found.exact:.4f} nats a character in fp32, {found.more:+.4f} "
        f"± {1.96 * found.error:.4f} (95%) in 8 bits; divergence {found.divergence:.4f}"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
