"""What each part of Lianju brings: base, tuned, with rules, with particles, and the poets.

Run: `python -m benchmarks.systems ADAPTER OUT [--couplets N]`. Every system writes one poem on each
couplet of the suites hw5 and heldout, as `lianju evaluate` has it; the base model, which writes
until it is cut off, only on the first 100. OUT holds an evaluation a system and the table that the
README shows. Goes on where it stopped.
"""

import argparse
from functools import partial
from pathlib import Path

import torch

from lianju.config import DecodeSettings, ModelSettings, VerseSettings
from lianju.evaluate import schema
from lianju.evaluate.evaluation import Author, EvaluationPlan, evaluate_systems
from lianju.files import write_text
from lianju.model import LanguageModel, load_adapter, load_base, read_card
from lianju.progress import Reporter
from lianju.prompt import LAYOUTS

_FREE, _RULES = VerseSettings(form="free"), VerseSettings()
_BASE_COUPLETS = 100
_SHOWN = (
    ("shape", "{:.0%}"),
    ("full", "{:.0%}"),
    ("tone_share", "{:.1%}"),
    ("logprob", "{:.2f}"),
    ("distinct_2", "{:.3f}"),
    ("self_bleu", "{:.3f}"),
    ("collapse", "{:.1%}"),
    ("known_lines", "{:.1%}"),
    ("longest_run", "{:.2f}"),
    ("parallel", "{:.0%}"),
    ("recall_f1", "{:.3f}"),
)


def main() -> None:
    """Evaluate what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adapter", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--couplets", type=int)
    arguments = parser.parse_args()
    base = partial(_load, arguments.adapter, False)
    reports = []
    for name, author in _authors(arguments.adapter).items():
        few = _BASE_COUPLETS if name.startswith("base") else None
        ranks = 30 if name in ("base", "tuned") else 0
        plan = EvaluationPlan(("hw5", "heldout"), arguments.couplets or few, 1, ranks)
        reports.append(evaluate_systems(arguments.out / name, plan, [author], base, _Lines()))
    text = "\n\n".join(_table(reports, suite) for suite in ("hw5", "heldout"))
    write_text(arguments.out / "table.md", text + "\n")
    print(text)


class _Lines(Reporter):
    def say(self, line: str) -> None:
        print(line, flush=True)


def _authors(adapter: Path) -> dict[str, Author]:
    """The systems, by the name of their folder."""
    ours = DecodeSettings()
    greedy, homework = DecodeSettings(temperature=0), DecodeSettings(temperature=0.1, top_p=0.3)
    before = DecodeSettings(temperature=0.7, top_p=0.8)
    base, tuned = partial(_load, adapter, False), partial(_load, adapter, True)
    name = read_card(adapter)["base"]
    one = ours.model_copy(update={"particles": 1})
    return {
        "poets": Author("the poets", tuned, name),
        "tuned": Author("tuned", tuned, name, adapter, ours, _FREE),
        "tuned-parts-1-to-3": Author("tuned, T 0.7 top-p 0.8", tuned, name, adapter, before, _FREE),
        "tuned-greedy": Author("tuned, greedy", tuned, name, adapter, greedy, _FREE),
        "tuned-homework": Author("tuned, T 0.1 top-p 0.3", tuned, name, adapter, homework, _FREE),
        "tuned-rules": Author("tuned, in rules", tuned, name, adapter, one, _RULES),
        "tuned-particles": Author("tuned, in rules, particles", tuned, name, adapter, ours, _RULES),
        "base-rules": Author("base, in rules, particles", base, name, None, ours, _RULES),
        "base": Author("base", base, name, None, ours, _FREE),
    }


def _load(adapter: Path, tuned: bool) -> tuple[LanguageModel, str]:
    card = read_card(adapter)
    model = load_base(ModelSettings(name=card["base"]), LAYOUTS, torch.device("cpu"))
    return (load_adapter(model, adapter) if tuned else model), card["style"]


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
