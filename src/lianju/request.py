"""What a user asks a model to write, read: the rules of one couplet, and what to tell of them."""

from dataclasses import dataclass

from lianju.config import VerseSettings
from lianju.corpus import to_traditional
from lianju.decode import Rules, rules_for, rules_notes
from lianju.verse import lines_of


@dataclass(frozen=True)
class RulesAsked:
    """The rules that completions of a couplet keep, None for none, and notes to the user.

    The notes say how words in the request were read, and what was asked for that cannot be kept.
    """

    rules: Rules | None
    notes: tuple[str, ...]


def read_rules(couplet: str, verse: VerseSettings) -> RulesAsked:
    """Read the rules that are asked for a couplet, which is in traditional characters.

    Raises `UserError` where settings contradict the couplet or each other.
    """
    verse, notes = in_traditional(verse)
    rules = rules_for(couplet, verse)
    return RulesAsked(rules, (*notes, *rules_notes(couplet, rules, verse)))


def in_traditional(verse: VerseSettings) -> tuple[VerseSettings, tuple[str, ...]]:
    """The settings with their text in traditional characters, and a note on each that was not."""
    acrostic = to_traditional("".join(lines_of(verse.acrostic)))
    rhyme, rhymes = to_traditional(verse.rhyme), to_traditional(verse.rhymes)
    given = {number: to_traditional(line) for number, line in verse.given.items()}
    read = verse.model_copy(
        update={
            "acrostic": acrostic.text,
            "rhyme": rhyme.text,
            "rhymes": rhymes.text,
            "given": {number: line.text for number, line in given.items()},
        }
    )
    parts = (rhyme, rhymes, acrostic, *given.values())
    return read, tuple(note for part in parts for note in part.notes)
