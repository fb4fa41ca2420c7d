"""Which records are trained on, how they are read, and why the others are not."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lianju.corpus.characters import foreign, is_latin, key, line_keys, placeholders
from lianju.corpus.conversion import convert
from lianju.corpus.poems import Dropped, Example
from lianju.corpus.records import Record
from lianju.corpus.verse_text import split_heading, verse_only
from lianju.progress import SILENT, Reporter
from lianju.verse import STOPS, couplet_fault, lines_of, normal

UNUSABLE = "no usable input or output"
PLACEHOLDER = "placeholder for a lost character"
NOT_CHINESE = "text that is not Chinese"
ONE_LINE = "input of one line"
DAMAGED = "a line too short or too long"
IN_TEST = "shares a line with the test set"
SAME_POEM = "duplicate poem"
SAME_INPUT = "duplicate input"

_QUOTED = 20
_NO_OUTPUT = [(("output", words),) for words in ("missing", "empty", "null, not text")]
_PIECE = re.compile(f"[^{re.escape(STOPS)}]*[{re.escape(STOPS)}]*")


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with a field of a record, in words; `reason` why that keeps it from training,
    empty where it does not.
    """

    field: str
    words: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """A record as it is read: the example, unless a fault is in the way, and its faults.

    `converted`: the simplified characters that were in it. `stripped`: whether notes, quotation
    marks or the like were left out.
    """

    example: Example | None
    faults: tuple[FieldFault, ...] = ()
    converted: str = ""
    stripped: bool = False

    @property
    def usable(self) -> bool:
        """Whether it can be trained on."""
        return not any(fault.reason for fault in self.faults)


def clean(
    records: Sequence[Record],
    sources: Sequence[str],
    test: Sequence[Example],
    reporter: Reporter = SILENT,
) -> tuple[list[Example], list[Dropped], list[str]]:
    """Keep the first of each poem and each input, and nothing that stands in `test`.

    `sources` names each record. Each becomes one example or one `Dropped` with the first reason
    that holds. The notes say how records were read that did not stand as verse is written.
    """
    examples, dropped = [], []
    every = []
    with reporter.task("Cleaning poems", len(records)) as task:
        for read in judged(records, sources, test):
            every.append(read)
            task.advance()
    for index, (record, read) in enumerate(zip(records, every, strict=True)):
        if read.example and read.usable:
            examples.append(read.example)
        else:
            reason = next(fault.reason for fault in read.faults if fault.reason)
            text = read.example.text if read.example else read.faults[0].words
            dropped.append(Dropped(index, reason, text or record.place))
    return examples, dropped, notes(records, every)


def judged(
    records: Sequence[Record], sources: Sequence[str], test: Sequence[Example]
) -> Iterator[Read]:
    """Each record as it is read, and what keeps it from being trained on beside the others.

    Poems are compared by their Han characters with variants folded.
    """
    test_lines = set().union(*(line_keys(example.text) for example in test))
    poems: dict[str, str] = {}
    inputs: dict[str, str] = {}
    for record, source in zip(records, sources, strict=True):
        read = read_record(record, source)
        if read.example and read.usable:
            poem, opening = key(read.example.text), key(read.example.couplet)
            field = record.parts[0].field
            reason, where = "", ""
            if line_keys(read.example.text) & test_lines:
                reason = IN_TEST
            elif poem in poems:
                reason, where = SAME_POEM, f": as {poems[poem]}"
            elif opening in inputs:
                reason, where = SAME_INPUT, f": as {inputs[opening]}"
            else:
                poems[poem] = inputs[opening] = source
            if reason:
                fault = FieldFault(field, reason + where, reason)
                read = Read(read.example, (*read.faults, fault), read.converted, read.stripped)
        yield read


def read_record(record: Record, source: str, test: bool = False) -> Read:
    """The couplet and the rest of a record's poem, in traditional characters and without notes,
    marks and quotes; and what is wrong with them. A `test` record may lack the rest.
    """
    alone = test and len(record.parts) == 1 and record.faults in _NO_OUTPUT
    if record.faults and not alone:
        return Read(None, tuple(FieldFault(*fault, UNUSABLE) for fault in record.faults))
    fields = [part.field for part in record.parts]
    given = [split_heading(part.text)[2] for part in record.parts]
    texts = [_ended(normal(verse_only(text))) for text in given]
    converted = convert("".join(texts))
    texts = [converted.text[: len(texts[0])], converted.text[len(texts[0]) :]][: len(texts)]
    if alone:
        texts.append("")
    elif len(texts) == 1:
        fields *= 2
        texts = _cut(texts[0])
    couplet, rest = texts
    head, tail = _cut(rest)
    if line_keys(head) == line_keys(couplet):
        rest = tail
    stripped = texts != given and sum(map(_signs, given)) > sum(map(_signs, texts))
    faults = tuple(_couplet_faults(couplet, fields[0]) if alone else _faults(couplet, rest, fields))
    return Read(Example(couplet, rest, source), faults, converted.simplified, stripped)


def notes(records: Sequence[Record], every: Sequence[Read]) -> list[str]:
    """What there is to tell of how records were read, a line for each kind."""
    pairs = list(zip(records, every, strict=True))
    found = []
    if short := [(record, read) for record, read in pairs if read.converted]:
        record, read = short[0]
        found.append(
            f"{len(short):,} of {len(records):,} poems have simplified characters, such as "
            f"{read.converted[:_QUOTED]} in{' ' * (record.place[:1] != ' ')}{record.place}; they "
            "are read as traditional"
        )
    if marked := [record for record, read in pairs if read.stripped]:
        place = marked[0].place
        found.append(
            f"{len(marked):,} of {len(records):,} poems have notes, quotation marks or the like, "
            f"such as{' ' * (place[:1] != ' ')}{place}; these are left out"
        )
    return found


def _signs(text: str) -> int:
    return sum(map(len, lines_of(text)))


def _ended(text: str) -> str:
    return text if not text or text[-1] in STOPS else f"{text}。"


def _cut(text: str) -> list[str]:
    """A poem's first two lines, and the rest."""
    ends = (found.end() for found in _PIECE.finditer(text) if lines_of(found[0]))
    end = next(itertools.islice(ends, 1, None), len(text))
    return [text[:end], text[end:]]


def _faults(couplet: str, rest: str, fields: Sequence[str]) -> Iterator[FieldFault]:
    """At most one fault a field; one where both parts come from the same."""
    bad = [*_couplet_faults(couplet, fields[0]), *_text_faults(rest, fields[1])]
    if not bad:
        bad += _rest_faults(rest, len(lines_of(couplet)[0]), fields[1])
    if fields[0] == fields[1]:
        bad = sorted(bad, key=lambda fault: not fault.reason)[:1]
    yield from bad


def _couplet_faults(couplet: str, field: str) -> Iterator[FieldFault]:
    if bad := list(_text_faults(couplet, field)):
        yield from bad
    elif fault := couplet_fault(couplet):
        yield FieldFault(field, fault, ONE_LINE if len(lines_of(couplet)) < 2 else "")


def _text_faults(text: str, field: str) -> Iterator[FieldFault]:
    lost, other = placeholders(text), foreign(text)
    if not (key(text) or lost or other):
        yield FieldFault(field, "nothing of a poem", UNUSABLE)
    elif lost:
        yield FieldFault(field, f"a placeholder for a lost character: {_quote(lost)}", PLACEHOLDER)
    elif other:
        kind = "Latin text" if is_latin(other) else "text that is not Chinese"
        yield FieldFault(field, f"{kind}: {_quote(other)}", NOT_CHINESE)


def _rest_faults(text: str, length: int, field: str) -> Iterator[FieldFault]:
    """What is wrong with lines after a couplet of lines of this length."""
    lines = lines_of(text)
    uneven = [number for number, line in enumerate(lines, 3) if len(line) != length]
    if not uneven:
        if len(lines) % 2:
            yield FieldFault(field, f"lines of verse come in couplets; this has {len(lines)}")
        return
    line = lines[uneven[0] - 3]
    following = lines[uneven[0] - 2] if uneven[0] - 2 < len(lines) else ""
    if len(line) + 1 + len(following) == length and f"{line}？{following}" in text:
        yield FieldFault(field, "a placeholder for a lost character: ？", PLACEHOLDER)
        return
    words = f"line {uneven[0]} has {len(line)} characters, not {length}"
    # Verse of mixed lengths is verse too. A poem with few such lines is damaged, and so is one
    # that would be even if they were parted otherwise.
    few = len(uneven) <= max(1, len(lines) // 2)
    damaged = few or sum(map(len, lines)) % (2 * length) == 0
    yield FieldFault(field, words, DAMAGED if damaged else "")


def _quote(characters: str) -> str:
    """The first few of `characters`, each once; what has no glyph as U+XXXX."""
    some = list(itertools.islice(dict.fromkeys(characters), _QUOTED + 1))
    shown = "".join(c if c.isprintable() else f" U+{ord(c):04X} " for c in some[:_QUOTED])
    return shown.strip() + ("…" if len(some) > _QUOTED else "")
