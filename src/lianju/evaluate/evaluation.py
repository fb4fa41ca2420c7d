"""An evaluation: systems write poems on suites of couplets, and every metric is taken.

It is a folder. The result of each system on each suite is written there as it is finished, so
that the same command, given again, goes on where it stopped.
"""

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from lianju import machine
from lianju.config import DecodeSettings, VerseSettings
from lianju.corpus import Example
from lianju.decode import Completion, complete, constrain, rules_for
from lianju.errors import UserError
from lianju.evaluate import schema
from lianju.evaluate.chat_author import ChatAuthor, chat_suite, chat_system
from lianju.evaluate.compare import report_of
from lianju.evaluate.evaluation_folder import (
    EvaluationAsked,
    EvaluationFolder,
    EvaluationPlan,
    suite_file,
)
from lianju.evaluate.known_by_heart import Load, contamination_of
from lianju.evaluate.leaks import find_leaks
from lianju.evaluate.measurement import Tools, measure, set_size, tools
from lianju.evaluate.metrics import METRICS
from lianju.evaluate.page import write_page
from lianju.evaluate.rank import ranks
from lianju.evaluate.statistics import Figure, mean, perplexity
from lianju.evaluate.suites import NAMES, Name, couplets_digest, suite
from lianju.evaluate.untouched_results import cached_result, model_identity
from lianju.files import weights_digest, write_text
from lianju.likelihood import true_losses
from lianju.model import LanguageModel, has_bf16_units
from lianju.progress import SILENT, Reporter
from lianju.ranking import rating
from lianju.shards import Shard
from lianju.verse import lines_of

# What would only say that poems of the corpus stand in the corpus.
_OF_POETS = ("known_lines", "longest_run", "copied")
# What somebody does on a suite.
OnSuite = Callable[[Name, Sequence[Example]], schema.Suite]


@dataclass(frozen=True)
class Author:
    """Who writes: a model with its decoding and the rules that it keeps, or the poets.

    Poets have no `decode` and no `verse`; the model then only scores what they wrote. `load` is
    called when something is to be written or scored; it loads `base`, with or without an adapter,
    and `exact`, or with a graph that writes, where there can be one. Of each `best_of` poems only
    the one with the highest rating counts. `shots`: poems that the loaded model is shown.
    """

    label: str
    load: Load
    base: str
    adapter: Path | None = None
    decode: DecodeSettings | None = None
    verse: VerseSettings | None = None
    exact: bool = False
    best_of: int = 1
    shots: int = 0

    def settings(self) -> dict[str, Any]:
        """What tells this author from others, as JSON."""
        return {
            "label": self.label,
            "model": self.base,
            "adapter": str(self.adapter or ""),
            "adapter_sha256": weights_digest(self.adapter) if self.adapter else "",
            **({"shots": self.shots} if self.shots else {}),
            "decoding": self._decoding(),
            "rules": self.verse.model_dump() if self.verse else {},
        }

    def _decoding(self) -> dict[str, Any]:
        """The parameters that play a part."""
        if self.decode is None or self.verse is None:
            return {}
        unused = {"candidates"} | ({"particles", "taste"} if self.verse.form == "free" else set())
        best = {"best_of": self.best_of} if self.best_of > 1 else {}
        return self.decode.model_dump(exclude=unused) | best


def evaluate_systems(
    folder: Path,
    plan: EvaluationPlan,
    authors: Sequence[Author | ChatAuthor],
    base: Load,
    reporter: Reporter = SILENT,
) -> schema.Report:
    """Evaluate one author, or two in pairs, into `folder`: report.json and report.html.

    `base` loads the untouched model, which is tested for poems that it knows by heart, unless a
    chat model is alone. Raises `UserError` where the folder holds an evaluation of something else.
    """
    parts = EvaluationFolder(folder, reporter)
    with parts.held():
        started = time.perf_counter()
        examples, asked = _begin(parts, plan, authors)
        parts.take(asked)
        kit = tools(reporter)
        systems = [
            _system(parts, number, author, plan, examples, kit)
            for number, author in enumerate(authors, 1)
        ]
        seconds = sum(system.seconds for system in systems)
        ours = [system.sha256 for system in systems if system.kind != "chat"]
        known = contamination_of(ours[0], base, reporter) if ours else None
        report = report_of(systems, METRICS, machine.describe(), seconds, known)
        write_evaluation(report, folder)
        reporter.say(f"Evaluated in {time.perf_counter() - started:.0f} s")
    return report


def evaluate_shard(
    folder: Path,
    plan: EvaluationPlan,
    authors: Sequence[Author | ChatAuthor],
    shard: Shard,
    reporter: Reporter = SILENT,
) -> int:
    """Do a shard of what `evaluate_systems` does into `folder`, in a folder beside it, where that
    takes it from; how many of its parts, each a system on a suite, are the shard's.

    A suite is never divided, for its figures and intervals are those of all its couplets.
    """
    every = [(number, name) for number in range(1, len(authors) + 1) for name in plan.suites]
    mine = [every[at] for at in shard.every(len(every))]
    parts = EvaluationFolder(shard.beside(folder), reporter)
    with parts.held():
        examples, _ = _begin(parts, plan, authors)
        kit = tools(reporter)
        for number, author in enumerate(authors, 1):
            names = [name for whose, name in mine if whose == number]
            files = [parts.folder / suite_file(number, name) for name in names]
            if not all(file.is_file() for file in files):
                if isinstance(author, ChatAuthor):
                    work = _answering(author, plan, kit)
                else:
                    work = _work(author, plan, kit, reporter).suite
                _suites(parts, number, work, {name: examples[name] for name in names})
    return len(mine)


def _begin(
    parts: EvaluationFolder, plan: EvaluationPlan, authors: Sequence[Author | ChatAuthor]
) -> tuple[dict[Name, list[Example]], EvaluationAsked]:
    """The couplets of each suite and all that is asked, which is written down in the folder."""
    folder, reporter = parts.folder, parts.reporter
    reporter.say(f"Writing to {folder}; if stopped, the same command with this --out goes on")
    examples = {name: list(suite(name, None, reporter)[: plan.couplets]) for name in plan.suites}
    for author in authors:
        _check_rules(author, examples)
    asked = EvaluationAsked(
        plan=plan,
        systems=[_settings(author) for author in authors],
        suites={name: couplets_digest(those) for name, those in examples.items()},
        metrics={name: metric.version for name, metric in METRICS.items()},
    )
    parts.agree(asked)
    return examples, asked


def write_evaluation(report: schema.Report, folder: Path) -> None:
    """Write report.json and report.html into `folder`."""
    write_text(folder / "report.json", report.model_dump_json(indent=1) + "\n")
    write_page(report, folder / "report.html")


def write_poems(
    model: LanguageModel,
    style: str,
    couplets: Sequence[str],
    verse: VerseSettings,
    decode: DecodeSettings,
    reporter: Reporter,
    name: str,
) -> list[list[Completion]]:
    """What a model writes after each couplet in the rules of `verse`, `decode.candidates` each."""
    rules = constrain(model.vocabulary, [rules_for(couplet, verse) for couplet in couplets])
    return complete(model, style, couplets, decode, reporter, name, constraints=rules)


def _settings(author: Author | ChatAuthor) -> dict[str, Any]:
    """All on which what an author writes depends."""
    exact = {"exact": author.exact} if isinstance(author, Author) else {}
    return author.settings() | exact


def _check_rules(author: Author | ChatAuthor, examples: Mapping[Name, Sequence[Example]]) -> None:
    """Refuse rules that a couplet cannot keep, before anything long starts."""
    if isinstance(author, Author) and author.verse is not None:
        for example in chain.from_iterable(examples.values()):
            rules_for(example.couplet, author.verse)


def refuse_report(folder: Path) -> None:
    """Refuse a folder that holds a report already, which would be lost."""
    for name in ("report.json", "report.html"):
        if os.path.lexists(folder / name):
            raise UserError(f"{folder} holds a {name} already: name another --out")


def _system(
    folder: EvaluationFolder,
    number: int,
    author: Author | ChatAuthor,
    plan: EvaluationPlan,
    examples: Mapping[Name, Sequence[Example]],
    kit: Tools,
) -> schema.System:
    """What one author did on every suite; what stands in its parts is not done again."""
    reporter = folder.reporter

    def whole() -> schema.System:
        started = time.perf_counter()
        if isinstance(author, ChatAuthor):
            answered = _suites(folder, number, _answering(author, plan, kit), examples)
            return chat_system(author, answered, started)
        work = _work(author, plan, kit, reporter)
        parts = _suites(folder, number, work.suite, examples)
        settings, model = author.settings(), work.model
        return schema.System(
            **{**settings, "model": model.name},
            kind="model" if author.decode else "poets",
            sha256=model.sha256,
            engine=model.engine if author.decode else "",
            style=work.style,
            # The real poems are ranked among those of suites that are not asked for, too.
            leaks=find_leaks(author.adapter, {one: suite(one) for one in NAMES}, reporter),
            suites=parts,
            seconds=time.perf_counter() - started,
        )

    return folder.once(f"parts/{number}/system.json", schema.System, whole)


def _work(author: Author, plan: EvaluationPlan, kit: Tools, reporter: Reporter) -> "_Work":
    """An author with its model, loaded."""
    model, style = author.load()
    pool = [*suite("heldout", None, reporter), *suite("legal", None, reporter)]
    return _Work(author, plan, model, style, kit, pool, reporter)


def _answering(author: ChatAuthor, plan: EvaluationPlan, kit: Tools) -> OnSuite:
    return lambda name, examples: chat_suite(author, name, examples, plan.poems, kit)


def _suites(
    folder: EvaluationFolder,
    number: int,
    work: OnSuite,
    examples: Mapping[Name, Sequence[Example]],
) -> dict[Name, schema.Suite]:
    return {
        name: folder.once(suite_file(number, name), schema.Suite, partial(work, name, those))
        for name, those in examples.items()
    }


@dataclass(frozen=True)
class _Work:
    """One author at work."""

    author: Author
    plan: EvaluationPlan
    model: LanguageModel
    style: str
    kit: Tools
    pool: Sequence[Example]
    reporter: Reporter

    def suite(self, name: Name, examples: Sequence[Example]) -> schema.Suite:
        """Write, score and measure on one suite; what the base model did before is in the cache."""
        if self.author.adapter or self.author.decode is None:
            return self._suite(name, examples)
        asked = {
            **model_identity(self.model, self.style),
            "decoding": self.author.settings()["decoding"],
            "rules": self.author.settings()["rules"],
            "plan": [self.plan.poems, self.plan.ranks],
            "poems": [couplets_digest(examples), couplets_digest(self.pool)],
        }
        found = cached_result(
            f"{self.author.label}, {name}",
            asked,
            lambda _: self._suite(name, examples).model_dump(mode="json"),
            self.reporter,
        )
        return schema.Suite.model_validate(found)

    def _suite(self, name: Name, examples: Sequence[Example]) -> schema.Suite:
        poets = self.author.decode is None
        groups = [] if poets else self._poems(name, examples)
        losses = true_losses(self.model, self.style, examples, "fp32", self.reporter)
        ranked = self._ranks(examples)
        if poets:
            groups = [[_given(one, loss)] for one, loss in zip(examples, losses, strict=True)]
        truths = [None if poets else example.completion or None for example in examples]
        # The size depends on the couplets alone, so that systems compare.
        measured = measure(groups, truths, self.kit, set_size(len(examples)))
        if poets:
            measured = measured.without(_OF_POETS)
        return schema.Suite(
            name=name,
            digest=couplets_digest(examples),
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

    def _poems(self, name: str, examples: Sequence[Example]) -> list[list[Completion]]:
        decode, each = self.author.decode or DecodeSettings(), self.author.best_of
        groups = write_poems(
            self.model,
            self.style,
            [example.couplet for example in examples],
            self.author.verse or VerseSettings(),
            decode.model_copy(update={"candidates": self.plan.poems * each}),
            self.reporter,
            f"{self.author.label}, {name}",
        )
        return [
            [max(group[at : at + each], key=_rating) for at in range(0, len(group), each)]
            for group in groups
        ]

    def _ranks(self, examples: Sequence[Example]) -> list[int | None]:
        """Ranks of the first examples, None for the others; quicker in low precision on a CPU."""
        few, cpu = examples[: self.plan.ranks], self.model.device.type == "cpu"
        # What the machine has, not how fast it is just now: the same ranks every time.
        low = cpu and self.model.bits == 16 and has_bf16_units()
        precision = "bf16" if low else "fp32"
        ranked = ranks(self.model, self.style, few, self.pool, precision, self.reporter)
        return [*ranked, *(None for _ in examples[self.plan.ranks :])]

    def _rows(
        self, group: Sequence[Completion], marks: Sequence[dict[str, schema.Mark]]
    ) -> list[schema.WrittenPoem]:
        return [
            schema.WrittenPoem(
                number=number,
                text=poem.text,
                finish="given" if self.author.decode is None else poem.finish,
                marks=each,
            )
            for number, (poem, each) in enumerate(zip(group, marks, strict=True))
        ]


def _rating(poem: Completion) -> float:
    return rating(lines_of(poem.couplet), lines_of(poem.text))


def _given(example: Example, loss: float | None) -> Completion:
    """A poet's poem, with the log-probability that the model gives it."""
    size = len(example.completion)
    logprob = math.nan if loss is None else -loss * size
    return Completion(example.couplet, example.completion, "stop", size, logprob)


def _truth_figures(
    losses: Sequence[float | None], ranked: Sequence[int | None]
) -> dict[str, Figure]:
    """Figures on the real continuations under the model."""
    loss = mean([[value] for value in losses if value is not None])
    ends = (loss.value, loss.low, loss.high)
    value, low, high = (None if end is None else perplexity(end) for end in ends)
    return {
        "loss": loss,
        "perplexity": Figure(value=value, low=low, high=high, n=loss.n),
        "rank": mean([[rank] for rank in ranked if rank is not None]),
    }
