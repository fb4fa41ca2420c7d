"""What came of an evaluation, in a few sentences that are made from its numbers.

Each sentence is "what it is about: what was found". The largest suite speaks of everything, the
others of shape alone.
"""

from collections.abc import Iterator

from lianju.evaluate.figures import LEVEL, holds, interval_words, value_words, way
from lianju.evaluate.markup import plural
from lianju.evaluate.schema import Comparison, Metric, Report, Suite, System
from lianju.evaluate.statistics import NOTHING, Figure, sign_test, wilson

# Where even a share of a half is known to no better than this, the suite is called small.
_VAGUE = 0.1
# Asked of the largest suite, in this order.
_ASKED = ("full", "loss", "known_lines")
# What a model says of the real poems, which is no merit of the poets that it scores.
_OF_MODELS = ("loss", "perplexity", "rank")
# What only a model's probabilities tell, which no endpoint gives for a text of ours.
_OF_PROBABILITIES = (*_OF_MODELS, "logprob")
# What is told of a chat model's answers, in words.
_OF_ANSWERS = {
    "around": "prose around the verse 詩外有文 in",
    "no_verse": "prose only 有文無詩 in",
    "refused": "refused or empty 拒答",
}
_MANNER = {"more": "more is better", "less": "less is better", "neither": "neither way is better"}
_WAYS = {
    "better": "is better in",
    "worse": "is worse in",
    "higher": "has a higher figure for",
    "lower": "has a lower figure for",
}


def verdict_sentences(report: Report) -> list[str]:
    """What came of it, in a few sentences, the most important first."""
    suites = by_size(report)
    return [
        *(line for suite in suites for line in _found(report, "shape", suite)),
        *(line for name in _ASKED for line in _found(report, name, suites[0])),
        *(line for system in report.systems for line in answers_of(system)),
        *_differences(report),
        *map(_leaks, (system for system in report.systems if system.kind != "poets")),
        _contamination(report),
        *_small(report, suites),
    ]


def by_size(report: Report) -> list[str]:
    """The names of all suites, that with the most couplets first."""
    sizes: dict[str, int] = {}
    for system in report.systems:
        for name, suite in system.suites.items():
            sizes[name] = max(sizes.get(name, 0), len(suite.couplets))
    return sorted(sizes, key=lambda name: -sizes[name])


def title(metric: Metric) -> str:
    """A metric's English and Chinese name, for the beginning of a sentence or row."""
    return f"{metric.title} {metric.chinese}".rstrip()


def figure_of(system: System, suite: str, name: str) -> Figure:
    """A figure of a suite; one without a value where the system has none, or cannot have one."""
    if suite not in system.suites or (system.kind == "poets" and name in _OF_MODELS):
        return NOTHING
    return system.suites[suite].figures.get(name, NOTHING)


def is_unknowable(system: System, name: str) -> bool:
    """Whether a metric wants probabilities that nobody has of a system."""
    return system.kind == "chat" and name in _OF_PROBABILITIES


def answers_of(system: System) -> Iterator[str]:
    """What a chat model's answers were like beside the verse, and what is to be known of them."""
    if system.kind != "chat":
        return
    for name, suite in system.suites.items():
        parts = []
        for metric, said in _OF_ANSWERS.items():
            figure = suite.figures[metric]
            assert figure.value is not None
            interval = interval_words(figure, "share")
            count = f"{round(figure.value * figure.n):,} of {figure.n:,}"
            parts.append(f"{said} {count} ({value_words(figure.value, 'share')}, {interval})")
        yield f"Answers 回答, {system.label}, {name}: {'; '.join(parts)}."
        for note in suite.notes:
            yield f"Answers 回答, {system.label}, {name}: {note}"


def _found(report: Report, name: str, suite: str) -> Iterator[str]:
    """One metric on one suite, for each system that has it; nothing if none has."""
    if name not in report.metrics:
        return
    metric = report.metrics[name]
    said = [
        f"{system.label} {_figure(system.suites[suite], metric)}"
        for system in report.systems
        if figure_of(system, suite, name).value is not None
    ]
    if said:
        said += [f"{one.label} not available" for one in report.systems if is_unknowable(one, name)]
        unit = "nats a character, " if metric.unit == "nats" else ""
        manner = "" if metric.better == "more" else f" ({unit}{_MANNER[metric.better]})"
        yield f"{title(metric)}, {suite}{manner}: {'; '.join(said)}."


def _figure(suite: Suite, metric: Metric) -> str:
    """A figure with its interval, and as a count where poems were counted."""
    figure = suite.figures[metric.name]
    assert figure.value is not None
    value, interval = value_words(figure.value, metric.unit), interval_words(figure, metric.unit)
    interval = interval if figure.low == figure.high else f"95% interval {interval}"
    marks = (poem.marks.get(metric.name) for row in suite.couplets for poem in row.poems)
    if any(isinstance(mark, bool) for mark in marks):
        return f"{round(figure.value * figure.n):,} of {figure.n:,} ({value}, {interval})"
    return f"{value} ({interval})"


# --- differences ---------------------------------------------------------------------------


def _differences(report: Report) -> Iterator[str]:
    if not report.comparisons:
        return
    first, second = (system.label for system in report.systems)
    total = len(report.comparisons)
    held = [comparison for comparison in report.comparisons if holds(comparison)]
    for suite in by_size(report):
        if said := _ways(report, [one for one in held if one.suite == suite]):
            yield f"Differences that hold 成立, {suite}: against {second}, {first} {said}."
    alone = sum(one.p < LEVEL for one in report.comparisons)
    yield (
        f"Chance 偶然: of {total:,} comparisons {len(held):,} hold after Holm's correction; the "
        f"rest may be chance. Before it, p is below {LEVEL} in {alone:,}; if the systems did not "
        f"differ at all, it would be in up to {LEVEL * total:.2g}."
    )


def _ways(report: Report, held: list[Comparison]) -> str:
    """ "is better in right shape 合式, full 全合; is worse in …": what holds on one suite."""
    parts = []
    for direction, said in _WAYS.items():
        names = [
            title(report.metrics[one.metric]).lower()
            for one in held
            if way(one, report.metrics[one.metric]) == direction
        ]
        if names:
            parts.append(f"{said} {', '.join(names)}")
    return "; ".join(parts)


# --- what the figures rest on --------------------------------------------------------------


def _leaks(system: System) -> str:
    leaks = system.leaks
    head = f"Leaks 洩題, {system.label}"
    if not leaks.checked:
        return f"{head}: not checked. {leaks.note}"
    shared = {suite: len(lines) for suite, lines in leaks.shared.items() if lines}
    if not shared:
        return (
            f"{head}: no line of the suites' poems stands in the {leaks.trained:,} training poems."
        )
    counts = ", ".join(
        f"{number:,} line{'' if number == 1 else 's'} of {suite}"
        for suite, number in shared.items()
    )
    return (
        f"{head}: {counts} also stand in the {leaks.trained:,} training poems, so the figures "
        "there may flatter it."
    )


def _contamination(report: Report) -> str:
    if report.contamination is None and report.systems[0].kind == "chat":
        return "Contamination 污染: not tested; a chat model may know some of these poems by heart."
    if report.contamination is None:
        return (
            "Contamination 污染: not tested, so the base model may know some of these poems "
            "by heart."
        )
    return f"Contamination 污染: {report.contamination.verdict}"


def _small(report: Report, suites: list[str]) -> Iterator[str]:
    """What a suite of few couplets can show and what not."""
    for name in suites:
        n = max(len(s.suites[name].couplets) for s in report.systems if name in s.suites)
        low, high = wilson(n / 2, n)
        if high - low > 2 * _VAGUE:
            yield (
                f"Small suite 樣本少, {name}: with {plural(n, 'couplet')} a share near a half is "
                f"known only to ±{100 * (high - low) / 2:.0f} percentage points{_needed(n)}. It "
                "shows a gross failure, not a fine difference."
            )


def _needed(n: int) -> str:
    least = next((wins for wins in range(1, n + 1) if sign_test(wins, 0) < LEVEL), None)
    if least is None:
        return (
            f", and no difference between two systems can reach p < {LEVEL}, even before any "
            "correction"
        )
    return (
        f", and two systems must differ on at least {least} of them, all one way, for p < {LEVEL} "
        "before any correction"
    )
