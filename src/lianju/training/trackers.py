"""The log of a fine-tuning, sent to a tracker as it is written, through accelerate's trackers."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lianju.config import RunSettings
from lianju.errors import UserError
from lianju.extras import require
from lianju.progress import Reporter
from lianju.training.loop import Hear

_PROJECT = "lianju"
_SENT = ("loss", "loss_per_character", "learning_rate", "grad_norm", "tokens_per_second", "mfu")


@contextmanager
def live_log(settings: RunSettings, folder: Path, reporter: Reporter) -> Iterator[Hear]:
    """What sends rows of the log to the tracker that `settings.log` names; to nobody for None.

    TensorBoard's files, and those of a wandb that has no key, go into `folder`/logs. A tracker that
    fails is left alone from then on, which is told once: training does not depend on it. Raises
    `UserError` where its package is not installed.
    """
    if settings.log is None:
        yield lambda rows: None
        return
    tracker = _tracker(settings.log, folder)
    alive = True

    def trying(work: Callable[[], Any]) -> None:
        nonlocal alive
        try:
            if alive:
                work()
        except Exception as error:  # whatever a tracker or its network can raise
            alive = False
            reporter.say(f"The log no longer goes to {settings.log}: {error}")

    def hear(rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            trying(partial(tracker.log, _values(row), step=row["step"]))

    trying(tracker.start)
    trying(partial(tracker.store_init_configuration, _flat(settings)))
    if alive:
        reporter.say(
            f"The log of steps also goes to {settings.log}, {_where(settings.log, folder)}"
        )
    try:
        yield hear
    finally:
        trying(tracker.finish)


def _tracker(kind: str, folder: Path) -> Any:
    """One of accelerate's trackers, not yet started."""
    if kind == "tensorboard":
        if not find_spec("tensorboard"):
            require("tensorboard")
    elif not find_spec(kind):
        raise UserError(f"{kind} is not installed: pip install {kind}, or leave --log out")
    from accelerate import PartialState
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    PartialState()  # trackers ask it which process they are in
    tracker = LOGGER_TYPE_TO_CLASS[kind]
    name = folder.resolve().name
    if kind == "tensorboard":
        return tracker(".", logging_dir=folder / "logs")
    if kind == "wandb":
        if not os.environ.get("WANDB_API_KEY"):
            os.environ.setdefault("WANDB_MODE", "offline")
        (folder / "logs").mkdir(exist_ok=True)
        return tracker(_PROJECT, name=name, dir=str(folder / "logs"))
    if kind == "mlflow":
        return tracker(_PROJECT, run_name=name)
    return tracker(_PROJECT, name=name)


def _where(kind: str, folder: Path) -> str:
    if kind == "tensorboard":
        return f"to be seen with: tensorboard --logdir {folder / 'logs'}"
    if kind == "wandb" and os.environ.get("WANDB_MODE") == "offline":
        return f"offline, in {folder / 'logs'}"
    return f"as {folder.resolve().name} of the project {_PROJECT}"


def _values(row: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a row, by what it is a row of."""
    return {
        f"{row['kind']}/{name}": float(value)
        for name, value in row.items()
        if name in _SENT and value is not None
    }


def _flat(settings: RunSettings) -> dict[str, Any]:
    """Every setting by its dotted name, as a tracker takes it."""
    found: dict[str, Any] = {}
    for section, values in settings.model_dump(mode="json").items():
        inner = values if isinstance(values, dict) else {"": values}
        for name, value in inner.items():
            plain = value if isinstance(value, bool | int | float | str) else str(value)
            found[f"{section}.{name}".strip(".")] = plain
    return found
