"""Whether the poems that an adapter was trained on hold lines of the poems it is evaluated on.

The poems are gathered anew from the settings of the adapter's run, as the run gathered them, and
believed only if their digest is the one that the run wrote down.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lianju.corpus import Example, RunPoems, key, line_keys, run_poems
from lianju.errors import UserError
from lianju.evaluate.schema import Leaks
from lianju.files import read_json
from lianju.model import run_of, run_settings
from lianju.progress import SILENT, Reporter
from lianju.verse import lines_of


def find_leaks(
    adapter: Path | None, suites: Mapping[str, Sequence[Example]], reporter: Reporter = SILENT
) -> Leaks:
    """The lines of each suite's poems that stand word for word in the adapter's training poems.

    Lines are compared with variants of characters folded (`corpus.key`) and given as the suite
    has them. Not checked, with the reason in `note`, where the training poems are not known: for
    the base model (`adapter` None), and for an adapter without the run that it came from.
    """
    if adapter is None:
        note = "What the base model was trained on is not known; the contamination test asks it."
        return Leaks(checked=False, note=note)
    with reporter.task("Looking for leaks", 1) as task:
        try:
            seen = _seen(run_of(adapter), reporter)
        except UserError as error:
            note = f"The training poems of this adapter are not known: {str(error).rstrip('.')}."
            return Leaks(checked=False, note=note)
        trained = _lines(seen.train)
        shared = {name: _shared(examples, trained) for name, examples in suites.items()}
        task.advance()
    note = (
        f"Every line of the suites' poems was looked up among those of the {len(seen.train):,} "
        "poems that the adapter was trained on, variants of characters folded."
    )
    chosen_by = _lines(seen.split.validation)
    if judged := [name for name, examples in suites.items() if _shared(examples, chosen_by)]:
        note += (
            f" By poems of {' and '.join(judged)} the run also chose the best of its checkpoints, "
            "which can flatter their loss a little."
        )
    found = {name: lines for name, lines in shared.items() if lines}
    return Leaks(checked=True, note=note, trained=len(seen.train), shared=found)


def _seen(run: Path, reporter: Reporter) -> RunPoems:
    """The poems of a run, gathered anew; `UserError` where they are not those it began with."""
    if not (run / "settings.json").is_file():
        raise UserError("it does not lie in the folder of its run")
    settings = run_settings(run)
    poems = run_poems(**settings.data.model_dump(), seed=settings.seed, reporter=reporter)
    if poems.sha256 != _digest(run):
        raise UserError("those that its settings name now are not those that its run began with")
    return poems


def _digest(run: Path) -> str:
    """Of the poems that a run began with."""
    try:
        stage = read_json(run / "stages" / "poems.json")
        return str(stage.get("result", stage)["sha256"])  # before part 6 there was only the result
    except (UserError, AttributeError, LookupError, TypeError):
        raise UserError("its run does not say which poems it began with") from None


def _lines(examples: Sequence[Example]) -> set[str]:
    return set().union(*(line_keys(example.text) for example in examples))


def _shared(examples: Sequence[Example], keys: set[str]) -> list[str]:
    """The lines of `examples` that stand among `keys`, each once, in order."""
    lines = (line for example in examples for line in lines_of(example.text))
    return list(dict.fromkeys(line for line in lines if key(line) in keys))
