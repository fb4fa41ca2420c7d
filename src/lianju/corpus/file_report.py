"""What is wrong with the records of a file: what `clean` drops and why, record by record."""

from dataclasses import dataclass
from pathlib import Path

from lianju.corpus.cleaning import judged, notes, read_record
from lianju.corpus.homework import test_set
from lianju.corpus.verse_files import read_records


@dataclass(frozen=True, slots=True)
class BadRecord:
    """One fault: where the record stands, the field, what is wrong, whether it is dropped for it.

    `field` is empty where the record as a whole is at fault.
    """

    place: str
    field: str
    reason: str
    dropped: bool = True


@dataclass(frozen=True, slots=True)
class FileReport:
    """How many records a file has, all that is wrong with them, and how the others are read."""

    total: int
    bad: list[BadRecord]
    notes: list[str]


def check_file(path: Path, test: bool = False) -> FileReport:
    """Check every record of a file, in any of the formats that poems are read from.

    In a test file (`test`) the `output` may be absent or empty, and the couplets may be those of
    the homework's test set. Raises `UserError` when the file cannot be read at all.
    """
    records = read_records(path)
    if test:
        every = [read_record(record, record.place, test=True) for record in records]
    else:
        every = list(judged(records, [record.place.strip() for record in records], test_set()))
    bad = [
        BadRecord(record.place, fault.field, fault.words, bool(fault.reason))
        for record, read in zip(records, every, strict=True)
        for fault in read.faults
    ]
    return FileReport(len(records), bad, notes(records, every))
