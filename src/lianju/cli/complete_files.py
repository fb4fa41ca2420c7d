"""`lianju complete --input … --output …`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from lianju.cli.flags import SHARD, ModelFlags
from lianju.cli.inputs import adapter_folder
from lianju.config import DecodeSettings, VerseSettings, load_settings
from lianju.console import TerminalReporter, err, print_line
from lianju.errors import UserError
from lianju.files import weights_digest
from lianju.shards import WHOLE, Shard

if TYPE_CHECKING:
    from lianju.many import ManyJob, RowSettings

_MANY = Group("Many couplets 大量對句: files of any length", sort_key=0.5)
# What a process ends with when all was done, but some rows have faults.
_SOME_FAULTS = 3


@Parameter(name="*", group=_MANY)
@dataclass(frozen=True)
class ManyFlags:
    """A file of couplets and where its poems go."""

    input: Annotated[
        Path | None,
        Parameter(
            help="A .jsonl, .csv, .tsv, .parquet or .txt file, a couplet a row; columns: `couplet` "
            "or `input`, and if you like `id`, `seed`, and rules by their names, such as `form`.",
            show_default=False,
        ),
    ] = None
    output: Annotated[
        Path | None,
        Parameter(
            help="The .jsonl or .parquet file of poems to write. The same command again goes on "
            "where it was stopped. Rows with faults go to ….errors.jsonl beside it; then the exit "
            "code is 3.",
            show_default=False,
        ),
    ] = None
    shard: Annotated[str | None, SHARD] = None


def complete_rows(
    flags: ManyFlags, verse: VerseSettings, decode: DecodeSettings, writer: ModelFlags
) -> None:
    """Complete the couplets of a file into a file of poems."""
    if not (flags.input and flags.output):
        raise UserError(
            "--input and --output go together: give a file of couplets and one to write"
        )
    shard = Shard.read(flags.shard) if flags.shard else WHOLE
    folder = adapter_folder(writer)

    from lianju.many import open_job

    asked = _asked(folder, writer, verse, decode)
    with open_job(flags.input, flags.output, asked, shard, TerminalReporter()) as job:
        if not job.finished:
            _write(job, folder, writer)
        job.finish()
        _tell(job)


def _asked(
    folder: Path | None, writer: ModelFlags, verse: VerseSettings, decode: DecodeSettings
) -> "RowSettings":
    from lianju.many import RowSettings
    from lianju.model import card_prompt, read_card

    card = read_card(folder) if folder else {}
    defaults = load_settings()
    return RowSettings(
        model=writer.model or card.get("base") or defaults.model.name,
        adapter=weights_digest(folder) if folder else "",
        style=(card_prompt(card) if card else defaults.prompt).name,
        exact=writer.exact,
        verse=verse,
        decode=decode,
    )


def _write(job: "ManyJob", folder: Path | None, flags: ModelFlags) -> None:
    from lianju.corpus import known_lines
    from lianju.loading import load_model
    from lianju.writer import Writer

    if job.found:
        done = job.found.reached
        err.print(f"Rows that are done already: {done.couplets + done.faults} of {len(job.rows)}")
    writer = Writer(*load_model(folder, flags.model, job.reporter, exact=flags.exact))
    known_lines(job.reporter)
    try:
        job.write(writer)
    except KeyboardInterrupt:
        kept = job.reached.couplets + job.reached.faults
        err.print(f"Stopped. Rows that are kept: {kept}. The same command goes on.")
        raise SystemExit(130) from None


def _tell(job: "ManyJob") -> None:
    reached = job.reached
    print_line(f"{job.files.output}: {reached.couplets} couplets completed")
    if reached.faults:
        print_line(f"{job.files.faults}: {reached.faults} rows with faults")
        raise SystemExit(_SOME_FAULTS)
