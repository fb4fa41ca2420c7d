"""`lianju complete`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from lianju.cli.console import TerminalReporter, err, out
from lianju.cli.flags import PARTICLES, DecodeFlags, VerseFlags
from lianju.cli.poem import draw
from lianju.config import ModelSettings, VerseSettings, load_settings
from lianju.corpus import KnownLines, Poem, known_lines, simplified, traditional
from lianju.errors import UserError
from lianju.verse import check, couplet_fault, lines_of, shape_of, words

if TYPE_CHECKING:
    from lianju.decode import Completion, Constraint, Rules
    from lianju.model import LanguageModel


_LONGEST = 200


def complete(
    couplets: Annotated[
        list[str], Parameter(help="The first couplet of a poem, in quotes; one or several.")
    ],
    /,
    *,
    n: Annotated[
        int,
        Parameter(
            name=["-n", "--candidates"],
            help="Completions a couplet; the one that the model likes best comes first.",
        ),
    ] = 1,
    rules: VerseFlags | None = None,
    particles: Annotated[int | None, PARTICLES] = None,
    decoding: DecodeFlags | None = None,
    seed: Annotated[int, Parameter(help="The same seed gives the same poems.")] = 0,
    adapter: Annotated[
        Path | None,
        Parameter(help="The adapter of a run; default: the newest in runs/.", show_default=False),
    ] = None,
    base: Annotated[bool, Parameter(help="Use the untouched base model.")] = False,
    model: Annotated[
        str | None,
        Parameter(help="The base model; default: the adapter's own.", show_default=False),
    ] = None,
    as_json: Annotated[bool, Parameter(name="--json", help="One JSON object a line.")] = False,
) -> None:
    """Write the rest of a poem, given its first couplet.

    Example: lianju complete "空山新雨後，天氣晚來秋。" -n 4 --temperature 0.8
    """
    overrides: dict[str, Any] = {"decode.candidates": n, "decode.seed": seed}
    if particles is not None:
        overrides["decode.particles"] = particles
    settings = load_settings("default", overrides | (decoding.overrides() if decoding else {}))
    couplets = [checked(couplet) for couplet in couplets]
    verse = verse_asked(rules)
    folder = adapter_asked(adapter, base)
    # Contradictions are found before the model is loaded.
    kept = read_rules(couplets, verse)
    network, style = load_model(folder, model, settings.model.name, settings.prompt.style)

    from lianju.decode import complete as complete_all

    constraints = constrain(network, kept)
    results = complete_all(
        network, style, couplets, settings.decode, TerminalReporter(), constraints=constraints
    )
    _print(results, constraints, as_json)


def _print(
    results: "list[list[Completion]]", constraints: "list[Constraint | None]", as_json: bool
) -> None:
    """The completions of each couplet, the one that the model likes best first."""
    known = known_lines(TerminalReporter())
    for group, constraint in zip(results, constraints, strict=True):
        ranked = sorted(group, key=_liking, reverse=True)
        for number, completion in enumerate(ranked, 1):
            copied = _copied(completion, known)
            if as_json:
                row = _row(completion, constraint, copied)
                out.print(json.dumps(row, ensure_ascii=False), markup=False)
            else:
                heading = f"{number}/{len(group)} " if len(group) > 1 else ""
                _show(completion, constraint, heading, copied)


def _liking(completion: "Completion") -> float:
    """How much the model likes a completion: its log-probability per character."""
    return completion.logprob / max(len(completion.text), 1)


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
    if not couplet.isprintable():
        raise UserError("the couplet has bytes that are no text: is the terminal set to UTF-8?")
    if not lines_of(couplet):
        raise UserError("the couplet is empty: give the first couplet of a poem, in quotes")
    couplet = in_traditional(couplet)
    if fault := couplet_fault(couplet):
        err.print(f"Note on {couplet}: {fault}. The model may not find a form.", markup=False)
    return couplet


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


def constrain(
    network: "LanguageModel", every: "Sequence[Rules | None]"
) -> "list[Constraint | None]":
    """The rules over the tokens of the model."""
    from lianju.decode import Constraint, Masks

    if not any(every):
        return [None] * len(every)
    masks = Masks(network.vocabulary)
    return [Constraint(rules, masks) if rules else None for rules in every]


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


def _copied(completion: "Completion", known: KnownLines | None) -> dict[int, list[Poem]]:
    """The lines, by their number in the poem, that stand in the corpus word for word."""
    first = len(lines_of(completion.couplet)) + 1
    every = enumerate(lines_of(completion.text), first)
    return {number: poems for number, line in every if known and (poems := known.find(line))}


def _row(
    completion: "Completion", constraint: "Constraint | None", copied: dict[int, list[Poem]]
) -> dict[str, Any]:
    shape = shape_of(completion.couplet, completion.text, completion.finish == "stop")
    verdict = check(completion.couplet + completion.text)
    # With rules a poem has the shape that was asked for, whatever that is.
    form = verdict.form if constraint else shape.form.name if shape.form else None
    return {
        **asdict(completion),
        "logprob_per_character": _liking(completion),
        "form": form,
        "fault": "" if constraint else shape.fault,
        "verdict": words.verdict_row(verdict),
        "copied": [
            {"line": number, "poems": [{"author": p.author, "title": p.title} for p in poems]}
            for number, poems in copied.items()
        ],
        "notes": list(constraint.rules.notes) if constraint else [],
    }


def _show(
    completion: "Completion",
    constraint: "Constraint | None",
    heading: str,
    copied: dict[int, list[Poem]],
) -> None:
    """The poem with its form, its tones and rhymes, and where its lines are copied from."""
    verdict = check(completion.couplet + completion.text)
    shape = shape_of(completion.couplet, completion.text, completion.finish == "stop")
    liking = f"{_liking(completion):.2f} nats a character"
    if not verdict.form or completion.finish != "stop":
        said = f"in {constraint.rules.kept}" if constraint else f"✗ {shape.fault}"
        out.print(f"{heading}{said} · {liking}", style="dim", markup=False)
        out.print(completion.couplet, markup=False, style="bold")
        for line in completion.text.replace("。", "。\n").splitlines():
            out.print(line, markup=False)
    else:
        parts = [words.form_words(verdict, "en"), words.style_words(verdict, "en"), liking]
        out.print(f"{heading}{' · '.join(parts)}", style="dim", markup=False)
        sources = {number: f"= {_named(poems)}" for number, poems in copied.items()}
        draw(verdict, sources, given=len(lines_of(completion.couplet)))
    out.print()


def _named(poems: Sequence[Poem]) -> str:
    """Author and title of the poems that have a line; no more than two."""
    named = "、".join(f"{poem.author}〈{poem.title}〉" for poem in poems[:2])
    return named + ("…" if len(poems) > 2 else "")
