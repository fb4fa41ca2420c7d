"""The folder of a run as others find it: whole, unfinished or damaged.

Only regular files that lie there themselves are read, and nothing in them is trusted: a run may
have been stopped anywhere, written by an older Lianju, or edited. Nothing here needs torch.
"""

import errno
import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError

import lianju
from lianju.config import RunSettings
from lianju.errors import UserError
from lianju.files import opened_inside, read_inside
from lianju.verse import Bilingual, in_language

REFERENCE = "reference"
SETTINGS, SUMMARY, STEPS = "settings.json", "summary.json", "steps.jsonl"
State = Literal["finished", "unfinished", "damaged"]


def _finite(value: float | None) -> float | None:
    """None for what is no number, such as the loss of a model that has gone mad."""
    return None if value is None or not math.isfinite(value) else value


Number = Annotated[float | None, AfterValidator(_finite)]
# As many as a float can count.
_Count = Annotated[int, Field(ge=0, le=2**53)]


class _Test(BaseModel):
    n: _Count
    right: _Count


class _Validation(BaseModel):
    n: _Count
    loss_per_character: Number
    shape_n: _Count = 0
    shape_right: _Count = 0
    shape_interval: tuple[float, float] | None = None


class _Judged(BaseModel):
    test: _Test
    validation: _Validation


class _Model(BaseModel):
    name: str


class _Training(BaseModel):
    steps: _Count
    best_step: _Count
    remarks: list[str] = []


class RunSummary(BaseModel):
    """What a finished run says of itself, as far as runs are compared by it."""

    recipe: str
    model: _Model
    training: _Training
    before: _Judged
    after: _Judged
    seconds: dict[str, Number]
    memory_gb: Number = None


class PoemResults(BaseModel):
    """What a run found on each validation poem, in their order.

    `poems` is a digest of them: where it is equal, two runs were judged on the same ones.
    """

    poems: str
    characters: list[_Count]
    losses: list[Number]
    right_shape: list[bool] = []


@dataclass(frozen=True)
class FoundRun:
    """A run: its name, its settings by dotted names, and what came of it.

    `state` tells whether it has finished; where it has not, `advice` says what to do about that
    and there may be no `summary`. `changed`: when it last changed, in seconds since 1970.
    """

    folder: Path
    name: str
    state: State
    advice: Bilingual
    changed: float
    settings: dict[str, Any] = field(default_factory=dict)
    summary: RunSummary | None = None

    def steps(self) -> list[dict[str, Any]]:
        """The rows of the training log; none where there is no log, as in the reference."""
        return _rows(self.folder, STEPS)

    def poems(self, file: str) -> list[dict[str, Any]]:
        """The rows of a file of poems, such as results.jsonl; none where there is none."""
        return _rows(self.folder, file)

    def each(self) -> PoemResults | None:
        """The results poem by poem; None where the run keeps none, as those of 0.3.0 and before."""
        try:
            found = _json(self.folder / "stages", "after.json")
            stage = PoemResults.model_validate(found.get("result", found)["each"])
        except (_Missing, LookupError, AttributeError):
            return None
        except ValidationError as error:
            raise UserError(
                f"{self.folder / 'stages/after.json'} is damaged ({_first(error)}): "
                f"{_again(self.folder)}"
            ) from None
        return stage if len(stage.losses) == len(stage.characters) else None


def run_folder(path: Path) -> Path:
    """The folder of a run by what a user calls it.

    `reference`, where nothing here has that name, is the run of the adapter that comes along.
    """
    if path == Path(REFERENCE) and not path.exists():
        return Path(lianju.__file__).with_name(REFERENCE)
    return path


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run, in whatever state, or may be one that cannot be read."""
    try:
        return any(os.path.lexists(folder / name) for name in (SETTINGS, SUMMARY))
    except OSError:
        return True


def named_run(path: Path) -> FoundRun:
    """The run that a user names, in whatever state; `UserError` where there is none."""
    folder = run_folder(path)
    if not is_run(folder):
        raise UserError(f"{path} is no run: lianju runs lists those there are")
    return read_run(folder)


def read_run(folder: Path) -> FoundRun:
    """The run in a folder. It never fails: what cannot be read is a run in the state "damaged"."""
    changed = 0.0
    try:
        with opened_inside(folder, SETTINGS) as (_, about):
            changed = about.st_mtime
        settings = _settings(_json(folder, SETTINGS))
    except (OSError, UserError, RecursionError, _Missing) as error:
        return _damaged(folder, changed, SETTINGS, error, _RESTORE)
    try:
        with opened_inside(folder, SUMMARY) as (_, about):
            changed = about.st_mtime
        summary = RunSummary.model_validate(_json(folder, SUMMARY))
    except (FileNotFoundError, _Missing):
        return FoundRun(folder, folder.name, "unfinished", _unfinished(folder), changed, settings)
    except (OSError, UserError, ValidationError) as error:
        advice = Bilingual(_again(folder), _again_zh(folder))
        return _damaged(folder, changed, SUMMARY, error, advice, settings)
    return FoundRun(folder, folder.name, "finished", Bilingual("", ""), changed, settings, summary)


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by their dotted names."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict) and value:
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


# --- what is wrong, and what to do ---------------------------------------------------------

_RESTORE = Bilingual("restore it, or remove the folder", "請還原該檔，或刪除此資料夾")


def _again(folder: Path) -> str:
    return f"write it anew with lianju run --resume {quote(str(folder))}"


def _again_zh(folder: Path) -> str:
    return f"請執行 lianju run --resume {quote(str(folder))} 重寫"


def _unfinished(folder: Path) -> Bilingual:
    go_on = f"lianju run --resume {quote(str(folder))}"
    trained = (folder / "adapter").is_dir()
    english, chinese = ("not judged yet", "尚未評測") if trained else ("unfinished", "尚未完成")
    if (folder / "run.lock").exists():
        return Bilingual(
            f"{english}; still at work, or stopped: then go on with {go_on}",
            f"{chinese}：仍在進行，或已中斷；若已中斷，請執行 {go_on}",
        )
    return Bilingual(f"{english}: go on with {go_on}", f"{chinese}：請執行 {go_on}")


def _damaged(
    folder: Path,
    changed: float,
    file: str,
    error: Exception,
    advice: Bilingual,
    settings: dict[str, Any] | None = None,
) -> FoundRun:
    reason = _first(error) if isinstance(error, ValidationError) else _reason(error)
    words = Bilingual(
        f"{file} is damaged ({reason}): {advice}",
        f"{file} 已損毀（{in_language(reason, 'zh')}）：{advice.zh}",
    )
    return FoundRun(folder, folder.name, "damaged", words, changed, settings or {})


def _reason(error: Exception) -> str:
    if getattr(error, "errno", None) in (errno.ELOOP, errno.ENOTDIR):
        return Bilingual("it is a link", "是連結")
    gone = Bilingual("it is gone", "已不存在")
    if getattr(error, "errno", None) == errno.ENOENT:
        return gone
    return getattr(error, "strerror", None) or str(error) or gone


def _first(error: ValidationError) -> str:
    """The first thing that is wrong, by its field."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


# --- files ---------------------------------------------------------------------------------


class _Missing(Exception):  # noqa: N818 - old runs and the reference lack files, which is no error
    """There is no such file."""


def _settings(values: Any) -> dict[str, Any]:
    """Every setting by its dotted name; an older run's missing ones as they then always were."""
    if not isinstance(values, dict):
        raise UserError("it holds no settings")
    return flat(RunSettings().model_dump(mode="json")) | flat(values)


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return read_inside(folder, name)
    except FileNotFoundError:
        raise _Missing from None
    except OSError as error:
        raise UserError(f"cannot read {folder / name}: {_reason(error)}") from error


def _json(folder: Path, name: str) -> Any:
    data = _bytes(folder, name)
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UserError(str(error).splitlines()[0] if data else "it is empty") from error


def _rows(folder: Path, name: str) -> list[dict[str, Any]]:
    try:
        rows = [json.loads(line) for line in _bytes(folder, name).split(b"\n") if line]
    except _Missing:
        return []
    except (ValueError, RecursionError) as error:
        raise UserError(f"{folder / name} is damaged ({error}): {_again(folder)}") from error
    if not all(isinstance(row, dict) for row in rows):
        raise UserError(f"{folder / name} is damaged (a line is no object): {_again(folder)}")
    return rows
