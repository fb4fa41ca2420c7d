"""What to tell a user about the rules that a couplet's completion keeps."""

from lianju.config import VerseSettings
from lianju.decode.rule_errors import say
from lianju.decode.rules import Rules
from lianju.verse import Bilingual


def rules_notes(
    couplet: str, rules: Rules | None, settings: VerseSettings
) -> tuple[Bilingual, ...]:
    """One line for each thing that was asked for and cannot be kept, and why.

    `rules` are what `rules_for` found for the couplet with these settings.
    """
    if rules is None:
        return (_note(couplet, say("no_couplet")),) if settings.form == "auto" else ()
    notes = list(rules.notes)
    if rules.faults:
        faults = Bilingual(
            ", ".join(f"{fault.rule} in line {fault.line}" for fault in rules.faults),
            "、".join(f"第{fault.line}句{fault.rule}" for fault in rules.faults),
        )
        notes.insert(0, say("broken", faults=faults, kept=rules.kept))
    return tuple(_note(couplet, note) for note in notes)


def _note(couplet: str, words: Bilingual) -> Bilingual:
    return say("note", couplet=couplet, words=words)
