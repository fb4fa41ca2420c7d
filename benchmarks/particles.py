"""What particles gain: the model's own log-probability per character, against plain masking.

Run: `python -m benchmarks.particles ADAPTER [--couplets 100]`. Each row of the table completes the
same unseen couplets, all in forms. `plain`: one poem each, only masked. `best of N`: N masked
poems each, of which the one that the model likes best is kept. `particles N`: one poem each,
drawn by sequential Monte Carlo from N. Times are whole calls; the share is that of plain.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch

from benchmarks.common import constrain, held_out, load
from lianju.config import VerseSettings, load_settings
from lianju.decode import Completion, complete


def per_character(completion: Completion) -> float:
    """Natural logarithms, punctuation and the stop token included."""
    return completion.logprob / len(completion.text)


def main() -> None:
    """Complete, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adapter", type=Path)
    parser.add_argument("--couplets", type=int, default=100)
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--lines", type=int, default=None)
    arguments = parser.parse_args()
    model, style = load(arguments.adapter)
    couplets = held_out(arguments.couplets)
    constraints = constrain(model, couplets, VerseSettings(lines=arguments.lines))
    basis = None
    print(f"{len(couplets)} couplets, temperature {arguments.temperature}, {torch.__version__}")
    print(f"{'':14}{'mean':>8}{'±95%':>7}{'best':>8}{'allowed':>9}{'8 lines':>8}{'s':>7}{'×':>6}")
    for candidates, particles in ((1, 1), (4, 1), (1, 2), (1, 4), (1, 8)):
        settings = load_settings(
            "default",
            {
                "decode.candidates": candidates,
                "decode.particles": particles,
                "decode.temperature": arguments.temperature,
                "decode.top_p": 0.8,
                "decode.repetition_penalty": 1,
                "decode.taste": 0,
            },
        ).decode
        start = time.perf_counter()
        groups = complete(model, style, couplets, settings, constraints=constraints)
        spent = time.perf_counter() - start
        basis = basis or spent
        every = [per_character(item) for group in groups for item in group]
        best = [max(map(per_character, group)) for group in groups]
        allowed = statistics.mean(item.allowed for group in groups for item in group)
        long = statistics.mean(item.text.count("。") > 1 for group in groups for item in group)
        margin = 1.96 * statistics.stdev(best) / len(best) ** 0.5
        name = f"particles {particles}" if particles > 1 else f"best of {candidates}"
        print(
            f"{name:14}{statistics.mean(every):8.3f}{margin:7.3f}{statistics.mean(best):8.3f}"
            f"{allowed:9.2f}{long:8.2f}{spent:7.1f}{spent / basis:6.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
