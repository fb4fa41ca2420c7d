"""`lianju evaluate --checkpoints`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from lianju.console import TerminalReporter, err, print_line, print_table

if TYPE_CHECKING:
    from lianju.explore import CheckpointJudging


def checkpoints_command(
    run: Annotated[Path, Parameter(help="The folder of a run.")],
    /,
    *,
    couplets: Annotated[
        int,
        Parameter(
            help="How many validation poems to write on and to score, or all where there are "
            "fewer; as many poems of the training are scored.",
            validator=validators.Number(gte=2, lte=10_000),
        ),
    ] = 100,
    exact: Annotated[bool, Parameter(help="Write by PyTorch in fp32, on a CPU slower.")] = False,
    out_: Annotated[
        Path | None,
        Parameter(
            name="--out",
            help="The folder to write; default: judged in the run's. The same command again goes "
            "on in it.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Every checkpoint that a run kept, and its base: loss, form, variety, copying along the way.

    Each writes on the same couplets with the same random numbers. Says where overfitting begins,
    and shows five couplets as each checkpoint finishes them. A run keeps every checkpoint with
    --set train.keep=all, and more of them with --set train.validations=8.

    Example: lianju evaluate --checkpoints runs/default-20261128-120000
    """
    from lianju.explore import CheckpointJudging, CheckpointPlan

    reporter = TerminalReporter()
    plan = CheckpointPlan.of(run, couplets, exact, reporter)
    judging = CheckpointJudging(out_ or run / "judged", reporter, run=run, plan=plan)
    with judging.held():
        judging.agree(plan)
        _announce(judging)
        _judge(judging)
        _tell(judging)


def _announce(judging: "CheckpointJudging") -> None:
    from lianju.evaluate import markup

    plan, steps, missing = judging.plan, judging.places(), judging.missing()
    err.print(
        f"{markup.plural(len(steps) - 1, 'checkpoint')} and the base model, each to write on "
        f"{len(plan.shown) + len(plan.unseen)} couplets and to be scored on "
        f"{len(plan.unseen) + len(plan.trained)} poems; the first tells how long all take"
    )
    if done := len(steps) - len(missing):
        err.print(f"Judged already: {done}; left: {len(missing)}.")
    if len(steps) <= 3:
        err.print("A run keeps every checkpoint with --set train.keep=all.", markup=False)


def _judge(judging: "CheckpointJudging") -> None:
    from lianju.loading import loader_in_turn
    from lianju.model import read_card

    if not judging.missing():
        return
    [*_, newest] = judging.places().values()
    assert newest is not None
    try:
        judging.judge(loader_in_turn(read_card(newest), judging.reporter, judging.plan.exact))
    except KeyboardInterrupt:
        done = len(judging.places()) - len(judging.missing())
        err.print(f"Stopped. Judged and kept: {done}. The same command goes on.")
        raise SystemExit(130) from None


def _tell(judging: "CheckpointJudging") -> None:
    from lianju.evaluate import measure, tools
    from lianju.explore import report_checkpoints, write_checkpoints

    kit = tools(judging.reporter)
    report = report_checkpoints(judging, lambda groups, truths: measure(groups, truths, kit))
    page = write_checkpoints(report, judging.folder)
    head, *rows = report.table()
    print_table(rows, "<" * len(head), head)
    print_line(f"n = {report.couplets} where nothing else is said; *: kept by the run")
    for said in report.sentences():
        print_line(said)
        print_line(said.zh)
    print_line(f"Page: {page}")
