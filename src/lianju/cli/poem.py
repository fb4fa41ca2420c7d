"""A poem with its marks, as `check` and `complete` print it."""

from collections.abc import Mapping

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from lianju.console import out
from lianju.verse import Verdict, words


def draw(verdict: Verdict, beside: Mapping[int, str] | None = None, given: int = 0) -> None:
    """Print two rows a line of verse: its characters and its rhyme, its marks and its faults.

    `beside`: what else to print to the right of a line, by its number from 1. The first `given`
    lines are dimmed. Marks are as wide as the characters, which take two columns; where a
    terminal draws ○ and ● two columns wide as well, they no longer align.
    """
    margin = len(str(len(verdict.marks)))
    width = max(sum(cell_len(mark.character) for mark in row) for row in verdict.marks)
    rhymes = words.line_rhymes(verdict)
    for number, (row, rhyme) in enumerate(zip(verdict.marks, rhymes, strict=True), 1):
        line = set_cell_size("".join(mark.character for mark in row), width)
        right = "  ".join(part for part in (rhyme, (beside or {}).get(number, "")) if part)
        text = Text(f"{number:>{margin}}  {line}  {right}")
        text.stylize("dim" if number <= given else "bold", margin + 2, margin + 2 + len(line))
        text.rstrip()
        out.print(text)
        faults = [] if verdict.why else [f for f in verdict.faults if f.line == number]
        wrong = {fault.position for fault in faults}
        text = Text(" " * (margin + 2))
        for position, mark in enumerate(row, 1):
            sign = set_cell_size(mark.sign, max(1, cell_len(mark.character)))
            text.append(sign, "red" if position in wrong else "")
        text.append(" " * (width + margin + 4 - text.cell_len))
        text.append(" ".join(f"✗ {rule}" for rule in dict.fromkeys(f.rule for f in faults)), "red")
        text.rstrip()
        out.print(text)
