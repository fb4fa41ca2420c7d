"""What the checker says: marks, faults and the verdict."""

from dataclasses import dataclass
from typing import Literal

RHYME_RULES = frozenset({"落韻", "重韻"})
# On what a verdict may rest: a reading that poets hardly used, a character without any.
RARE, UNREAD = "罕讀", "未詳"
# A remark on a couplet: whether its lines are seen to face each other.
PARALLEL, FACES, FACES_NOT = "對仗", "可見", "未見"


@dataclass(frozen=True)
class Fault:
    """A broken rule: its Chinese name, where, what was expected and what was found.

    `line` and `position` count from 1. `expected` and `found` are 平 or 仄, or names of rhyme
    groups; for a repeated rhyme (重韻), `found` is the character; for a rare reading (罕讀), the
    reading, such as 平尤. A remark on parallelism (對仗) has 可見 or 未見 there, and is about the
    couplet that begins at its place.
    """

    rule: str
    line: int
    position: int
    expected: str
    found: str

    @property
    def of_rhyme(self) -> bool:
        """Whether it is about the rhyme, not about a tone."""
        unsure = self.rule in (RARE, UNREAD)
        return self.expected not in ("平", "仄") if unsure else self.rule in RHYME_RULES


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


Style = Literal[
    "regulated",
    "rare",
    "undecided",
    "faulty",
    "old-style",
    "six",
    "couplet",
    "fragment",
    "mixed",
]
Why = Literal["", "shape", "oblique rhyme", "no rhyme", "metre"]


@dataclass(frozen=True)
class Verdict:
    """What the checker says of a poem.

    `form`: of regulated verse wujue, qijue, wulü, qilü, or wupai and qipai, which are pailü 排律 of
    five and seven characters; of old-style verse wugu 五古, qigu 七古, or wujue and qijue for a
    quatrain 古絕; liuyan 六言 for lines of six; None for any other shape.
    `style`: "regulated" with no fault; "rare" if only readings that poets hardly used save it from
    one; "undecided" if it has none but for characters without a reading; "faulty" if meant to be
    regulated; else "old-style". By its shape: "six" 六言, "couplet" for two equal lines, "fragment"
    for one or three, "mixed" 詞或雜言 for lines of several lengths.
    `why`: what keeps the poem from being judged as regulated verse: "shape", and for old-style
    verse also "oblique rhyme", "no rhyme" or "metre"; empty where it is judged, as a couplet is.
    `rhyme`: the names of the groups that most rhymes share.
    `types`: the line types A to D that the poem was fitted to, one a line.
    `rests`: the rare readings (罕讀) and the characters without a reading (未詳) on which it rests
    that there is no other fault; `expected` is what the place asks for.
    """

    form: str | None
    style: Style
    why: Why
    rhyme: str
    types: str
    marks: tuple[tuple[Mark, ...], ...]
    faults: tuple[Fault, ...]
    remarks: tuple[Fault, ...]
    rests: tuple[Fault, ...] = ()

    @property
    def regular(self) -> bool:
        """Whether the poem keeps every rule of regulated verse, by readings that poets used."""
        return self.rhymes and self.scans

    @property
    def rhymes(self) -> bool:
        """Whether every rhyme is right."""
        return self._right(rhyme=True)

    @property
    def scans(self) -> bool:
        """Whether every tone is right that is no rhyme's."""
        return self._right(rhyme=False)

    @property
    def unknown(self) -> str:
        """The characters without a reading: nothing is known of them."""
        return "".join(m.character for line in self.marks for m in line if not m.readings)

    def _right(self, rhyme: bool) -> bool:
        """Whether all is right of rhyme, or of tone, and rests on nothing unsure."""
        if self.form is None or not self.types:
            return False
        return all(fault.of_rhyme != rhyme for fault in (*self.faults, *self.rests))
