"""The page of a run: an evaluation of the model before and after, and how it was trained.

Beside what the model writes freely stands what it writes in rules, what the reference adapter
writes, what chat models answered that were asked, and how the poets went on.

It says what the run's own files say, in the order a reader asks: what came of it, the poems,
how training went, what it cost, what went in. It fetches nothing and runs no script, and text
from a model or a corpus reaches it only through `markup.text`. `run.html` is its body.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from jinja2 import UndefinedError
from markupsafe import Markup

from lianju import __version__
from lianju.corpus import Example
from lianju.decode import Completion
from lianju.errors import UserError
from lianju.evaluate import frame, markup
from lianju.evaluate.compare import compare_systems
from lianju.evaluate.measurement import measure
from lianju.evaluate.metrics import METRICS
from lianju.evaluate.page import shown
from lianju.evaluate.plots import loss_figure
from lianju.evaluate.schema import Couplet, Leaks, Metric, Report, Suite, System, WrittenPoem
from lianju.files import read_as, read_json, read_jsonl, write_text

Row = dict[str, Any]
# The poems of the model in rules, as a list to hand in and with all there is to say of them.
IN_RULES = "results-in-rules"
# A folder of a run with what chat models answered, a file a model, as `System`s.
CHATS = "chats"
# The poems of the untouched model that was shown some before.
SHOWN = "before-shown"
# What runs of before part 9, and those that show no poems, do not have.
_MORE = {
    SHOWN: "before, poems shown",
    IN_RULES: "after, in rules",
    "reference": "reference adapter",
}
# What is raised where a file holds something else than a run writes.
_ODD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, UndefinedError)

_STAGES = {
    "poems": "Poems 取詩",
    "compute": "Choosing the precision 選擇精度",
    "model": "Base model 取得模型",
    "before": "Completing and scoring, before 微調前評測",
    "shots": "The same, poems shown 微調前示例評測",
    "finetune": "Fine-tuning 微調",
    "after": "Completing and scoring, after 微調後評測",
    "total": "Whole run 全程",
}


def write_run_page(run: Path) -> Path:
    """Write `run/report.html` from the other files of a finished run's folder; return its path."""
    name = markup.text(run.resolve().name)
    with _file(run, "settings.json") as settings:
        parts: dict[str, Any] = {"settings": _groups(settings)}
    with _file(run, "summary.json") as summary:
        best, tests = summary["training"]["best_step"], int(summary["after"]["test"]["n"])
    with _file(run, "steps.jsonl") as steps:
        parts["curve"] = Markup(loss_figure(steps, best))
    with _file(run, "before.jsonl") as rows:
        systems = [poem_system("before", _all(rows, tests))]
    with _file(run, "results.jsonl") as rows:
        systems.append(poem_system("after", _all(rows, tests)))
        poets = poets_of(rows)
    for file, label in _MORE.items():
        if (run / f"{file}.jsonl").is_file():
            with _file(run, f"{file}.jsonl") as rows:
                systems.append(poem_system(label, _all(rows, tests)))
    systems += [_chat(path, systems[0]) for path in sorted((run / CHATS).glob("*.json"))]
    report = _report([*systems, *poets])
    parts |= shown(report)
    with _file(run, "summary.json") as summary:
        parts |= {
            "decoding": _flat(summary["decoding"]),
            "source": Path(summary["data"].get("source") or "").name,
            "stages": _STAGES,
            "taken": taken_metrics(report),
        }
        model, used = markup.text(summary["model"]["name"]), f"{summary['data']['used']:,}"
        page = frame.page(
            title=f"Lianju 聯句 · run {name}",
            heading=f'{frame.NAME} <span class="run">· run {name}</span>',
            under=f"recipe {markup.text(summary['recipe'])} · model {model} · {used} poems",
            body=frame.rendered("lianju.evaluate", "run.html", **summary | parts),
            styles=[frame.resource("lianju.evaluate", "evaluation.css")],
        )
    path = run / "report.html"
    write_text(path, page)
    return path


def run_couplets(run: Path) -> list[Example]:
    """The test couplets of a finished run, with the real poems where they are known."""
    with _file(run, "results.jsonl") as rows:
        return [Example(row["couplet"], row["truth"] or "", "") for row in rows]


def _chat(path: Path, other: System) -> System:
    """What a chat model wrote on the run's couplets, those of another system of the run."""
    advice = "remove it, and ask the model again"
    chat = read_as(System, path, advice)
    couplets = [
        [row.couplet for row in one.suites["hw5"].couplets] if "hw5" in one.suites else []
        for one in (chat, other)
    ]
    if couplets[0] != couplets[1]:
        raise UserError(f"{path} is of other couplets than the run: {advice}")
    return chat


@contextmanager
def _file(run: Path, name: str) -> Iterator[Any]:
    """What a file of a run holds; within, what is not as a run writes it is a `UserError`."""
    path = run / name
    if not path.is_file():
        raise UserError(f"{path} is missing: give the folder of a run that has finished")
    advice = "restore it, or run again"
    value = (read_jsonl if path.suffix == ".jsonl" else read_json)(path, advice)
    try:
        yield value
    except _ODD as error:
        reason = f"{type(error).__name__}: {error}"[:200]
        raise UserError(f"{path} is not as a run writes it ({reason}): {advice}") from error


def _all(rows: list[Row], number: int) -> list[Row]:
    if len(rows) != number:
        raise ValueError(f"{len(rows)} rows, not {number}")
    return rows


# --- the poems, evaluated ------------------------------------------------------------------


def poets_of(rows: list[Row]) -> list[System]:
    """The poets as a system of their own, where all real poems are known."""
    if not all(row["truth"] for row in rows):
        return []
    size = {"tokens": 1, "logprob_per_token": 0.0, "finish": "stop"}
    given = [{**row, **size, "completion": row["truth"], "truth": None} for row in rows]
    return [poem_system("the poets", given, given=True)]


def poem_system(label: str, rows: list[Row], given: bool = False) -> System:
    """One model's poems on the test couplets as an evaluation has them; or poems that were
    `given`. `rows` are those of results.jsonl.
    """
    poems = [
        Completion(
            row["couplet"],
            row["completion"],
            row["finish"],
            row["tokens"],
            row["logprob_per_token"] * row["tokens"],
        )
        for row in rows
    ]
    measured = measure([[poem] for poem in poems], [row["truth"] for row in rows], kit=None)
    if given:
        measured = measured.without(["logprob"])
    ends = ["given" if given else poem.finish for poem in poems]
    couplets = [
        Couplet(
            couplet=poem.couplet,
            truth=row["truth"],
            source="",
            poems=[WrittenPoem(number=0, text=poem.text, finish=end, marks=marks)],
        )
        for poem, end, row, [marks] in zip(poems, ends, rows, measured.marks, strict=True)
    ]
    suite = Suite(name="hw5", digest="", poems_each=1, figures=measured.figures, couplets=couplets)
    leaks = Leaks(checked=False, note="")
    kind: Literal["poets", "model"] = "poets" if given else "model"
    return System(label=label, kind=kind, leaks=leaks, suites={"hw5": suite})


def _report(systems: list[System]) -> Report:
    before, after = systems[:2]
    report = poem_report(systems)
    return report.model_copy(update={"comparisons": compare_systems(after, before, METRICS)})


def poem_report(systems: list[System]) -> Report:
    """What the templates of a report take of several systems on the test couplets."""
    return Report(
        lianju=__version__, made="", machine={}, seconds=0.0, metrics=METRICS, systems=systems
    )


def taken_metrics(report: Report) -> list[Metric]:
    """The metrics that the page has figures of."""
    figures = [one.suites["hw5"].figures for one in report.systems]
    taken = {name for one in figures for name, figure in one.items() if figure.n}
    return [metric for name, metric in report.metrics.items() if name in taken]


def _groups(settings: Row) -> list[tuple[str, list[tuple[str, str]]]]:
    """Every setting under the name of its group; those of no group come first, as "run"."""
    loose = {name: value for name, value in settings.items() if not isinstance(value, dict)}
    groups = {name: value for name, value in settings.items() if isinstance(value, dict)}
    return [(name, _flat(group)) for name, group in {"run": loose, **groups}.items() if group]


def _flat(group: Row, prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for name, value in group.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{name}.")
        else:
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            rows.append((prefix + name, shown))
    return rows
