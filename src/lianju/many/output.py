"""The files that grow while many couplets are completed.

What was done goes to disk in groups: first the lines, then, in one stroke, the manifest that
counts them. Whatever stands behind what it counts is written over, so a process may be killed at
any moment.
"""

import json
import os
import time
from dataclasses import dataclass, field
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


@dataclass
class _State:
    """What is on disk, as `manifest` counts it, and what is not there yet.

    `poems`: the lines of rows, in order; `faults`: the line of a row, and whether it came late.
    All else is worked out from these, so that an interrupt between two statements tears nothing.
    """

    manifest: Manifest
    poems: list[tuple[int, bytes]] = field(default_factory=list)
    faults: list[tuple[int, bytes, bool]] = field(default_factory=list)
    passed: int = 0

    def reached(self) -> Reached:
        """How far the work is when all is on disk."""
        old = self.manifest.reached
        late = [row for row, _, is_late in self.faults if is_late]
        return Reached(
            row=max([old.row, self.passed, *(row for row, _ in self.poems), *late]),
            couplets=old.couplets + len(self.poems),
            poem_bytes=old.poem_bytes + sum(len(lines) for _, lines in self.poems),
            faults=old.faults + len(self.faults),
            fault_row=max([old.fault_row, *(row for row, _, _ in self.faults)]),
            fault_bytes=old.fault_bytes + sum(len(line) for _, line, _ in self.faults),
        )


class Output:
    """Appends rows, in their order."""

    def __init__(self, files: OutputFiles, manifest: Manifest):
        """Raises `UserError` where less is there than `manifest` says."""
        self.files = files
        self._state = _State(manifest)
        self._fault_row = manifest.reached.fault_row
        self._waiting, self._kept = 0, time.monotonic()
        check_sizes(files, manifest.reached)

    @property
    def manifest(self) -> Manifest:
        """What is on disk."""
        return self._state.manifest

    @property
    def couplets(self) -> int:
        """How many rows have poems, on disk or not yet."""
        return self.manifest.reached.couplets + len(self._state.poems)

    @property
    def faults(self) -> int:
        """How many rows have a fault, on disk or not yet."""
        return self.manifest.reached.faults + len(self._state.faults)

    def poems(self, row: int, lines: bytes) -> None:
        """Take the lines of a row's poems; all rows before it have been taken or have a fault."""
        self._state.poems.append((row, lines))
        self._keep_in_time(len(lines))

    def fault(self, row: int, name: str | int, error: UserError, late: bool = False) -> None:
        """Take what is wrong with a row, unless it was taken before.

        `late`: it was found when rows behind it had been read; all before it have been taken.
        """
        if row <= self._fault_row and not late:
            return
        values = {
            **{"id": name, "row": row, "field": error.field, "error": str(error.words)},
            "error_zh": in_language(error.words, "zh"),
        }
        line = json_line(values)
        self._state.faults.append((row, line, late))
        self._fault_row = max(row, self._fault_row)
        self._keep_in_time(len(line))

    def passed(self, row: int) -> None:
        """All rows up to this one have been taken or have a fault."""
        self._state.passed = row

    def _keep_in_time(self, size: int) -> None:
        self._waiting += size
        if self._waiting > _MOST or time.monotonic() - self._kept > _SECONDS:
            self.keep()

    def keep(self) -> None:
        """Bring to disk what was taken."""
        state, old = self._state, self.manifest.reached
        found = self.manifest.model_copy(update={"reached": state.reached()})
        if found.reached == old:
            return
        if not self.files.manifest.exists():  # without it nobody knows whose the lines are
            self._write(self.manifest)
        _append(self.files.lines, old.poem_bytes, b"".join(lines for _, lines in state.poems))
        if state.faults or self.files.faults.exists():
            faults = b"".join(line for _, line, _ in state.faults)
            _append(self.files.faults, old.fault_bytes, faults)
        self._write(found)
        self._state = _State(found)
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
