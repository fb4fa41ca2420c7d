"""The manifest of a file of poems: all on which they depend, and how far they are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from lianju.config import DecodeSettings, Settings, VerseSettings, short
from lianju.errors import UserError

_WORDS = {
    "input": "the couplets of --input",
    "kind": "the kind of --input",
    "lianju": "the version of Lianju",
    "adapter": "the adapter's weights",
    "weights": "the base model's weights",
    "prompt": "the prompt",
}
_DIGEST = 12


class RowSettings(Settings):
    """What every row is written with."""

    model: str
    adapter: str
    """What `files.weights_digest` has of the adapter; empty for the base model alone."""
    style: str
    exact: bool
    verse: VerseSettings
    """The rules of rows that have none of their own."""
    decode: DecodeSettings


class ManyPlan(Settings):
    """All on which the poems depend that is known before a model is loaded."""

    version: Literal[1] = 1
    lianju: str
    """The version of Lianju without its last number, which never changes a poem."""
    input: str
    """The digest of the couplets' file."""
    kind: str
    """How its name ends."""
    shard: str
    asked: RowSettings


class WritingModel(Settings):
    """What is known only of a model that was loaded: its base's digest, its prompt's fingerprint,
    and what it writes with.
    """

    weights: str
    prompt: str
    engine: str


class Reached(BaseModel):
    """How far the work is.

    All rows up to `row` have been written, or have a fault. The first `poem_bytes` of the poems'
    file hold `couplets` couplets; the first `fault_bytes` of the faults' file hold `faults` rows,
    the last of which is `fault_row`. What stands behind was being written when the process ended.
    """

    model_config = ConfigDict(extra="forbid")

    row: int = 0
    couplets: int = 0
    poem_bytes: int = 0
    faults: int = 0
    fault_row: int = 0
    fault_bytes: int = 0


class Manifest(BaseModel):
    """What stands beside a file of poems. `rows`: those of the whole input."""

    model_config = ConfigDict(extra="forbid")

    plan: ManyPlan
    rows: int
    model: WritingModel
    reached: Reached


def agree(found: Settings, asked: Settings, path: Path) -> None:
    """Raise `UserError`, which says what differs, where something else was begun at `path`."""
    old, new = dict(_flat(found)), dict(_flat(asked))
    differ = [
        _told(name, old.get(name), new.get(name))
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    ]
    if differ:
        raise UserError(
            f"{path} was begun with something else ({'; '.join(differ)}): choose another --output, "
            "or give what it was begun with"
        )


def _flat(settings: Settings) -> Iterator[tuple[str, Any]]:
    for name, value in settings:
        if isinstance(value, Settings):
            yield from _flat(value)
        else:
            yield name, value


def _told(name: str, old: Any, new: Any) -> str:
    old, new = (value[:_DIGEST] if name in _WORDS else value for value in (old, new))
    return f"{_WORDS.get(name, name)}: {short(str(old))}, now {short(str(new))}"
