"""`lianju results`."""

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from lianju.cli.flags import PARTICLES, TASTE, DecodeFlags, VerseFlags, decode_overrides
from lianju.cli.inputs import rules_for_couplets, verse_settings
from lianju.config import DecodeSettings, VerseSettings, from_flags
from lianju.console import TerminalReporter, print_line
from lianju.corpus import test_set
from lianju.errors import UserError
from lianju.files import write_text
from lianju.verse import FORMS

if TYPE_CHECKING:
    from lianju.writer import Continuation

# Of a value in the name of a file.
_LONGEST = 20


def results_command(
    run: Annotated[Path, Parameter(help="The folder of a run.")],
    /,
    *,
    rules: VerseFlags | None = None,
    particles: Annotated[int | None, PARTICLES] = None,
    taste: Annotated[float | None, TASTE] = None,
    decoding: DecodeFlags | None = None,
    seed: Annotated[
        int | None,
        Parameter(help="Another seed gives other poems; default: the run's.", show_default=False),
    ] = None,
    out_: Annotated[
        Path | None,
        Parameter(
            name="--out",
            help="The file to write; default: in the run's folder, named by the flags, such as "
            "results-temperature-0.7.txt. What stands there already is never replaced by another.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Complete the 15 test couplets again with other decoding or in rules, to hand in.

    The model is the one that the run has trained. Flags that are not given keep the run's values;
    without any under Verse the model writes freely, as in `lianju run`.

    Example: lianju results runs/default-20261128-120000 --temperature 0.7 --top-p 0.8

    With --form auto every poem keeps the rules of verse.
    """
    verse = verse_settings(rules) if rules else VerseSettings(form="free")
    ruled = verse.form != "free"
    for name, value in {"particles": particles, "taste": taste}.items():
        if value is not None and not ruled:
            raise UserError(f"--{name} goes with rules of verse: add --form auto")
    folder = _trained(run)

    from lianju.training import read_settings

    settings = read_settings(folder)
    flags = decode_overrides(decoding, seed=seed, particles=particles, taste=taste)
    given = {name.removeprefix("decode."): value for name, value in flags.items()}
    path = out_ or folder / f"results{_named(given, verse)}.txt"
    if out_ and path.exists():
        raise UserError(f"{path} exists already: name another --out")
    values = settings.decode.model_dump() | {"candidates": 1}
    if ruled:
        # The run's length is for free writing; rules know what a poem can need.
        values["max_length"] = None
    written = _write(folder, from_flags(DecodeSettings, values | given), verse)

    from lianju.training import results_text

    text = results_text(written)
    _tell(written, text)
    write_text(path, text)
    print_line(f"Hand in: {path}")


def _trained(folder: Path) -> Path:
    """The folder of a run that has trained; its adapter's folder will do."""
    if folder.name == "adapter" and not (folder / "settings.json").exists():
        folder = folder.parent
    if (folder / "settings.json").is_file() and not (folder / "adapter").is_dir():
        raise UserError(
            f"{folder} has no adapter yet: finish it with lianju run --resume {quote(str(folder))}"
        )
    return folder


def _named(given: Mapping[str, Any], verse: VerseSettings) -> str:
    """What is asked for, as a part of a file's name."""
    asked = {}
    if verse.form != "free":
        plain = VerseSettings().model_dump()
        ruled = verse.model_dump().items()
        asked = {"form": verse.form} | {k: v for k, v in ruled if v != plain.get(k)}
    parts = {**asked, **given} or {"again": ""}
    said = (f"{name.replace('_', '-')}-{value!s:.{_LONGEST}}" for name, value in parts.items())
    return "-" + "-".join(said).rstrip("-")


def _write(folder: Path, decode: DecodeSettings, verse: VerseSettings) -> "list[Continuation]":
    """A poem on each test couplet by the model of the run."""
    couplets = [example.couplet for example in test_set()]
    # Contradictions are found before the model is loaded.
    rules_for_couplets(couplets, verse)

    from lianju.evaluate import write_poems
    from lianju.loading import load_model
    from lianju.writer import continuation

    reporter = TerminalReporter()
    model, style = load_model(folder / "adapter", None, reporter)
    groups = write_poems(model, style, couplets, verse, decode, reporter, "Test couplets")
    return [continuation(poem, verse.form != "free", None) for [poem] in groups]


def _tell(written: "list[Continuation]", text: str) -> None:
    """Each line of `text` with its form or what is wrong with it, then how many are right."""
    right = 0
    chinese = {form.name: form.chinese for form in FORMS}
    for line, one in zip(text.splitlines(), written, strict=True):
        # In rules a poem that has ended is of the length that was asked for, whatever that is.
        fine = one.finish == "stop" and not one.fault
        right += fine
        said = "✓" if fine else f"✗ {one.fault}"
        if one.form in chinese:
            said += f" {one.form} {chinese[one.form]}"
        print_line(f"{line} {said}")
    different = len({one.text for one in written})
    print_line(f"Right shape: {right} of {len(written)}; {different} different completions")
