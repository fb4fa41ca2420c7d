"""Verse that is right by construction: which tokens keep the rules, in every state.

The automaton reads characters; a token is the bytes of some, of a part of one, or of both. A
state is where in the poem we are, with every way still open in which it may go on (line patterns
and rhyme groups). No state is a dead end: a character counts only if the vocabulary spells it, a
part of one only if bytes complete it, a rhyme group only if it has characters enough.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lianju.decode.line_patterns import TONES, OpenLine
from lianju.decode.masks import Before, Demand, MaskKey, Masks
from lianju.decode.rule_errors import say
from lianju.decode.rules import Rules
from lianju.decode.spelling_table import COMMA, STOP, Flags
from lianju.errors import UserError
from lianju.model import Vocabulary
from lianju.verse import Bilingual, Pattern, Word, beginnings, joined, names, word_of


@dataclass(frozen=True)
class State:
    """Where a poem stands.

    `line` is the one being written, counted from 1; `position` characters of it stand.
    `open_lines`: what it can still be; none after the last line. `used`: the rhyme characters that
    may not come again. `partial`: the bytes of an unfinished character. `before`: the character
    that stands before, in standard form, where the next one may make a word of it that fixes a
    reading; else nothing.
    """

    line: int
    position: int
    open_lines: frozenset[OpenLine]
    used: frozenset[str]
    partial: bytes = b""
    before: str = ""


class Constraint:
    """The rules of one couplet over the tokens of one vocabulary."""

    def __init__(self, rules: Rules, masks: Masks):
        given = "".join(rules.given)
        masks = masks.knowing(given)
        self.rules, self.masks, self.table = rules, masks, masks.table
        for wanted, remedy in (
            (rules.heads, say("other_acrostic")),
            ("".join(rules.tails), say("other_rhymes")),
            (given, say("other_line")),
        ):
            if missing := "".join(sorted(set(wanted) - set(self.table.characters))):
                raise UserError(say("lacking", characters=missing, remedy=remedy))
        # How many lines after its own a token may reach into.
        self._span = (rules.length + masks.reach - 1) // (rules.length + 1)
        self.start = State(3, 0, frozenset(self._spellable(rules.start)), rules.used)

    def _spellable(self, open_lines: Iterable[OpenLine]) -> Iterator[OpenLine]:
        """`open_lines`, with only the rhyme groups that have characters for all lines to come."""
        end = self.rules.length - 1
        needed = sum(self._rhymes(line, end) for line in range(4, self.rules.last + 1, 2))
        if not needed:
            return iter(open_lines)
        kept, asked = [], 0
        for pattern, rhyme in open_lines:
            asked |= rhyme
            enough = self.masks.rich(rhyme, needed, self.rules.used)
            if enough or not rhyme:
                kept.append((pattern, enough))
        if not kept:
            raise UserError(
                Bilingual(
                    f"the model's vocabulary has too few characters that rhyme in {names(asked)} "
                    f"for {needed} more rhymes",
                    f"模型字彙裡{names(asked)}韻的字太少，不夠再押{needed}韻",
                )
            )
        return iter(kept)

    def longest(self) -> int:
        """So many tokens are enough for any completion, the stop token included."""
        total, open_lines = 1, self.start.open_lines
        for line in range(3, self.rules.last + 1):
            total += max(
                sum(
                    self.masks.longest(self._demand(line, position, open_line))
                    for position in range(self.rules.length + 1)
                )
                for open_line in open_lines
            )
            open_lines = self.rules.follow(line, open_lines)
        return total

    def mask(self, state: State) -> Flags:
        """Which tokens may come next, the stop token among them; do not change it."""
        key = self._key(state)
        base = self.masks.kept(key)
        if base is None:
            base = self._unused(replace(state, open_lines=key.open_lines, used=frozenset()), key)
        if not state.used or not self._near_rhyme(state):
            return base
        return self._without(state, state.used, base)

    def _unused(self, state: State, key: MaskKey) -> Flags:
        """The mask of a state in which no rhyme character stands yet, kept under `key`."""
        if state.before:
            plain = key._replace(before="")
            base = self.masks.kept(plain)
            if base is None:
                base = self._unused(replace(state, before=""), plain)
            mask = self._without(state, beginnings()[state.before], base)
        else:
            mask = self._base(state)
        self.masks.keep(key, mask)
        return mask

    def _without(self, state: State, forms: Iterable[str], base: Flags) -> Flags:
        """The mask of a state, where `base` allows too many of the characters `forms`."""
        mask = base.copy()
        for token in self.masks.suspects(forms, state.partial, base):
            mask[token] = self.advance(state, token) is not None
        return mask

    def advance(self, state: State, token: int) -> State | None:
        """The state after a token that is not the stop token; None if the rules forbid it."""
        added = self.masks.bytes_of(token)
        if not added:
            return None
        data = state.partial + added
        state = replace(state, partial=b"")
        start = 0
        while start < len(data):
            size = _SIZES[data[start] >> 4]
            if size > len(data) - start:
                return self._part(state, data[start:])
            index = self.table.index.get(data[start : start + size].decode("utf-8", "replace"))
            after = None if index is None else self._step(state, index)
            if after is None:
                return None
            state, start = after, start + size
        return state

    def may_stop(self, state: State) -> bool:
        """Whether the poem may end here."""
        return state.position == 0 and not state.partial and state.line - 1 in self.rules.ends

    def _part(self, state: State, partial: bytes) -> State | None:
        """The state within a character, if one that is allowed begins so."""
        beginning = self.table.prefixes.get(partial)
        if beginning is None or not state.open_lines or not self._allowed(state)[beginning].any():
            return None
        return replace(state, partial=partial)

    def _step(self, state: State, index: int) -> State | None:
        """The state after a whole character."""
        rules = self.rules
        if state.position == rules.length:
            if self.table.characters[index] != _end(state.line):
                return None
            following = frozenset[OpenLine]()
            if state.line < rules.last:
                following = rules.follow(state.line, state.open_lines)
            return State(state.line + 1, 0, following, state.used)
        rhyming = self._rhymes(state.line, state.position)
        form = self.table.standards[index]
        sounds = self.table.rhymes[index] & (self._word(state, form).second or -1)
        open_lines = frozenset(
            (pattern, rhyme & sounds if rhyming else rhyme)
            for pattern, rhyme in state.open_lines
            if self._fits(state, (pattern, rhyme), index)
        )
        if not open_lines:
            return None
        used = state.used
        if rhyming and any(rhyme for _, rhyme in open_lines):
            if form in used:
                return None
            used |= {form}
        position = state.position + 1
        word = joined(rules.length, position) and not rules.fixed(state.line, position)
        before = form if word and form in beginnings() else ""
        return State(state.line, position, open_lines, used, before=before)

    def _word(self, state: State, form: str) -> Word:
        """What the word fixes that a character makes with the one before it, if it makes one."""
        return word_of(state.before, form) or _NO_WORD

    def _fits(self, state: State, open_line: OpenLine, index: int) -> bool:
        """Whether a character can stand next where this open line is."""
        demand = self._demand(state.line, state.position, open_line)
        if not self.masks.meeting(demand)[index]:
            return False
        word = self._word(state, self.table.standards[index])
        return _suits(word, open_line[0], state.position, demand)

    def _rhymes(self, line: int, position: int) -> bool:
        """Whether the character there is a rhyme, and not one that is given."""
        last = position == self.rules.length - 1
        return last and line % 2 == 0 and not self.rules.fixed(line, position)

    def _demand(self, line: int, position: int, open_line: OpenLine) -> Demand:
        """What a character must be where an open line is."""
        if position == self.rules.length:
            return _end(line)
        if fixed := self.rules.fixed(line, position):
            return fixed
        pattern, rhyme = open_line
        if rhyme and self._rhymes(line, position):
            return rhyme
        mark = pattern.marks[position]
        if position == self.rules.length - 2 and (tail := self.rules.tail(line)):
            return Before(mark, tail, rhyme or TONES[pattern.marks[-1]])
        return mark

    def _allowed(self, state: State) -> Flags:
        """Which characters may come next."""
        demands = {
            self._demand(state.line, state.position, open_line) for open_line in state.open_lines
        }
        flags = self.masks.characters(demands)
        rhyming = self._rhymes(state.line, state.position)
        if state.used and rhyming and any(rhyme for _, rhyme in state.open_lines):
            flags = flags.copy()
            flags[self.masks.variants(state.used)] = False
        if state.before:
            flags = flags.copy()
            for index in self.masks.variants(beginnings()[state.before]):
                flags[index] &= any(
                    self._fits(state, open_line, index) for open_line in state.open_lines
                )
        return flags

    def _near_rhyme(self, state: State) -> bool:
        """Whether a token may reach as far as the next rhyme, or the word that a given one ends."""
        away = self.rules.length - 1 - state.position
        if state.line % 2 or away < 0:
            away += self.rules.length + 1
        reach = self.masks.reach
        return away < reach or (away == reach and bool(self._tails(state)))

    def _tails(self, state: State) -> tuple[str, ...]:
        """What lines must end with, where that decides about the next token."""
        return self.rules.near_tails(state.line, state.position, self.masks.reach)

    def _key(self, state: State) -> MaskKey:
        rules, line = self.rules, state.line
        open_lines = state.open_lines
        if not self._near_rhyme(state):
            open_lines = frozenset((pattern, 0) for pattern, _ in open_lines)
        return MaskKey(
            rules.length,
            line % 2,
            state.position,
            open_lines,
            state.partial,
            rules.heads[line - 3 : line - 2 + self._span],
            self._tails(state),
            self.may_stop(state),
            min(rules.last - line, self._span),
            rules.locked(line, state.position, self.masks.reach) if rules.given else (),
            state.before,
        )

    def _base(self, state: State) -> Flags:
        """The mask of a state in which no rhyme stands yet, nor what could make a word."""
        masks, table = self.masks, self.table
        mask = np.zeros(masks.vocabulary.size, dtype=np.bool_)
        mask[masks.vocabulary.stop] = self.may_stop(state)
        if not state.open_lines:
            return mask
        others = masks.continuing
        if not state.partial:
            mask[table.single_ids] = self._allowed(state)[table.single_characters]
            for open_line in state.open_lines:
                mask[table.word_ids] |= self._words(state, open_line)
            others = masks.beginning
        for token in others:
            mask[token] = self.advance(state, token) is not None
        return mask

    def _words(self, state: State, open_line: OpenLine) -> Flags:
        """Which tokens of several characters fit where this open line is."""
        words = self.table.word_characters
        fits = np.ones(len(words), dtype=np.bool_)
        for column, position in enumerate(range(state.position, state.position + words.shape[1])):
            if position < self.rules.length:
                demand = self._demand(state.line, position, open_line)
                fits &= self.masks.characters({demand})[words[:, column]]
            else:
                fits &= words[:, column] < 0
        for row, column, word in self.masks.compounds:
            position = state.position + column
            if fits[row] and joined(self.rules.length, position):
                if self.rules.fixed(state.line, position):
                    continue
                demand = self._demand(state.line, position, open_line)
                fits[row] = _suits(word, open_line[0], position, demand)
        return fits


def constrain(vocabulary: Vocabulary, every: Sequence[Rules | None]) -> list[Constraint | None]:
    """The rules of several couplets over the tokens of one vocabulary; None stays None."""
    if not any(every):
        return [None] * len(every)
    masks = Masks(vocabulary)
    return [Constraint(rules, masks) if rules else None for rules in every]


def _suits(word: Word, pattern: Pattern, position: int, demand: Demand) -> bool:
    """Whether what a word fixes suits a line, its second character standing at `position`."""
    asked = demand if isinstance(demand, int) else TONES[pattern.marks[position]]
    return word.suits(TONES[pattern.marks[position - 1]], asked)


_NO_WORD = Word(0, 0)
# Bytes of a character by the upper half of its first byte; 8 where that cannot begin one.
_SIZES = (1,) * 8 + (8,) * 4 + (2, 2, 3, 4)


def _end(line: int) -> str:
    return COMMA if line % 2 else STOP
