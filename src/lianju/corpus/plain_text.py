"""The poems of a plain text, decided line by line: one odd line does not change the others.

A line with four lines of verse or more is a poem, and so is a numbered one with two, as in our
results.txt. What else stands together without a blank line is a poem, with what stands above it
as its title and author.

>>> text = "登鸛雀樓\\n王之渙\\n\\n白日依山盡，黃河入海流。\\n欲窮千里目，更上一層樓。"
>>> [record] = text_records(text)
>>> record.title, record.author, record.parts[0].text.split()
('登鸛雀樓', '王之渙', ['白日依山盡，黃河入海流。', '欲窮千里目，更上一層樓。'])
"""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from lianju.corpus.records import Record, RecordPart, printable, text_fault
from lianju.corpus.text_lines import WHOLE, TextLine, lines_in
from lianju.corpus.verse_text import even_lines
from lianju.verse import Bilingual

_LEAST_LINES = 4
# Titles, authors and the like that may stand above a poem.
_MOST_HEADINGS = 3
_LONGEST_AUTHOR = 4
_MOSTLY = 0.6


def text_records(text: str) -> list[Record]:
    """The poems of a text in their order, then the lines that look like no verse."""
    reader = _Reader()
    groups = groupby(lines_in(text), lambda line: line.kind == "blank")
    blocks = [_Block(list(lines)) for blank, lines in groups if not blank]
    for at, block in enumerate(blocks, 1):
        reader.read(block, blocks[at] if at < len(blocks) else None)
    return reader.done()


class _Block:
    """Lines without a blank one between them, and what they have in common."""

    def __init__(self, lines: Sequence[TextLine]):
        self.lines = lines
        verse = [line for line in lines if line.kind in ("verse", "words")]
        counts = Counter(len(part) for line in verse for part in line.lines)
        self.parts = counts.total()
        self.length, self.fitting = counts.most_common(1)[0] if counts else (0, 0)
        # Whether the lines of verse are of one length, by and large.
        enough = self.length in (5, 7) or self.fitting >= _LEAST_LINES
        self.even = enough and self.fitting >= _MOSTLY * self.parts
        self.marked = any(line.kind == "verse" for line in lines)
        self.single = len(lines) == self.parts == 1
        many = [line for line in verse if len(line.lines) >= _LEAST_LINES]
        few = [line for line in verse if line.kind == "verse" and len(line.lines) < _LEAST_LINES]
        # Below a title, uneven lines are stanzas of one poem.
        even = any(even_lines(line.text) for line in many)
        stanzas = lines[0].kind in ("heading", "words") and not even
        self.one_each = len(many) >= len(few) and not stanzas
        # Eight lines as two times four, below a title and an author.
        halves = [len(line.lines) for line in many] == [4, 4] and even and not few
        self.halves = halves and len(lines) > 2 and all(_names(lines[: lines.index(many[0])]))


class _Reader:
    """Puts lines together to poems.

    `headings`: what stands above the one to come. `open`: the lines so far of the one that is
    being read, of `count` lines of verse.
    """

    def __init__(self) -> None:
        self.poems: list[Record] = []
        self.odd: list[TextLine] = []
        self.headings: list[TextLine] = []
        self.open: list[TextLine] = []
        self.count = 0

    def read(self, block: _Block, following: _Block | None) -> None:
        """Take in a block. A single line of verse waits for others, as in double spacing."""
        if not block.single:
            self._close()
        notes = False
        for line in block.lines:
            notes = line.kind == "notes" or (notes and line.kind != "heading")
            if line.kind == "none" or notes:
                continue
            if line.kind == "odd":
                self.odd.append(line)
            elif line.kind == "heading" or (
                line.kind == "words" and not self._is_verse(line, block, following)
            ):
                self._close()
                self.headings.append(line)
            else:
                self._take(line, block)
        if not block.single:
            self._close()

    def done(self) -> list[Record]:
        """All poems, then the lines that are part of none."""
        self._close()
        odd = sorted((*self.odd, *self.headings), key=lambda line: line.number)
        return self.poems + [
            Record(
                _place(line),
                faults=(("", _no_verse(line)),),
            )
            for line in odd
        ]

    def _is_verse(self, line: TextLine, block: _Block, following: _Block | None) -> bool:
        """Whether words without marks are a line of verse, not a heading."""
        fits = all(len(part) == block.length for part in line.lines)
        if block.single:
            if self.open:
                return len(line.lines[0]) == len(self.open[-1].lines[-1])
            twin = following and following.single and following.length == block.length
            return bool(twin) and block.length in (5, 7)
        # A title of as many characters as the lines have makes their number odd.
        first = line is block.lines[0] and len(line.lines) == 1 and block.fitting % 2 == 1
        if block.marked:
            goes_on = bool(self.open) and not self.open[-1].ends
            return goes_on or (fits and block.even and not first)
        if not block.even:
            return block.parts >= _LEAST_LINES and not (
                line is block.lines[0] and len(line.lines) > 1
            )
        return (fits and not first) or self.count % 2 == 1 or 0 < self.count < _LEAST_LINES

    def _take(self, line: TextLine, block: _Block) -> None:
        if line.title:
            self._close()
            self.headings = [line]
        count = len(line.lines)
        whole = count >= _LEAST_LINES and even_lines(line.text)
        if block.halves:
            self._append(line)
        elif whole or (count > 1 and (line.numbered or block.one_each)):
            self._close()
            self._append(line)
            self._close()
        elif (
            block.even
            and all(len(part) != block.length for part in line.lines)
            and not (self.open and not self.open[-1].ends)
        ):
            self.odd.append(line)
        else:
            self._append(line)

    def _append(self, line: TextLine) -> None:
        self.open.append(line)
        self.count += len(line.lines)

    def _close(self) -> None:
        """End the poem that is open."""
        lines, count = self.open, self.count
        self.open, self.count = [], 0
        if not lines:
            self.odd += self.headings[:-_MOST_HEADINGS]
            self.headings = self.headings[-_MOST_HEADINGS:]
            return
        text = "\n".join(line.text for line in lines)
        undivided = len(text) in WHOLE
        numbered = lines[0].numbered and count > 1
        if count >= _LEAST_LINES or even_lines(text) or undivided or numbered:
            title, author = _names(self.headings)
            record = Record(_place(lines[0]), (RecordPart("", text),), title, author)
            if fault := text_fault(text):
                record = Record(record.place, faults=(("", fault),))
            self.poems.append(record)
        else:
            self.odd += [*self.headings, *lines]
        self.headings = []


def _place(line: TextLine) -> Bilingual:
    return Bilingual(f" line {line.number}", f"第 {line.number} 行")


def _no_verse(line: TextLine) -> Bilingual:
    shown = printable(line.raw)
    return Bilingual(f"looks like no verse: {shown}", f"不像詩句：{shown}")


def _names(headings: Sequence[TextLine]) -> tuple[str, str]:
    """Title and author of a poem, as far as the lines above it tell them apart."""
    title = next((line.title for line in headings if line.title), "")
    author = next((line.author for line in headings if line.author), "")
    words = [word for line in headings for word in line.lines if not (line.title or line.author)]
    if words and not title:
        title = words.pop(0)
        if words and not author and len(title) < _LONGEST_AUTHOR < len(words[-1]):
            return words[-1], title
    return title, author or (words[-1] if words else "")
