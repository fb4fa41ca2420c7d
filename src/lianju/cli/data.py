"""`lianju data`: look at the poems, and check a file of poems."""

from collections import Counter
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter, validators

from lianju.console import TerminalReporter, print_line, print_table
from lianju.errors import UserError

app = App(name="data", help="Look at the poems, and check a file of poems.")

_QUOTED = 20


@app.command(name="show")
def show_command(
    *,
    source: Annotated[
        Path | None,
        Parameter(help="A file of poems, or a folder that has one.", show_default=False),
    ] = None,
    samples: Annotated[
        int, Parameter(help="How many poems to print.", validator=validators.Number(gte=0))
    ] = 3,
) -> None:
    """Print what the poems are, what was dropped and why, and a few samples."""
    from lianju.corpus import select, training_corpus
    from lianju.verse import form_of

    corpus = training_corpus(source, TerminalReporter())
    print_line(f"{corpus.total} poems from {corpus.origin}")
    print_line(f"{len(corpus.examples)} kept")
    forms = Counter(form_of(example.text) for example in corpus.examples).most_common()
    named = ((f"{form.chinese} {form.name}" if form else "other shapes", n) for form, n in forms)
    print_table((("", str(count), name) for name, count in named), "<><")
    print_line(f"{len(corpus.dropped)} dropped")
    rows = []
    for reason, count in Counter(item.reason for item in corpus.dropped).most_common():
        first = next(item for item in corpus.dropped if item.reason == reason)
        said = f"{reason}, such as number {first.index}: {first.text[:_QUOTED]}"
        rows.append(("", str(count), said))
    print_table(rows, "<><")
    for example in select(corpus.examples, min(samples, len(corpus.examples)), seed=0):
        print_line(f"\n{example.couplet}\n  → {example.completion}")


@app.command(name="check")
def check_command(
    file: Annotated[Path, Parameter(help="A file of poems: JSON, JSONL, CSV, TSV or text.")],
    /,
    *,
    test: Annotated[bool, Parameter(help="A test file: records may lack an output.")] = False,
) -> None:
    """Report every bad record of a file with its place, field and reason.

    What is listed is not trained on, unless that is said.
    """
    from lianju.corpus import check_file, shown

    report = check_file(file, test=test)
    for bad in report.bad:
        field = f".{bad.field}" if bad.field else ""
        kept = "" if bad.dropped else " (trained on all the same)"
        print_line(f"{shown(file)}{bad.place}{field}: {bad.reason}{kept}")
    for note in report.notes:
        print_line(f"Note: {note}")
    dropped = len({bad.place for bad in report.bad if bad.dropped})
    print_line(f"{report.total} records, {len(report.bad)} faults; {dropped} would be dropped")
    if report.bad:
        raise UserError(f"{shown(file)} has {len(report.bad)} faults, listed above")
