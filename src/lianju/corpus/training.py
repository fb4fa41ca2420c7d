"""The poems of a run: what it trains on, validates on and is tested on."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from lianju.corpus.homework import test_set
from lianju.corpus.poems import Corpus, Example, Split
from lianju.corpus.sources import large_corpus, training_corpus
from lianju.corpus.split import select, split
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
    validation: int,
    seed: int,
    reporter: Reporter = SILENT,
) -> RunPoems:
    """Fetch, clean, split and select, as the settings of a run say (`config.DataSettings`).

    Without the large corpus validation poems are taken from the others, which is told.
    """
    corpus = training_corpus(Path(source) if source else None, reporter)
    test = test_set()
    try:
        large = large_corpus(reporter)
    except UserError as error:
        reporter.say(f"The large corpus cannot be had: {error}")
        large = None
    parts = split(corpus, test, large, validation)
    chosen = select(parts.pool, poems, seed)
    if selection == "first":
        chosen = parts.pool[:poems]
    return RunPoems(corpus, parts, chosen, test)
