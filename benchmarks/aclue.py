"""Which couplet goes before or after another: two tasks of ACLUE, by log-probability.

Run: `python -m benchmarks.aclue FOLDER [ADAPTER …]`. FOLDER is the folder `data/test` of ACLUE
(Zhang and Li, 2023), which is not part of Lianju: fetch it from its public repository
isen-zhang/ACLUE, whose licence is MIT (the data on the hub CC BY-NC 4.0). Of four couplets one
stood before or after a given one in a poem 古詩詞上下句預測; of four lines one makes a couplet with
a given one 對聯. ADAPTER defaults to `reference`; `base` is the untouched model. Two ways to choose
are told with their 95% intervals: the likeliest, a character; and the one that gains most, a
character, by what stands before it. Poems that an adapter was trained on are not left out.
"""

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lianju.corpus import to_traditional
from lianju.evaluate.statistics import wilson
from lianju.likelihood import logprobs
from lianju.loading import load_model
from lianju.model import LanguageModel, find_adapter, has_bf16_units
from lianju.progress import SILENT

TASKS = {"古诗词上下句预测": "couplets of a poem", "对联": "lines of a couplet"}
LETTERS = "ABCD"


@dataclass(frozen=True)
class Question:
    """Four pairs of texts, of which the one numbered `answer` belongs together."""

    pairs: list[tuple[str, str]]
    answer: int


def main() -> None:
    """Ask every model every question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("adapters", nargs="*", default=["reference"])
    arguments = parser.parse_args()
    for name in arguments.adapters:
        folder = None if name == "base" else find_adapter(Path(name))
        model, style = load_model(folder, None, SILENT, exact=True, scoring=True)
        for task, title in TASKS.items():
            questions = list(read(arguments.folder / f"{task}.csv", task))
            scores = [score(model, style, question) for question in questions]
            for number, way in enumerate(("likeliest", "gains most")):
                right = sum(
                    max(range(4), key=[each[number] for each in one].__getitem__) == question.answer
                    for one, question in zip(scores, questions, strict=True)
                )
                low, high = wilson(right, len(questions))
                print(
                    f"{name}: {title}, {way}: {right / len(questions):.1%} ({low:.1%} to "
                    f"{high:.1%}), n = {len(questions)}"
                )


def read(file: Path, task: str) -> Iterator[Question]:
    """The questions of a task, in traditional characters."""
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            given, _, asked = (row["Question"][1:]).rpartition("的")
            given = given[:-1]
            others = [row[letter] for letter in LETTERS]
            before = "上一句" in asked or "上联" in asked
            pairs = [(other, given) if before else (given, other) for other in others]
            if task == "对联":
                pairs = [(f"{one}，", f"{other}。") for one, other in pairs]
            pairs = [(to_traditional(one).text, to_traditional(other).text) for one, other in pairs]
            yield Question(pairs, LETTERS.index(row["Answer"]))


def score(model: LanguageModel, style: str, question: Question) -> list[tuple[float, float]]:
    """Of each pair: how likely its second text is after the first, a character; and how much
    likelier than at the beginning of a poem.
    """
    precision = "bf16" if has_bf16_units() else "fp32"
    firsts = list(dict.fromkeys(first for first, _ in question.pairs))
    seconds = list(dict.fromkeys(second for _, second in question.pairs))
    after = {
        first: dict(
            zip(
                seconds, logprobs(model, style, first, seconds, precision, ended=False), strict=True
            )
        )
        for first in firsts
    }
    alone = dict(
        zip(seconds, logprobs(model, style, "", seconds, precision, ended=False), strict=True)
    )
    return [
        (after[one][two] / len(two), (after[one][two] - alone[two]) / len(two))
        for one, two in question.pairs
    ]


if __name__ == "__main__":
    main()
