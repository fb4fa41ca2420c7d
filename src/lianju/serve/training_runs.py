"""The training runs of this machine: listed with what sets them apart, and laid side by side.

As with reports, only what a look into ./runs finds is shown, by an id out of that list.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from lianju.errors import UserError
from lianju.experiments import (
    MOST,
    FoundRun,
    compare_runs,
    comparison_html,
    differing,
    find_runs,
    read_curves,
    rows_of,
)
from lianju.serve.api_errors import ApiError
from lianju.serve.native_answers import RunAnswer, RunsAnswer
from lianju.serve.responses import ERRORS
from lianju.serve.results import PAGE, report_answer, report_id
from lianju.verse import Bilingual

_NO_RUN = Bilingual("there is no such run: see GET /v1/runs", "沒有這次訓練")
_COMPARED: dict[int | str, dict[str, Any]] = {200: PAGE[200], 400: ERRORS[400], 404: PAGE[404]}


def router(root: Path = Path()) -> APIRouter:
    """GET /v1/runs and /v1/runs/compared, for the runs below `root`; no model is needed."""
    api = APIRouter(prefix="/v1/runs", tags=["results"], responses={401: ERRORS[401]})

    @api.get("")
    def runs() -> RunsAnswer:
        """The training runs of this machine, that which changed last first."""
        found = _found(root)
        rows = zip(found, rows_of(found), strict=True)
        return RunsAnswer(
            settings=differing(found),
            runs=[RunAnswer(id=_id(run), **row.model_dump()) for run, row in rows],
        )

    @api.get("/compared", response_class=Response, responses=_COMPARED)
    def compared(
        run: Annotated[list[str], Query(min_length=2, max_length=MOST, description="Their ids.")],
    ) -> Response:
        """Finished runs side by side: settings, curves, numbers, tests, poems; a page."""
        there = {_id(one): one for one in _found(root)}
        if not all(id in there for id in run):
            raise ApiError(404, _NO_RUN, "run")
        try:
            found = compare_runs([there[id] for id in run])
            when = f"{datetime.now():%Y-%m-%d %H:%M}"
            page = comparison_html(found, read_curves(found), when)
        except UserError as error:
            raise ApiError(400, error.words, "run") from None
        return report_answer(page)

    return api


def _found(root: Path) -> list[FoundRun]:
    """The runs; none where there is no folder of them."""
    try:
        return find_runs(root / "runs")
    except UserError:
        return []


def _id(run: FoundRun) -> str:
    return report_id("run", run.folder.name)
