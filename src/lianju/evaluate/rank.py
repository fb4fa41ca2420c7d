"""Whether a model prefers how a poem really goes on to how others of its form do."""

import hashlib
from collections.abc import Sequence

from lianju.corpus import Example, line_keys
from lianju.likelihood import logprobs
from lianju.model import LanguageModel
from lianju.progress import SILENT, Reporter
from lianju.verse import form_of

OTHERS = 99


def ranks(
    model: LanguageModel,
    style: str,
    examples: Sequence[Example],
    pool: Sequence[Example],
    precision: str = "fp32",
    reporter: Reporter = SILENT,
    number: int = OTHERS,
) -> list[int | None]:
    """The rank of each example's real completion among itself and `number` of other poems.

    1 is the likeliest by log-probability a character under the model; by chance the mean is
    (`number` + 2) / 2, that is 50.5 among 100. The others are poems of `pool` in the example's
    own form, the same for every model; see `others`. For a fair rank the model has been trained on
    none of them. None, which is told, where the example is of no form or the pool has too few.
    """
    ranked: list[int | None] = []
    with reporter.task("Ranking the real poems", len(examples)) as task:
        for example in examples:
            rivals = others(example, pool, number)
            ranked.append(_rank(model, style, example, rivals, precision) if rivals else None)
            task.advance()
    if missing := ranked.count(None):
        reporter.say(
            f"{missing} of {len(examples)} couplets have no rank: their poem is of no form, or "
            f"there are fewer than {number} others of its form"
        )
    return ranked


def others(example: Example, pool: Sequence[Example], number: int) -> list[Example]:
    """`number` poems of the form of `example`, chosen by the SHA-256 of its couplet and theirs.

    None of them shares a line with it or with another. Empty where there are not that many.
    """
    form = form_of(example.text)
    if form is None or not example.completion:
        return []
    same = [other for other in pool if form_of(other.text) == form]
    taken = line_keys(example.text)
    found: list[Example] = []
    for other in sorted(same, key=lambda other: _digest(example.couplet, other.text)):
        lines = line_keys(other.text)
        if not lines & taken:
            found.append(other)
            taken |= lines
        if len(found) == number:
            return found
    return []


def _rank(
    model: LanguageModel, style: str, example: Example, rivals: Sequence[Example], precision: str
) -> int:
    texts = [example.completion, *(rival.completion for rival in rivals)]
    scores = logprobs(model, style, example.couplet, texts, precision)
    real, *rest = (score / len(text) for score, text in zip(scores, texts, strict=True))
    # One that is as likely counts against the real one: a model that finds all alike knows nothing.
    return 1 + sum(score >= real for score in rest)


def _digest(couplet: str, text: str) -> bytes:
    return hashlib.sha256(f"{couplet}\n{text}".encode()).digest()
