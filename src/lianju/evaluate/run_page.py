"""The page of a run: an evaluation of the model before and after, and how it was trained.

It says what the run's own files say, in the order a reader asks: what came of it, the poems,
how training went, what it cost, what went in. It fetches nothing and runs no script, and text
from a model or a corpus reaches it only through `markup.text`. `run.html` is its body.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lianju import __version__
from lianju.decode import Completion
from lianju.errors import UserError
from lianju.evaluate import frame, markup, page_poems
from lianju.evaluate.compare import compare_systems
from lianju.evaluate.measurement import measure
from lianju.evaluate.metrics import METRICS
from lianju.evaluate.page_numbers import glossary, suite_numbers
from lianju.evaluate.plots import loss_figure
from lianju.evaluate.schema import Couplet, Leaks, Report, Suite, System, WrittenPoem
from lianju.files import read_json, read_jsonl, write_text

Row = dict[str, Any]
# Larger numbers are said by their power of ten.
_FAR_OFF = 1e9

_STAGES = {
    "poems": "Poems 取詩",
    "compute": "Choosing the precision 選擇精度",
    "model": "Base model 取得模型",
    "before": "Completing and scoring, before 微調前評測",
    "finetune": "Fine-tuning 微調",
    "after": "Completing and scoring, after 微調後評測",
    "total": "Whole run 全程",
}


def write_run_page(run: Path) -> Path:
    """Write `run/report.html` from the other files of a finished run's folder; return its path."""
    name = markup.text(run.resolve().name)
    with _file(run, "settings.json") as settings:
        parts = {"settings": _settings(settings)}
    with _file(run, "summary.json") as summary:
        model, used = markup.text(summary["model"]["name"]), f"{summary['data']['used']:,}"
        best, tests = summary["training"]["best_step"], int(summary["after"]["test"]["n"])
        parts |= _summed_up(summary)
        under = f"recipe {markup.text(summary['recipe'])} · model {model} · {used} poems"
    with _file(run, "steps.jsonl") as steps:
        parts["curve"] = loss_figure(steps, best)
    with _file(run, "before.jsonl") as rows:
        before = _system("before", _all(rows, tests))
    with _file(run, "results.jsonl") as rows:
        parts |= _evaluated(_report(before, _system("after", _all(rows, tests))))
    page = frame.page(
        title=f"Lianju 聯句 · run {name}",
        heading=f'{frame.NAME} <span class="run">· run {name}</span>',
        under=under,
        body=frame.filled("lianju.evaluate", "run.html", **parts),
        styles=[frame.resource("lianju.evaluate", "evaluation.css")],
    )
    path = run / "report.html"
    write_text(path, page)
    return path


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
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        reason = f"{type(error).__name__}: {error}"[:200]
        raise UserError(f"{path} is not as a run writes it ({reason}): {advice}") from error


def _all(rows: list[Row], number: int) -> list[Row]:
    if len(rows) != number:
        raise ValueError(f"{len(rows)} rows, not {number}")
    return rows


# --- the poems, evaluated ------------------------------------------------------------------


def _system(label: str, rows: list[Row]) -> System:
    """One model's poems on the test couplets as an evaluation has them."""
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
    couplets = [
        Couplet(
            couplet=poem.couplet,
            truth=row["truth"],
            source="",
            poems=[WrittenPoem(number=0, text=poem.text, finish=poem.finish, marks=marks)],
        )
        for poem, row, [marks] in zip(poems, rows, measured.marks, strict=True)
    ]
    suite = Suite(name="hw5", digest="", poems_each=1, figures=measured.figures, couplets=couplets)
    leaks = Leaks(checked=False, note="")
    return System(label=label, kind="model", leaks=leaks, suites={"hw5": suite})


def _report(before: System, after: System) -> Report:
    return Report(
        lianju=__version__,
        made="",
        machine={},
        seconds=0.0,
        metrics=METRICS,
        systems=[before, after],
        comparisons=compare_systems(after, before, METRICS),
    )


def _evaluated(report: Report) -> dict[str, str]:
    """What the page says of the poems: what an evaluation's says."""
    cards = page_poems.cards(report, "hw5")
    taken = {n for one in report.systems for n, f in one.suites["hw5"].figures.items() if f.n}
    return {
        "poems": page_poems.poems(report, {"hw5": cards}),
        "suite": suite_numbers(report, "hw5", cards),
        "glossary": glossary(one for one in METRICS.values() if one.name in taken),
    }


# --- the run's own numbers -----------------------------------------------------------------


def _summed_up(summary: Row) -> dict[str, str]:
    """What the page says out of summary.json."""
    decoding = ", ".join(f"{name} {value}" for name, value in _flat(summary["decoding"]))
    return {
        "model": markup.text(summary["model"]["name"]),
        "trained_on": _trained_on(summary["data"]),
        "figures": _figures(summary),
        "tests": f"{summary['after']['test']['n']:,}",
        "decoding": markup.text(decoding),
        "numbers": _numbers(summary["before"], summary["after"]),
        "remarks": _remarks(summary["training"].get("remarks", [])),
        "times": _times(summary["seconds"]),
        "model_facts": _model(summary["model"]),
        "training_facts": _training(summary["training"]),
        "machine_facts": _machine(summary),
        "data_facts": _data(summary["data"]),
        "counted": _counted(summary["after"]),
        "terms": markup.terms(summary["model"]["name"]),
    }


def _trained_on(data: Row) -> str:
    """How many poems, and whose."""
    if "source" not in data:  # a run of before part 6
        return markup.plural(data["used"], "poem")
    used, total = f"{data['used']:,}", f"{data['total']:,}"
    if data["source"] is None:
        return f"{used} of the homework's {total} poems"
    return f"{used} of the {total} poems in {markup.text(Path(data['source']).name)}"


def _remarks(remarks: list[str]) -> str:
    """What training is to be remarked on; nothing where all went as it should."""
    items = "".join(f"<li>{markup.text(remark)}</li>" for remark in remarks)
    return f'<ul class="noted">{items}</ul>' if items else ""


def _figures(summary: Row) -> str:
    before, after, machine = summary["before"], summary["after"], summary["machine"]
    shapes = f"{before['test']['right']:,} → {after['test']['right']:,}"
    old, new = (side["validation"]["loss_per_character"] for side in (before, after))
    rows = (
        ("Right shape 合式", shapes, f"of {markup.plural(after['test']['n'], 'test couplet')}"),
        (
            "Validation loss 驗證損失",
            f"{old:.2f} → {new:.2f}",
            "nats per character, less is better",
        ),
        (
            "Fine-tuning 微調時間",
            markup.duration(summary["seconds"]["finetune"]),
            markup.plural(summary["training"]["steps"], "step"),
        ),
        (
            "Peak memory 記憶體峰值",
            f"{summary['memory_gb']:.1f} GB",
            machine["cpu"],
        ),
    )
    return "".join(
        markup.tile(markup.label(name), value, markup.text(note)) for name, value, note in rows
    )


def _numbers(before: Row, after: Row) -> str:
    tests = (before["test"], after["test"])
    validations = (before["validation"], after["validation"])
    losses = (f"{one['loss_per_character']:.3f}" for one in validations)
    rows = [
        ("Right shape, test couplets 合式", *_counts(tests, "right")),
        ("Different completions 相異", *_counts(tests, "distinct")),
        ("Poems with a line twice 重句", *_counts(tests, "repeated_lines")),
        ("Validation loss per character 每字損失", *losses),
        ("Perplexity 困惑度", *(_large(one["perplexity"]) for one in validations)),
    ]
    if "shape_n" in after["validation"]:
        rows.insert(1, ("Right shape, validation 驗證合式", *map(_shape, validations)))
    return markup.table("In numbers", ("", "Before 前", "After 後"), rows)


def _large(value: float) -> str:
    return f"{value:,.1f}" if value < _FAR_OFF else f"{value:.2g}"


def _counts(tests: Iterable[Row], name: str) -> Iterable[str]:
    return (f"{one[name]:,} of {one['n']:,}" for one in tests)


def _shape(validation: Row) -> str:
    if "shape_n" not in validation:
        return "not counted"
    low, high = validation["shape_interval"]
    counts = f"{validation['shape_right']:,} of {validation['shape_n']:,}"
    return f'{counts} <span class="range">({100 * low:.3g}–{markup.percent(high)})</span>'


def _counted(after: Row) -> str:
    text = f"The test has {markup.plural(after['test']['n'], 'couplet')}"
    if "shape_n" not in after["validation"]:
        return f"{text}."
    return (
        f"{text}. On {markup.plural(after['validation']['shape_n'], 'validation prompt')} the "
        f"fine-tuned model gave the right shape in {_shape(after['validation'])}, the range being "
        "a 95% interval."
    )


# --- what it cost and what went in ---------------------------------------------------------


def _times(seconds: dict[str, float]) -> str:
    rows = []
    for name, value in seconds.items():
        width = 100 * value / seconds["total"]
        bar = "" if name == "total" else f'<span class="bar" style="width:{width:.1f}%"></span>'
        rows.append((_STAGES.get(name, name), markup.duration(value), bar))
    return markup.table("Time by stage", ("Stage 階段", "Time 時間", ""), rows)


def _model(model: Row) -> str:
    parameters, trained = model["parameters"], model["trainable_parameters"]
    return markup.facts(
        (
            ("Name 名稱", model["name"]),
            ("Parameters 參數", f"{parameters:,}"),
            ("Trained 可訓練", f"{trained:,} ({markup.percent(trained / parameters)})"),
            ("Vocabulary 詞彙", f"{model['vocabulary']:,} of {model['full_vocabulary']:,} tokens"),
            ("Runs on 裝置", f"{model['device']}, {model['precision']}"),
            ("Because 理由", model["reason"]),
        )
    )


def _share_of_peak(training: Row) -> str | None:
    if training["mfu"] is None:
        return None
    return f"{markup.percent(training['mfu'])} of {training['peak_gflops']:,.0f} GFLOP/s"


def _training(training: Row) -> str:
    steps, tokens = markup.plural(training["steps"], "step"), f"{training['tokens']:,}"
    return markup.facts(
        (
            ("Steps 步數", f"{steps}, {markup.plural(training['epochs'], 'epoch')}"),
            ("Tokens 詞元", f"{tokens}, of which {training['trained_tokens']:,} trained"),
            ("Speed 速度", f"{training['tokens_per_second']:,.0f} tokens a second"),
            ("Used of the peak 算力利用", _share_of_peak(training)),
            ("Best step 最佳步", f"{training['best_step']:,}, whose weights were kept"),
        )
    )


def _machine(summary: Row) -> str:
    machine = summary["machine"]
    return markup.facts(
        (
            ("Processor 處理器", f"{machine['cpu']}, {markup.plural(machine['cores'], 'core')}"),
            ("GPU 顯示卡", machine["gpu"]),
            ("Memory 記憶體", f"{machine['memory_gb']:.1f} GB"),
            ("Peak 本次峰值", f"{summary['memory_gb']:.1f} GB"),
            ("System 系統", f"{machine['system']}, Python {machine['python']}"),
            ("Torch", machine["torch"]),
        )
    )


def _data(data: Row) -> str:
    validation = data["validation"]
    return markup.facts(
        (
            ("Source 來源", data["origin"]),
            ("Poems in it 總數", f"{data['total']:,}"),
            *((f"Dropped: {reason}", f"{number:,}") for reason, number in data["dropped"].items()),
            ("Left to learn from 可用", f"{data['examples']:,}"),
            ("Used in this run 使用", f"{data['used']:,}"),
            ("Validation 驗證", f"{validation['n']:,} ({validation['note']})"),
        )
    )


def _settings(settings: Row) -> str:
    """Every setting under the name of its group; those of no group come first, as "run"."""
    loose = {name: value for name, value in settings.items() if not isinstance(value, dict)}
    groups = {name: value for name, value in settings.items() if isinstance(value, dict)}
    if loose:
        groups = {"run": loose, **groups}
    return "".join(
        f"<div><h3>{markup.text(name)}</h3>{markup.facts(_flat(group))}</div>"
        for name, group in groups.items()
    )


def _flat(group: Row, prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for name, value in group.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{name}.")
        else:
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            rows.append((prefix + name, shown))
    return rows
