"""The poems of a run: what it trains on, validates on and is tested on."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from lianju.corpus.homework import test_set
from lianju.corpus.poems import Corpus, Example, Split
from lianju.corpus.sources import large_corpus, training_corpus
from lianju.corpus.splitting import VALIDATION, select, shrunk, split
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
    corpus = training_corpus(Path(source) if source else None, reporter)
    test = test_set()
    try:
        large = large_corpus(reporter)
    except UserError as error:
        reporter.say(f"The large corpus cannot be had: {error}")
        large = None
    parts = split(corpus, test, large, validation or VALIDATION)
    chosen = parts.pool[:poems] if selection == "first" else select(parts.pool, poems, seed)
    if not chosen:
        raise UserError(f"{corpus.origin} has no poem to train on beside those validated on")
    if len(chosen) < poems:
        reporter.say(f"There are {len(chosen):,} poems to train on, not {poems:,}: all are taken.")
    if validation is None:
        parts = shrunk(parts, len(chosen))
    return RunPoems(corpus, parts, chosen, test)
