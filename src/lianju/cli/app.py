"""The verbs, their flags, and what becomes of errors."""

import os
import sys
import traceback

import cyclopts
from cyclopts import App, Parameter

from lianju import __version__
from lianju.cli.console import out
from lianju.errors import UserError

app = App(
    name="lianju",
    version=__version__,
    help="Lianju 聯句: teach a language model to finish Tang poems, and prove that it can.\n\n"
    "Start with `lianju run`: poems, fine-tuning, before and after, a report. With --debug, an "
    "error also prints where in the program it arose.",
    default_parameter=Parameter(negative=()),
)
_EVALUATE = """Every metric with its interval; compare, judge, read blind.

Systems write on suites of couplets; what came of it is in report.html and report.json. Unless a \
flag under Verse is given the model writes freely, as in `lianju run`: what it has learned is \
measured, not what rules force it to. Example: lianju evaluate --against base

What stands under Commands comes first and has flags of its own: lianju evaluate --compare A B"""
for number, (name, where, text) in enumerate(
    (
        ("run", "run:run", "The main job: poems, before, fine-tuning, after, and a report."),
        ("data", "data:app", "Look at the poems, and check a file of poems."),
        ("finetune", "run:finetune", "Fine-tune only: writes the adapter and the log of steps."),
        ("complete", "complete:complete", "Write the rest of a poem, given its first couplet."),
        ("explore", "explore:app", "See what temperature, top-k, top-p and the others do."),
        ("evaluate", "evaluate:app", _EVALUATE),
        ("serve", "serve:serve", "Serve a page for readers, and an API for OpenAI's clients."),
        ("export", "export:export", "Turn what was trained into a PEFT adapter, a model, a GGUF."),
        ("check", "check:check", "Judge the tones and rhymes of a poem, or of a file of poems."),
    )
):
    app.command(f"lianju.cli.{where}", name=name, help=text, sort_key=number)


def main() -> None:
    """Run the command line; the entry point of the `lianju` script."""
    # The libraries' own bars would run through ours.
    os.environ.setdefault("TQDM_DISABLE", "1")
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    sys.exit(_guarded([argument for argument in arguments if argument != "--debug"], debug))


def _guarded(arguments: list[str], debug: bool) -> int:
    """Run `arguments`; returns the exit code. 2: the user can mend it; 130: Ctrl-C."""
    try:
        app(
            arguments,
            console=out,
            exit_on_error=False,
            print_error=False,
            result_action="return_none",
        )
    except cyclopts.CycloptsError as error:
        if os.environ.get("RANK", "0") != "0":
            return 2  # several processes were given the same arguments: one speaks for all
        return _fail(f"{error} See lianju --help.", debug)
    except UserError as error:
        return _fail(str(error), debug)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    except BrokenPipeError:
        # Whoever read our output has gone, as with `| head`; that is not an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":
            return _fail(
                "the GPU has too little memory: lower train.batch_size, or ask for fewer at once",
                debug,
            )
        return _fail(
            f"internal error, {type(error).__name__}: {error}. Run again with --debug and "
            "please report what it prints.",
            debug,
            code=1,
        )
    return 0


def _fail(message: str, debug: bool, code: int = 2) -> int:
    if debug:
        traceback.print_exc()
    print(f"lianju: {' '.join(message.split())}", file=sys.stderr)
    return code
