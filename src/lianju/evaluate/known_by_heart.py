"""What a base model knows by heart, kept in the cache: it depends on the model alone."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from lianju.corpus import large_corpus
from lianju.evaluate.contamination import probe_contamination
from lianju.evaluate.facing import learn_facing
from lianju.evaluate.schema import CONTAMINATION, Contamination
from lianju.evaluate.suites import suite
from lianju.files import cache_dir, locked
from lianju.model import LanguageModel
from lianju.progress import Reporter
from lianju.work_folder import WorkFolder

# Loads a model and says in which style it is to be asked.
Load = Callable[[], tuple[LanguageModel, str]]


def kept_file(sha256: str) -> Path:
    """Where what was found of the model of that digest is kept."""
    return cache_dir() / "contamination" / f"{CONTAMINATION}-{sha256[:12]}.json"


def contamination_of(sha256: str, base: Load, reporter: Reporter) -> Contamination:
    """What the model of that digest, which `base` loads, knows by heart; from the cache where it
    was asked before.
    """

    def work() -> Contamination:
        model, _ = base()
        heldout = suite("heldout", None, reporter)
        large = large_corpus(reporter)
        return probe_contamination(model, "plain", heldout, large, learn_facing(reporter), reporter)

    path = kept_file(sha256)
    # What is there can be read where nothing can be written.
    with nullcontext() if path.is_file() else locked(path):
        return WorkFolder(path.parent, reporter).once(path.name, Contamination, work)
