"""`lianju run` and `lianju finetune`."""

import shlex
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from lianju.cli.flags import DecodeFlags, decode_overrides, help_of
from lianju.config import TrainSettings, load_settings, parse_assignments, recipe_names
from lianju.console import TerminalReporter, err, print_line, print_notes
from lianju.errors import UserError

if TYPE_CHECKING:
    from lianju.training import Processes, Run


def _flag(help: str, **more: Any) -> Parameter:
    return Parameter(help=help, show_default=False, **more)


@Parameter(name="*")
@dataclass(frozen=True)
class RunFlags:
    """What is trained, on what, and where it goes; what is not given is as the recipe says."""

    recipe: Annotated[
        str,
        Parameter(
            help=f"A recipe by name ({', '.join(recipe_names())}) or a YAML file; what it sets "
            "takes the place of a default."
        ),
    ] = "default"
    poems: Annotated[
        int | None, _flag("How many poems to train on; default: as the recipe says.")
    ] = None
    epochs: Annotated[
        int | None, _flag(f"{help_of('epochs', TrainSettings)} Default: as the recipe says.")
    ] = None
    learning_rate: Annotated[
        float | None,
        _flag(f"{help_of('learning_rate', TrainSettings)} Default: as the recipe says."),
    ] = None
    seed: Annotated[int | None, _flag("Seed of training and decoding.")] = None
    model: Annotated[
        str | None, _flag("The base model: a catalogue name, a folder, a GGUF file or a hub id.")
    ] = None
    source: Annotated[str | None, _flag("A file of poems, or a folder that has one.")] = None
    log: Annotated[
        str | None,
        _flag("Send the log of steps there, too: tensorboard, wandb, trackio or mlflow."),
    ] = None
    out: Annotated[Path | None, _flag("The run folder to write; default runs/RECIPE-DATE.")] = None
    resume: Annotated[Path | None, _flag("A run folder to go on with; its settings hold.")] = None
    set_: Annotated[
        list[str] | None,
        Parameter(name="--set", help="Any setting, as section.name=value; can be repeated."),
    ] = None

    def overrides(self) -> dict[str, Any]:
        """The settings that were given, by their dotted names."""
        given = {
            "data.poems": self.poems,
            "train.epochs": self.epochs,
            "train.learning_rate": self.learning_rate,
            "seed": self.seed,
            "decode.seed": self.seed,
            "model.name": self.model,
            "data.source": self.source,
            "log": self.log,
        }
        flags = {name: value for name, value in given.items() if value is not None}
        return flags | parse_assignments(self.set_ or [])

    def open(
        self, decoding: DecodeFlags | None, processes: "Processes"
    ) -> AbstractContextManager["Run"]:
        """The run that is asked for: a new one, or one to go on with."""
        from lianju.training import default_folder, new_run, open_run

        reporter, overrides = TerminalReporter(), self.overrides() | decode_overrides(decoding)
        if self.resume is not None:
            if overrides or self.out or self.recipe != "default":
                raise UserError("--resume keeps the run's own settings: give it alone")
            return open_run(self.resume, reporter, processes)
        settings = load_settings(self.recipe, overrides)
        return new_run(self.out or default_folder(settings), settings, reporter, processes)


def run_command(*, flags: RunFlags | None = None, decoding: DecodeFlags | None = None) -> None:
    """The main job: poems, before, fine-tuning, after, and a report.

    Fine-tunes the base model on Tang poems, completes the fifteen test couplets before and
    after with the same prompt and decoding, and writes a run folder with the adapter,
    results.txt and report.html. Ctrl-C stops it cleanly; --resume goes on.
    """
    from lianju.training import execute

    if done := _together("run", flags or RunFlags(), decoding, execute):
        _tell(*done)


def finetune_command(*, flags: RunFlags | None = None) -> None:
    """Fine-tune only: writes the adapter and the log of steps into a run folder."""
    from lianju.training import remarks_on, train_only

    done = _together("finetune", flags or RunFlags(), None, train_only)
    if done is None:
        return
    run, outcome = done
    print_line(f"Adapter: {run.folder / 'adapter'}")
    print_line(
        f"{outcome.steps} steps, {outcome.tokens} tokens in {outcome.seconds:.0f} s; best "
        f"validation {outcome.best_loss:.3f} nats a character at step {outcome.best_step}"
    )
    _remark((remark, remark.zh) for remark in remarks_on(run, outcome))


def _together(
    verb: str,
    flags: RunFlags,
    decoding: DecodeFlags | None,
    work: Callable[["Run"], Any],
) -> tuple["Run", Any] | None:
    """The run that the main process begins, and what `work` made of it.

    None on a process that only assists.
    """
    from safetensors import SafetensorError

    from lianju.training import assist, together

    with together() as processes:
        if not processes.main:
            assist(processes)
            return None
        run = None
        try:
            with flags.open(decoding, processes) as run:
                return run, _interruptible(run, verb, work)
        except UserError as error:
            # A failed start leaves nothing to go on with; other settings would be a new run.
            kept = run and (run.folder / "settings.json").is_file()
            if run and kept and isinstance(error.__cause__, (OSError, SafetensorError)):
                err.print(f"What is done is kept. {_go_on(run, verb)}", markup=False)
            raise


def _interruptible(run: "Run", verb: str, work: Callable[["Run"], Any]) -> Any:
    """`work(run)`; Ctrl-C says how to go on."""
    from lianju.training import Interrupted

    try:
        return work(run)
    except (Interrupted, KeyboardInterrupt) as error:
        note = f" after step {error.step}" if isinstance(error, Interrupted) else ""
        err.print(f"Stopped{note}. {_go_on(run, verb)}", markup=False)
        raise SystemExit(130) from None


def _go_on(run: "Run", verb: str) -> str:
    return f"Go on with: lianju {verb} --resume {shlex.quote(str(run.folder))}"


def _remark(remarks: Iterable[tuple[str, str]]) -> None:
    """Print each remark on the training in both languages."""
    print_notes(f"{english}\n{chinese}" for english, chinese in remarks)


def _tell(run: "Run", summary: dict[str, Any]) -> None:
    before, after = summary["before"], summary["after"]
    sides = {"before": before, "after": after}
    if shown := summary.get("shown"):
        sides = {"before": before, f"before with {shown['shots']} poems shown": shown, **sides}
    n = after["test"]["n"]
    shapes = ", ".join(f"{name} {side['test']['right']} of {n}" for name, side in sides.items())
    print_line(f"Right shape, test couplets: {shapes}")
    unseen = after["validation"]
    if "shape_n" in unseen:
        low, high = unseen["shape_interval"]
        print_line(
            f"Right shape, unseen couplets: after {unseen['shape_right']} of {unseen['shape_n']} "
            f"(95% interval {low:.1%} to {high:.1%})"
        )
    losses = ", ".join(
        f"{name} {side['validation']['loss_per_character']:.3f}" for name, side in sides.items()
    )
    print_line(f"Validation loss, nats a character, n={after['validation']['n']}: {losses}")
    seconds = summary["seconds"]
    gpu = f", {summary['gpu_gb']:.1f} GB on the GPU" if summary["gpu_gb"] else ""
    print_line(
        f"{seconds['total']:.0f} s in all, {seconds['finetune']:.0f} s of it "
        f"fine-tuning; at most {summary['memory_gb']:.1f} GB of memory{gpu}"
    )
    training = summary["training"]
    _remark(zip(training["remarks"], training["remarks_zh"], strict=True))
    print_line(f"Report: {run.folder / 'report.html'}")
    print_line(f"Hand in: {run.folder / 'results.txt'}")
    adapter = shlex.quote(str(run.folder / "adapter"))
    print_line(f"Try: lianju complete 空山新雨後，天氣晚來秋。 --adapter {adapter}")
