"""Whether a base model knows poems by heart, by how it takes to the next couplet of famous ones.

A model that has met a poem finds its own words likelier than others that would do as well; so the
true couplet is compared with a paraphrase of it, on poems that everybody quotes and on held-out
ones that few do. Verse is spelled one token a character, as everywhere in Lianju: a model may know
more of a poem in its own spelling.
"""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lianju.config import DecodeSettings
from lianju.corpus import Example, Poem, key, line_keys
from lianju.decode import complete
from lianju.evaluate.facing import Facing
from lianju.evaluate.figures import difference_words, value_words
from lianju.evaluate.frame import resource
from lianju.evaluate.paraphrase import paraphrased, shuffled
from lianju.evaluate.schema import Contamination, Probe
from lianju.evaluate.statistics import ROUNDS, Figure, mean, share
from lianju.likelihood import logprobs
from lianju.model import LanguageModel
from lianju.progress import SILENT, Reporter, Task
from lianju.verse import form_of, lines_of

# Of the Three Hundred Tang Poems 唐詩三百首, 1763: author and first line as the large corpus
# prints them. Left out are poems whose next couplet is quoted otherwise than the corpus has it,
# such as Li Bai's 靜夜思.
FAMOUS = [
    (row["author"], row["line"])
    for row in csv.DictReader(resource("lianju.evaluate", "famous_poems.csv").splitlines())
]


@dataclass(frozen=True)
class _Taken:
    """What one poem's next couplet got from the model, in nats a character."""

    true: float
    shuffled: float
    paraphrased: float
    recited: bool

    @property
    def gain(self) -> float:
        return self.true - self.paraphrased


def probe_contamination(
    model: LanguageModel,
    style: str,
    heldout: Sequence[Example],
    large: Sequence[Poem],
    facing: Facing,
    reporter: Reporter = SILENT,
) -> Contamination:
    """Test `model`, a base model, on the famous poems and on as many of `heldout` in each form.

    `large` is the large corpus, which has the famous poems. The couplet after the first is scored
    without what follows it.
    """
    known = famous(large)
    others = _matched(known, heldout)
    with reporter.task("Testing for contamination", len(known) + len(others)) as task:
        first = _take(model, style, known, facing, task)
        second = _take(model, style, others, facing, task)
    probes = [_probe("famous", first), _probe("heldout", second)]
    apart = _apart([one.gain for one in first], [one.gain for one in second])
    return Contamination(model=model.name, probes=probes, verdict=_verdict(probes, apart))


def famous(large: Sequence[Poem]) -> list[Example]:
    """The famous poems as the large corpus prints them, in the order of `FAMOUS`."""
    found: dict[tuple[str, str], Example] = {}
    wanted = set(FAMOUS)
    for poem in large:
        opening = (poem.author, (lines_of(poem.text) or ("",))[0])
        if opening in wanted and opening not in found:
            found[opening] = Example(poem.paragraphs[0], "".join(poem.paragraphs[1:]), poem.id)
    return [found[opening] for opening in FAMOUS]


def _matched(known: Sequence[Example], heldout: Sequence[Example]) -> list[Example]:
    """The first held-out poems, as many of each form as `known` has; none shares a line with it."""
    wanted = Counter(form_of(example.text) for example in known)
    taken = set().union(*(line_keys(example.text) for example in known))
    chosen = []
    for example in heldout:
        form = form_of(example.text)
        if wanted[form] and not line_keys(example.text) & taken:
            wanted[form] -= 1
            chosen.append(example)
    return chosen


def _take(
    model: LanguageModel,
    style: str,
    examples: Sequence[Example],
    facing: Facing,
    task: Task,
) -> list[_Taken]:
    recited = _recited(model, style, examples)
    taken = []
    for number, (example, by_heart) in enumerate(zip(examples, recited, strict=True)):
        true = _next(example)
        texts = [true, _mixed(true, number), paraphrased(true, facing)]
        scores = logprobs(model, style, example.couplet, texts, ended=False)
        real, mixed, changed = (score / len(true) for score in scores)
        taken.append(_Taken(real, mixed, changed, by_heart))
        task.advance()
    return taken


def _recited(model: LanguageModel, style: str, examples: Sequence[Example]) -> list[bool]:
    """Whether the model, always taking the likeliest token, writes each poem's next line."""
    longest = max((len(model.vocabulary.spell(_next(one))) for one in examples), default=1)
    settings = DecodeSettings(temperature=0, repetition_penalty=1, max_length=longest)
    written = complete(model, style, [one.couplet for one in examples], settings)
    return [
        key(text.text).startswith(key(lines_of(_next(example))[0]))
        for example, (text,) in zip(examples, written, strict=True)
    ]


def _next(example: Example) -> str:
    """The second couplet of a regular poem: two lines, a mark after each."""
    return example.completion[: 2 * (len(lines_of(example.couplet)[0]) + 1)]


def _mixed(text: str, seed: int) -> str:
    return re.sub(r"\w+", lambda line: shuffled(line[0], seed), text)


def _probe(name: str, taken: Sequence[_Taken]) -> Probe:
    return Probe(
        name=name,
        n=len(taken),
        true=mean([[one.true] for one in taken]),
        shuffled=mean([[one.shuffled] for one in taken]),
        paraphrased=mean([[one.paraphrased] for one in taken]),
        preferred=share([[one.gain > 0] for one in taken]),
        gain=mean([[one.gain] for one in taken]),
        recited=share([[one.recited] for one in taken]),
    )


def _apart(ours: Sequence[float], theirs: Sequence[float]) -> Figure:
    """The mean of `ours` less that of `theirs`, with a percentile bootstrap of each by itself.

    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 8 and 13.
    """
    generator = np.random.default_rng(len(ours))
    first, second = (
        generator.choice(np.array(group), (ROUNDS, len(group))).mean(axis=1)
        for group in (ours, theirs)
    )
    low, high = np.percentile(first - second, (2.5, 97.5))
    value = float(np.mean(ours) - np.mean(theirs))
    return Figure(value=value, low=float(low), high=float(high), n=len(ours) + len(theirs))


def _verdict(probes: Sequence[Probe], apart: Figure) -> str:
    first, second = probes
    return (
        f"Over a paraphrase, the true next couplet gains {_nats(first.gain)} nats a character on "
        f"{first.n} famous poems and {_nats(second.gain)} on {second.n} held-out ones. The "
        f"difference, {difference_words(apart, 'nats')}, {_meaning(apart)}. Left to itself, the "
        f"model wrote the next line word for word on {_count(first)} famous and {_count(second)} "
        "held-out poems."
    )


def _meaning(apart: Figure) -> str:
    if apart.low is not None and apart.low > 0:
        return "is more than chance gives: a sign that the model has met the famous ones"
    if apart.high is not None and apart.high < 0:
        return "is more than chance gives, but not the way that knowing the famous ones would go"
    return "is within chance: no sign that the model has met the famous ones"


def _nats(figure: Figure) -> str:
    return value_words(figure.value or 0.0, "nats")


def _count(probe: Probe) -> str:
    return f"{round((probe.recited.value or 0.0) * probe.n)} of {probe.n}"
