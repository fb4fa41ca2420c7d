"""`lianju evaluate --blind` and `--blind-results`: people read without knowing who wrote."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from lianju.cli.judge import AGAINST, PairFlags
from lianju.console import print_line
from lianju.errors import UserError
from lianju.files import write_text

if TYPE_CHECKING:
    from lianju.evaluate.blind import BlindResult

_FOLDER = Path("blind")


def blind_command(
    report: Annotated[Path, Parameter(help="A report.json, or the folder that holds it.")],
    against: Annotated[Path | None, AGAINST] = None,
    /,
    *,
    which: PairFlags | None = None,
    pairs: Annotated[
        int,
        Parameter(
            help="At most so many pairs, drawn at random but always the same.",
            validator=validators.Number(gte=1),
        ),
    ] = 40,
    any_form: Annotated[
        bool,
        Parameter(
            help="Also pairs of poems of wrong shape or unequal length, which tell a reader by "
            "their form alone which is which."
        ),
    ] = False,
    out_: Annotated[Path, Parameter(name="--out", help="The folder to write.")] = _FOLDER,
) -> None:
    """Write a reading test: a page of pairs to choose between, and apart from it the key.

    Give readers blind.html only; they send back choices.json for --blind-results. Keep
    blind-key.json: it says which side is whose.

    Example: lianju evaluate --blind evaluations/20261122 --real
    """
    from lianju.evaluate.blind import KEY, PAGE, build_reading_test

    found = (which or PairFlags()).pairs(report, against, same_form=not any_form)
    key = build_reading_test(found.drawn(pairs), out_, same_form=not any_form)
    print_line(f"{len(key.pairs)} pairs of {key.labels[0]} and {key.labels[1]}")
    if len(found.pairs) > len(key.pairs):
        print_line(f"  drawn from {len(found.pairs):,} (--pairs)")
    for reason, number in found.left_out.items():
        print_line(f"  left out: {reason}: {number:,}")
    print_line(f"For readers: {out_ / PAGE}")
    print_line(f"For you: {out_ / KEY}; who sees it is no longer blind")


def blind_results_command(
    choices: Annotated[
        list[Path], Parameter(help="The choices.json of one reader, or of several.")
    ],
    /,
    *,
    key: Annotated[Path, Parameter(help="The key of their page.")] = _FOLDER / "blind-key.json",
    out_: Annotated[
        Path | None,
        Parameter(
            name="--out",
            help="The file to write; default blind-results.json beside the key.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Compute what the readers of a reading test prefer, with an interval.

    Example: lianju evaluate --blind-results anna.json bao.json --key blind/blind-key.json
    """
    from lianju.evaluate.blind import blind_results

    if not key.exists():
        raise UserError(f"there is no key {key}: name it with --key")
    result = blind_results(choices, key)
    _tell(result)
    path = out_ or key.parent / "blind-results.json"
    write_text(path, result.model_dump_json(indent=2) + "\n")
    print_line(f"Every pair: {path}")


def _tell(result: "BlindResult") -> None:
    from lianju.evaluate import preference_words, share_words

    first, second = result.labels
    print_line(f"{first} against {second}; a tie counts half")
    for reader in result.readers:
        print_line(f"  {reader.name}: {first} preferred: {preference_words(reader.preference)}")
        left = round((reader.left.value or 0) * reader.left.n)
        print_line(f"    left poem chosen: {left:,} of {reader.left.n:,}")
    if len(result.readers) > 1:
        print_line("  together, by what most readers chose of each pair:")
        print_line(f"    {first} preferred: {preference_words(result.together)}")
    if agreement := result.agreement:
        alpha = "" if agreement.alpha is None else f"; Krippendorff's alpha {agreement.alpha:.2f}"
        print_line(f"  two readers agree: {share_words(agreement.same)}{alpha}")
