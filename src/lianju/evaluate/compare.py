"""Two systems in pairs: on the same couplets, with poems of the same number.

What a couplet asks of both cancels out in a pair, so pairs show smaller differences than two
intervals beside each other can. Many metrics are many chances to be fooled: beside every p
stands the one that Holm's correction leaves of it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lianju
from lianju.errors import UserError
from lianju.evaluate.schema import (
    VERSION,
    Comparison,
    Contamination,
    Couplet,
    Mark,
    Metric,
    Report,
    System,
)
from lianju.evaluate.statistics import difference, paired, sign_test
from lianju.evaluate.verdict import verdict_sentences
from lianju.files import read_as, read_json

REPORT = "report.json"
# Two means of the same values may differ in the last bits, and that is no win.
_EQUAL = 1e-9


def compare_systems(
    first: System, second: System, metrics: Mapping[str, Metric]
) -> list[Comparison]:
    """Every metric that speaks of single poems or couplets, on every suite that both have.

    Numbers that only a set of poems has, such as diversity, have no pairs and are left out; so
    is what a model says of the real poems where the other system is the poets themselves.
    Raises `UserError` if the systems share no suite, or one of a name with other couplets.
    """
    suites = _shared(first, second)
    poets = "poets" in (first.kind, second.kind)
    found = [
        comparison
        for suite in suites
        for metric in metrics.values()
        if (comparison := _comparison(first, second, suite, metric, poets))
    ]
    corrected = holm([comparison.p for comparison in found])
    return [
        comparison.model_copy(update={"adjusted": p})
        for comparison, p in zip(found, corrected, strict=True)
    ]


def holm(ps: Sequence[float]) -> list[float]:
    """Each p as it stands after all were tested: S. Holm, Scandinavian J. of Statistics 6 (1979).

    The smallest is multiplied by how many there are, the next by one less, and so on; none
    becomes smaller than one before it, nor larger than 1.

    >>> [round(p, 2) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(ps)), key=lambda index: ps[index])
    adjusted, largest = [0.0] * len(ps), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[index]))
        adjusted[index] = largest
    return adjusted


def _shared(first: System, second: System) -> list[str]:
    shared = [name for name in first.suites if name in second.suites]
    if not shared:
        ours, theirs = (", ".join(system.suites) or "none" for system in (first, second))
        raise UserError(
            f"nothing to compare: {first.label} has the suites {ours}; {second.label} has {theirs}"
        )
    for name in shared:
        one, other = first.suites[name], second.suites[name]
        if one.digest != other.digest:
            raise UserError(
                f"suite {name} has other couplets in the two systems: {len(one.couplets):,} "
                f"({one.digest[:12]}) for {first.label}, {len(other.couplets):,} "
                f"({other.digest[:12]}) for {second.label}. Evaluate both on the same couplets."
            )
    return shared


def _comparison(
    first: System, second: System, suite: str, metric: Metric, poets: bool
) -> Comparison | None:
    """One metric of one suite, not yet corrected; None where no couplet has both values."""
    couplets = zip(first.suites[suite].couplets, second.suites[suite].couplets, strict=True)
    pairs = [_pairs(one, other, metric.name, poets) for one, other in couplets]
    ours, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    figure = difference(ours, theirs)
    if figure.value is None:
        return None
    differences = paired(ours, theirs)
    higher = sum(value > _EQUAL for value in differences)
    lower = sum(value < -_EQUAL for value in differences)
    wins, losses = (lower, higher) if metric.better == "less" else (higher, lower)
    p = sign_test(wins, losses)
    return Comparison(
        suite=suite,
        metric=metric.name,
        difference=figure,
        wins=wins,
        losses=losses,
        ties=len(differences) - higher - lower,
        p=p,
        adjusted=p,
    )


def _pairs(
    ours: Couplet, theirs: Couplet, metric: str, poets: bool
) -> tuple[list[float], list[float]]:
    """What a metric says of the two systems' poems of the same numbers, where it says something."""
    one, other = _values(ours, metric, poets), _values(theirs, metric, poets)
    both = [number for number in one if number in other]
    return [one[number] for number in both], [other[number] for number in both]


def _values(couplet: Couplet, metric: str, poets: bool) -> dict[int, float]:
    """By the number of a poem, or at 0 what the metric says of the real continuation."""
    said = {poem.number: poem.marks.get(metric) for poem in couplet.poems}
    if metric in couplet.marks and not poets:
        said = {0: couplet.marks[metric]}
    return {
        number: float(value) for number, value in said.items() if isinstance(value, int | float)
    }


def report_of(
    systems: list[System],
    metrics: dict[str, Metric],
    machine: dict[str, Mark],
    seconds: float,
    contamination: Contamination | None,
) -> Report:
    """A report of one system, or of two compared in pairs, with what came of it in its verdict."""
    comparisons: list[Comparison] = []
    if len(systems) == 2:
        first, second = named_apart(*systems)
        systems, comparisons = [first, second], compare_systems(first, second, metrics)
    report = Report(
        lianju=lianju.__version__,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine,
        seconds=seconds,
        metrics=metrics,
        systems=systems,
        comparisons=comparisons,
        contamination=contamination,
    )
    return report.model_copy(update={"verdict": verdict_sentences(report)})


# --- reports that were written before ------------------------------------------------------


def read_report(path: Path) -> Report:
    """Read a report.json, or the one in a folder.

    Raises `UserError` for a file that is none, naming the field, or of another schema version.
    """
    file = path / REPORT if path.is_dir() else path
    if not file.exists():
        raise UserError(f"{file} does not exist: give the folder that `lianju evaluate` wrote")
    advice = f"give a {REPORT} of `lianju evaluate`, or evaluate again"
    _check_version(file, read_json(file, advice))
    return read_as(Report, file, advice)


def _check_version(file: Path, value: Any) -> None:
    version = value.get("schema_version") if isinstance(value, dict) else None
    if version is None:
        raise UserError(f"{file} is no report: give a {REPORT} of `lianju evaluate`")
    if version != VERSION:
        raise UserError(
            f"{file} has schema_version {version}, this lianju reads {VERSION}: evaluate again, "
            "or use the lianju that wrote it"
        )


def compare_reports(a: Report, b: Report) -> Report:
    """One report of the first system of each, compared in pairs.

    What is known of contamination is kept if both systems have the same base model. Raises
    `UserError` as `compare` does, and where a metric has changed between the two reports.
    """
    first, second = a.systems[0], b.systems[0]
    same_model = (first.model, first.sha256) == (second.model, second.sha256)
    known = (a.contamination or b.contamination) if same_model else None
    metrics = _same_metrics(a, b)
    return report_of([first, second], metrics, a.machine, a.seconds + b.seconds, known)


def named_apart(first: System, second: System) -> tuple[System, System]:
    """The same two by labels that tell them apart: by what of their settings differs, if any."""
    if first.label != second.label:
        return first, second
    ours, theirs = ({**one.decoding, **one.rules} for one in (first, second))
    changed = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    labels = [
        ", ".join(f"{name} {one[name]}" for name in changed if name in one) or place
        for one, place in ((ours, "first"), (theirs, "second"))
    ]
    return (
        first.model_copy(update={"label": f"{first.label} ({labels[0]})"}),
        second.model_copy(update={"label": f"{second.label} ({labels[1]})"}),
    )


def _same_metrics(a: Report, b: Report) -> dict[str, Metric]:
    for name in a.metrics.keys() & b.metrics.keys():
        ours, theirs = a.metrics[name].version, b.metrics[name].version
        if ours != theirs:
            raise UserError(
                f"metric {name} is version {ours} in one report and {theirs} in the other: "
                "evaluate the older one again"
            )
    return {**a.metrics, **b.metrics}
