"""Reports of an evaluation that no model had to write, for tests of what is made of them."""

from collections.abc import Sequence
from typing import Any

from lianju.evaluate.compare import compare_systems
from lianju.evaluate.schema import (
    Contamination,
    Couplet,
    Leaks,
    Mark,
    Metric,
    Probe,
    Report,
    Suite,
    System,
    WrittenPoem,
)
from lianju.evaluate.statistics import Figure, mean, share
from lianju.evaluate.verdict import verdict_sentences

COUPLET = "白日依山盡，黃河入海流。"
TRUTH = "欲窮千里目，更上一層樓。"
OFF_RHYME = "欲窮千里目，更上一層峰。"
SHORT = "欲窮千里目，更上一層。"


def metric(name: str, better: Any = "more", unit: Any = "share", chinese: str = "") -> Metric:
    return Metric(
        name=name,
        version=1,
        title=name.replace("_", " ").capitalize(),
        chinese=chinese,
        better=better,
        unit=unit,
        formula=f"formula of {name}",
        source=f"source of {name}",
        limits=f"limits of {name}",
    )


METRICS = {
    one.name: one
    for one in (
        metric("shape", chinese="合式"),
        metric("rhyme", chinese="押韻"),
        metric("tone", chinese="平仄"),
        metric("full", chinese="全合"),
        metric("loss", "less", "nats", "損失"),
        metric("known_lines", "less", chinese="成句"),
        metric("lines", "neither", "number", "句數"),
        metric("distinct_1", chinese="相異"),
    )
}


def poem(text: str = TRUTH, number: int = 0, **marks: Mark) -> WrittenPoem:
    """A poem with marks such as the metrics give; by default right in everything."""
    return WrittenPoem(
        number=number,
        text=text,
        finish="stop",
        marks={
            "shape": text != SHORT,
            "fault": "line 4 has 4 characters, not 5" if text == SHORT else "",
            "rhyme": text not in (SHORT, OFF_RHYME),
            "tone": text != SHORT,
            "full": text not in (SHORT, OFF_RHYME),
            "known_lines": 0.0,
            "lines": 2,
            **marks,
        },
    )


def couplet(*poems: WrittenPoem, loss: float | None = None, **other: Any) -> Couplet:
    marks = {} if loss is None else {"loss": loss, "rank": 3}
    fields = {"couplet": COUPLET, "truth": TRUTH, "source": "a source", "marks": marks, **other}
    return Couplet(poems=list(poems), **fields)


def suite(couplets: Sequence[Couplet], name: Any = "heldout", digest: str = "d1") -> Suite:
    """A suite whose figures are taken from the marks of its poems."""
    figures = {"distinct_1": Figure(value=0.7, low=0.6, high=0.8, n=7)}
    for one in METRICS.values():
        groups: list[list[Any]] = [
            [value for poem in row.poems if (value := poem.marks.get(one.name)) is not None]
            for row in couplets
        ]
        if one.name == "loss":
            groups = [[row.marks["loss"]] for row in couplets if "loss" in row.marks]
        if any(groups):
            bools = all(isinstance(value, bool) for group in groups for value in group)
            figures[one.name] = (share if bools else mean)(groups)
    return Suite(
        name=name,
        digest=digest,
        poems_each=max(len(row.poems) for row in couplets),
        figures=figures,
        couplets=list(couplets),
    )


def system(label: str, *suites: Suite, **other: Any) -> System:
    fields = {
        "kind": "model",
        "model": "gemma-3-270m",
        "sha256": "a5fd",
        "decoding": {"temperature": 0.83, "top_k": None},
        "rules": {"form": "free"},
        "leaks": Leaks(checked=True, note="Every line was compared.", trained=2017),
        **other,
    }
    return System(label=label, suites={one.name: one for one in suites}, **fields)


def report(*systems: System, **other: Any) -> Report:
    """A report with its comparisons and its verdict."""
    fields = {
        "lianju": "0.1.0",
        "made": "2026-11-22T20:00:00+00:00",
        "machine": {"cpu": "AMD EPYC", "cores": 2},
        "seconds": 321.0,
        "metrics": METRICS,
        "comparisons": compare_systems(*systems, METRICS) if len(systems) == 2 else [],
        **other,
    }
    made = Report(systems=list(systems), **fields)
    return made.model_copy(update={"verdict": verdict_sentences(made)})


def written(*texts: str, losses: Sequence[float] | None = None) -> list[Couplet]:
    """Couplets with one poem each."""
    every = losses or [5.0] * len(texts)
    return [couplet(poem(text), loss=loss) for text, loss in zip(texts, every, strict=True)]


def contamination() -> Contamination:
    """A base model that knows nothing by heart."""
    nats, half = (
        Figure(value=-5.5, low=-5.7, high=-5.3, n=40),
        Figure(value=0.53, low=0.38, high=0.67, n=40),
    )
    probe = {
        "n": 40,
        "true": nats,
        "shuffled": nats,
        "paraphrased": nats,
        "preferred": half,
        "gain": nats,
        "recited": half,
    }
    return Contamination(
        model="gemma-3-270m",
        probes=[Probe(name="famous", **probe), Probe(name="heldout", **probe)],
        verdict="The base model knows none by heart.",
    )
