"""The folders that verbs fill over several sessions: runs, evaluations, sweeps.

Such a folder is known by the file that is written into it first. Whatever a folder held before
that belongs to the user, and is neither removed nor replaced. A stage of the work has a file,
written whole when the stage is done, which a later session reads instead of working again.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from pydantic import BaseModel, ValidationError

from lianju.errors import UserError
from lianju.files import locked, naming, read_as, sweep, write_json
from lianju.progress import SILENT, Reporter
from lianju.shards import parts_beside

_Stage = TypeVar("_Stage", bound=BaseModel)


@dataclass(frozen=True)
class FolderKind:
    """A kind of folder.

    `name` with its article is for messages, `first` is the file that makes a folder one of the
    kind. `start`: paths of other files that only say how the work began, and are no loss.
    `parts`: patterns of the folders within it that files are written into.
    """

    name: str
    lock: str
    first: str
    start: frozenset[str] = frozenset()
    parts: tuple[str, ...] = ()


@dataclass
class WorkFolder:
    """A folder that is filled over several sessions; a subclass says of which kind it is."""

    KIND: ClassVar[FolderKind]

    folder: Path
    reporter: Reporter = SILENT

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the folder alone for the body; yields whether it was begun in another session.

        Else it is new or empty. Raises `UserError`, having touched nothing, where it holds
        anything else or where another process holds it. When the body fails before there is
        anything to lose, what it wrote goes, and with it the folders that were made for it.
        """
        lock = self.folder / f"{self.KIND.lock}.lock"
        with naming(self.folder):
            made = [p for p in (self.folder, *self.folder.parents) if not os.path.lexists(p)]
            if not _left(lock):
                self._begun()
        try:
            with locked(self.folder / self.KIND.lock, wait=False):
                sweep(self.folder, self.KIND.first)
                begun = self._begun()
                try:
                    with nullcontext() if begun else self._taken_back():
                        yield begun
                finally:
                    lock.unlink(missing_ok=True)
        finally:
            with suppress(OSError):  # the first that is not empty ends it
                for path in made:
                    path.rmdir()

    def agree(self, asked: BaseModel) -> None:
        """Write down what is worked on here; `UserError` where something else was begun."""
        path, values = self.folder / self.KIND.first, asked.model_dump(mode="json")
        if not path.is_file():
            write_json(path, values)
            return
        try:
            found = type(asked).model_validate_json(path.read_bytes()).model_dump(mode="json")
        except (OSError, ValidationError):
            raise UserError(f"{path} is damaged: choose another --out") from None
        if differ := [name for name, value in values.items() if found[name] != value]:
            raise UserError(
                f"{self.folder} holds {self.KIND.name} with other settings ({', '.join(differ)}): "
                "choose another --out, or give those that it was begun with"
            )
        self.tidy()

    def tidy(self) -> None:
        """Remove what killed processes left half written."""
        inner = (found for part in self.KIND.parts for found in self.folder.glob(part))
        for place in (self.folder, *inner):
            sweep(place)

    def once(
        self,
        file: str,
        stage_type: type[_Stage],
        work: Callable[[], _Stage],
        check: Callable[[_Stage], object] = lambda stage: None,
    ) -> _Stage:
        """What stands in the file of a stage, else what `work` makes, written there.

        It is worked out again, which is said, where the file is damaged or `check` of what it
        holds raises an error; see `read`.
        """
        path = self.folder / file
        if path.is_file():
            try:
                return self.read(file, stage_type, check)
            except UserError as error:
                self.reporter.say(f"The stage {path.stem!r} is done again: {error}.")
        stage = work()
        write_json(path, stage.model_dump(mode="json"))
        return stage

    def read(
        self,
        file: str,
        stage_type: type[_Stage],
        check: Callable[[_Stage], object] = lambda stage: None,
    ) -> _Stage:
        """What stands in the file of a stage.

        Raises `UserError` where the file is missing or damaged, and where `check` of what it holds
        raises one, or an error of a missing key or a wrong type or value.
        """
        path = self.folder / file
        stage = read_as(stage_type, path, "what it held is lost")
        try:
            check(stage)
        except (LookupError, TypeError, ValueError) as error:
            raise UserError(f"{path} is damaged: what it held is lost") from error
        return stage

    def shards(self, asked: BaseModel) -> Iterator["WorkFolder"]:
        """The folders beside this one in which shards of the same work were begun."""
        for folder in parts_beside(self.folder):
            path = folder / self.KIND.first
            if not path.is_file():
                continue
            try:
                found = read_as(type(asked), path)
            except UserError as error:
                self.reporter.say(f"{folder} is left aside: {error}")
                continue
            if found.model_dump(mode="json") == asked.model_dump(mode="json"):
                yield WorkFolder(folder, self.reporter)
            else:
                self.reporter.say(f"{folder} is left aside: it has other settings")

    def _begun(self) -> bool:
        """Whether the folder is one of the kind; `UserError` if it is anything else but empty."""
        folder, kind = self.folder, self.KIND
        if (folder / kind.first).is_file():
            return True
        if os.path.lexists(folder) and not folder.is_dir():
            raise UserError(f"{folder} is not a folder: choose another --out")
        names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        if names - {f"{kind.lock}.lock"}:
            raise UserError(f"{folder} exists already and is not {kind.name}: choose another --out")
        return False

    @contextmanager
    def _taken_back(self) -> Iterator[None]:
        """Remove what the body wrote if it fails before it wrote more than a beginning."""
        try:
            yield
        except Exception:
            names = {self.KIND.first, f"{self.KIND.lock}.lock", *self.KIND.start}
            files = [path for path in self.folder.rglob("*") if not path.is_dir()]
            if all(path.relative_to(self.folder).as_posix() in names for path in files):
                with suppress(OSError):
                    for path in files:
                        path.unlink()
                    for inner in {path.parent for path in files} - {self.folder}:
                        inner.rmdir()
            raise


def _left(lock: Path) -> bool:
    """Whether a process at work, or a killed one, has its lock there."""
    if not os.path.lexists(lock):
        return False
    if lock.is_symlink() or not lock.is_file() or lock.stat().st_size:
        raise UserError(f"{lock} is in the way: move it, or choose another folder")
    return True
