"""The poems of a run: what it trains on, validates on and is tested on."""

import hashlib
from collections.abc import Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from lianju.corpus.homework import test_set
from lianju.corpus.left_out import digests_of, has_line
from lianju.corpus.package_poems import package_corpus
from lianju.corpus.poems import Corpus, Example, Poem, Split
from lianju.corpus.sources import large_corpus, training_corpus
from lianju.corpus.splitting import VALIDATION, select, shrunk, split, split_off
from lianju.errors import UserError
from lianju.progress import SILENT, Reporter


@dataclass(frozen=True, slots=True)
class RunPoems:
    """The poems of a run."""

    corpus: Corpus
    split: Split
    train: list[Example]
    test: list[Example]

    @property
    def sha256(self) -> str:
        """Of the texts that are trained on, validated on and tested on, in order."""
        examples = [*self.train, *self.split.validation, *self.test]
        return hashlib.sha256("\n".join(one.text for one in examples).encode()).hexdigest()


def run_poems(
    source: str | None,
    corpus: Literal["homework", "tang", "tang-song"],
    leave_out: str | None,
    poems: int,
    selection: str,
    validation: int | None,
    seed: int,
    reporter: Reporter = SILENT,
) -> RunPoems:
    """Fetch, clean, split and select, as the settings of a run say (`config.DataSettings`).

    Where there are fewer poems than asked for, all are taken; without the large corpus validation
    poems are taken from the others; with few poems fewer are validated on, unless `validation`
    says how many. Each of these is told.
    """
    test, apart = test_set(), digests_of(Path(leave_out)) if leave_out else frozenset()
    whole = corpus if source is None and corpus != "homework" else None
    if whole:
        training = package_corpus(whole, reporter)
    else:
        training = training_corpus(Path(source) if source else None, reporter)
    if apart:
        examples = [one for one in training.examples if not has_line(one.text, apart)]
        left = len(training.examples) - len(examples)
        reporter.say(f"{left:,} poems have a line whose digest stands in {leave_out}: left out.")
        training = replace(training, examples=examples)
    if whole:
        parts = split_off(training, validation or VALIDATION)
    else:
        large = _large(apart, reporter)
        parts = split(training, test, large, validation or VALIDATION)
    chosen = parts.pool[:poems] if selection == "first" else select(parts.pool, poems, seed)
    if not chosen:
        raise UserError(f"{training.origin} has no poem to train on beside those validated on")
    if len(chosen) < poems:
        reporter.say(f"There are {len(chosen):,} poems to train on, not {poems:,}: all are taken.")
    if validation is None:
        parts = shrunk(parts, len(chosen))
    return RunPoems(training, parts, chosen, test)


def _large(apart: Set[str], reporter: Reporter) -> list[Poem] | None:
    """The large corpus but for poems with lines of `apart`; None where it cannot be had."""
    try:
        return [poem for poem in large_corpus(reporter) if not has_line(poem.text, apart)]
    except UserError as error:
        reporter.say(f"The large corpus cannot be had: {error}")
        return None
