"""`lianju evaluate`: every metric on named suites, and what is done with finished reports."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Group, Parameter, validators

from lianju.cli.chat_system import ChatFlags, refuse_ours
from lianju.cli.flags import (
    PARTICLES,
    SHARD,
    SHOTS,
    TASTE,
    DecodeFlags,
    ModelFlags,
    VerseFlags,
    decode_overrides,
)
from lianju.cli.inputs import shown, told_adapter, verse_settings
from lianju.config import RunSettings, VerseSettings, load_settings
from lianju.console import TerminalReporter, print_line, print_table
from lianju.errors import UserError
from lianju.shards import WHOLE, Shard

if TYPE_CHECKING:
    from lianju.evaluate import Author, ChatAuthor, EvaluationPlan, Load, Report
    from lianju.model import LanguageModel

_SYSTEMS = Group("Systems 系統: who writes", sort_key=0)
_SCOPE = Group("Scope 範圍: on what", sort_key=0.5)

app = App(name="evaluate")
for name, where in (
    ("--judge", "judge:judge_command"),
    ("--blind", "blind:blind_command"),
    ("--blind-results", "blind:blind_results_command"),
    ("--checkpoints", "checkpoints:checkpoints_command"),
):
    app.command(f"lianju.cli.{where}", name=name)


def _flag(group: Group, text: str, **more: Any) -> Parameter:
    return Parameter(help=text, group=group, **more)


@Parameter(name="*", group=_SYSTEMS)
@dataclass(frozen=True)
class Systems(ModelFlags):
    """Who writes."""

    model: Annotated[
        str | None,
        Parameter(
            help="The base model; default: the adapter's own. With --endpoint: the chat model, by "
            "the name that the endpoint knows.",
            show_default=False,
        ),
    ] = None
    poets: Annotated[bool, Parameter(help="The poets themselves: the real poems.")] = False
    against: Annotated[
        str | None,
        Parameter(
            help="A second system, compared in pairs: base, poets, or a run or adapter. It "
            "writes with the same decoding and rules.",
            show_default=False,
        ),
    ] = None

    def names(self, with_chat: bool) -> list[str]:
        """The systems in order: base, poets, or a folder; after a chat model, if there is one."""
        given = sum((self.adapter is not None, self.base, self.poets))
        if with_chat and given:
            raise UserError(
                "with --endpoint the chat model writes: name another system by --against"
            )
        if with_chat:
            return [] if self.against is None else [self.against]
        if given > 1:
            raise UserError("--adapter, --base and --poets exclude each other")
        first = "base" if self.base else "poets" if self.poets else ""
        names = [first or str(self.adapter or told_adapter())]
        if self.against is not None:
            names.append(self.against)
        if len({_identity(name) for name in names}) < len(names):
            raise UserError(f"--against {self.against} is the system itself: name another")
        return names


@Parameter(name="*")
@dataclass(frozen=True)
class Scope:
    """On what."""

    suite: Annotated[
        list[Literal["hw5", "heldout", "legal"]] | None,
        _flag(
            _SCOPE,
            "hw5: the homework's 15 test couplets. heldout: 500 unseen poems. legal: 600 more "
            "whose couplet can open regulated verse. Can be repeated; default: hw5 and heldout.",
            show_default=False,
        ),
    ] = None
    couplets: Annotated[
        int | None,
        _flag(
            _SCOPE,
            "At most so many couplets of each suite.",
            show_default=False,
            validator=validators.Number(gte=1),
        ),
    ] = None
    n: Annotated[
        int,
        _flag(
            _SCOPE,
            "Poems a couplet.",
            name=["-n", "--candidates"],
            validator=validators.Number(gte=1, lte=1000),
        ),
    ] = 1
    ranks: Annotated[
        int,
        _flag(
            _SCOPE,
            "On so many couplets of each suite, rank the real continuation among 99 others.",
            validator=validators.Number(gte=0),
        ),
    ] = 30

    def plan(self) -> "EvaluationPlan":
        """As the evaluation takes it."""
        from lianju.evaluate import EvaluationPlan

        suites = tuple(dict.fromkeys(self.suite or ("hw5", "heldout")))
        return EvaluationPlan(suites, self.couplets, self.n, self.ranks)


@app.default
def evaluate_command(
    *,
    systems: Systems | None = None,
    scope: Scope | None = None,
    chat: ChatFlags | None = None,
    rules: VerseFlags | None = None,
    particles: Annotated[int | None, PARTICLES] = None,
    taste: Annotated[float | None, TASTE] = None,
    decoding: DecodeFlags | None = None,
    shots: Annotated[int, SHOTS] = 0,
    seed: Annotated[int, Parameter(help="The same seed gives the same poems.")] = 0,
    out_: Annotated[
        Path | None,
        Parameter(
            name="--out",
            help="The folder to write; default evaluations/DATE. One that holds the beginning of "
            "the same evaluation is gone on with.",
            show_default=False,
        ),
    ] = None,
    shard: Annotated[str | None, SHARD] = None,
) -> None:
    """Every metric with its interval; compare, judge, read blind.

    Systems write on suites of couplets, and report.html and report.json say what came of it.
    Without any flag under Verse the model writes freely, as in `lianju run`: what it has learned
    is measured, not what rules force it to do. Example: lianju evaluate --against base

    A chat model behind an address can be a system, too: the verse in its answers is judged like any
    other, the words around it are counted, and what it costs is said first.

    Example: lianju evaluate --endpoint http://localhost:8000/v1 --model qwen3-8b --against base

    The commands listed first have flags of their own and come first on the line.
    """
    overrides = decode_overrides(decoding, seed=seed, particles=particles, taste=taste)
    settings = load_settings("default", overrides)
    verse = verse_settings(rules) if rules else VerseSettings(form="free")
    asked, asking = systems or Systems(), chat or ChatFlags()
    guest = asking.author(asked.model, decoding, seed)
    named = asked.names(with_chat=guest is not None)
    if shots and "base" not in named:
        raise UserError("--shots are for the untouched base model: add --base or --against base")
    if guest and not named:
        refuse_ours(rules, decoding, exact=asked.exact, particles=particles, taste=taste)
    if guest and asking.run:
        if named or scope or out_:
            raise UserError("--run takes no --against, --out or flags of Scope: a run has its own")
        asking.into_run(guest, asking.run)
        return
    if guest:
        asked = replace(asked, model=None)
    authors, base = _authors(named, asked, settings, verse, shots)

    part = Shard.read(shard) if shard else WHOLE
    if part.count > 1 and not out_:
        raise UserError("--shard needs --out, the same for all parts")
    folder = out_ or Path("evaluations") / f"{datetime.now():%Y%m%d-%H%M%S}"
    plan = (scope or Scope()).plan()
    if guest:
        asking.agree_on(guest, plan)
        authors = [guest, *authors]
    _evaluate(folder, plan, authors, base, part)


def _evaluate(
    folder: Path,
    plan: "EvaluationPlan",
    authors: "list[Author | ChatAuthor]",
    base: "Load",
    part: Shard,
) -> None:
    """All of it, or a shard, and what came of it."""
    from lianju.evaluate import evaluate_shard, evaluate_systems

    if part.count > 1:
        done = evaluate_shard(folder, plan, authors, part, TerminalReporter())
        print_line(
            f"{part.beside(folder)}: {done} parts, each a system on a suite, are done. When the "
            "other shards are there too, the same command without --shard makes the report."
        )
        return
    _tell(evaluate_systems(folder, plan, authors, base, TerminalReporter()), folder)


@app.command(name="--compare")
def compare_command(
    first: Annotated[Path, Parameter(help="A report.json, or the folder that holds it.")],
    second: Annotated[Path, Parameter(help="Another, of the same suites and couplets.")],
    /,
    *,
    out_: Annotated[Path, Parameter(name="--out", help="The folder to write.")] = Path(
        "comparison"
    ),
) -> None:
    """Compare the first systems of two reports in pairs: report.html, report.json of both."""
    from lianju.evaluate import compare_reports, read_report, refuse_report, write_evaluation

    refuse_report(out_)
    report = compare_reports(read_report(first), read_report(second))
    write_evaluation(report, out_)
    _tell(report, out_)


def _identity(name: str) -> str:
    """One name for one system, however its folder is spelled."""
    adapter = _adapter_of(name)
    return str(adapter.resolve()) if adapter else name


def _adapter_of(name: str) -> Path | None:
    from lianju.model import find_adapter

    return None if name in ("base", "poets") else find_adapter(Path(name))


def _authors(
    names: list[str], asked: Systems, settings: RunSettings, verse: VerseSettings, shots: int
) -> "tuple[list[Author | ChatAuthor], Load]":
    """Those who write, and what loads the untouched model."""
    # Poets are scored by the model that they are compared with.
    scorer = next((folder for name in names if (folder := _adapter_of(name))), None)
    authors: list[Author | ChatAuthor] = [
        _author(name, scorer, asked.model, settings, verse, asked.exact, shots) for name in names
    ]
    return authors, _loader(scorer, asked.model, tuned=False)


def _author(
    name: str,
    scorer: Path | None,
    model: str | None,
    settings: RunSettings,
    verse: VerseSettings,
    exact: bool,
    shots: int,
) -> "Author":
    """One who writes, by the name that the user gave; `scorer` is the adapter that scores poets."""
    from lianju.evaluate import Author
    from lianju.model import adapter_name, read_card

    adapter = scorer if name == "poets" else _adapter_of(name)
    # A wrong folder is better found before anything is written.
    base = model or (read_card(adapter)["base"] if adapter else settings.model.name)
    load = _loader(adapter, model, exact=exact)
    if name == "poets":
        return Author("the poets", load, base)
    if adapter is None:
        label = f"base model, {shots} poems shown" if shots else "base model"
        load = partial(_load_shown, load, shots, settings.decode.seed)
        return Author(label, load, base, None, settings.decode, verse, exact, shots=shots)
    return Author(adapter_name(adapter), load, base, adapter, settings.decode, verse, exact)


def _loader(
    adapter: Path | None, model: str | None, tuned: bool = True, exact: bool = False
) -> "Load":
    from lianju.loading import load_model

    how = {"exact": exact, "scoring": True}
    return partial(load_model, adapter, model, TerminalReporter(), tuned, **how)


def _load_shown(load: "Load", shots: int, seed: int) -> "tuple[LanguageModel, str]":
    """A base model, shown so many poems before each couplet."""
    model, style = load()
    return shown(model, style, shots, seed, TerminalReporter()), style


def _tell(report: "Report", folder: Path) -> None:
    """What came of it, in a few lines, and where the rest lies."""
    from lianju.evaluate import summary_tables

    for sentence in report.verdict:
        print_line(sentence)
    for head, *rows in summary_tables(report):
        print_line("")
        print_table(rows, "<" * len(head), head)
    print_line(f"Report: {folder / 'report.html'}")
