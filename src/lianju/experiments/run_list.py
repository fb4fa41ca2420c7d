"""Runs as rows of one table: what sets each apart from the others, and what came of it."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue

from lianju.errors import UserError
from lianju.experiments.run_reading import FoundRun, State, is_run, read_run, run_folder

COLUMNS = ("name", "loss", "before", "shape", "step", "time", "when")
# Of a name or a value in a table.
_LONGEST = 48


class RunRow(BaseModel):
    """A run as a row; what it does not say of itself is None."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    name: str
    state: State
    advice: str
    """What to do with a run that has not finished; else empty."""
    advice_zh: str
    """The same in Chinese."""
    settings: dict[str, JsonValue]
    """By dotted name, the settings that are not the same in all runs listed."""
    loss_before: float | None
    """Validation loss of the untouched model, nats a character."""
    loss: float | None
    """That of the tuned one."""
    loss_n: int | None
    """On how many poems."""
    shape: float | None
    """The share of unseen couplets that the tuned model goes on from in the right shape."""
    shape_low: float | None
    """The lower end of its 95% interval."""
    shape_high: float | None
    shape_n: int | None
    test_right: int | None
    """Right shapes on the test couplets."""
    test_n: int | None
    step: int | None
    """The step whose weights were kept."""
    steps: int | None
    """How many there were."""
    seconds: float | None
    """Of fine-tuning."""
    changed: int
    """When the run last changed, in seconds since 1970."""


def find_runs(folder: Path) -> list[FoundRun]:
    """The runs in a folder, or the run that it is, the newest first.

    Folders that are no runs are passed over. Raises `UserError` where there is no such folder.
    """
    folder = run_folder(folder)
    try:
        if is_run(folder):
            return [read_run(folder)]
        places = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
        found = [read_run(path) for path in places if is_run(path)]
    except OSError as error:
        raise UserError(
            f"cannot look into {folder} ({error.strerror}): name a run, or a folder with runs in it"
        ) from error
    return sorted(found, key=lambda run: -run.changed)


def differing(runs: Iterable[FoundRun]) -> list[str]:
    """The dotted names of the settings that are not the same in all runs that have any."""
    every = [run.settings for run in runs if run.settings]
    names = dict.fromkeys(name for settings in every for name in settings)
    return [name for name in names if _differs([one.get(name) for one in every])]


def _differs(values: Sequence[Any]) -> bool:
    # In Python True equals 1.
    kinds = {isinstance(value, bool) for value in values}
    return len(kinds) > 1 or any(one != values[0] for one in values[1:])


def rows_of(runs: Sequence[FoundRun]) -> list[RunRow]:
    """A row for each run, with the settings in which they differ."""
    names = differing(runs)
    return [_row(run, names) for run in runs]


def _row(run: FoundRun, names: Sequence[str]) -> RunRow:
    told: dict[str, Any] = dict.fromkeys(
        field for field in RunRow.model_fields if field not in ("settings", "changed")
    )
    told |= {"name": plain(run.name), "state": run.state}
    told |= {"advice": plain(run.advice, None), "advice_zh": plain(run.advice.zh, None)}
    if (said := run.summary) is not None:
        before, after = said.before.validation, said.after.validation
        told |= {
            "loss_before": before.loss_per_character,
            "loss": after.loss_per_character,
            "loss_n": after.n,
            "test_right": said.after.test.right,
            "test_n": said.after.test.n,
            "step": said.training.best_step,
            "steps": said.training.steps,
            "seconds": said.seconds.get("finetune"),
        }
        if after.shape_n:
            low, high = after.shape_interval or (None, None)
            told |= {
                "shape": after.shape_right / after.shape_n,
                "shape_low": low,
                "shape_high": high,
                "shape_n": after.shape_n,
            }
    settings = {name: _as_json(run.settings.get(name)) for name in names if run.settings}
    return RunRow(settings=settings, changed=max(0, int(run.changed)), **told)


def _as_json(value: Any) -> JsonValue:
    """A value that every reader of JSON takes."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        return plain(value, None)
    return value if isinstance(value, bool | int | float | None) else setting_words(value)


def plain(text: str, longest: int | None = _LONGEST) -> str:
    """`text` on one line, without what would move a terminal's cursor; cut where it is long."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return shown if longest is None or len(shown) <= longest else f"{shown[: longest - 1]}…"


def setting_words(value: Any) -> str:
    """A setting's value as it stands in a table: "none", "on", "0.0005", "q_proj, v_proj"."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return plain(", ".join(map(setting_words, value)))
    return plain(str(value))


def sorted_rows(rows: Sequence[RunRow], column: str) -> list[RunRow]:
    """Rows by a column of `COLUMNS` or a setting, the best, newest or least first.

    A row that has nothing there comes last. Raises `UserError` for an unknown column.
    """
    names = dict.fromkeys(name for row in rows for name in row.settings)
    if column not in COLUMNS and column not in names:
        raise UserError(
            f"no column {column[:_LONGEST]!r} to sort by: give one of "
            f"{', '.join((*COLUMNS, *names))}"
        )
    return sorted(rows, key=lambda row: _place(row, column))


def _place(row: RunRow, column: str) -> tuple[bool, bool, Any]:
    value: Any = {
        "name": row.name,
        "loss": row.loss,
        "before": row.loss_before,
        "shape": None if row.shape is None else -row.shape,
        "step": row.step,
        "time": row.seconds,
        "when": -row.changed,
        **row.settings,
    }.get(column)
    number = isinstance(value, int | float)
    return value is None, not number, value if number else setting_words(value)
