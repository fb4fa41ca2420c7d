"""What several verbs ask of a user's words: a couplet, rules that fit it, a model that is there."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lianju.cli.console import TerminalReporter, err
from lianju.cli.flags import VerseFlags
from lianju.config import ModelSettings, VerseSettings
from lianju.corpus import simplified, traditional
from lianju.errors import UserError
from lianju.verse import couplet_fault, is_han, lines_of, normal
from lianju.verse.shape import SENTENCE_ENDS

if TYPE_CHECKING:
    from lianju.decode import Rules
    from lianju.model import LanguageModel

_LONGEST = 200
_AS_WRITTEN = re.compile(rf"\w+[，？！；：、。]\w+[{SENTENCE_ENDS}]")


def verse_asked(rules: VerseFlags | None) -> VerseSettings:
    """The rules of verse that the flags ask for, their text in traditional characters."""
    verse = rules.settings() if rules else VerseSettings()
    return verse.model_copy(
        update={
            "acrostic": in_traditional("".join(lines_of(verse.acrostic))),
            "rhyme": in_traditional(verse.rhyme),
        }
    )


def adapter_asked(adapter: Path | None, base: bool) -> Path | None:
    """The adapter to use: the one named or the newest; None for the untouched base model."""
    if base and adapter:
        raise UserError("--base and --adapter exclude each other")
    return None if base else adapter or newest_adapter()


def checked(couplet: str) -> str:
    """The couplet to complete, with a word to the user where it is not what poems begin with."""
    if len(couplet) > _LONGEST:
        raise UserError(f"a couplet of {len(couplet)} characters is too long: at most {_LONGEST}")
    check_text(couplet, "the couplet")
    if not lines_of(couplet):
        raise UserError("the couplet is empty: give the first couplet of a poem, in quotes")
    couplet = _punctuated(in_traditional(couplet))
    if fault := couplet_fault(couplet):
        err.print(f"Note on {couplet}: {fault}. The model may not find a form.", markup=False)
    return couplet


def _punctuated(couplet: str) -> str:
    """Two equal lines of Han characters with the signs of verse, with a note if they had others."""
    lines = lines_of(couplet)
    found = couplet.strip()
    equal = len(lines) == 2 and len(lines[0]) == len(lines[1]) and all(map(is_han, lines))
    if not equal or _AS_WRITTEN.fullmatch(found):
        return couplet
    end = normal(found)[-1]
    written = f"{lines[0]}，{lines[1]}{end if end in SENTENCE_ENDS else '。'}"
    err.print(f"Note: {couplet} is read as {written}", markup=False)
    return written


def check_text(text: str, what: str) -> None:
    """Raise `UserError` where a text that the user gave has what nobody can have meant."""
    if not text.isprintable():
        raise UserError(f"{what} has bytes that are no text: is the terminal set to UTF-8?")


def in_traditional(text: str) -> str:
    """The text in traditional characters, with a note if it was not."""
    found = simplified(text)
    if not found:
        return text
    converted = traditional(text)
    err.print(f"Note: {text} has simplified {found}; read as {converted}", markup=False)
    return converted


def read_rules(couplets: Sequence[str], verse: VerseSettings) -> "list[Rules | None]":
    """What each completion is to keep, and a word to the user on what it cannot."""
    from lianju.decode import rules_for

    every = [rules_for(couplet, verse) for couplet in couplets]
    for couplet, rules in zip(couplets, every, strict=True):
        if rules is None:
            if verse.form == "auto":
                err.print(f"Note on {couplet}: no couplet, so no rules are kept.", markup=False)
            continue
        if rules.faults:
            where = ", ".join(f"{fault.rule} in line {fault.line}" for fault in rules.faults)
            err.print(
                f"Note on {couplet}: it cannot open regulated verse ({where}); the lines to come "
                f"keep what they can: {rules.kept}.",
                markup=False,
            )
        for note in rules.notes:
            err.print(f"Note on {couplet}: {note}.", markup=False)
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
    from lianju.model import choose_device, load_adapter, load_base, read_card, weights_dtype
    from lianju.prompt import LAYOUTS

    card: dict[str, Any] = read_card(folder) if folder else {"base": default, "style": style}
    settings = ModelSettings(name=name or card["base"], bits=card.get("bits", 16))
    device = choose_device(settings)
    dtype = weights_dtype(device, card.get("precision", "auto"))
    network = load_base(settings, LAYOUTS, device, dtype, TerminalReporter())
    held = "4 bits" if network.bits == 4 else str(dtype).removeprefix("torch.")
    err.print(f"{settings.name} on {device} in {held}", markup=False)
    if folder and tuned:
        network = load_adapter(network, folder)
    return network, card["style"]
