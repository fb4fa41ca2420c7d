"""The page of an evaluation: one HTML file that needs nothing but itself.

It stands in the order a reader asks: what came of it, the numbers, what they rest on, every
poem with its marks, who wrote, and how it was measured. It fetches nothing and runs no script,
and text from a model or a corpus reaches it only through `markup.text`. `evaluation.html` is its
body; the functions here fill it.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from lianju.evaluate import frame, markup, page_poems
from lianju.evaluate.figures import LEVEL, Unit, interval_words, value_words
from lianju.evaluate.page_numbers import glossary, suite_numbers, titled
from lianju.evaluate.page_poems import named
from lianju.evaluate.schema import Contamination, Metric, Report, System
from lianju.evaluate.statistics import Figure
from lianju.evaluate.verdict import by_size, figure_of
from lianju.files import write_text

_TILES = ("shape", "full", "loss", "known_lines")
_PROBES = {"famous": "Famous poems 名篇", "heldout": "Held-out poems 未用之詩"}


def write_page(report: Report, path: Path) -> None:
    """Write the page of a report; its verdict is taken as it stands in the report."""
    cards = {suite: page_poems.cards(report, suite) for suite in by_size(report)}
    title = markup.text(" against ".join(system.label for system in report.systems))
    under = markup.text(f"{report.made[:16].replace('T', ' ')} · lianju {report.lianju}")
    body = frame.filled(
        "lianju.evaluate",
        "evaluation.html",
        tiles=_tiles(report),
        verdict="".join(map(_sentence, report.verdict)),
        suites="\n".join(suite_numbers(report, *item) for item in cards.items()),
        trust=_trust(report),
        poems=page_poems.poems(report, cards),
        systems="".join(_system(report, place) for place in range(len(report.systems)))
        + f"<div><h3>{markup.label('Machine 機器')}</h3>{markup.facts(_machine(report))}</div>",
        chances=_chances(report.systems),
        level=LEVEL,
        glossary=glossary(report.metrics.values()),
        terms=_terms(report),
    )
    page = frame.page(
        title=f"Lianju 聯句 · evaluation 評測 · {title}",
        heading=title,
        under=f'{frame.NAME} evaluation <span lang="zh-Hant">評測</span> · {under}',
        body=body,
        styles=[frame.resource("lianju.evaluate", "evaluation.css")],
    )
    write_text(path, page)


# --- what came of it -----------------------------------------------------------------------


def _tiles(report: Report) -> str:
    """The first figures that a reader looks for, on the largest suite."""
    suite = by_size(report)[0]
    tiles = []
    for metric in (report.metrics[name] for name in _TILES if name in report.metrics):
        figures = [
            (system.label, figure)
            for system in report.systems
            if (figure := figure_of(system, suite, metric.name)).value is not None
        ]
        if figures:
            tiles.append(_tile(suite, metric, figures))
    return "".join(tiles)


def _tile(suite: str, metric: Metric, figures: list[tuple[str, Figure]]) -> str:
    (label, figure), *others = figures
    assert figure.value is not None
    notes = [markup.text(f"{label}, {suite}: {interval_words(figure, metric.unit)}")]
    notes += [
        f"{markup.text(other)}: <b>{value_words(one.value, metric.unit)}</b>"
        for other, one in others
        if one.value is not None
    ]
    return markup.tile(titled(metric), value_words(figure.value, metric.unit), *notes)


def _sentence(sentence: str) -> str:
    """A sentence of the verdict, with what it is about apart from what was found."""
    about, _, found = sentence.partition(": ")
    return f"<div><dt>{markup.text(about)}</dt><dd>{markup.text(found)}</dd></div>"


# --- what the numbers rest on --------------------------------------------------------------


def _trust(report: Report) -> str:
    leaks = "".join(_leaks(system) for system in report.systems if system.kind == "model")
    return f"{leaks}{_contamination(report.contamination)}"


def _leaks(system: System) -> str:
    leaks = system.leaks
    lines = [line for shared in leaks.shared.values() for line in shared]
    said = f"{markup.plural(len(lines), 'line')} shared with {leaks.trained:,} training poems"
    folded = ""
    if lines:
        items = "".join(
            f'<li>{markup.text(suite)}: <span lang="zh-Hant" class="wrap">'
            f"{markup.text('、'.join(shared))}</span></li>"
            for suite, shared in leaks.shared.items()
            if shared
        )
        folded = f"<details><summary>The lines</summary><ul>{items}</ul></details>"
    return (
        f"<h3>{markup.label('Leaks 洩題')}: {markup.text(system.label)}</h3>"
        f"<p>{said if leaks.checked else 'Not checked'}. {markup.text(leaks.note)}</p>{folded}"
    )


def _contamination(found: Contamination | None) -> str:
    head = f"<h3>{markup.label('Contamination 污染')}</h3>"
    if found is None:
        return f"{head}<p>Not tested: the base model may know some of these poems by heart.</p>"
    probes = found.probes
    rows = [
        ("Poems 首數", *(f"{probe.n:,}" for probe in probes)),
        ("True lines 原句", *(_bare(probe.true, "nats") for probe in probes)),
        ("Shuffled 打亂", *(_bare(probe.shuffled, "nats") for probe in probes)),
        ("Paraphrased 換字", *(_bare(probe.paraphrased, "nats") for probe in probes)),
        ("Difference 相差", *(_bare(probe.gain, "nats") for probe in probes)),
        ("Preferred 偏好", *(_bare(probe.preferred, "share") for probe in probes)),
        ("Recited 背出", *(_bare(probe.recited, "share") for probe in probes)),
    ]
    columns = ("", *(_PROBES[probe.name] for probe in probes))
    return (
        f"{head}<p>{markup.text(found.verdict)}</p>"
        f'<p class="quiet">What the base model, {markup.text(found.model)}, thinks of the '
        "couplet that follows, in nats a character (nearer to 0 is likelier): as it is, with its "
        "characters shuffled, and with one character of each line changed for one of like use; the "
        "difference is that of the first and the last. A model that knows poems by heart likes "
        "the true lines of famous poems much better than the changed ones, and recites them.</p>"
        f"{markup.table('Contamination', columns, rows)}"
    )


def _bare(figure: Figure, unit: Unit) -> str:
    if figure.value is None:
        return "—"
    return (
        f'<span class="value">{value_words(figure.value, unit)}</span> '
        f'<span class="range">{interval_words(figure, unit)}</span>'
    )


# --- who wrote, and how it was measured ----------------------------------------------------


def _system(report: Report, place: int) -> str:
    system = report.systems[place]
    seconds = markup.duration(system.seconds) if system.seconds else None
    rows = [
        ("Kind 種類", "a model" if system.kind == "model" else "the poets 詩人原作"),
        ("Model 模型", system.model or None),
        ("Weights 權重", system.sha256[:12] or None),
        ("Adapter 微調", system.adapter or ("none" if system.kind == "model" else None)),
        ("Its weights 其權重", system.adapter_sha256 or None),
        ("Prompt 提示", system.style or None),
        ("Took 用時", seconds),
    ]
    return (
        f"<div><h3>{named(report.systems, place)}</h3>{markup.facts(rows)}"
        f"{_settings('Decoding 取樣', system.decoding)}"
        f"{_settings('Rules kept 守律', system.rules)}</div>"
    )


def _settings(name: str, values: Mapping[str, object]) -> str:
    if not values:
        return ""
    rows = [(key, "none" if value is None else value) for key, value in values.items()]
    # A long name breaks between its words.
    facts = markup.facts(rows).replace("_", "_<wbr>")
    return f"<h4>{markup.label(name)}</h4>{facts}"


def _machine(report: Report) -> Iterable[tuple[str, object]]:
    yield from report.machine.items()
    yield "Took in all 總用時", markup.duration(report.seconds)


def _chances(systems: list[System]) -> str:
    """Whether poems of one number had the same random numbers, where two models wrote."""
    seeds = [system.decoding.get("seed") for system in systems if system.kind == "model"]
    if len(seeds) < 2:
        return ""
    if seeds[0] == seeds[1]:
        return ", which had the same random numbers"
    return (
        f"; their random numbers were not the same, for the seeds differ ({seeds[0]}, {seeds[1]})"
    )


def _terms(report: Report) -> str:
    models = dict.fromkeys(system.model for system in report.systems if system.model)
    return "".join(
        f"<p>The base model, {markup.text(model)}, {markup.terms(model)}.</p>" for model in models
    )
