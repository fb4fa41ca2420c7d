"""The reports of this machine's runs, evaluations, sweeps and comparisons.

Only what a look into ./runs, ./evaluations, ./sweeps and ./comparisons finds is ever shown: a
request names a report by an id out of that list, never a file. Only regular files that lie there
themselves are read: a link could lead to any file of the machine, a pipe would never end.
"""

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from lianju.files import opened_inside, read_inside
from lianju.serve.api_errors import ApiError
from lianju.serve.native_answers import ReportRow, ResultsAnswer
from lianju.serve.native_schema import ErrorAnswer
from lianju.serve.responses import ERRORS
from lianju.serve.service import Service
from lianju.verse import Bilingual, in_language

# A report may style and script itself, but reaches neither the network nor the page around it:
# `sandbox` gives it an origin of its own.
_POLICY = (
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
_LONGEST_SUMMARY = 300
# Of the year 9999: browsers know no later one, file systems do.
_LAST_SECOND = 253_402_300_799
_NO_REPORT = Bilingual("there is no such report: see GET /v1/results", "沒有這份報告")
PAGE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "The report."},
    404: {"model": ErrorAnswer, "description": "No such report."},
}


@dataclass(frozen=True)
class _Kind:
    """Where reports of one kind lie: folder/*/page, with the numbers beside it."""

    name: Literal["run", "evaluation", "sweep", "comparison"]
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

    @api.get("/{id}", response_class=Response, responses=PAGE)
    def result(id: str) -> Response:
        """One report, as the page that was written for it."""
        for page, one in _scan(root):
            if one.id == id:
                try:
                    return report_answer(read_inside(page.parent, page.name))
                except OSError as error:
                    raise ApiError(404, _fault(page.name, error), "id") from None
        raise ApiError(404, _NO_REPORT, "id")

    return api


def report_id(kind: str, name: str) -> str:
    """By what a request names a report: its kind, and a digest of its folder's name."""
    return f"{kind}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:12]}"


def report_answer(page: bytes | str) -> Response:
    """A report as an answer, where it can reach nothing."""
    headers = {
        "content-security-policy": _POLICY,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
    return HTMLResponse(page, headers=headers)


def _scan(root: Path) -> Iterator[tuple[Path, ReportRow]]:
    """Every report with its page. A folder that cannot be read is listed, and says why."""
    for kind in _KINDS:
        for folder in _folders(root / kind.folder):
            page, created = folder / kind.page, 0.0
            try:
                with opened_inside(folder, kind.page) as (_, about):
                    created = about.st_mtime
                summary = _summary(kind, folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                summary = _fault(kind.page, error)
            yield (
                page,
                ReportRow(
                    id=report_id(kind.name, folder.name),
                    kind=kind.name,
                    # A file may have a name that is no text.
                    name=_readable(folder.name),
                    created=min(max(0, int(created)), _LAST_SECOND),
                    summary=_readable(summary)[:_LONGEST_SUMMARY],
                    summary_zh=_readable(in_language(summary, "zh"))[:_LONGEST_SUMMARY],
                ),
            )


def _folders(place: Path) -> list[Path]:
    """The folders in a folder, or itself if it cannot be looked into."""
    try:
        every = sorted(place.iterdir())
        return [path for path in every if path.is_dir() and not path.name.startswith(".")]
    except PermissionError:
        return [place]
    except OSError:
        return []


def _fault(name: str, error: OSError) -> str:
    reason = error.strerror or str(error)
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return Bilingual(f"{name} cannot be shown: it is a link", f"{name} 無法顯示：它是連結")
    return Bilingual(f"{name} cannot be shown: {reason}", f"{name} 無法讀取")


def _readable(text: str) -> str:
    return text.encode(errors="replace").decode()


def _summary(kind: _Kind, folder: Path) -> str:
    """What came of it; nothing where the numbers are missing or of another version."""
    try:
        with opened_inside(folder, kind.numbers) as (_, about):
            return _said(kind, folder, about.st_mtime_ns, about.st_size)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return _fault(kind.numbers, error)


@lru_cache(maxsize=1000)
def _said(kind: _Kind, folder: Path, changed: int, size: int) -> str:
    try:
        found = json.loads(read_inside(folder, kind.numbers))
    except (ValueError, RecursionError):
        return Bilingual(f"{kind.numbers} is damaged", f"{kind.numbers} 已損毀")
    try:
        return kind.said(found)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
        return ""


def _run(found: Any) -> str:
    before, after = found["before"], found["after"]
    model, poems, n = found["model"]["name"], found["data"]["used"], after["test"]["n"]
    shapes = " → ".join(f"{one['test']['right']:,}" for one in (before, after))
    losses = " → ".join(f"{one['validation']['loss_per_character']:.2f}" for one in (before, after))
    return Bilingual(
        f"{model}, {poems:,} poems: right shape {shapes} of {n:,}, "
        f"validation loss {losses} nats a character",
        f"{model}，{poems:,} 首：合式 {shapes}（共 {n:,} 首），驗證損失每字 {losses} 奈特",
    )


def _evaluation(found: Any) -> str:
    return Bilingual(str(found["verdict"][0]), _shapes(found))


def _shapes(found: Any) -> str:
    """The share of right shapes of each system on the largest suite, in Chinese."""
    sizes = {
        name: len(suite["couplets"])
        for system in found.get("systems", ())
        for name, suite in system["suites"].items()
    }
    if not sizes:
        return ""
    largest = max(sizes, key=lambda name: sizes[name])
    figures = (
        (system["label"], system["suites"][largest]["figures"].get("shape") or {})
        for system in found["systems"]
        if largest in system["suites"]
    )
    shares = (
        f"{label} {one['value']:.1%}（{one['n']:,} 首）"
        for label, one in figures
        if one.get("value") is not None
    )
    return f"{largest} 合式：{'；'.join(shares)}"


def _sweep(found: Any) -> str:
    cells, couplets = prod(map(len, found["grid"].values())), len(found["openings"])
    model, seeds = found["model"], found["seeds"]
    return Bilingual(
        f"{model}{'' if found['adapter'] else ', untuned'}: {cells:,} settings × "
        f"{couplets:,} couplets × {seeds:,} poems",
        f"{model}{'' if found['adapter'] else '（未微調）'}：{cells:,} 組設定 × "
        f"{couplets:,} 聯 × {seeds:,} 首",
    )


def _comparison(found: Any) -> str:
    return Bilingual(str(found["verdict"][0]), str(found["verdict_zh"][0]))


_KINDS = (
    _Kind("run", "runs", "report.html", "summary.json", _run),
    _Kind("evaluation", "evaluations", "report.html", "report.json", _evaluation),
    _Kind("sweep", "sweeps", "sweep.html", "sweep.json", _sweep),
    _Kind("comparison", "comparisons", "comparison.html", "comparison.json", _comparison),
)
