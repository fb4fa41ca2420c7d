"""What to tell a user about the rules that a couplet's completion keeps."""

from lianju.config import VerseSettings
from lianju.decode.rules import Rules


def rules_notes(couplet: str, rules: Rules | None, settings: VerseSettings) -> tuple[str, ...]:
    """One line for each thing that was asked for and cannot be kept, and why.

    `rules` are what `rules_for` found for the couplet with these settings.
    """
    if rules is None:
        asked = settings.form == "auto"
        return (f"Note on {couplet}: no couplet, so no rules are kept.",) if asked else ()
    notes = tuple(f"Note on {couplet}: {note}." for note in rules.notes)
    if not rules.faults:
        return notes
    where = ", ".join(f"{fault.rule} in line {fault.line}" for fault in rules.faults)
    return (
        f"Note on {couplet}: it cannot open regulated verse ({where}); the lines to come keep "
        f"what they can: {rules.kept}.",
        *notes,
    )
