"""The main job: poems, base model, before, fine-tuning, after, report.

A run is a folder. Each stage writes its result there, whole or not at all, and a resumed
run skips the stages whose result stands.
"""

import hashlib
import json
import math
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lianju import machine
from lianju.config import RunSettings, validate
from lianju.corpus import Corpus, Example, Split, large_corpus, select, split, test_set
from lianju.corpus import training_corpus as read_corpus
from lianju.decode import FREE_LENGTH, Completion, complete
from lianju.errors import UserError
from lianju.evaluate import as_row, tally, write_report
from lianju.files import locked, write_json, write_jsonl, write_text
from lianju.finetune import Outcome, encode, finetune, validation_loss
from lianju.model import (
    Compute,
    LanguageModel,
    attach,
    choose_compute,
    choose_device,
    load_adapter,
    load_base,
    save_adapter,
    unfreeze,
    weights_dtype,
)
from lianju.progress import SILENT, Reporter
from lianju.prompt import LAYOUTS, fingerprint

_LOCK = "run.lock"


@dataclass
class Run:
    """A run folder with its settings, and where to report.

    `stages/` holds the result of each finished stage, and `spent.json` the seconds of each
    and the most memory, over all the sessions that a run took.
    """

    folder: Path
    settings: RunSettings
    reporter: Reporter = SILENT

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time and memory of the body to what the run has spent, also if it fails."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = self.spent()
            spent["seconds"][name] = spent["seconds"].get(name, 0.0) + time.perf_counter() - start
            spent["memory_gb"] = max(spent["memory_gb"], machine.peak_memory_gb())
            write_json(self.folder / "stages" / "spent.json", spent)

    def spent(self) -> dict[str, Any]:
        """`seconds` by stage, and `memory_gb` at most."""
        path = self.folder / "stages" / "spent.json"
        if not path.is_file():
            return {"seconds": {}, "memory_gb": 0.0}
        spent: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return spent

    def once(self, stage: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The result of a stage: read if it stands already, else worked out and written."""
        path = self.folder / "stages" / f"{stage}.json"
        if path.is_file():
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return found
        with self.stage(stage):
            result = work()
            write_json(path, result)
        return result


@dataclass(frozen=True)
class Poems:
    """The poems of a run."""

    corpus: Corpus
    split: Split
    train: list[Example]
    test: list[Example]


def new_run(folder: Path, settings: RunSettings, reporter: Reporter = SILENT) -> Run:
    """Create a run folder holding `settings.json`. A folder that holds a run is refused."""
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if there - {"settings.json", "stages", _LOCK} or folder.is_file():
        raise UserError(
            f"{folder} exists already: choose another --out, or go on with --resume {folder}"
        )
    # What is left of a run that failed before it produced anything.
    shutil.rmtree(folder / "stages", ignore_errors=True)
    write_json(folder / "settings.json", settings.model_dump(mode="json"))
    return Run(folder, settings, reporter)


def open_run(folder: Path, reporter: Reporter = SILENT) -> Run:
    """Open an existing run folder, to go on with it."""
    path = folder / "settings.json"
    try:
        return Run(folder, validate(json.loads(path.read_text(encoding="utf-8"))), reporter)
    except OSError:
        raise UserError(f"{folder} is no run folder: it has no settings.json") from None
    except ValueError:
        raise UserError(f"{path} is damaged: it is not JSON") from None


def execute(run: Run) -> dict[str, Any]:
    """Do the main job in `run`, going on from whatever it holds; returns the summary."""
    with locked(run.folder / "run", wait=False):
        poems = gather(run)
        compute = fix_compute(run)
        fetch_model(run, compute)
        before = _judge_base(run, poems, compute)
        outcome = train(run, poems, compute)
        after = _judge_tuned(run, poems, compute)
        summary = _summary(run, poems, compute, outcome, before, after)
        write_json(run.folder / "summary.json", summary)
        write_report(run.folder)
    return summary


def train_only(run: Run) -> Outcome:
    """Do only the fine-tuning of the main job."""
    with locked(run.folder / "run", wait=False):
        poems, compute = gather(run), fix_compute(run)
        fetch_model(run, compute)
        return train(run, poems, compute)


def gather(run: Run) -> Poems:
    """Fetch, clean, split and select the poems, and say what was dropped and why."""
    data = run.settings.data
    with run.stage("poems"):
        source = Path(data.source) if data.source else None
        corpus = read_corpus(source, run.reporter)
        test = test_set()
        try:
            large = large_corpus(run.reporter)
        except UserError as error:
            run.reporter.say(f"The large corpus cannot be had: {error}")
            large = None
        parts = split(corpus, test, large, data.validation)
        chosen = select(parts.pool, data.poems, run.settings.seed)
        if data.selection == "first":
            chosen = parts.pool[: data.poems]
        _check_same(run, [*chosen, *parts.validation, *test])
    run.reporter.say(
        f"{corpus.total} poems from {corpus.origin}; {len(corpus.dropped)} dropped: "
        f"{_words(corpus)}; training on {len(chosen)}, validating on {parts.note}"
    )
    return Poems(corpus, parts, chosen, test)


def _check_same(run: Run, examples: list[Example]) -> None:
    """Refuse to go on with a run on other poems than it began with."""
    text = "\n".join(example.text for example in examples)
    digest = {"sha256": hashlib.sha256(text.encode()).hexdigest()}
    if run.once("poems", lambda: digest) != digest:
        raise UserError(
            f"the poems are not those that {run.folder} began with: bring back its source "
            "(settings.json names it), or begin a new run"
        )


def fix_compute(run: Run) -> Compute:
    """Choose device and precision once, say why, and write them into the run's settings."""

    def choose() -> dict[str, Any]:
        compute = choose_compute(run.settings.model)
        return {**asdict(compute), "device": compute.device.type}

    stored = run.once("compute", choose)
    device = choose_device(run.settings.model.model_copy(update={"device": stored["device"]}))
    compute = Compute(**{**stored, "device": device})
    run.reporter.say(f"Computing on {compute.device} in {compute.precision}: {compute.reason}")
    chosen = {"device": compute.device.type, "precision": compute.precision}
    model = run.settings.model.model_copy(update=chosen)
    run.settings = run.settings.model_copy(update={"model": model})
    write_json(run.folder / "settings.json", run.settings.model_dump(mode="json"))
    return compute


def train(run: Run, poems: Poems, compute: Compute) -> Outcome:
    """Fine-tune, or go on with it, and write the best adapter to `adapter/`."""
    return Outcome(**run.once("finetune", lambda: asdict(_train(run, poems, compute))))


def _train(run: Run, poems: Poems, compute: Compute) -> Outcome:
    settings = run.settings
    style, cutoff = settings.prompt.style, settings.train.cutoff
    base = _base(run, compute)
    full = settings.train.method == "full"
    model = unfreeze(base) if full else attach(base, settings.lora, settings.seed)
    compute.lighten(model.network)
    outcome = finetune(
        model,
        settings.train,
        encode(poems.train, style, model.vocabulary, cutoff),
        encode(poems.split.validation, style, model.vocabulary, cutoff),
        run.folder,
        compute,
        seed=settings.seed,
        resume=(run.folder / "checkpoints").is_dir(),
        reporter=run.reporter,
    )
    card = {
        "prompt": fingerprint(style, model.vocabulary),
        "style": style,
        "poems": len(poems.train),
        "precision": compute.precision,
    }
    save_adapter(model, run.folder / "adapter", card)
    return outcome


def fetch_model(run: Run, compute: Compute) -> None:
    """Get the base model into the cache: assembled, converted and trimmed once."""
    with run.stage("model"):
        model = _base(run, compute)
    run.reporter.say(
        f"{model.name}: {model.parameters / 1e6:.0f} million parameters, "
        f"{model.vocabulary.size:,} of {model.vocabulary.full_size:,} vocabulary rows"
    )


def _base(run: Run, compute: Compute) -> LanguageModel:
    settings = run.settings.model
    dtype = weights_dtype(compute.device, compute.precision)
    return load_base(settings, LAYOUTS, compute.device, dtype, run.reporter)


def _judge_base(run: Run, poems: Poems, compute: Compute) -> dict[str, Any]:
    def judge() -> dict[str, Any]:
        model = _base(run, compute)
        # A poem that cannot be trained on is better found now than after the judging.
        encode(poems.train, run.settings.prompt.style, model.vocabulary, run.settings.train.cutoff)
        return _judge(run, poems, compute, model, "before")

    return run.once("before", judge)


def _judge_tuned(run: Run, poems: Poems, compute: Compute) -> dict[str, Any]:
    def judge() -> dict[str, Any]:
        tuned = load_adapter(_base(run, compute), run.folder / "adapter")
        return _judge(run, poems, compute, tuned, "results")

    return run.once("after", judge)


def _judge(
    run: Run, poems: Poems, compute: Compute, model: LanguageModel, file: str
) -> dict[str, Any]:
    """Complete the test couplets into `file`.jsonl, and take the numbers of one model.

    The same prompt and decoding for every model. Only a tuned model's shapes are counted on
    validation couplets too: the base model's runs to the full length make that slow.
    """
    settings, style = run.settings, run.settings.prompt.style
    when = "after" if model.tuned else "before"
    decode = settings.decode.model_copy(update={"candidates": 1})
    validation = encode(poems.split.validation, style, model.vocabulary, settings.train.cutoff)

    def completions(examples: list[Example], name: str) -> list[Completion]:
        couplets = [example.couplet for example in examples]
        return [
            each[0]
            for each in complete(model, style, couplets, decode, run.reporter, f"{name}, {when}")
        ]

    written = completions(poems.test, "Test couplets")
    rows = [
        as_row(index, item, example.completion or None)
        for index, (item, example) in enumerate(zip(written, poems.test, strict=True), 1)
    ]
    write_jsonl(run.folder / f"{file}.jsonl", rows)
    loss = validation_loss(
        model.network,
        validation,
        model.vocabulary.pad,
        compute.precision,
        run.reporter,
        f"Validation loss, {when}",
    )
    result: dict[str, Any] = {
        "test": tally(written).as_json(),
        "validation": {
            "n": loss.poems,
            "loss_per_character": loss.per_character,
            "perplexity": math.exp(loss.per_character),
        },
        "model": _sizes(model),
    }
    if model.tuned:
        write_text(run.folder / "results.txt", _results_text(rows))
        if few := poems.split.validation[: settings.shape_couplets]:
            counted = tally(completions(few, "Validation couplets")).as_json()
            result["validation"] |= {f"shape_{name}": value for name, value in counted.items()}
    return result


def _results_text(rows: list[dict[str, Any]]) -> str:
    """As the homework is handed in: one line a poem, number, couplet and completion."""
    return "".join(
        f"{row['index']}. {row['couplet']}{' '.join(row['completion'].split())}\n" for row in rows
    )


def _sizes(model: LanguageModel) -> dict[str, int]:
    return {
        "parameters": model.parameters,
        "vocabulary": model.vocabulary.size,
        "full_vocabulary": model.vocabulary.full_size,
    }


def _words(corpus: Corpus) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in _reasons(corpus).items()) or "none"


def _reasons(corpus: Corpus) -> dict[str, int]:
    return dict(Counter(dropped.reason for dropped in corpus.dropped).most_common())


def _summary(
    run: Run,
    poems: Poems,
    compute: Compute,
    outcome: Outcome,
    before: dict[str, Any],
    after: dict[str, Any],
) -> dict[str, Any]:
    settings, spent = run.settings, run.spent()
    return {
        "recipe": settings.recipe,
        "model": {
            "name": settings.model.name,
            **before["model"],
            "trainable_parameters": outcome.trainable_parameters,
            "device": str(compute.device),
            "precision": compute.precision,
            "reason": compute.reason,
        },
        "data": {
            "origin": poems.corpus.origin,
            "total": poems.corpus.total,
            "examples": len(poems.corpus.examples),
            "used": len(poems.train),
            "dropped": _reasons(poems.corpus),
            "validation": {"n": len(poems.split.validation), "note": poems.split.note},
        },
        "training": {
            **asdict(outcome),
            "tokens_per_second": outcome.tokens_per_second,
            "peak_gflops": compute.peak_gflops,
            "epochs": settings.train.epochs,
        },
        "before": before,
        "after": after,
        # Nothing is forced in a run, so particles play no part.
        "decoding": settings.decode.model_dump(exclude={"particles"})
        | {"max_length": settings.decode.max_length or FREE_LENGTH},
        "seconds": {**spent["seconds"], "total": sum(spent["seconds"].values())},
        "memory_gb": spent["memory_gb"],
        "machine": machine.describe(),
    }
