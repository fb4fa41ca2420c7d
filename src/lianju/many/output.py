"""The files that grow while many couplets are completed.

What was done goes to disk in groups: first the lines, then, in one stroke, the manifest that
counts them. Whatever stands behind what it counts is written over, so a process may be killed at
any moment.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lianju.errors import UserError
from lianju.files import naming, write_json
from lianju.many.manifest import Manifest, Reached
from lianju.verse import Bilingual, in_language

# What a killed process has to do again, in seconds, and what may wait in memory, in bytes.
_SECONDS, _MOST = 2.0, 2**20


@dataclass(frozen=True)
class OutputFiles:
    """The names of an output and of what stands beside it."""

    output: Path

    @property
    def manifest(self) -> Path:
        """See `Manifest`."""
        return self.output.with_name(f"{self.output.name}.manifest.json")

    @property
    def faults(self) -> Path:
        """A line for each row that could not be completed."""
        return self.output.with_name(f"{self.output.stem}.errors.jsonl")

    @property
    def lock(self) -> Path:
        """What a process at work holds."""
        return self.output.with_name(f"{self.output.name}.lock")

    @property
    def lines(self) -> Path:
        """The poems as JSONL: the output itself, or what Parquet is made of at the end."""
        if self.output.suffix == ".jsonl":
            return self.output
        return self.output.with_name(f"{self.output.name}.rows.jsonl")


class Output:
    """Appends rows, in their order."""

    def __init__(self, files: OutputFiles, manifest: Manifest):
        """Raises `UserError` where less is there than `manifest` says."""
        self.files, self.manifest = files, manifest
        self._reached = manifest.reached.model_copy()
        self._poems: list[bytes] = []
        self._faults: list[bytes] = []
        self._waiting, self._kept = 0, time.monotonic()
        check_sizes(files, manifest.reached)

    @property
    def reached(self) -> Reached:
        """How far the work is, what is not on disk yet included."""
        return self._reached

    def poems(self, row: int, lines: bytes) -> None:
        """Take the lines of a row's poems; all rows before it have been taken or have a fault."""
        self._poems.append(lines)
        self._waiting += len(lines)
        self._reached.row = row
        self._reached.couplets += 1
        self._keep_in_time()

    def fault(self, row: int, name: str | int, error: UserError, late: bool = False) -> None:
        """Take what is wrong with a row, unless it was taken before.

        `late`: it was found when rows behind it had been read; all before it have been taken.
        """
        if row <= self._reached.fault_row and not late:
            return
        line = {
            **{"id": name, "row": row, "field": error.field, "error": str(error.words)},
            "error_zh": in_language(error.words, "zh"),
        }
        self._faults.append(json_line(line))
        self._waiting += len(self._faults[-1])
        self._reached.fault_row = max(row, self._reached.fault_row)
        self._reached.faults += 1
        if late:
            self._reached.row = row
        self._keep_in_time()

    def passed(self, row: int) -> None:
        """All rows up to this one have been taken or have a fault."""
        self._reached.row = row

    def _keep_in_time(self) -> None:
        if self._waiting > _MOST or time.monotonic() - self._kept > _SECONDS:
            self.keep()

    def keep(self) -> None:
        """Bring to disk what was taken."""
        old, poems, faults = self.manifest.reached, b"".join(self._poems), b"".join(self._faults)
        if not self.files.manifest.exists():  # without it nobody knows whose the lines are
            self._write(self.manifest)
        _append(self.files.lines, old.poem_bytes, poems)
        if faults or self.files.faults.exists():
            _append(self.files.faults, old.fault_bytes, faults)
        sizes = {
            "poem_bytes": old.poem_bytes + len(poems),
            "fault_bytes": old.fault_bytes + len(faults),
        }
        found = self.manifest.model_copy(
            update={"reached": self._reached.model_copy(update=sizes)}, deep=True
        )
        self._write(found)
        self.manifest = found
        self._poems, self._faults = [], []
        self._waiting, self._kept = 0, time.monotonic()

    def _write(self, manifest: Manifest) -> None:
        write_json(self.files.manifest, manifest.model_dump(mode="json"))


def check_sizes(files: OutputFiles, reached: Reached) -> None:
    """Raise `UserError` where a file has less than was written into it."""
    for path, size in ((files.lines, reached.poem_bytes), (files.faults, reached.fault_bytes)):
        found = path.stat().st_size if path.is_file() else 0
        if found < size:
            raise UserError(
                Bilingual(
                    f"{path} has {found:,} bytes, and {size:,} were written: it was changed or "
                    f"moved. Restore it; or, to begin anew, remove it and {files.manifest}",
                    f"{path} 應有 {size:,} 位元組，現有 {found:,}，已被更動或移走。"
                    f"請還原；若要從頭開始，請刪除它與 {files.manifest}",
                )
            )


def json_line(value: dict[str, Any]) -> bytes:
    """A line of JSONL."""
    return (json.dumps(value, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def _append(path: Path, size: int, data: bytes) -> None:
    """Put `data` behind the first `size` bytes of a file, in place of all that stands there."""
    with naming(path), path.open("ab") as file:
        if file.tell() < size:
            raise UserError(f"{path} was changed by someone else while it was written")
        file.truncate(size)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
