"""What all constraints over one vocabulary share: its table, and the masks worked out so far."""

from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from lianju.decode.line_patterns import TONES, OpenLine
from lianju.decode.rules import Locked
from lianju.decode.spelling_table import Flags, Table, table_of
from lianju.model import Vocabulary
from lianju.verse import GROUPS, Word, beginnings, standard, word_of

# The masks of one vocabulary are kept up to this size.
_BYTES = 64 * 2**20


class Before(NamedTuple):
    """What a character must be before one that is given: of a tone, and where both make a word,
    what this fixes must suit the tone, and for the one given be in one of the groups `asked`.
    """

    mark: str
    next: str
    asked: int


# What a character must be: of a tone (a mark of the metre: 0, 1 or 2), or of one of these rhyme
# groups (a set), or this very character, or such as may stand before one that is given.
Demand = int | str | Before


class MaskKey(NamedTuple):
    """What decides a mask, apart from rhyme characters that stand already.

    `heads` and `more`: of the lines that a token may reach into, the first characters and how
    many there are. `tails`: what the lines end with whose end is near. `stop`: whether the poem
    may end here.
    """

    length: int
    parity: int
    position: int
    open_lines: frozenset[OpenLine]
    partial: bytes
    heads: str
    tails: tuple[str, ...]
    stop: bool
    more: int
    locked: Locked
    before: str


class Masks:
    """The table of one vocabulary, with what is worked out from it when it is first needed."""

    def __init__(self, vocabulary: Vocabulary, table: Table | None = None):
        self.vocabulary = vocabulary
        self.table = table or table_of(vocabulary)
        self._kept: dict[MaskKey, Flags] = {}
        self._most = max(64, _BYTES // vocabulary.size)
        self._flags: dict[Demand, Flags] = {}
        self._longest: dict[Demand, int] = {}
        self._standard: dict[int, frozenset[str]] = {}
        self._crowds: dict[int, int] = {}
        self._tokens: dict[str, list[int]] = {}
        others = self.table.other_ids.tolist()
        self.continuing = [t for t in others if self.bytes_of(t)[0] & 0xC0 == 0x80]
        self.beginning = [t for t in others if self.bytes_of(t)[0] & 0xC0 != 0x80]
        several = [*self.table.word_ids.tolist(), *others]
        # No token touches more characters than this, those of which it has only a part included.
        self.reach = max((_touched(self.bytes_of(t)) for t in several), default=1)

    def knowing(self, text: str) -> "Masks":
        """Masks that know all characters of `text`, also those beyond the alphabet of verse."""
        beyond = "".join(sorted(set(text) - self.table.index.keys()))
        return Masks(self.vocabulary, table_of(self.vocabulary, beyond)) if beyond else self

    def bytes_of(self, token: int) -> bytes:
        """The bytes of a token; none for a control token."""
        return self.vocabulary.tokens[token] or b""

    def kept(self, key: MaskKey) -> Flags | None:
        """The mask that was kept under `key`."""
        return self._kept.get(key)

    def keep(self, key: MaskKey, mask: Flags) -> None:
        """Keep a mask, after forgetting all if they have become too many."""
        if len(self._kept) >= self._most:
            self._kept.clear()
        self._kept[key] = mask

    def characters(self, demands: Iterable[Demand]) -> Flags:
        """Which characters meet one of the demands, by index; do not change it.

        The last entry stands for "no character" and is always true.
        """
        parts = [self.meeting(demand) for demand in demands]
        flags = parts[0]
        for part in parts[1:]:
            flags = flags | part
        return flags

    def meeting(self, demand: Demand) -> Flags:
        """Which characters meet a demand; see `characters`."""
        if demand not in self._flags:
            self._flags[demand] = np.append(self._suiting(demand), True)
        return self._flags[demand]

    def _suiting(self, demand: Demand) -> Flags:
        if isinstance(demand, int):
            wanted = [index for index in range(len(GROUPS)) if demand >> index & 1]
            flags: Flags = np.any(self.table.members[wanted], axis=0)
        elif isinstance(demand, Before):
            flags = self._before(demand)
        elif demand in "012":
            flags = self.table.tones[int(demand)]
        else:
            flags = np.arange(len(self.table.characters)) == self.table.index[demand]
        return flags

    def _before(self, demand: Before) -> Flags:
        flags: Flags = self.table.tones[int(demand.mark)].copy()
        following = standard(demand.next)
        for first, words in beginnings().items():
            word = words.get(following)
            if word and not word.suits(TONES[demand.mark], demand.asked):
                flags[self.variants([first])] = False
        return flags

    def longest(self, demand: Demand) -> int:
        """The most tokens that a character can take which meets the demand."""
        if demand not in self._longest:
            flags = self.meeting(demand)[:-1]
            self._longest[demand] = int(self.table.lengths[flags].max())
        return self._longest[demand]

    def rich(self, rhyme: int, needed: int, used: frozenset[str]) -> int:
        """Those groups of `rhyme` that have `needed` characters besides `used`."""
        return sum(
            1 << index
            for index in range(len(GROUPS))
            if rhyme >> index & 1
            and len(self._forms(index) - used) >= needed + self._crowded(index)
        )

    def _crowded(self, group: int) -> int:
        """How many characters of a group the one before may rule out, by the words they make."""
        if group not in self._crowds:
            forms, written = self._forms(group), self.table.same.keys()
            every = (words for first, words in beginnings().items() if first in written)
            self._crowds[group] = max((len(forms & words.keys()) for words in every), default=0)
        return self._crowds[group]

    @cached_property
    def compounds(self) -> list[tuple[int, int, Word]]:
        """The words that fix a reading within tokens: the token's row, the place of the second
        character in it, and what is fixed.
        """
        rows = [
            [self.table.standards[index] for index in row if index >= 0]
            for row in self.table.word_characters
        ]
        return [
            (number, place, word)
            for number, row in enumerate(rows)
            for place, pair in enumerate(pairwise(row), 1)
            if (word := word_of(*pair))
        ]

    def _forms(self, group: int) -> frozenset[str]:
        """The characters of a group, in standard form."""
        if group not in self._standard:
            indices = self.table.members[group].nonzero()[0]
            self._standard[group] = frozenset(self.table.standards[i] for i in indices)
        return self._standard[group]

    def variants(self, forms: Iterable[str]) -> list[int]:
        """The indices of all characters whose standard form is one of `forms`."""
        return [index for form in forms for index in self.table.same.get(form, ())]

    def suspects(self, used: Iterable[str], partial: bytes, mask: Flags) -> list[int]:
        """The tokens of a mask that may write a character of `used`, or begin to."""
        if partial:
            return [token for token in self.continuing if mask[token]]
        found = {token for form in used for token in self._writing(form)}
        return [token for token in found if mask[token]]

    def _writing(self, form: str) -> list[int]:
        """The tokens that hold a variant of `form`, or the beginning of one."""
        if form not in self._tokens:
            table, indices = self.table, self.variants([form])
            single = table.single_ids[np.isin(table.single_characters, indices)]
            word = table.word_ids[np.isin(table.word_characters, indices).any(axis=1)]
            heads = [table.characters[index].encode()[:1] for index in indices]
            begun = [t for t in self.beginning if any(head in self.bytes_of(t) for head in heads)]
            self._tokens[form] = [*single.tolist(), *word.tolist(), *begun]
        return self._tokens[form]


def _touched(raw: bytes) -> int:
    """The characters of which `raw` holds some bytes."""
    begun = sum(byte & 0xC0 != 0x80 for byte in raw)
    return begun + (raw[0] & 0xC0 == 0x80)
