"""`lianju evaluate --judge`: a language model's opinion on the poems of a finished report."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter, validators

from lianju.cli.endpoint import EndpointFlags, endpoint_flag
from lianju.console import TerminalReporter, print_line
from lianju.errors import UserError
from lianju.files import cache_dir, write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lianju.evaluate import Pairs
    from lianju.evaluate.judge import HomeworkResult, Judge, PairwiseResult, Question

_PAIRS = Group("Pairs 對比: what is compared", sort_key=2)


def _flag(group: Group, text: str, **more: Any) -> Parameter:
    return Parameter(help=text, group=group, **more)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class JudgeFlags(EndpointFlags):
    """Who judges, and what it costs."""

    endpoint: Annotated[
        str, endpoint_flag("An OpenAI-style address, such as http://localhost:8000/v1.")
    ]
    model: Annotated[str, endpoint_flag("The judge, by the name that the endpoint knows.")]

    def agreed(self, questions: "Sequence[Question[Any]]") -> "Judge":
        """The judge with its memory, once what asking will take has been said and agreed to.

        Raises `UserError` for a bad address or key, or without a yes.
        """
        from lianju.chat import Answers, Endpoint
        from lianju.evaluate.judge import Judge

        endpoint = Endpoint(self.endpoint, self.model, self.key())
        judge = Judge(endpoint, Answers(cache_dir() / "judge"), TerminalReporter())
        self.agree(judge, judge.estimate(questions))
        return judge


@Parameter(name="*")
@dataclass(frozen=True)
class PairFlags:
    """What is compared, beside the reports."""

    real: Annotated[bool, _flag(_PAIRS, "Compare with the real poems.")] = False
    suite: Annotated[
        Literal["hw5", "heldout", "legal"] | None,
        _flag(_PAIRS, "Only this suite; default: all that the report has.", show_default=False),
    ] = None

    def pairs(self, report: Path, against: Path | None, same_form: bool = False) -> "Pairs":
        """All pairs. Raises `UserError` where there are none."""
        from lianju.evaluate import pairs_of, read_report

        other = read_report(against) if against else None
        return pairs_of(
            read_report(report), other, real=self.real, suite=self.suite, same_form=same_form
        )


AGAINST = Parameter(
    help="Another, whose first system the first is compared with; default: the second system of "
    "the same report.",
    show_default=False,
)


def judge_command(
    report: Annotated[Path, Parameter(help="A report.json, or the folder that holds it.")],
    against: Annotated[Path | None, AGAINST] = None,
    /,
    *,
    service: JudgeFlags,
    homework: Annotated[
        bool,
        Parameter(help="Ask the homework's two questions instead, which estimates its mark."),
    ] = False,
    which: PairFlags | None = None,
    pairs: Annotated[
        int | None,
        _flag(
            _PAIRS,
            "At most so many pairs, drawn at random but always the same; default: all.",
            validator=validators.Number(gte=1),
            show_default=False,
        ),
    ] = None,
    out_: Annotated[
        Path | None,
        Parameter(
            name="--out",
            help="The file to write; default judge.json or judge-homework.json beside the report.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Ask a language model which poems are better: in both orders, and never about form.

    Answers are kept, so a second run asks only what is missing. The key is only ever read from
    the environment.

    Example: lianju evaluate --judge evaluations/20261122 --real --endpoint
    http://localhost:8000/v1 --model qwen3-8b
    """
    from lianju.evaluate import read_report
    from lianju.evaluate.judge import (
        homework_questions,
        judge_homework,
        judge_pairs,
        pair_questions,
    )

    result: HomeworkResult | PairwiseResult
    if homework:
        _refuse_pairs(against or which or pairs)
        marked = read_report(report)
        asked = service.agreed(homework_questions(marked))
        result = judge_homework(asked, marked)
        _tell_homework(result)
    else:
        compared = (which or PairFlags()).pairs(report, against).drawn(pairs)
        asked = service.agreed(pair_questions(compared.pairs))
        result = judge_pairs(asked, compared)
        _tell_pairs(result)
    name = "judge-homework.json" if homework else "judge.json"
    path = out_ or (report if report.is_dir() else report.parent) / name
    write_text(path, result.model_dump_json(indent=2) + "\n")
    print_line(f"Every answer: {path}")


def _refuse_pairs(given: object) -> None:
    if given:
        raise UserError(
            "--homework marks the poems of hw5 by themselves: leave out the second report, "
            "--real, --suite and --pairs"
        )


def _tell_pairs(result: "PairwiseResult") -> None:
    from lianju.evaluate import preference_words, share_words

    first, second = result.labels
    print_line(f"{first} against {second}, judged by {result.model}, each pair in both orders:")
    print_line(f"  preferred: {preference_words(result.preference)}")
    print_line(f"  the orders disagree (counted as ties): {share_words(result.disagreements)}")
    print_line(
        f"  answers for the poem shown first: {share_words(result.shown_first)} (50%: no bias)"
    )
    if result.failures:
        print_line(f"  no readable answer, not counted: {result.failures} pairs")
    for reason, number in result.left_out.items():
        print_line(f"  not asked about: {reason}: {number}")
    print_line("  Form was not asked about. A judge is no reader: see lianju evaluate --blind.")


def _tell_homework(result: "HomeworkResult") -> None:
    print_line(
        f"The homework's two questions, asked of {result.model} three times, the best counts:"
    )
    for system in result.systems:
        print_line(f"{system.label}: {system.mark} of {result.full_mark} points (estimate)")
        for aspect, score in system.scores.items():
            best, once = score.best, score.average
            if best.value is None or once.value is None:
                print_line(f"  {aspect}: no readable answer")
                continue
            print_line(
                f"  {aspect} {best.value:.1f} [{best.low:.1f}, {best.high:.1f}] over {best.n} "
                f"poems, threshold {score.threshold:g}: {score.points} points; asked once "
                f"{once.value:.1f}"
            )
        if system.low != system.high:
            print_line(f"  at the ends of the intervals: {system.low} to {system.high} points")
        if system.failures:
            print_line(f"  answers missing: {system.failures}")
    print_line(result.caveat)
