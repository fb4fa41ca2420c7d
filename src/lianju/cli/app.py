"""The verbs, their flags, and what becomes of errors."""

import difflib
import gc
import os
import sys
import traceback
from itertools import pairwise

import cyclopts
from cyclopts import App, Parameter

from lianju import __version__
from lianju.cli.flags import exactly
from lianju.console import out
from lianju.errors import UserError

app = App(
    name="lianju",
    version=__version__,
    help="Lianju 聯句: teach a language model to finish Tang poems, and prove that it can.\n\n"
    "Start with `lianju run`: poems, fine-tuning, before and after, a report. With --debug, an "
    "error also prints where in the program it arose.",
    default_parameter=Parameter(negative=(), converter=exactly),
)
for number, (name, where) in enumerate(
    (
        ("run", "run:run_command"),
        ("data", "data:app"),
        ("finetune", "run:finetune_command"),
        ("complete", "complete:complete_command"),
        ("explore", "explore:app"),
        ("evaluate", "evaluate:app"),
        ("serve", "serve:serve_command"),
        ("results", "results:results_command"),
        ("runs", "runs:runs_command"),
        ("compare", "runs:compare_command"),
        ("export", "export:export_command"),
        ("check", "check:check_command"),
    )
):
    app.command(f"lianju.cli.{where}", name=name, sort_key=number)


def main() -> None:
    """Run the command line; the entry point of the `lianju` script."""
    # The libraries' own bars would run through ours.
    os.environ.setdefault("TQDM_DISABLE", "1")
    # Libraries that load make a million objects that stay: looking for garbage among them again
    # and again takes a tenth of a second.
    gc.set_threshold(50_000)
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    if not arguments or {"--help", "-h"} & set(arguments):
        _import_verbs(app)
    sys.exit(_guarded([argument for argument in arguments if argument != "--debug"], debug))


def _import_verbs(parent: App) -> None:
    """Import what is behind every verb: only then does a list of verbs say what each does."""
    for name in parent:
        _import_verbs(parent[name])


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
        told = _hinted(error)
        stop = "" if told.endswith((".", "?")) else "."
        return _fail(f"{told}{stop} See lianju --help.", debug)
    except UserError as error:
        return _fail(_in_asked_language(error.words, arguments), debug)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    except BrokenPipeError:
        # Whoever read our output has gone, as with `| head`; that is not an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        # The system refuses a file, such as one with too long a name: the user can mend that.
        if error.filename is None:
            return _internal(error, debug)
        return _fail(f"cannot use {str(error.filename)[:300]}: {error.strerror}", debug)
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":
            return _fail(
                "the GPU has too little memory: lower train.batch_size, or ask for fewer at once",
                debug,
            )
        return _internal(error, debug)
    return 0


def _in_asked_language(words: str, arguments: list[str]) -> str:
    """What is wrong, in the language that the command line asks for."""
    from lianju.verse import in_language

    asked = {"--lang=zh"} & {*arguments} or ("--lang", "zh") in pairwise(arguments)
    return in_language(words, "zh" if asked else "en")


def _hinted(error: cyclopts.CycloptsError) -> str:
    """The error; of an unknown flag of a verb that takes --set, the setting that is meant."""
    told, maybe, _ = str(error).partition(" Did you mean")
    settable = {"run", "finetune"} & set(error.command_chain or ())
    if not settable or not isinstance(error, cyclopts.UnknownOptionError):
        return str(error)
    from lianju.config import setting_names

    asked = (error.token.keyword or error.token.value).lstrip("-").replace("-", "_")
    called = {name.rpartition(".")[2]: name for name in setting_names()}
    called |= {"".join(word[0] for word in name.split("_")): called[name] for name in called}
    called |= {name.replace(".", "_"): name for name in setting_names()}
    # Between a flag and a setting that are only like it, the flag is likelier.
    nearest = difflib.get_close_matches(asked, called, n=1, cutoff=1 if maybe else 0.75)
    return f"{told} Did you mean --set {called[nearest[0]]}=VALUE?" if nearest else str(error)


def _internal(error: Exception, debug: bool) -> int:
    told = f"internal error, {type(error).__name__}: {error}"
    return _fail(f"{told}. Run again with --debug and please report what it prints.", debug, code=1)


def _fail(message: str, debug: bool, code: int = 2) -> int:
    if debug:
        traceback.print_exc()
    print(f"lianju: {' '.join(message.split())}", file=sys.stderr)
    return code
