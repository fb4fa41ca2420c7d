"""What to tell a user about the rules that a couplet's completion keeps."""

from lianju.config import VerseSettings
from lianju.decode import rule_errors as texts
from lianju.decode.rules import Rules
from lianju.verse import Said


def rules_notes(couplet: str, rules: Rules | None, settings: VerseSettings) -> tuple[Said, ...]:
    """One line for each thing that was asked for and cannot be kept, and why.

    `rules` are what `rules_for` found for the couplet with these settings.
    """
    if rules is None:
        return (texts.note(couplet, texts.NO_COUPLET),) if settings.form == "auto" else ()
    notes = list(rules.notes)
    if rules.faults:
        faults = [(fault.line, fault.rule) for fault in rules.faults]
        notes.insert(0, texts.broken(faults, rules.kept))
    return tuple(texts.note(couplet, note) for note in notes)
