"""Every metric on a set of poems, for an evaluation and for a sweep alike."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lianju.corpus import KnownLines, known_lines, large_corpus
from lianju.errors import UserError
from lianju.evaluate.metrics.characters import character_marks
from lianju.evaluate.metrics.copying import Copies, copied_lines, copied_words
from lianju.evaluate.metrics.diversity import beginning, diversity_figures
from lianju.evaluate.metrics.form import form_marks
from lianju.evaluate.metrics.overlap import overlap_marks
from lianju.evaluate.metrics.parallel import parallel_mark
from lianju.evaluate.metrics.wording import wording_marks
from lianju.evaluate.schema import Mark
from lianju.evaluate.statistics import NOTHING, Figure, mean, share
from lianju.progress import SILENT, Reporter
from lianju.verse import lines_of

if TYPE_CHECKING:
    from lianju.decode import Completion

# Diversity is taken on so many poems at a time, or on what a half is sure to have, some being too
# short to count.
_NUMBER, _SURE = 25, 0.7
_SHARES = ("shape", "rhyme", "tone", "full")
_MEANS = (
    "tone_share",
    "parallel",
    "lines",
    "characters",
    "logprob",
    "known_lines",
    "longest_run",
    "outside",
    "simplified",
    "garbled",
    "repeats",
    "worn",
    "recall_f1",
    "recall_chrf",
)


@dataclass(frozen=True)
class Tools:
    """What metrics need besides the poems: the large corpus, indexed."""

    known: KnownLines
    copies: Copies
    characters: Set[str]


@dataclass(frozen=True)
class Measured:
    """`marks`: of each poem, by metric, in the groups of the poems. `figures`: of them all."""

    marks: list[list[dict[str, Mark]]]
    figures: dict[str, Figure]

    def without(self, names: Sequence[str]) -> "Measured":
        """The same without some metrics, which have nothing to say here."""
        marks = [[each | dict.fromkeys(names) for each in group] for group in self.marks]
        figures = {name: NOTHING if name in names else one for name, one in self.figures.items()}
        return Measured(marks, figures)


def tools(reporter: Reporter = SILENT) -> Tools:
    """The tools, some seconds. Raises `UserError` where the large corpus cannot be had."""
    large = large_corpus(reporter)
    with reporter.task("Reading the corpus", 1) as task:
        copies = Copies(large)
        task.advance()
    known = known_lines(reporter)
    if known is None:
        raise UserError("the cache of poems was removed meanwhile: run the same command again")
    characters = frozenset("".join(poem.text for poem in large))
    return Tools(known, copies, characters)


def measure(
    groups: Sequence[Sequence["Completion"]],
    truths: Sequence[str | None],
    kit: Tools | None,
    number: int | None = None,
) -> Measured:
    """Every metric on the poems of each couplet, `truths` being their real continuations.

    Without a `kit` those are left out that look into the large corpus.
    Diversity is taken on `number` poems at a time, by default on as many as `set_size` says of
    these poems; on those of a single couplet as if each had its own.
    """
    texts = [[poem.text for poem in group] for group in groups]
    marks = [
        [_marks(poem, truth, kit) for poem in group]
        for group, truth in zip(groups, truths, strict=True)
    ]
    if kit:
        runs = iter(kit.copies.longest_runs([text for group in texts for text in group]))
        marks = [[each | {"longest_run": next(runs)} for each in group] for group in marks]
    figures = {name: share(_values(marks, name)) for name in _SHARES}
    figures |= {name: mean(_values(marks, name)) for name in _MEANS}
    if number is None:
        texts = texts if len(texts) > 1 else [[text] for text in texts[0]]
        number = set_size(len(texts), min(map(len, texts)))
    return Measured(marks, figures | diversity_figures(texts, number))


def set_size(couplets: int, poems: int = 1) -> int:
    """How many poems at a time diversity is taken on: 25, or fewer where half of `couplets` with
    `poems` each have fewer; 0, for none, where they have not even two.
    """
    half = couplets // 2 * poems
    return min(_NUMBER, max(2, int(_SURE * half))) if half >= 2 else 0


def _marks(poem: "Completion", truth: str | None, kit: Tools | None) -> dict[str, Mark]:
    return {
        **form_marks(poem),
        "parallel": parallel_mark(poem.couplet, poem.text),
        **wording_marks(poem.text),
        "logprob": poem.logprob / len(poem.text) if poem.text else None,
        **(_corpus_marks(poem, kit) if kit else {}),
        **overlap_marks(poem.text, truth),
        "opening": beginning(poem.text),
    }


def _corpus_marks(poem: "Completion", kit: Tools) -> dict[str, Mark]:
    lines = lines_of(poem.text)
    copied = copied_lines(poem.couplet, poem.text, kit.known)
    return {
        "known_lines": sum(line in copied for line in lines) / len(lines) if lines else None,
        "copied": copied_words(copied),
        **character_marks(poem.text, kit.characters),
    }


def _values(marks: Sequence[Sequence[dict[str, Mark]]], name: str) -> list[list[float]]:
    """One mark of each poem that has it, by couplet."""
    return [
        [float(value) for each in group if isinstance(value := each.get(name), int | float)]
        for group in marks
    ]
