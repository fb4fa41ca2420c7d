"""The main job: poems, base model, before, fine-tuning, after, report.

A run is a folder. Each stage writes its result there, whole or not at all, and a resumed
run skips the stages whose result stands.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open

from lianju import machine
from lianju.config import ModelSettings, RunSettings, TrainSettings, load_settings
from lianju.console import TerminalReporter
from lianju.corpus import Corpus, RunPoems, run_poems
from lianju.errors import UserError
from lianju.evaluate import SHOWN, write_run_page
from lianju.files import read_json, read_jsonl, write_json
from lianju.likelihood import encode
from lianju.model import (
    REFERENCE,
    Compute,
    base_config,
    base_folder,
    choose_compute,
    choose_device,
    graphs_here,
    plan_memory,
    read_card,
    read_lora,
    save_adapter,
    text_lengths,
)
from lianju.progress import Reporter
from lianju.prompt import fingerprint
from lianju.training.before_after import (
    check_judged,
    check_reference,
    judge_base,
    judge_reference,
    judge_shown,
    judge_tuned,
)
from lianju.training.checkpoint import STEPS
from lianju.training.fine_tuning import FineTuning
from lianju.training.gradients import why_no_graph
from lianju.training.loop import Interrupted
from lianju.training.outcome import Outcome
from lianju.training.remarks import remarks_of
from lianju.training.run_folder import Run, default_folder, new_run, open_run
from lianju.training.trackers import live_log
from lianju.verse import Bilingual
from lianju.writer import Writer


@dataclass(frozen=True)
class FinishedRun:
    """A run that has ended: its folder, and `metrics`, which stand in its summary.json."""

    folder: Path
    metrics: dict[str, Any]

    @property
    def adapter(self) -> Path:
        """The folder of what was trained, for PEFT."""
        return self.folder / "adapter"

    def writer(self) -> Writer:
        """The tuned model, to write with."""
        return Writer.load(self.folder)


def train(
    recipe: str | RunSettings = "default",
    *,
    source: str | Path | None = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    reporter: Reporter | None = None,
) -> FinishedRun:
    """Fine-tune a model on Tang poems, and judge it before and after, as `lianju run` does.

    `recipe`: a recipe's name or file, or settings. `source`: a file of poems of one's own, or a
    folder that has one. `out`: the run's folder, which must be new; None: one in ./runs named
    after the recipe and the time. `settings`: more, by their dotted names, such as
    {"train.epochs": 2}. `resume`: a run's folder to go on with, which is then given alone; what
    was begun is lost neither by Ctrl-C, which raises `KeyboardInterrupt`, nor by a crash.
    `reporter` hears how far it is; None: bars on a terminal, lines elsewhere. Raises `UserError`
    for a bad setting, for poems that cannot be read, and for a folder that is there.
    """
    reporter = reporter or TerminalReporter()
    more = dict(settings or {})
    if source is not None:
        more["data.source"] = str(source)
    if resume is not None:
        if more or out is not None or recipe != "default":
            raise UserError("resume keeps the run's own settings: give it alone")
        opened = open_run(Path(resume), reporter)
    else:
        chosen = load_settings(recipe, more)
        opened = new_run(Path(out) if out else default_folder(chosen), chosen, reporter)
    with opened as run:
        try:
            return FinishedRun(run.folder, execute(run))
        except Interrupted as stop:
            told = f"{stop}; go on with lianju.train(resume={str(run.folder)!r})"
            raise KeyboardInterrupt(told) from None


def execute(run: Run) -> dict[str, Any]:
    """Do the main job in `run`, going on from whatever it holds; returns the summary."""
    poems = gather(run)
    compute = fix_compute(run)
    plan, compute = plan_training(run, poems, compute, judged=True)
    fetch_model(run)
    before = run.stage(
        "before", lambda: judge_base(run, poems, compute), partial(check_judged, run, "before")
    )
    shown = None
    if run.settings.shots:
        shown = run.stage(
            "shots",
            lambda: judge_shown(run, poems, compute),
            partial(check_judged, run, SHOWN),
        )
    outcome = fine_tune(run, poems, compute, plan)
    after = run.stage(
        "after", lambda: judge_tuned(run, poems, compute), partial(check_judged, run, "results")
    )
    run.stage(
        REFERENCE,
        lambda: judge_reference(run, poems, compute),
        partial(check_reference, run),
    )
    summary = _summary(run, poems, compute, outcome, before, after)
    if shown:
        summary["shown"] = {**shown, "shots": run.settings.shots}
    losses = [side["validation"]["loss_per_character"] for side in (before, after)]
    remarks = remarks_on(run, outcome, *losses)
    summary["training"]["remarks"] = [str(remark) for remark in remarks]
    summary["training"]["remarks_zh"] = [remark.zh for remark in remarks]
    write_json(run.folder / "summary.json", summary)
    write_run_page(run.folder)
    return summary


def train_only(run: Run) -> Outcome:
    """Do only the fine-tuning of the main job."""
    poems, compute = gather(run), fix_compute(run)
    plan, compute = plan_training(run, poems, compute, judged=False)
    fetch_model(run)
    return fine_tune(run, poems, compute, plan)


def gather(run: Run) -> RunPoems:
    """Fetch, clean, split and select the poems, and say what was dropped and why."""
    data = run.settings.data
    with run.spending("poems"):
        poems = run_poems(**data.model_dump(), seed=run.settings.seed, reporter=run.reporter)
        _check_same(run, poems.sha256)
    corpus = poems.corpus
    run.reporter.say(
        f"{corpus.total} poems from {corpus.origin}; {len(corpus.dropped)} dropped: "
        f"{_words(corpus)}; training on {len(poems.train)}, validating on {poems.split.note}"
    )
    return poems


def _check_same(run: Run, sha256: str) -> None:
    """Refuse to go on with a run on other poems than it began with."""
    stored = run.stage("poems", lambda: {"sha256": sha256}, lambda result: result["sha256"])
    if stored["sha256"] != sha256:
        raise UserError(
            f"the poems are not those that {run.folder} began with: bring back its source "
            "(settings.json names it), or begin a new run"
        )


def fix_compute(run: Run) -> Compute:
    """Choose device and precision once, say why, and write them into the run's settings."""

    def choose() -> dict[str, Any]:
        compute = _with_engine(run, choose_compute(run.settings.model))
        return {**asdict(compute), "device": compute.device.type}

    def check(stored: dict[str, Any]) -> None:
        ModelSettings(device=stored["device"], precision=Compute(**stored).precision)

    stored = run.stage("compute", choose, check)
    device = choose_device(run.settings.model.model_copy(update={"device": stored["device"]}))
    compute = Compute(**{**stored, "device": device})
    if compute.engine == "openvino" and not graphs_here(device, run.settings.model.bits):
        raise UserError(
            f"the steps of {run.folder} are taken by OpenVINO, which is not installed here: "
            "pip install openvino"
        )
    run.reporter.say(f"Computing on {compute.device} in {compute.precision}: {compute.reason}")
    chosen = {"device": compute.device.type, "precision": compute.precision}
    model = run.settings.model.model_copy(update=chosen)
    run.settings = run.settings.model_copy(update={"model": model})
    write_json(run.folder / "settings.json", run.settings.model_dump(mode="json"))
    return compute


def _with_engine(run: Run, compute: Compute) -> Compute:
    """`compute` with what is to take the steps of `run`, and why, decided."""
    if compute.device.type != "cpu":
        return compute
    config = base_config(run.settings.model.name, run.reporter)
    against = why_no_graph(run.settings, compute, config, run.processes.count)
    how = f"steps by PyTorch: {against}" if against else "steps by OpenVINO, as one graph"
    engine: Literal["pytorch", "openvino"] = "pytorch" if against else "openvino"
    return replace(compute, reason=f"{compute.reason}; {how}", engine=engine)


def plan_training(
    run: Run, poems: RunPoems, compute: Compute, judged: bool
) -> tuple[TrainSettings, Compute]:
    """How to train within the memory that there is: the settings with nothing left to decide, and
    `compute`, with an engine that there is room for.

    Decided once, so that a resumed run takes the same steps. `judged`: whether the main process
    is to write poems too.
    """
    settings = run.settings

    def decide() -> dict[str, Any]:
        config = base_config(settings.model.name, run.reporter)
        whole = settings.train.loss == "poem"
        parts = ((one.couplet, one.completion) for one in poems.train)
        texts = [("", couplet + rest) if whole else (couplet, rest) for couplet, rest in parts]
        lengths = text_lengths(texts, settings.prompt)
        count = run.processes.count
        graph = compute.engine == "openvino"
        plan = plan_memory(config, settings, compute.device, lengths, count, judged, graph)
        run.reporter.say(plan.line)
        chosen = {"gradient_checkpointing": plan.checkpointing, "sharding": plan.sharding}
        decided = {name: "on" if value else "off" for name, value in chosen.items()}
        return {**decided, "engine": "openvino" if plan.graph else "pytorch"}

    def settled(plan: dict[str, Any]) -> tuple[TrainSettings, Compute]:
        train = {name: value for name, value in plan.items() if name != "engine"}
        whole = TrainSettings.model_validate({**settings.train.model_dump(), **train})
        # Plans of before part 8 name no engine.
        if plan.get("engine", "pytorch") == compute.engine:
            return whole, compute
        reason = f"{compute.reason}, for which there was no room: steps by PyTorch"
        return whole, replace(compute, engine="pytorch", reason=reason)

    return settled(run.stage("plan", decide, settled))


def fine_tune(run: Run, poems: RunPoems, compute: Compute, plan: TrainSettings) -> Outcome:
    """Fine-tune, or go on with it, and write the best weights to `adapter/`.

    The other processes are done then. Where the adapter or the log of a finished fine-tuning is
    gone or damaged, both are made again from the last checkpoint.
    """

    def check(result: dict[str, Any]) -> None:
        rows = read_jsonl(run.folder / STEPS, "it is lost")
        steps = [row["loss"] for row in rows if row.get("kind") == "train"]
        if len(steps) != Outcome(**result).steps:
            raise UserError(f"{run.folder / STEPS} has lost steps")
        _check_adapter(run.folder / "adapter")

    outcome = run.stage("finetune", lambda: asdict(_fine_tune(run, poems, compute, plan)), check)
    run.processes.share(None)
    run.processes.part()
    return Outcome(**outcome)


def _check_adapter(folder: Path) -> None:
    """Raise `UserError` where files of an adapter are missing, damaged or cut off."""
    if read_card(folder).get("kind") == "full":
        read_json(folder / "vocabulary.json")
    else:
        read_lora(folder)
    for file in folder.glob("*.safetensors"):
        try:
            with safe_open(file, "pt"):
                pass
        except (OSError, SafetensorError) as error:
            raise UserError(f"{file} is damaged: {error}") from error


def _fine_tune(run: Run, poems: RunPoems, compute: Compute, plan: TrainSettings) -> Outcome:
    settings = run.settings.model_copy(update={"train": plan})
    style = settings.prompt.name
    task = FineTuning(settings, compute, resume=(run.folder / "checkpoints").is_dir())
    run.processes.share(task.as_json())
    model = task.model(run.processes, run.reporter)
    words, whole = model.vocabulary, plan.loss == "poem"
    train = encode(poems.train, style, words, plan.cutoff, whole)
    validation = encode(poems.split.validation, style, words, plan.cutoff)
    with live_log(settings, run.folder, run.reporter) as hear:
        sides = (train, validation)
        outcome = task.train(model, *sides, run.folder, run.processes, run.reporter, hear)
    card = {
        "prompt": fingerprint(style, model.vocabulary),
        "prompt_ids": model.vocabulary.prompt_digest(style),
        **settings.prompt.model_dump(exclude_none=True),
        "poems": len(poems.train),
        "precision": compute.precision,
    }
    save_adapter(model, run.folder / "adapter", card)
    return outcome


def remarks_on(
    run: Run, outcome: Outcome, before: float | None = None, after: float | None = None
) -> list[Bilingual]:
    """What is to be said of how the fine-tuning of `run` went; see `remarks_of`."""
    rows = read_jsonl(run.folder / STEPS)
    return remarks_of(outcome, rows, run.settings.train, before, after)


def fetch_model(run: Run) -> None:
    """Get the base model onto this machine: downloaded, or assembled and converted, once."""
    with run.spending("model"):
        base_folder(run.settings.model.name, run.reporter)


def _words(corpus: Corpus) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in _reasons(corpus).items()) or "none"


def _reasons(corpus: Corpus) -> dict[str, int]:
    return dict(Counter(dropped.reason for dropped in corpus.dropped).most_common())


def _summary(
    run: Run,
    poems: RunPoems,
    compute: Compute,
    outcome: Outcome,
    before: dict[str, Any],
    after: dict[str, Any],
) -> dict[str, Any]:
    settings, spent = run.settings, run.spent()
    before, after = ({k: v for k, v in one.items() if k != "each"} for one in (before, after))
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
            "source": settings.data.source,
            "corpus": settings.data.corpus,
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
        "decoding": settings.decode.model_dump(exclude={"particles", "taste"})
        | {"max_length": settings.decode.free_length},
        "seconds": {**spent["seconds"], "total": sum(spent["seconds"].values())},
        "memory_gb": spent["memory_gb"],
        "gpu_gb": spent["gpu_gb"],
        "machine": machine.describe(),
    }
