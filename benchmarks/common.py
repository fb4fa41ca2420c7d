"""What the benchmarks share: the model to ask, and couplets that it has not seen."""

import random
from pathlib import Path

from lianju.config import VerseSettings
from lianju.corpus import large_corpus, split, test_set, training_corpus
from lianju.corpus.characters import line_keys
from lianju.decode import Constraint, rules_for
from lianju.decode import constrain as constrained
from lianju.loading import load_model
from lianju.model import LanguageModel
from lianju.verse import form_of, is_han, lines_of


def load(adapter: Path) -> tuple[LanguageModel, str]:
    """The tuned model as it writes by default, and the prompt style that it knows."""
    return load_model(adapter, None)


def constrain(
    model: LanguageModel, couplets: list[str], verse: VerseSettings
) -> list[Constraint | None]:
    """The rules of each couplet over the model's vocabulary."""
    return constrained(model.vocabulary, [rules_for(couplet, verse) for couplet in couplets])


def held_out(count: int, seed: int = 0) -> list[str]:
    """Couplets of poems of the four forms that no recipe trains or validates on.

    Drawn from the large corpus, without the homework's poems and the 500 of validation; no line
    of theirs stands in any of those. Poems with lost or foreign characters are left out.
    """
    large = large_corpus()
    known = split(training_corpus(), test_set(), large)
    seen: set[str] = set()
    for example in [*known.pool, *known.validation, *test_set()]:
        seen |= line_keys(example.text)
    random.Random(seed).shuffle(large)
    couplets: list[str] = []
    for poem in large:
        text = "".join(poem.paragraphs)
        whole = form_of(text) and all(map(is_han, lines_of(text)))
        if whole and not line_keys(text) & seen:
            couplet = "，".join(lines_of(text)[:2]) + "。"
            couplets.append(couplet)
            if len(couplets) == count:
                break
    return couplets
