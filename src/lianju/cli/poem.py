"""A poem with its marks, as `check` and `complete` print it."""

from collections.abc import Mapping

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from lianju.console import print_table
from lianju.verse import Verdict, words


def draw(verdict: Verdict, beside: Mapping[int, str] | None = None, given: int = 0) -> None:
    """Print two rows a line of verse: its characters and its rhyme, its marks and its faults.

    `beside`: what else to print to the right of a line, by its number from 1. The first `given`
    lines are dimmed. Marks are as wide as the characters, which take two columns; where a
    terminal draws ○ and ● two columns wide as well, they no longer align.
    """
    rows = []
    rhymes = words.line_rhymes(verdict)
    for number, (marks, rhyme) in enumerate(zip(verdict.marks, rhymes, strict=True), 1):
        line = Text("".join(mark.character for mark in marks), "dim" if number <= given else "bold")
        right = "  ".join(part for part in (rhyme, (beside or {}).get(number, "")) if part)
        rows.append((str(number), line, Text(right)))
        faults = [] if verdict.why else [f for f in verdict.faults if f.line == number]
        wrong = {fault.position for fault in faults}
        signs = Text.assemble(
            *(
                (_as_wide(mark.sign, mark.character), "red" if position in wrong else "")
                for position, mark in enumerate(marks, 1)
            )
        )
        rules = dict.fromkeys(fault.rule for fault in faults)
        rows.append(("", signs, Text(" ".join(f"✗ {rule}" for rule in rules), "red")))
    print_table(rows, "><<")


def _as_wide(sign: str, character: str) -> str:
    return set_cell_size(sign, max(1, cell_len(character)))
