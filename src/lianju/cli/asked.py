"""What several verbs ask of a user's words: a couplet, rules that fit it, a model that is there."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lianju.cli.console import TerminalReporter, err, print_notes
from lianju.cli.flags import ModelFlags, VerseFlags
from lianju.config import VerseSettings, load_settings
from lianju.corpus import Heard, check_text, hear_text
from lianju.errors import UserError
from lianju.verse import in_language, lines_of
from lianju.verse.rule_texts import Language

if TYPE_CHECKING:
    from lianju.decode import Rules
    from lianju.model import LanguageModel

_QUOTED = 40


def verse_asked(rules: VerseFlags | None, lang: Language = "en") -> VerseSettings:
    """The rules of verse that the flags ask for, their text in traditional characters."""
    verse = rules.settings() if rules else VerseSettings()
    return verse.model_copy(
        update={
            "acrostic": heard(hear_text("".join(lines_of(verse.acrostic))), lang),
            "rhyme": heard(hear_text(verse.rhyme), lang),
            "rhymes": heard(hear_text(verse.rhymes), lang),
        }
    )


def adapter_asked(flags: ModelFlags) -> Path | None:
    """The adapter to use: the one named or the newest; None for the untouched base model."""
    if flags.base and flags.adapter:
        raise UserError("--base and --adapter exclude each other")
    if flags.base:
        return None
    from lianju.model import find_adapter

    return find_adapter(flags.adapter) if flags.adapter else newest_adapter()


def heard(found: Heard, lang: Language = "en") -> str:
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
        raise UserError(f"{text[:_QUOTED]!r} is neither a file that exists nor a poem")
    return None


def read_rules(
    couplets: Sequence[str], verse: VerseSettings, lang: Language = "en"
) -> "list[Rules | None]":
    """What each completion is to keep, and a word to the user on what it cannot."""
    from lianju.decode import rules_for, rules_notes

    every = [rules_for(couplet, verse) for couplet in couplets]
    for couplet, rules in zip(couplets, every, strict=True):
        print_notes(in_language(note, lang) for note in rules_notes(couplet, rules, verse))
    return every


def newest_adapter() -> Path:
    """The adapter trained last in ./runs; `UserError` if there is none."""
    found = sorted(Path("runs").glob("*/adapter/lianju.json"), key=lambda p: p.stat().st_mtime)
    if not found:
        raise UserError(
            "no adapter in ./runs yet: train one with `lianju run`, name one with --adapter, "
            "or see the untouched model with --base"
        )
    err.print(f"Adapter: {found[-1].parent}", markup=False)
    return found[-1].parent


def load_model(
    folder: Path | None, name: str | None, default: str, style: str, tuned: bool = True
) -> "tuple[LanguageModel, str]":
    """The model to ask, and the prompt style it knows; without the adapter if not `tuned`."""
    from lianju.model import choose_device, load_adapter, load_base, pack, read_card, weights_dtype
    from lianju.prompt import LAYOUTS

    card: dict[str, Any] = read_card(folder) if folder else {"base": default, "style": style}
    asked = {"model.name": name or card["base"], "model.bits": card.get("bits", 16)}
    settings = load_settings("default", asked).model
    device = choose_device(settings)
    dtype = weights_dtype(device, card.get("precision", "auto"))
    network = load_base(settings, LAYOUTS, device, dtype, TerminalReporter())
    held = "4 bits" if network.bits == 4 else str(dtype).removeprefix("torch.")
    err.print(f"{settings.name} on {device} in {held}", markup=False)
    if folder and tuned:
        network = load_adapter(network, folder)
    pack(network.network)
    return network, card["style"]
