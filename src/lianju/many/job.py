"""One file of couplets, or a shard of it, on its way to a file of poems."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import lianju
from lianju.config import VerseSettings, changed
from lianju.corpus import FileRow, read_rows, shown
from lianju.errors import UserError
from lianju.extras import require
from lianju.files import locked, read_as
from lianju.many.manifest import Manifest, ManyPlan, Reached, RowSettings, WritingModel, agree
from lianju.many.output import Output, OutputFiles, check_sizes, json_line
from lianju.many.parquet_poems import write_parquet
from lianju.many.row_ids import content_of, count_rows, row_id
from lianju.progress import SILENT, UNSEEN, Reporter, Task
from lianju.prompt import fingerprint
from lianju.request import PoemRequest
from lianju.shards import Shard
from lianju.verse import Bilingual
from lianju.writer import Continuation, Writer

# What a row may say for itself, beside its id and its couplet.
_RULES = tuple(VerseSettings.model_fields)
_KNOWN = frozenset({"id", "couplet", "seed", *_RULES})
_OUTPUTS = (".jsonl", ".parquet")


@dataclass
class ManyJob:
    """The work, held by this process.

    `total`: the rows of the whole input. `found`: the manifest, None where nothing was written.
    """

    input: Path
    files: OutputFiles
    plan: ManyPlan
    total: int
    found: Manifest | None
    reporter: Reporter = SILENT

    @cached_property
    def rows(self) -> range:
        """The numbers of the rows that are this shard's."""
        return Shard.read(self.plan.shard).rows(self.total)

    @property
    def reached(self) -> Reached:
        """How far it is on disk."""
        return self.found.reached if self.found else Reached(row=self.rows.start - 1)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to write that needs a model."""
        return self.reached.row == self.rows.stop - 1

    def write(self, writer: Writer) -> None:
        """Have a model complete the rows that are left.

        What was done is on disk whatever ends this; the same call goes on from there. Raises
        `UserError` where it is not the model that wrote the others.
        """
        model = WritingModel(
            weights=writer.model.sha256,
            prompt=fingerprint(writer.style, writer.model.vocabulary),
            engine=writer.model.engine,
        )
        if self.found:
            agree(self.found.model, model, self.files.output)
        manifest = self.found or Manifest(
            plan=self.plan, rows=self.total, model=model, reached=self.reached
        )
        output = Output(self.files, manifest)
        try:
            left = len(self.rows) - manifest.reached.couplets - manifest.reached.faults
            with self.reporter.task("Completing", left) as task:
                _Passage(self, writer, output, task).complete()
        finally:
            output.keep()
            if self.files.manifest.exists():
                self.found = output.manifest

    def finish(self) -> None:
        """Make Parquet of the poems, where that is asked for and all are there."""
        if self.finished and self.files.lines != self.files.output and self.files.lines.is_file():
            self.reporter.say(f"Writing {self.files.output}")
            write_parquet(self.files.lines, self.files.output)
            self.files.lines.unlink()


@dataclass
class _Passage:
    """The rows of a job that pass through a model in one session.

    `waiting`: those that were read and are not in the output, in order; `early`: the lines of
    those among them that have ended, while others before them have not.
    """

    job: ManyJob
    writer: Writer
    output: Output
    task: Task = UNSEEN
    waiting: dict[int, FileRow] = field(default_factory=dict)
    early: dict[int, bytes] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)
    told: int = 0

    def __post_init__(self) -> None:
        self.read = self.output.manifest.reached.row
        self.before = self._count()
        self.coming = read_rows(self.job.input, self.read)

    def complete(self) -> None:
        """Complete all rows that are left."""
        last = self.job.rows.stop - 1
        while self.read < last or self.waiting:
            try:
                self._write()
            except UserError:
                raise
            except Exception as error:
                self._one_by_one(error)
        self.output.passed(last)

    def _write(self) -> None:
        numbers: dict[int, int] = {}
        for at, poems in self.writer.write_requests(self._requests(numbers)):
            self._ended(numbers.pop(at), poems)

    def _requests(self, numbers: dict[int, int]) -> Iterator[PoemRequest]:
        """What is asked for each row that can be read; `numbers` tells the row of each request."""
        requests = 0
        while self.read < self.job.rows.stop - 1:
            row = self._next()
            try:
                request = self._request(row)
            except UserError as error:
                self.output.fault(row.number, _name(row), error)
                self._tell()
                continue
            numbers[requests] = row.number
            requests += 1
            self.waiting[row.number] = row
            yield request

    def _next(self) -> FileRow:
        try:
            row = next(self.coming)
        except UserError:
            raise
        except StopIteration:
            raise UserError(f"{shown(self.job.input)} was changed while it was read") from None
        except Exception as error:
            raise UserError(f"cannot read {shown(self.job.input)}: {error}") from error
        self.read = row.number
        return row

    def _request(self, row: FileRow) -> PoemRequest:
        """What a row asks for. Raises `UserError` with the field that is at fault."""
        if row.fault:
            raise UserError(row.fault)
        row_id(row)
        couplet = row.fields.get("couplet")
        if not isinstance(couplet, str) or not couplet.strip():
            raise UserError(Bilingual("the couplet is missing, or no text", "沒有首聯"), "couplet")
        own = {name: row.fields.get(name) for name in (*_RULES, "seed")}
        own = {name: value for name, value in own.items() if value not in (None, "", {})}
        asked = self.job.plan.asked
        seed = {"seed": own.pop("seed")} if "seed" in own else {}
        verse = changed(asked.verse, own) if own else asked.verse
        decode = changed(asked.decode, seed) if seed else asked.decode
        try:
            return self.writer.read(couplet, verse, decode)
        except UserError:
            raise
        except Exception as error:
            raise _internal(error) from error

    def _one_by_one(self, error: Exception) -> None:
        """Write each of the rows alone that were being written when something broke.

        What breaks again alone is the row's fault. Raises `error` where that is so of all: then
        it is the machine's, and a later session tries them again.
        """
        broken: dict[int, Exception] = {}
        alone = [number for number in self.waiting if number not in self.early]
        for number in alone:
            try:
                request = self._request(self.waiting[number])
                [(_, poems)] = self.writer.write_requests([request])
            except UserError:
                raise
            except Exception as again:
                broken[number] = again
            else:
                self.early[number] = self._lines(number, poems)
        if len(broken) == len(alone):
            raise error
        self._flow(broken)

    def _ended(self, number: int, poems: list[Continuation]) -> None:
        self.early[number] = self._lines(number, poems)
        self._flow({})

    def _flow(self, broken: Mapping[int, Exception]) -> None:
        """Take to the output what no row before it keeps waiting."""
        while self.waiting:
            number = next(iter(self.waiting))
            if number in self.early:
                self.output.poems(number, self.early.pop(number))
            elif number in broken:
                name = _name(self.waiting[number])
                self.output.fault(number, name, _internal(broken[number]), late=True)
            else:
                break
            del self.waiting[number]
        self._tell()

    def _lines(self, number: int, poems: list[Continuation]) -> bytes:
        name = _name(self.waiting[number])
        rows = (
            {"id": name, "row": number, "candidate": place, **poem.as_row()}
            for place, poem in enumerate(poems, 1)
        )
        return b"".join(map(json_line, rows))

    def _count(self) -> int:
        return self.output.couplets + self.output.faults

    def _tell(self) -> None:
        done, faults = self._count() - self.before, self.output.faults
        note = f"errors: {faults}" if faults else ""
        if done:
            rate = done / max(time.monotonic() - self.begun, 1e-3)
            left = _time((len(self.job.rows) - self._count()) / rate)
            note = f"{rate:.1f} a second, {left} left" + (f", {note}" if note else "")
        self.task.advance(done - self.told, note)
        self.told = done


def _name(row: FileRow) -> str | int:
    try:
        return row_id(row)
    except UserError:
        return row.number


def _internal(error: Exception) -> UserError:
    return UserError(f"internal error, {type(error).__name__}: {error}")


def _time(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds > 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


@contextmanager
def open_job(
    couplets: Path, output: Path, asked: RowSettings, shard: Shard, reporter: Reporter = SILENT
) -> Iterator[ManyJob]:
    """The job that completes a shard of a file of couplets, begun or new, held for the body.

    The poems go to `output`, or, of a shard of several, to `shard.beside(output)`. Before a new one
    begins its ids are checked. Raises `UserError` where something else is at `output`, where
    another process is at work there, and where the couplets cannot be read.
    """
    _check_names(couplets, output)
    files = OutputFiles(shard.beside(output))
    content = content_of(couplets, reporter)
    plan = ManyPlan(
        lianju=lianju.__version__.rpartition(".")[0],
        input=content.digest,
        kind=couplets.suffix,
        shard=str(shard),
        asked=asked,
    )
    with locked(files.output, wait=False):
        try:
            found = _begun(files, plan)
            if found:
                total = found.rows
            else:
                counted = count_rows(couplets, content.lines, _KNOWN, reporter)
                total = counted.rows
                if counted.other:
                    reporter.say(f"Columns that are left aside: {', '.join(counted.other)}")
            yield ManyJob(couplets, files, plan, total, found, reporter)
        finally:
            files.lock.unlink(missing_ok=True)


def _check_names(couplets: Path, output: Path) -> None:
    if output.suffix not in _OUTPUTS:
        raise UserError(
            Bilingual(
                f"--output {output}: poems are written as {' or '.join(_OUTPUTS)}",
                f"--output {output}：只能寫成 {' 或 '.join(_OUTPUTS)}",
            )
        )
    if output.suffix == ".parquet":
        require("parquet")
    if couplets.absolute() == output.absolute():
        raise UserError("--input and --output are the same file: choose another --output")


def _begun(files: OutputFiles, plan: ManyPlan) -> Manifest | None:
    """The manifest of what was begun; `UserError` where that was something else."""
    if not files.manifest.is_file():
        for path in (files.output, files.lines, files.faults):
            if path.exists():
                raise UserError(
                    Bilingual(
                        f"{path} exists already, without {files.manifest.name}: choose another "
                        "--output",
                        f"{path} 已存在，卻沒有 {files.manifest.name}：請另選 --output",
                    )
                )
        return None
    advice = f"restore it, or remove it and {files.output} to begin anew"
    found = read_as(Manifest, files.manifest, advice)
    agree(found.plan, plan, files.output)
    whole = found.reached.row == Shard.read(found.plan.shard).rows(found.rows).stop - 1
    made = whole and files.output != files.lines and files.output.is_file()
    if not (made and not files.lines.exists()):
        check_sizes(files, found.reached)
    return found
