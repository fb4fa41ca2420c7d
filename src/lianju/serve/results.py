"""The reports of this machine's runs, evaluations and sweeps.

Only what a look into ./runs, ./evaluations and ./sweeps finds is ever shown: a request names a
report by an id out of that list, never a file.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from lianju.serve.errors import ApiError
from lianju.serve.native_answers import Result, ResultsAnswer
from lianju.serve.native_schema import ErrorAnswer
from lianju.serve.responses import ERRORS
from lianju.serve.service import Service

# A report may style and script itself, but reaches neither the network nor the page around it:
# `sandbox` gives it an origin of its own.
_POLICY = (
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
_PAGE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "The report."},
    404: {"model": ErrorAnswer, "description": "No such report."},
}


@dataclass(frozen=True)
class _Kind:
    """Where reports of one kind lie: folder/*/page, with the numbers beside it."""

    name: Literal["run", "evaluation", "sweep"]
    folder: str
    page: str
    numbers: str
    said: Callable[[Any], str]


def router(service: Service, root: Path = Path()) -> APIRouter:
    """GET /v1/results and /v1/results/{id}, for the reports below `root`; no model is needed."""
    api = APIRouter(prefix="/v1/results", tags=["results"], responses={401: ERRORS[401]})

    @api.get("")
    def results() -> ResultsAnswer:
        """The reports of this machine, the newest first."""
        found = sorted((one for _, one in _scan(root)), key=lambda one: one.created, reverse=True)
        return ResultsAnswer(results=found)

    @api.get("/{id}", response_class=Response, responses=_PAGE)
    def result(id: str) -> Response:
        """One report, as the page that was written for it."""
        for path, one in _scan(root):
            if one.id == id:
                headers = {
                    "content-security-policy": _POLICY,
                    "x-content-type-options": "nosniff",
                    "referrer-policy": "no-referrer",
                }
                return HTMLResponse(path.read_bytes(), headers=headers)
        raise ApiError(404, "there is no such report: see GET /v1/results", "id")

    return api


def _scan(root: Path) -> Iterator[tuple[Path, Result]]:
    for kind in _KINDS:
        for page in (root / kind.folder).glob(f"*/{kind.page}"):
            name, changed = page.parent.name, page.stat().st_mtime_ns
            digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:12]
            yield (
                page,
                Result(
                    id=f"{kind.name}-{digest}",
                    kind=kind.name,
                    # A file may have a name that is no text.
                    name=name.encode(errors="replace").decode(),
                    created=changed // 10**9,
                    summary=_summary(kind, page.parent / kind.numbers, changed),
                ),
            )


@lru_cache(maxsize=1000)
def _summary(kind: _Kind, numbers: Path, changed: int) -> str:
    """What came of it; nothing where the numbers are missing, damaged or of another version."""
    try:
        return kind.said(json.loads(numbers.read_text(encoding="utf-8")))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return ""


def _run(found: Any) -> str:
    before, after = found["before"], found["after"]
    shapes = f"{before['test']['right']:,} → {after['test']['right']:,} of {after['test']['n']:,}"
    losses = " → ".join(f"{one['validation']['loss_per_character']:.2f}" for one in (before, after))
    return (
        f"{found['model']['name']}, {found['data']['used']:,} poems: right shape {shapes}, "
        f"validation loss {losses} nats a character"
    )


def _evaluation(found: Any) -> str:
    return str(found["verdict"][0])


def _sweep(found: Any) -> str:
    cells, couplets = prod(map(len, found["grid"].values())), len(found["openings"])
    return (
        f"{found['model']}{'' if found['adapter'] else ', untuned'}: {cells:,} settings × "
        f"{couplets:,} couplets × {found['seeds']:,} poems"
    )


_KINDS = (
    _Kind("run", "runs", "report.html", "summary.json", _run),
    _Kind("evaluation", "evaluations", "report.html", "report.json", _evaluation),
    _Kind("sweep", "sweeps", "sweep.html", "sweep.json", _sweep),
)
