"""`lianju explore sweep`."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter, validators

from lianju.cli.flags import SHARD, ModelFlags, VerseFlags, decode_overrides, help_of
from lianju.cli.inputs import adapter_folder, rules_for_couplets, text_with_notes, verse_settings
from lianju.config import DecodeSettings, VerseSettings, load_settings
from lianju.console import TerminalReporter, err, print_line
from lianju.corpus import interpret_couplet
from lianju.errors import UserError
from lianju.files import weights_digest
from lianju.shards import WHOLE, Shard

if TYPE_CHECKING:
    from lianju.decode import Rules
    from lianju.explore import Findings, Grid, Sweep, SweepCouplet, SweepPlan

_GRID = Group("Grid: values with commas between them; every combination is a cell", sort_key=1)


def _axis(name: str) -> Parameter:
    return Parameter(help=help_of(name), group=_GRID)


@Parameter(name="*")
@dataclass(frozen=True)
class GridFlags:
    """The values of each axis."""

    temperature: Annotated[str, _axis("temperature")] = "0.1,0.3,0.5,0.7,1.0,1.3"
    top_p: Annotated[str, _axis("top_p")] = "0.3,0.6,0.8,1.0"
    top_k: Annotated[str, _axis("top_k")] = "0,20"
    min_p: Annotated[str, _axis("min_p")] = "0"
    typical_p: Annotated[str, _axis("typical_p")] = "1"


@Parameter(name="*")
@dataclass(frozen=True)
class SameFlags:
    """What is the same in every cell."""

    seeds: Annotated[
        int,
        Parameter(
            help="Poems on each couplet in each cell.",
            validator=validators.Number(gte=1, lte=1000),
        ),
    ] = 4
    seed: Annotated[int, Parameter(help="The same seed gives the same poems.")] = 0
    max_length: Annotated[
        int | None,
        Parameter(help="Stop a poem after this many tokens; default: 128.", show_default=False),
    ] = None
    repetition_penalty: Annotated[
        float, Parameter(help="Above 1, characters that stand already become less likely.")
    ] = 1.0

    def checked(self) -> DecodeSettings:
        """As decoding settings, `seeds` as candidates. Raises `UserError` for a bad value."""
        values = asdict(self)
        values["candidates"] = values.pop("seeds")
        return load_settings("default", decode_overrides(None, **values)).decode


def sweep_command(
    couplets: Annotated[
        list[str] | None, Parameter(help="Couplets to write on instead of a suite.")
    ] = None,
    /,
    *,
    out: Annotated[
        Path, Parameter(help="The folder to write; the same command again goes on in it.")
    ],
    grid: GridFlags | None = None,
    suite: Annotated[
        Literal["hw5", "heldout", "legal"] | None,
        Parameter(
            help="Couplets to write on: legal, to choose the decoding by; to look at, hw5, the "
            "homework's test, and heldout, on which `lianju evaluate` reports; default: hw5.",
            show_default=False,
        ),
    ] = None,
    number: Annotated[
        int | None,
        Parameter(
            name="--couplets", help="Only the first so many of the suite.", show_default=False
        ),
    ] = None,
    same: SameFlags | None = None,
    rules: VerseFlags | None = None,
    writer: ModelFlags | None = None,
    shard: Annotated[str | None, SHARD] = None,
) -> None:
    """Every combination of decoding parameters on the same couplets, and a page that compares them.

    Without --form or another rule, no rules of verse are kept, so that right shapes are the
    model's own. Example: lianju explore sweep --suite legal --couplets 30 --out sweeps/first
    """
    from lianju.explore import open_sweep, read_grid

    if couplets and suite:
        raise UserError("couplets of your own and --suite exclude each other: leave out one")
    chosen = "" if couplets else suite or "hw5"
    cells = read_grid(asdict(grid or GridFlags()))
    decode = (same or SameFlags()).checked()
    verse = verse_settings(rules) if rules else VerseSettings(form="free")
    writer = writer or ModelFlags()
    folder = adapter_folder(writer)
    openings = _openings(couplets, chosen, number)
    plan = _plan(folder, writer, chosen, openings, cells, decode, verse)
    kept = rules_for_couplets(plan.couplets, plan.verse)
    _announce(plan)
    part = Shard.read(shard) if shard else WHOLE
    with open_sweep(out, plan, TerminalReporter(), part) as job:
        _sweep(job, folder, writer.model, kept)


def _plan(
    folder: Path | None,
    writer: ModelFlags,
    suite: str,
    openings: "list[SweepCouplet]",
    grid: "Grid",
    decode: DecodeSettings,
    verse: VerseSettings,
) -> "SweepPlan":
    from lianju.explore import SweepPlan
    from lianju.model import card_prompt, read_card

    card = read_card(folder) if folder else {}
    defaults = load_settings()
    return SweepPlan(
        model=writer.model or card.get("base") or defaults.model.name,
        adapter=weights_digest(folder) if folder else "",
        style=(card_prompt(card) if card else defaults.prompt).name,
        suite=suite,
        openings=tuple(openings),
        grid=grid,
        seeds=decode.candidates,
        seed=decode.seed,
        max_length=decode.max_length,
        repetition_penalty=decode.repetition_penalty,
        particles=decode.particles,
        verse=verse,
        exact=writer.exact,
    )


def _openings(couplets: list[str] | None, suite: str, number: int | None) -> "list[SweepCouplet]":
    from lianju.evaluate import suite as examples
    from lianju.explore import SweepCouplet

    if not couplets:
        return [SweepCouplet.of(example) for example in examples(suite, number, TerminalReporter())]
    if number is not None:
        raise UserError("--couplets takes the first of a suite: leave it out, or the couplets")
    return [
        SweepCouplet(couplet=text_with_notes(interpret_couplet(couplet))) for couplet in couplets
    ]


def _announce(plan: "SweepPlan") -> None:
    from lianju.evaluate import markup
    from lianju.explore import REPORTED_SUITES

    cells = len(plan.grid.cells())
    err.print(
        f"{markup.plural(cells, 'cell')} × {markup.plural(len(plan.openings), 'couplet')} × "
        f"{markup.plural(plan.seeds, 'seed')} = {markup.plural(cells * plan.poems_each, 'poem')}"
    )
    if reported := REPORTED_SUITES.get(plan.suite):
        err.print(f"{reported.terminal} To choose, use --suite legal.", markup=False)


def _sweep(
    job: "Sweep", folder: Path | None, model: str | None, kept: "list[Rules | None]"
) -> None:
    from lianju.explore import score, write_all

    if not job.finished():
        missing = len(job.missing())
        if done := len(job.numbers) - missing:
            err.print(f"Cells that are finished already: {done}; left: {missing}.")
        _interruptible(lambda: _write(job, folder, model, kept), job)
    if job.shard.count > 1:
        print_line(
            f"{job.folder}: {len(job.numbers)} cells are written. When the other shards are there "
            "too, the same command without --shard makes the page."
        )
        return
    from lianju.evaluate import measure, tools

    found = tools(job.reporter)
    cells = score(job, lambda groups, truths: measure(groups, truths, found))
    _tell(write_all(job, cells, job.reporter))


def _write(
    job: "Sweep", folder: Path | None, model: str | None, kept: "list[Rules | None]"
) -> None:
    """Load the model and have it write what is missing."""
    from lianju.decode import constrain
    from lianju.explore import write_poems
    from lianju.loading import load_model

    network, _ = load_model(folder, model, job.reporter, exact=job.plan.exact)
    write_poems(job, network, constrain(network.vocabulary, kept))


def _interruptible(work: Callable[[], None], job: "Sweep") -> None:
    try:
        work()
    except KeyboardInterrupt:
        done = len(job.numbers) - len(job.missing())
        err.print(f"Stopped. Cells that are kept: {done}. The same command goes on.")
        raise SystemExit(130) from None


def _tell(found: "Findings") -> None:
    for line in found.in_words():
        print_line(line)
    print_line(f"Page: {found.sweep.folder / 'sweep.html'}")
