"""What several verbs ask of a user's words: a couplet, rules that fit it, a model that is there."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lianju.cli.flags import ModelFlags, VerseFlags
from lianju.config import VerseSettings
from lianju.console import err, print_notes
from lianju.corpus import Interpreted, check_text
from lianju.errors import UserError
from lianju.progress import Reporter
from lianju.verse import Bilingual, Language, in_language

if TYPE_CHECKING:
    from lianju.decode import Rules
    from lianju.model import LanguageModel

_QUOTED = 40


def verse_settings(rules: VerseFlags | None, lang: Language = "en") -> VerseSettings:
    """The rules of verse that the flags ask for, their text in traditional characters."""
    from lianju.request import in_traditional

    verse, notes = in_traditional(rules.settings() if rules else VerseSettings())
    print_notes(in_language(note, lang) for note in notes)
    return verse


def adapter_folder(flags: ModelFlags) -> Path | None:
    """The adapter to use: the one named, or `told_adapter`; None for the untouched base model."""
    if flags.base and flags.adapter:
        raise UserError(
            Bilingual("--base and --adapter exclude each other", "--base 與 --adapter 只能選一個")
        )
    if flags.base:
        return None
    from lianju.model import find_adapter

    return find_adapter(flags.adapter) if flags.adapter else told_adapter()


def text_with_notes(found: Interpreted, lang: Language = "en") -> str:
    """The text as it is read, after what there is to say about that."""
    print_notes(in_language(note, lang) for note in found.notes)
    return found.text


def named_file(text: str, what: str) -> Path | None:
    """The file that a user's words name; None where they are words, `what` for example.

    Raises `UserError` where they are no text, or can only be the name of a file that is not there.
    """
    path = Path(text)
    try:
        if text and path.exists():
            return path
    except (OSError, ValueError):  # no file can have such a name
        return None
    check_text(text, what)
    # Verse that ends in a full stop has no suffix.
    if re.fullmatch(r"\.[A-Za-z0-9]+", path.suffix):
        raise UserError(
            Bilingual(
                f"{text[:_QUOTED]!r} is neither a file that exists nor a poem",
                f"「{text[:_QUOTED]}」不是詩，也沒有這個檔案",
            )
        )
    return None


def rules_for_couplets(
    couplets: Sequence[str], verse: VerseSettings, lang: Language = "en"
) -> "list[Rules | None]":
    """What each completion is to keep, and a word to the user on what it cannot."""
    from lianju.request import read_rules

    every = [read_rules(couplet, verse) for couplet in couplets]
    print_notes(in_language(note, lang) for asked in every for note in asked.notes)
    return [asked.rules for asked in every]


def shown(
    model: "LanguageModel", style: str, shots: int, seed: int, reporter: Reporter
) -> "LanguageModel":
    """`model`, shown so many poems before each couplet; itself where that is none."""
    if not shots:
        return model
    from lianju.shots import poems_to_show, with_shots

    return with_shots(model, style, poems_to_show(seed, reporter), shots, seed)


def told_adapter() -> Path:
    """The adapter to use where none is named, which is told."""
    from lianju.loading import default_adapter
    from lianju.model import REFERENCE, reference_adapter

    folder = default_adapter()
    shipped = folder == reference_adapter()
    told = f"{REFERENCE}, which comes with the program" if shipped else str(folder)
    err.print(f"Adapter: {told}", markup=False)
    return folder
