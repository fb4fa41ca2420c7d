"""Files of couplets, and the tiny model that completes them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lianju.config import DecodeSettings, VerseSettings
from lianju.many import ManyJob, RowSettings, open_job
from lianju.model import pack
from lianju.progress import SILENT, Reporter
from lianju.shards import WHOLE, Shard
from lianju.writer import Writer
from tests.tiny import COUPLETS, model

COUPLET = COUPLETS[0][0]


def writer() -> Writer:
    """Its poems do not depend on their neighbours, to the last bit."""
    tiny = model()
    pack(tiny.network)
    return Writer(tiny, "plain")


def asked(form: str = "free", model: str = "tiny", **decode: Any) -> RowSettings:
    """As the command line asks, for poems of a few tokens."""
    free = {"max_length": 6} if form == "free" else {}
    return RowSettings(
        model=model,
        adapter="",
        style="plain",
        exact=True,
        verse=VerseSettings.model_validate({"form": form}),
        decode=DecodeSettings(**(free | decode)),
    )


def rows(count: int) -> list[dict[str, Any]]:
    """Rows with ids whose poems all differ."""
    return [
        {"id": f"p{number}", "couplet": COUPLETS[number % 6][0], "seed": number}
        for number in range(count)
    ]


def jsonl(path: Path, values: Iterable[Any]) -> Path:
    """A file with a line for each value; text stands as it is."""
    lines = (v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def done(
    couplets: Path,
    output: Path,
    what: RowSettings | None = None,
    shard: Shard = WHOLE,
    reporter: Reporter = SILENT,
    by: Writer | None = None,
) -> ManyJob:
    """A job that was done as far as it could be."""
    with open_job(couplets, output, what or asked(), shard, reporter) as job:
        if not job.finished:
            job.write(by or writer())
        job.finish()
    return job


def lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSONL, which must be whole lines."""
    text = path.read_text("utf-8")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]
