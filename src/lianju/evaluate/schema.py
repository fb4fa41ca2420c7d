"""What `report.json` of an evaluation holds; as a JSON schema: docs/evaluation.schema.json.

A report has one system or two. Each system wrote poems on the couplets of some suites; each
poem has its marks, each suite its figures, and a second system is compared with the first in
pairs, on the same couplets and, where the seed is the same, with the same random numbers.
"""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lianju.evaluate.statistics import Figure

VERSION = 1
# Of the test for contamination, whose result is kept from one evaluation to the next.
CONTAMINATION = 1
Mark = bool | int | float | str | None


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


class WrittenPoem(_Part):
    """What a system wrote after a couplet."""

    number: int
    """Which of the poems on this couplet, from 0; at one seed equal numbers have equal chances."""
    text: str
    """The completion."""
    finish: Literal["stop", "length", "given"]
    """It ended by itself, it was cut off, or a poet wrote it."""
    marks: dict[str, Mark]
    """By the name of a metric (see `metrics`), what it says of this poem; None: nothing."""
    answer: str = ""
    """All that a chat model answered, where that is more than the text."""


class Couplet(_Part):
    """A couplet with the poems on it."""

    couplet: str
    truth: str | None
    """How the real poem goes on."""
    source: str
    """Where the couplet comes from."""
    poems: list[WrittenPoem] = Field(min_length=1)
    marks: dict[str, Mark] = {}
    """What metrics say of the real continuation under the model."""


class Suite(_Part):
    """What a system did on one suite."""

    name: Literal["hw5", "heldout", "legal"]
    digest: str
    """Changes with the couplets."""
    poems_each: int
    """Poems a couplet."""
    figures: dict[str, Figure]
    """By the name of a metric."""
    couplets: list[Couplet] = Field(min_length=1)
    notes: list[str] = []
    """Of a chat model's answers: parameters that it did not take, how many were cut off."""


class Leaks(_Part):
    """Whether the training poems hold lines of the suites' poems."""

    checked: bool
    """False where the training poems are not known."""
    note: str
    """In a sentence, what was compared."""
    trained: int = 0
    """How many training poems were compared."""
    shared: dict[str, list[str]] = {}
    """By suite, the lines that stand in both."""


class System(_Part):
    """Who wrote: a model with its decoding, a chat model that others serve, or the poets."""

    label: str
    kind: Literal["model", "chat", "poets"]
    model: str = ""
    """The base model; for poets, the one that scored them; a chat model by its endpoint's name."""
    sha256: str = ""
    """Of its weights."""
    engine: str = ""
    """What wrote, such as "openvino-int8"; empty for poets, and in reports of before 0.3."""
    adapter: str = ""
    """The folder of the adapter, as it was named; empty for the base model alone."""
    adapter_sha256: str = ""
    style: str = ""
    """The prompt's style; digits follow where its texts are the user's own."""
    shots: int = 0
    """How many poems were shown before each couplet."""
    decoding: dict[str, int | float | None] = {}
    """Every decoding parameter."""
    rules: dict[str, int | str | None] = {}
    """The rules of verse that were kept; form "free" for none."""
    endpoint: str = ""
    """Where a chat model was asked."""
    messages: list[dict[str, str]] = []
    """What it was asked, with 〈couplet〉 where the couplet stood."""
    leaks: Leaks
    suites: dict[str, Suite] = Field(min_length=1)
    seconds: float = 0.0


class Comparison(_Part):
    """One metric of one suite, the first system against the second."""

    suite: str
    metric: str
    difference: Figure
    """First less second, over couplets where both have a value."""
    wins: int
    """Couplets on which the first is better, or higher where neither way is better."""
    losses: int
    ties: int
    p: float
    """Two-sided sign test over wins and losses."""
    adjusted: float
    """The same p after Holm's correction for all comparisons of the report."""


class Probe(_Part):
    """One group of poems in the test for contamination, under the base model.

    Log-probabilities are nats a character of the real next couplet.
    """

    name: Literal["famous", "heldout"]
    n: int
    true: Figure
    shuffled: Figure
    """The same lines with their characters shuffled."""
    paraphrased: Figure
    """The same lines with one character of each changed for one of like use."""
    preferred: Figure
    """The share of poems whose true lines are likelier than the paraphrase."""
    gain: Figure
    """True less paraphrased, nats a character."""
    recited: Figure
    """The share of poems whose next line the model writes out word for word, greedily."""


class Contamination(_Part):
    """Whether the base model knows poems by heart."""

    model: str
    probes: list[Probe]
    verdict: str


class Metric(_Part):
    """A metric: what it measures, how, after whom, and what it cannot tell."""

    name: str
    version: int
    title: str
    chinese: str
    better: Literal["more", "less", "neither"]
    unit: Literal["share", "nats", "number"]
    formula: str
    source: str
    limits: str


class Report(_Part):
    """An evaluation."""

    schema_version: Literal[1] = 1
    lianju: str
    """The version of the program."""
    made: str
    """When, ISO 8601."""
    machine: dict[str, int | float | str | None]
    seconds: float
    metrics: dict[str, Metric]
    systems: list[System] = Field(min_length=1)
    comparisons: list[Comparison] = []
    contamination: Contamination | None = None
    verdict: list[str] = []
    """In sentences, what came of it."""

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        """Systems stand side by side on the same couplets, under names that are known."""
        couplets: dict[str, list[str]] = {}
        for system in self.systems:
            for name, suite in system.suites.items():
                here = [one.couplet for one in suite.couplets]
                if suite.name != name or couplets.setdefault(name, here) != here:
                    raise ValueError(f"the couplets of {name[:40]} are not those of one suite")
        for one in self.comparisons:
            if one.metric not in self.metrics or one.suite not in couplets:
                raise ValueError("a comparison is of no metric or suite of this report")
            pairs = (one.wins, one.losses, one.ties)
            if min(pairs) < 0 or sum(pairs) > len(couplets[one.suite]):
                raise ValueError(f"a comparison has more pairs than {one.suite} has couplets")
        return self
