"""The checker, and what rules cost while a poem is written, beside llguidance."""

import random
import time
from collections.abc import Sequence
from statistics import mean, median

import torch

from benchmarks.common import held_out
from benchmarks.constraint import couplet_seconds, table_seconds
from benchmarks.race import EngineRun, race
from benchmarks.tables import Figure, Measured, Row, Table, Work
from lianju import check
from lianju.config import ModelSettings
from lianju.corpus import training_corpus
from lianju.model import load_base
from lianju.prompt import LAYOUTS

_ROUNDS, _POEMS, _COUPLETS, _QUATRAINS = 5, 2000, 200, 6
_QUICK = (1, 50, 10, 1)
_PATIENCE = 120.0


def measure(work: Work) -> Measured:
    """Each number is a median over poems, couplets or tokens; rounds alternate."""
    sizes = _QUICK if work.quick else (_ROUNDS, _POEMS, _COUPLETS, _QUATRAINS)
    rounds, poems, couplets, quatrains = sizes
    texts = [example.text for example in training_corpus().examples]
    random.Random(0).shuffle(texts)
    words = load_base(ModelSettings(), LAYOUTS, torch.device("cpu")).vocabulary
    unseen = held_out(couplets)
    every: list[dict[str, list[float]]] = []
    for _ in range(rounds):
        built, loaded = table_seconds(words)
        found = {
            "`lianju.check`, a poem": _checked(texts[:poems]),
            "the table of a vocabulary, built once": [built],
            "the same, read again": [loaded],
            "rules of a new couplet": couplet_seconds(words, unseen),
        }
        for engine, run in race(words, unseen[:quatrains], _PATIENCE):
            if isinstance(run, EngineRun):
                found[f"{engine}: a new couplet made ready"] = run.compiled
                found[f"{engine}: a token"] = run.steps
        every.append(found)
    return Measured([_row(name, [found[name] for found in every]) for name in every[0]])


def _checked(texts: Sequence[str]) -> list[float]:
    """The seconds of each poem."""
    spent = []
    for text in texts:
        start = time.perf_counter()
        check(text)
        spent.append(time.perf_counter() - start)
    return spent


def _row(name: str, rounds: Sequence[Sequence[float]]) -> Row:
    figures = {"median, ms": Figure.of([1000 * median(each) for each in rounds])}
    if len(rounds[0]) > 1:
        figures["mean, ms"] = Figure.of([1000 * mean(each) for each in rounds])
    return Row(name, figures)


TABLE = Table(
    name="rules",
    title="The checker, and rules",
    about="""\
One thread each. *Median* and *mean* over the poems of the homework, over unseen couplets, or over
the tokens of quatrains drawn at random. A token is the mask over the vocabulary and the step to the
next state. The others are given a regular expression of the same quatrains, which they compile for
each couplet; `python -m benchmarks.constraint` also runs those that `benchmarks/engines.txt` names,
and says what share of a step the rules are.""",
    columns={"median, ms": "{:.4g}", "mean, ms": "{:.4g}"},
    measure=measure,
)
