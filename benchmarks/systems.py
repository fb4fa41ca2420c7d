"""What each part of Lianju brings: base, a run, the reference, rules, rating, and the poets.

Run: `python -m benchmarks.systems RUN OUT [--couplets N]`. RUN: the folder of a run. Every system
writes on each couplet of the suites hw5 and heldout, as `lianju evaluate` has it; the base model,
which writes until it is cut off, only on the first 100. OUT holds an evaluation a system and the
table that the README shows. Goes on where it stopped.
"""

import argparse
from functools import partial
from pathlib import Path

from lianju.config import DecodeSettings, VerseSettings, load_settings
from lianju.evaluate import EvaluationPlan, schema
from lianju.evaluate.evaluation import Author, evaluate_systems
from lianju.files import write_text
from lianju.loading import load_model
from lianju.model import LanguageModel, find_adapter, read_card, reference_adapter
from lianju.progress import Reporter

_FREE, _RULES = VerseSettings(form="free"), VerseSettings()
_BASE_COUPLETS = 100
_SHOWN = (
    ("loss", "{:.2f}"),
    ("rank", "{:.0f}"),
    ("shape", "{:.0%}"),
    ("full", "{:.0%}"),
    ("repeats", "{:.1%}"),
    ("worn", "{:.1%}"),
    ("parallel", "{:.0%}"),
    ("collapse", "{:.1%}"),
    ("distinct_2", "{:.3f}"),
    ("known_lines", "{:.1%}"),
    ("logprob", "{:.2f}"),
)


def main() -> None:
    """Evaluate what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--couplets", type=int)
    arguments = parser.parse_args()
    adapter = find_adapter(arguments.run)
    base = partial(_load, adapter, False)
    reports = []
    for name, author in _authors(adapter).items():
        couplets = arguments.couplets
        if name.startswith("base"):
            couplets = min(couplets or _BASE_COUPLETS, _BASE_COUPLETS)
        ranks = 30 if name in ("base", "run", "reference") else 0
        plan = EvaluationPlan(("hw5", "heldout"), couplets, 1, ranks)
        reports.append(evaluate_systems(arguments.out / name, plan, [author], base, _Lines()))
    text = "\n\n".join(_table(reports, suite) for suite in ("hw5", "heldout"))
    write_text(arguments.out / "table.md", text + "\n")
    print(text)


class _Lines(Reporter):
    def say(self, line: str) -> None:
        print(line, flush=True)


def _authors(run: Path) -> dict[str, Author]:
    """The systems, by the name of their folder."""
    ours, homework = DecodeSettings(), load_settings("hw5").decode
    name, reference = read_card(run)["base"], reference_adapter()
    plain = ours.model_copy(update={"taste": 0.0})
    base = partial(_load, run, False)
    authors = {
        "base": Author("base", base, name, None, ours, _FREE),
        "base-rules": Author("base, in rules", base, name, None, plain, _RULES),
        "run-homework": _tuned("run, the homework's decoding", run, homework, _FREE),
    }
    for label, adapter in {"run": run, "reference": reference}.items():
        authors |= {
            label: _tuned(label, adapter, ours, _FREE),
            f"{label}-rules": _tuned(f"{label}, in rules", adapter, plain, _RULES),
            f"{label}-rated": _tuned(f"{label}, rated", adapter, ours, _RULES),
            f"{label}-best": _tuned(f"{label}, best of 4", adapter, ours, _RULES, 4),
        }
    return {**authors, "poets": Author("the poets", partial(_load, reference, True), name)}


def _tuned(
    label: str, adapter: Path, decode: DecodeSettings, verse: VerseSettings, best_of: int = 1
) -> Author:
    load, base = partial(_load, adapter, True), read_card(adapter)["base"]
    return Author(label, load, base, adapter, decode, verse, best_of=best_of)


def _load(adapter: Path, tuned: bool) -> tuple[LanguageModel, str]:
    return load_model(adapter, None, _Lines(), tuned, scoring=True)


def _table(reports: list[schema.Report], suite: str) -> str:
    """Metrics of all systems on one suite as Markdown, each with its interval."""
    head = ["", "n", *(name for name, _ in _SHOWN)]
    rows = [head, ["---"] * len(head)]
    for report in reports:
        system = report.systems[0]
        part = system.suites[suite]
        cells = [_cell(part, name, form) for name, form in _SHOWN]
        rows.append([system.label, str(len(part.couplets)), *cells])
    return f"{suite}\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(part: schema.Suite, name: str, form: str) -> str:
    figure = part.figures[name]
    if figure.value is None or figure.low is None or figure.high is None:
        return "–"
    return f"{form.format(figure.value)} ({form.format(figure.low)} to {form.format(figure.high)})"


if __name__ == "__main__":
    main()
