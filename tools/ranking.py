"""Write `lianju/ranking/data`: how poets use words, and what sets them apart from the model.

Run from a checkout: `python -m tools.ranking WORK [DIGESTS]`. WORK is a folder that keeps what
takes long; DIGESTS is a file as `data.leave_out` takes it. Words are counted in the Tang and Song
poems that share no line with a suite or with a poem that the reference adapter was validated on.
After the couplets of these the reference writes, in rules and by chance alone (`taste` 0), drawing
widely and narrowly; a logistic regression tells the poets' lines from its own, once for each stage
of a poem. How well is measured on `heldout`.
"""

import json
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from lianju.config import load_settings
from lianju.corpus import Example, line_keys, run_poems
from lianju.evaluate import suite
from lianju.files import read_json, write_json, write_text
from lianju.ranking import features
from lianju.ranking.poem_features import heads, tails
from lianju.ranking.words import UNIT, ZERO
from lianju.verse import check, lines_of
from lianju.writer import WriteOptions, Writer

OUT = Path(__file__).parents[1] / "src/lianju/ranking/data"
HEAD = (
    "# How poets use characters and words, in {poems:,} Tang and Song poems.\n"
    "# Written by tools/ranking.py; lianju/ranking/words.py says what the columns are.\n"
)
# A word or a character that is rarer than this is left out.
LEAST_WORD, LEAST_CHARACTER = 8, 3
# So many characters have numbers, each so many.
KNOWN, NUMBERS = 2500, 24
# Poems of the reference after each couplet, in each way of drawing.
EACH = 2
# Drawn narrowly, poems are told by how common their characters are, and nothing else is learned;
# drawn widely, by how little their words have to do with each other.
WAYS: dict[str, WriteOptions] = {
    "wide": {"particles": 1, "top_p": 1, "repetition_penalty": 1},
    "narrow": {"particles": 4, "top_p": 0.5, "repetition_penalty": 1.3},
}
# New couplets that stand, of how many: what weights are learned for.
Stage = tuple[int, int]
STAGES: dict[str, Stage] = {"1/1": (1, 1), "1/3": (1, 3), "2/3": (2, 3), "3/3": (3, 3)}
PENALTY = 3e-3

Lines = Sequence[str]
Matrix = NDArray[np.float64]


def main(work: Path, digests: Path | None = None) -> None:
    """Count, let the reference write, learn, measure, write."""
    work.mkdir(parents=True, exist_ok=True)
    data = load_settings("reference").data
    chosen = data.model_copy(update={"leave_out": str(digests) if digests else None})
    poems = run_poems(**chosen.model_dump(), seed=0)
    validation = poems.split.validation
    both = chosen.model_copy(update={"corpus": "tang-song"})
    count_words(run_poems(**both.model_dump(), seed=0).corpus.examples, validation)
    parts = {"validation": validation, "heldout": suite("heldout")}
    written = {name: write(work / f"{name}.json", part) for name, part in parts.items()}
    learned = {name: learn(written["validation"], stage) for name, stage in STAGES.items()}
    unseen = written["heldout"]
    told = {
        "auc": {
            way: {name: auc(unseen, learned[name], stage, way) for name, stage in STAGES.items()}
            for way in WAYS
        },
        "poems": {name: len(rows) for name, rows in written.items()},
    }
    stages = {name: one._asdict() for name, one in learned.items()}
    write_json(OUT / "weights.json", {**told, "stages": stages})
    print(json.dumps(told, indent=1))


# --- words ---------------------------------------------------------------------------------


def count_words(examples: Sequence[Example], apart: Sequence[Example]) -> None:
    """Write words.tsv, from `examples` but for those that share a line with one of `apart`."""
    lines = set[str]().union(*(line_keys(one.text) for one in apart))
    poems = [lines_of(one.text) for one in examples if not line_keys(one.text) & lines]
    characters, rhymes, pairs = Counter[str](), Counter[str](), Counter[str]()
    for poem in poems:
        for line in poem:
            characters.update(line)
            pairs.update([*heads(line), *tails(line)])
        rhymes.update(line[-1] for line in poem[1::2])
    followers = defaultdict[str, str](str)
    for pair, often in pairs.most_common():
        if often >= LEAST_WORD:
            followers[pair[0]] += pair[1] + _letter(often)
    known = [character for character, _ in characters.most_common(KNOWN)]
    numbers = dict(zip(known, _numbers(poems, known), strict=True))
    rows = [
        f"{c}\t{_letter(often)}{_letter(rhymes[c])}\t{numbers.get(c, '')}\t{followers[c]}\n"
        for c, often in characters.most_common()
        if often >= LEAST_CHARACTER
    ]
    write_text(OUT / "words.tsv", HEAD.format(poems=len(poems)) + "".join(rows))


def _letter(often: int) -> str:
    return chr(ord("a") + round(2 * math.log2(often))) if often else "."


def _numbers(poems: Sequence[Lines], known: Sequence[str]) -> Iterable[str]:
    """The numbers of each character: those of two multiply to the logarithm of how much oftener
    than by chance they stand in one poem, cut down to its largest positive eigenvalues, rare
    characters weighing less.
    """
    place = {character: at for at, character in enumerate(known)}
    together = np.zeros((len(known), len(known)))
    for first in range(0, len(poems), 4000):
        part = poems[first : first + 4000]
        there = np.zeros((len(part), len(known)), np.float32)
        for row, poem in zip(there, part, strict=True):
            row[[place[c] for c in {*"".join(poem)} if c in place]] = 1
        together += there.T @ there
    often = np.diag(together).copy()
    scores = np.log((together + 5) / (np.outer(often, often) / len(poems) + 5))
    np.fill_diagonal(scores, 0)
    weights = often**0.25
    values, vectors = np.linalg.eigh(scores * np.outer(weights, weights))
    largest = np.argsort(-values)[:NUMBERS]
    found = vectors[:, largest] * np.sqrt(values[largest]) / weights[:, None]
    letters = np.rint(found * UNIT).astype(int) + ZERO
    return ("".join(map(chr, row)) for row in letters)


# --- what the reference writes -------------------------------------------------------------


def write(file: Path, examples: Sequence[Example]) -> list[dict[str, Any]]:
    """The reference's poems after the couplets of regulated poems, with the poets' lines.

    They are as long as the poets'.
    """
    if not file.exists():
        writer, rows = Writer.load("reference"), []
        for lines in (4, 8):
            asked = [
                e for e in examples if len(lines_of(e.text)) == lines and check(e.text).regular
            ]
            found: list[dict[str, Any]] = [
                {"couplet": one.couplet, "poet": one.completion} for one in asked
            ]
            for way, decoding in WAYS.items():
                decoding = {"lines": lines, "taste": 0, **decoding}
                couplets = [row["couplet"] for row in found]
                every = writer.write_many(couplets, EACH, in_order=True, **decoding)
                for row, poems in zip(found, every, strict=True):
                    row[way] = [poem.text for poem in poems]
            rows += found
        write_json(file, rows)
    told: list[dict[str, Any]] = read_json(file)
    return told


def shown(
    rows: Sequence[dict[str, Any]], stage: Stage, ways: Iterable[str]
) -> tuple[Matrix, NDArray[np.float64]]:
    """The features of poems that are to have as many new couplets as `stage` says, at that stage,
    and whose they are: 1 for the poet's, which comes first of each couplet's.
    """
    written, wanted = stage
    table, whose = [], []
    for row in rows:
        model = [text for way in ways for text in row[way]]
        poems = [lines_of(text) for text in (row["poet"], *model)]
        if {len(lines) for lines in poems} != {2 * wanted}:
            continue
        couplet = lines_of(row["couplet"])
        for number, lines in enumerate(poems):
            table.append([*features(couplet, lines[: 2 * written], 2 * wanted + 2).values()])
            whose.append(float(number == 0))
    return np.array(table), np.array(whose)


class Learned(NamedTuple):
    """What `lianju.ranking` reads of a stage."""

    weights: dict[str, float]
    constant: float
    mean: float
    spread: float

    def odds(self, table: Matrix) -> Matrix:
        """Of each row of features that a poet wrote it, in nats."""
        return self.constant + table @ [self.weights[name] for name in _names()]


def learn(rows: Sequence[dict[str, Any]], stage: Stage) -> Learned:
    """Logistic regression, the poets weighing as much as the model, with a penalty on the squares
    of the weights of standardised features.
    """
    table, whose = shown(rows, stage, WAYS)
    scale = table.std(axis=0)
    scale[scale == 0] = np.inf
    x = torch.from_numpy((table - table.mean(axis=0)) / scale)
    y = torch.from_numpy(whose)
    share = torch.where(y == 1, float(EACH * len(WAYS)), 1.0)
    weights = torch.zeros(x.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    descent = torch.optim.LBFGS([weights], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> float:
        descent.zero_grad()
        odds = x @ weights[1:] + weights[0]
        nats = torch.nn.functional.binary_cross_entropy_with_logits(odds, y, weight=share)
        value = nats + PENALTY * weights[1:].square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return float(value.detach())

    descent.step(loss)  # type: ignore[no-untyped-call]
    constant, *found = map(float, weights.detach().numpy())
    plain = np.array(found) / scale
    named = dict(zip(_names(), map(float, plain), strict=True))
    learned = Learned(named, constant - float(plain @ table.mean(axis=0)), 0.0, 1.0)
    usual, poets = shown(rows, stage, ["narrow"])
    model = learned.odds(usual[poets == 0])
    return learned._replace(mean=float(model.mean()), spread=float(model.std()))


def auc(rows: Sequence[dict[str, Any]], learned: Learned, stage: Stage, way: str) -> float:
    """How often a poet's lines are worth more than one of the model's for the same couplet."""
    table, _ = shown(rows, stage, [way])
    worth = learned.odds(table).reshape(-1, 1 + EACH)
    poets, model = worth[:, :1], worth[:, 1:]
    return float(((poets > model) + 0.5 * (poets == model)).mean())


def _names() -> list[str]:
    lines = ("明月松間照", "清泉石上流")
    return [*features(lines, lines, 4)]


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
