"""What the checker says: marks, faults and the verdict."""

from dataclasses import dataclass

RHYME_RULES = frozenset({"落韻", "重韻"})


@dataclass(frozen=True)
class Fault:
    """A broken rule: its Chinese name, where, what was expected and what was found.

    `line` and `position` count from 1. `expected` and `found` are 平 or 仄, or names of rhyme
    groups; for a repeated rhyme (重韻), `found` is the character.
    """

    rule: str
    line: int
    position: int
    expected: str
    found: str


@dataclass(frozen=True)
class Mark:
    """A character of a poem with all its readings, the one taken here first.

    A reading is a tone and a rhyme group, such as 平東. An unknown character has none.
    """

    character: str
    readings: tuple[str, ...]

    @property
    def reading(self) -> str:
        """The reading taken; empty for an unknown character."""
        return self.readings[0] if self.readings else ""

    @property
    def sign(self) -> str:
        """○ level, ● oblique, ◌ unknown."""
        if not self.readings:
            return "◌"
        return "○" if self.reading[0] == "平" else "●"


@dataclass(frozen=True)
class Verdict:
    """What the checker says of a poem.

    `form`: wujue, qijue, wulü, qilü, or wupai and qipai, which are pailü 排律 of five and seven
    characters; None for a poem of any other shape.
    `style`: "regulated" with no fault, "faulty" if meant to be regulated, else "old-style".
    `why`, for old-style verse only: "shape", "oblique rhyme", "no rhyme" or "metre".
    `rhyme`: the names of the groups that most rhymes share.
    `types`: the line types A to D that the poem was fitted to, one a line.
    """

    form: str | None
    style: str
    why: str
    rhyme: str
    types: str
    marks: tuple[tuple[Mark, ...], ...]
    faults: tuple[Fault, ...]
    remarks: tuple[Fault, ...]

    @property
    def regular(self) -> bool:
        """Whether the poem keeps every rule."""
        return self.form is not None and not self.faults

    @property
    def rhymes(self) -> bool:
        """Whether every rhyme is right."""
        return self.form is not None and not any(f.rule in RHYME_RULES for f in self.faults)

    @property
    def scans(self) -> bool:
        """Whether every tone is right that is no rhyme's."""
        return self.form is not None and all(f.rule in RHYME_RULES for f in self.faults)

    @property
    def unknown(self) -> str:
        """The characters without a reading. They count as fitting, and nothing is known of them."""
        return "".join(m.character for line in self.marks for m in line if not m.readings)
