"""An evaluation: systems write poems on suites of couplets, and every metric is taken.

It is a folder. The result of each system on each suite is written there as it is finished, so
that the same command, given again, goes on where it stopped.
"""

import copy
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from lianju import __version__, machine
from lianju.config import DecodeSettings, ModelSettings, VerseSettings
from lianju.corpus import Example, large_corpus
from lianju.decode import Completion, complete, constrain, rules_for
from lianju.errors import UserError
from lianju.evaluate import schema
from lianju.evaluate.compare import compare
from lianju.evaluate.contamination import contamination
from lianju.evaluate.leaks import leaks
from lianju.evaluate.measure import Measured, Tools, measure, tools
from lianju.evaluate.metrics import METRICS
from lianju.evaluate.page import write_page
from lianju.evaluate.rank import ranks
from lianju.evaluate.scoring import true_losses
from lianju.evaluate.statistics import NOTHING, Figure, mean
from lianju.evaluate.suites import digest, suite
from lianju.evaluate.verdict import verdict
from lianju.files import cache_dir, locked, sha256, write_json, write_text
from lianju.model import LanguageModel, choose_compute
from lianju.progress import SILENT, Reporter

# What would only say that poems of the corpus stand in the corpus.
_OF_POETS = ("known_lines", "longest_run", "copied")
_Part = TypeVar("_Part", bound=BaseModel)
# Loads a model and says in which style it is to be asked.
Load = Callable[[], tuple[LanguageModel, str]]


@dataclass(frozen=True)
class Plan:
    """What to evaluate on.

    `suites`: names. `couplets`: of each suite so many at most. `poems`: poems a couplet.
    `ranks`: on so many couplets of each suite the real continuation is ranked among others.
    """

    suites: tuple[str, ...]
    couplets: int | None = None
    poems: int = 1
    ranks: int = 30


@dataclass(frozen=True)
class Author:
    """Who writes: a model with its decoding and the rules that it keeps, or the poets.

    Poets have no `decode` and no `verse`; the model then only scores what they wrote. `load` is
    called when something is to be written or scored.
    """

    label: str
    load: Load
    adapter: Path | None = None
    decode: DecodeSettings | None = None
    verse: VerseSettings | None = None

    def settings(self) -> dict[str, Any]:
        """What tells this author from others, as JSON."""
        return {
            "label": self.label,
            "adapter": str(self.adapter or ""),
            "adapter_sha256": _adapter_digest(self.adapter),
            "decoding": self.decode.model_dump() if self.decode else {},
            "rules": self.verse.model_dump() if self.verse else {},
        }


def evaluate(
    folder: Path,
    plan: Plan,
    authors: Sequence[Author],
    base: Load,
    reporter: Reporter = SILENT,
) -> schema.Report:
    """Evaluate one author, or two in pairs, into `folder`: report.json and report.html.

    `base` loads the untouched model, which is tested for poems that it knows by heart. Raises
    `UserError` where the folder holds an evaluation of something else.
    """
    with locked(folder / "evaluation", wait=False):
        started = time.perf_counter()
        _same(folder, plan, authors)
        examples = {name: _examples(name, plan, reporter) for name in plan.suites}
        kit = tools(reporter)
        systems = [
            _system(folder / "parts" / str(number), author, plan, examples, kit, reporter)
            for number, author in enumerate(authors, 1)
        ]
        report = schema.Report(
            lianju=__version__,
            made=datetime.now(UTC).isoformat(timespec="seconds"),
            machine=machine.describe(),
            seconds=sum(system.seconds for system in systems),
            metrics=METRICS,
            systems=systems,
            comparisons=compare(*systems, METRICS) if len(systems) == 2 else [],
            contamination=_once(
                _known_by_heart(systems[0].sha256),
                schema.Contamination,
                lambda: _contamination(base, kit, reporter),
            ),
        )
        report = report.model_copy(update={"verdict": verdict(report)})
        write_report(report, folder)
        reporter.say(f"Evaluated in {time.perf_counter() - started:.0f} s")
    return report


def write_report(report: schema.Report, folder: Path) -> None:
    """Write report.json and report.html into `folder`."""
    write_text(folder / "report.json", report.model_dump_json(indent=1) + "\n")
    write_page(report, folder / "report.html")


def _same(folder: Path, plan: Plan, authors: Sequence[Author]) -> None:
    """Write down what is evaluated here, or refuse to go on with something else."""
    path = folder / "settings.json"
    asked = {"plan": vars(plan), "authors": [author.settings() for author in authors]}
    asked = json.loads(json.dumps(asked))
    if not path.is_file():
        write_json(path, asked)
    elif json.loads(path.read_text(encoding="utf-8")) != asked:
        raise UserError(f"{folder} holds an evaluation of something else: name another --out")


def _once(path: Path, kind: type[_Part], work: Callable[[], _Part]) -> _Part:
    """What stands in the file, else what `work` makes, written there."""
    if path.is_file():
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    result = work()
    write_text(path, result.model_dump_json() + "\n")
    return result


def _examples(name: str, plan: Plan, reporter: Reporter) -> list[Example]:
    every = suite(name, None, reporter)
    return every[: plan.couplets]


def _system(
    folder: Path,
    author: Author,
    plan: Plan,
    examples: Mapping[str, Sequence[Example]],
    kit: Tools,
    reporter: Reporter,
) -> schema.System:
    """What one author did on every suite; what stands in `folder` is not done again."""

    def whole() -> schema.System:
        started = time.perf_counter()
        model, style = author.load()
        pool = [*suite("heldout", None, reporter), *suite("legal", None, reporter)]
        work = _Work(author, plan, model, style, kit, pool, reporter)
        parts = {
            name: _once(
                folder / f"{name}.json", schema.Suite, lambda n=name: work.suite(n, examples[n])
            )
            for name in plan.suites
        }
        settings = author.settings()
        return schema.System(
            **settings,
            kind="model" if author.decode else "poets",
            model=model.name,
            sha256=model.sha256,
            style=style,
            leaks=leaks(author.adapter, examples, reporter),
            suites=parts,
            seconds=time.perf_counter() - started,
        )

    return _once(folder / "system.json", schema.System, whole)


@dataclass(frozen=True)
class _Work:
    """One author at work."""

    author: Author
    plan: Plan
    model: LanguageModel
    style: str
    kit: Tools
    pool: Sequence[Example]
    reporter: Reporter

    def suite(self, name: str, examples: Sequence[Example]) -> schema.Suite:
        """Write, score and measure on one suite."""
        losses = true_losses(self.model, self.style, examples, "fp32", self.reporter)
        ranked = self._ranks(examples)
        groups = self._poems(name, examples, losses)
        poets = self.author.decode is None
        truths = [None if poets else example.completion or None for example in examples]
        measured = measure(groups, truths, self.kit)
        if poets:
            measured = _without(measured, _OF_POETS)
        return schema.Suite(
            name=name,
            digest=digest(examples),
            poems_each=len(groups[0]),
            figures={**measured.figures, **_truth_figures(losses, ranked)},
            couplets=[
                schema.Couplet(
                    couplet=example.couplet,
                    truth=example.completion or None,
                    source=example.source,
                    poems=self._rows(group, marks),
                    marks={"loss": loss, "rank": rank},
                )
                for example, group, marks, loss, rank in zip(
                    examples, groups, measured.marks, losses, ranked, strict=True
                )
            ],
        )

    def _poems(
        self, name: str, examples: Sequence[Example], losses: Sequence[float | None]
    ) -> list[list[Completion]]:
        if self.author.decode is None:
            return [[_given(example, loss)] for example, loss in zip(examples, losses, strict=True)]
        settings = self.author.decode.model_copy(update={"candidates": self.plan.poems})
        couplets = [example.couplet for example in examples]
        verse = self.author.verse or VerseSettings()
        rules = [rules_for(couplet, verse) for couplet in couplets]
        return complete(
            self.model,
            self.style,
            couplets,
            settings,
            self.reporter,
            f"{self.author.label}, {name}",
            constraints=constrain(self.model.vocabulary, rules),
        )

    def _ranks(self, examples: Sequence[Example]) -> list[int | None]:
        """Ranks of the first examples, None for the others; quicker in low precision on a CPU."""
        few, model, precision = examples[: self.plan.ranks], self.model, "fp32"
        if few and model.device.type == "cpu" and model.bits == 16:
            compute = choose_compute(ModelSettings(device="cpu"))
            model = replace(model, network=copy.deepcopy(model.network))
            compute.lighten(model.network)
            precision = compute.precision
        ranked = ranks(model, self.style, few, self.pool, precision, self.reporter)
        return [*ranked, *(None for _ in examples[self.plan.ranks :])]

    def _rows(
        self, group: Sequence[Completion], marks: Sequence[dict[str, schema.Mark]]
    ) -> list[schema.Poem]:
        return [
            schema.Poem(
                number=number,
                text=poem.text,
                finish="given" if self.author.decode is None else poem.finish,
                marks=each,
            )
            for number, (poem, each) in enumerate(zip(group, marks, strict=True))
        ]


def _without(measured: Measured, names: Sequence[str]) -> Measured:
    """The same without some metrics, which have nothing to say here."""
    marks = [[each | dict.fromkeys(names) for each in group] for group in measured.marks]
    return Measured(marks, measured.figures | dict.fromkeys(names, NOTHING))


def _given(example: Example, loss: float | None) -> Completion:
    """A poet's poem, with the log-probability that the model gives it."""
    size = len(example.completion)
    liking = math.nan if loss is None else -loss * size
    return Completion(example.couplet, example.completion, "stop", size, liking)


def _truth_figures(
    losses: Sequence[float | None], ranked: Sequence[int | None]
) -> dict[str, Figure]:
    """Figures on the real continuations under the model."""
    loss = mean([[value] for value in losses if value is not None])
    ends = (loss.value, loss.low, loss.high)
    value, low, high = (None if end is None else math.exp(end) for end in ends)
    return {
        "loss": loss,
        "perplexity": Figure(value=value, low=low, high=high, n=loss.n),
        "rank": mean([[rank] for rank in ranked if rank is not None]),
    }


def _known_by_heart(model: str) -> Path:
    """Where the test for contamination is kept: it depends on the base model alone."""
    return cache_dir() / "contamination" / f"{schema.CONTAMINATION}-{model[:12]}.json"


def _contamination(base: Load, kit: Tools, reporter: Reporter) -> schema.Contamination:
    model, _ = base()
    heldout = suite("heldout", None, reporter)
    large = large_corpus(reporter)
    return contamination(model, "plain", heldout, large, kit.parallelism, reporter)


def _adapter_digest(adapter: Path | None) -> str:
    """Of the adapter's weights, so that one trained anew into the same folder is another."""
    if adapter is None:
        return ""
    return "-".join(sha256(file)[:12] for file in sorted(adapter.glob("*.safetensors")))
