"""`lianju run` and `lianju finetune`."""

import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from lianju.cli.flags import DecodeFlags, decode_overrides, help_of
from lianju.config import TrainSettings, load_settings, parse_assignments, recipe_names
from lianju.console import TerminalReporter, err, print_line, print_notes
from lianju.errors import UserError

if TYPE_CHECKING:
    from lianju.processes import Processes
    from lianju.run_folder import Run

_Recipe = Annotated[
    str,
    Parameter(
        help=f"A recipe by name ({', '.join(recipe_names())}) or a YAML file; what it sets takes "
        "the place of a default."
    ),
]
_Set = Annotated[
    list[str],
    Parameter(name="--set", help="Any setting, as section.name=value; can be repeated."),
]
_Out = Annotated[
    Path | None,
    Parameter(help="The run folder to write; default runs/RECIPE-DATE.", show_default=False),
]
_Resume = Annotated[
    Path | None,
    Parameter(help="A run folder to go on with; its settings hold.", show_default=False),
]
_Poems = Annotated[
    int | None,
    Parameter(
        help="How many poems to train on; default: as the recipe says.",
        show_default=False,
    ),
]
_Epochs = Annotated[
    int | None,
    Parameter(
        help=f"{help_of('epochs', TrainSettings)} Default: as the recipe says.",
        show_default=False,
    ),
]
_LearningRate = Annotated[
    float | None,
    Parameter(
        help=f"{help_of('learning_rate', TrainSettings)} Default: as the recipe says.",
        show_default=False,
    ),
]
_Seed = Annotated[int | None, Parameter(help="Seed of training and decoding.", show_default=False)]
_Model = Annotated[
    str | None,
    Parameter(
        help="The base model: a catalogue name, a folder, a GGUF file or a hub id.",
        show_default=False,
    ),
]
_Source = Annotated[
    str | None,
    Parameter(help="A file of poems, or a folder that has one.", show_default=False),
]


def run_command(
    *,
    recipe: _Recipe = "default",
    poems: _Poems = None,
    epochs: _Epochs = None,
    learning_rate: _LearningRate = None,
    decoding: DecodeFlags | None = None,
    seed: _Seed = None,
    model: _Model = None,
    source: _Source = None,
    out: _Out = None,
    resume: _Resume = None,
    set_: _Set | None = None,
) -> None:
    """The main job: poems, before, fine-tuning, after, and a report.

    Fine-tunes the base model on Tang poems, completes the fifteen test couplets before and
    after with the same prompt and decoding, and writes a run folder with the adapter,
    results.txt and report.html. Ctrl-C stops it cleanly; --resume goes on.
    """
    from lianju.run import execute

    def begin(processes: "Processes") -> AbstractContextManager["Run"]:
        overrides = _overrides(poems, epochs, learning_rate, seed, model, source, set_)
        overrides |= decode_overrides(decoding)
        return _open(recipe, overrides, out, resume, processes)

    if done := _together("run", begin, execute):
        _tell(*done)


def finetune_command(
    *,
    recipe: _Recipe = "default",
    poems: _Poems = None,
    epochs: _Epochs = None,
    learning_rate: _LearningRate = None,
    seed: _Seed = None,
    model: _Model = None,
    source: _Source = None,
    out: _Out = None,
    resume: _Resume = None,
    set_: _Set | None = None,
) -> None:
    """Fine-tune only: writes the adapter and the log of steps into a run folder."""
    from lianju.run import remarks_on, train_only

    def begin(processes: "Processes") -> AbstractContextManager["Run"]:
        overrides = _overrides(poems, epochs, learning_rate, seed, model, source, set_)
        return _open(recipe, overrides, out, resume, processes)

    done = _together("finetune", begin, train_only)
    if done is None:
        return
    job, outcome = done
    print_line(f"Adapter: {job.folder / 'adapter'}")
    print_line(
        f"{outcome.steps} steps, {outcome.tokens} tokens in {outcome.seconds:.0f} s; best "
        f"validation {outcome.best_loss:.3f} nats a character at step {outcome.best_step}"
    )
    print_notes(remarks_on(job, outcome))


def _overrides(
    poems: int | None,
    epochs: int | None,
    learning_rate: float | None,
    seed: int | None,
    model: str | None,
    source: str | None,
    assignments: list[str] | None,
) -> dict[str, Any]:
    given = {
        "data.poems": poems,
        "train.epochs": epochs,
        "train.learning_rate": learning_rate,
        "seed": seed,
        "decode.seed": seed,
        "model.name": model,
        "data.source": source,
    }
    flags = {name: value for name, value in given.items() if value is not None}
    return flags | parse_assignments(assignments or [])


def _together(
    verb: str,
    begin: Callable[["Processes"], AbstractContextManager["Run"]],
    work: Callable[["Run"], Any],
) -> tuple["Run", Any] | None:
    """The run that the main process begins, and what `work` made of it.

    None on a process that only assists.
    """
    from safetensors import SafetensorError

    from lianju.job import assist
    from lianju.processes import together

    with together() as processes:
        if not processes.main:
            assist(processes)
            return None
        job = None
        try:
            with begin(processes) as job:
                return job, _interruptible(job, verb, work)
        except UserError as error:
            # A failed start leaves nothing to go on with; other settings would be a new run.
            kept = job and (job.folder / "settings.json").is_file()
            if job and kept and isinstance(error.__cause__, (OSError, SafetensorError)):
                err.print(f"What is done is kept. {_go_on(job, verb)}", markup=False)
            raise


def _open(
    recipe: str,
    overrides: dict[str, Any],
    folder: Path | None,
    resume: Path | None,
    processes: "Processes",
) -> AbstractContextManager["Run"]:
    from lianju.run_folder import default_folder, new_run, open_run

    reporter = TerminalReporter()
    if resume is not None:
        if overrides or folder or recipe != "default":
            raise UserError("--resume keeps the run's own settings: give it alone")
        return open_run(resume, reporter, processes)
    settings = load_settings(recipe, overrides)
    return new_run(folder or default_folder(settings), settings, reporter, processes)


def _interruptible(job: "Run", verb: str, work: Callable[["Run"], Any]) -> Any:
    """`work(job)`; Ctrl-C says how to go on."""
    from lianju.finetune import Interrupted

    try:
        return work(job)
    except (Interrupted, KeyboardInterrupt) as error:
        note = f" after step {error.step}" if isinstance(error, Interrupted) else ""
        err.print(f"Stopped{note}. {_go_on(job, verb)}", markup=False)
        raise SystemExit(130) from None


def _go_on(job: "Run", verb: str) -> str:
    return f"Go on with: lianju {verb} --resume {shlex.quote(str(job.folder))}"


def _tell(job: "Run", summary: dict[str, Any]) -> None:
    before, after = summary["before"], summary["after"]
    n = after["test"]["n"]
    print_line(
        f"Right shape, test couplets: before {before['test']['right']} of {n}, "
        f"after {after['test']['right']} of {n}"
    )
    unseen = after["validation"]
    if "shape_n" in unseen:
        low, high = unseen["shape_interval"]
        print_line(
            f"Right shape, unseen couplets: after {unseen['shape_right']} of {unseen['shape_n']} "
            f"(95% interval {low:.1%} to {high:.1%})"
        )
    print_line(
        f"Validation loss, nats a character, n={after['validation']['n']}: "
        f"before {before['validation']['loss_per_character']:.3f}, "
        f"after {after['validation']['loss_per_character']:.3f}"
    )
    seconds = summary["seconds"]
    gpu = f", {summary['gpu_gb']:.1f} GB on the GPU" if summary["gpu_gb"] else ""
    print_line(
        f"{seconds['total']:.0f} s in all, {seconds['finetune']:.0f} s of it "
        f"fine-tuning; at most {summary['memory_gb']:.1f} GB of memory{gpu}"
    )
    print_notes(summary["training"]["remarks"])
    print_line(f"Report: {job.folder / 'report.html'}")
    print_line(f"Hand in: {job.folder / 'results.txt'}")
    adapter = shlex.quote(str(job.folder / "adapter"))
    print_line(f"Try: lianju complete 空山新雨後，天氣晚來秋。 --adapter {adapter}")
