"""`lianju complete`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from lianju.cli.asked import adapter_asked, heard, load_model, named_file, read_rules, verse_asked
from lianju.cli.console import TerminalReporter, out
from lianju.cli.flags import PARTICLES, DecodeFlags, ModelFlags, VerseFlags, decode_overrides
from lianju.cli.poem import draw
from lianju.config import load_settings
from lianju.corpus import KnownLines, Poem, hear_couplet, known_lines, read_couplets
from lianju.verse import check, form_of_lines, in_language, lines_of, shape_of, words
from lianju.verse.rule_texts import Language

if TYPE_CHECKING:
    from lianju.decode import Completion, Constraint


def complete(
    couplets: Annotated[
        list[str],
        Parameter(
            name="COUPLET|FILE",
            help="The first couplet of a poem, in quotes, or a file of couplets, one a line or as "
            "the homework's test file; one or several.",
        ),
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
    writer: ModelFlags | None = None,
    lang: Annotated[Language, Parameter(help="The language of the answer.")] = "en",
    as_json: Annotated[bool, Parameter(name="--json", help="One JSON object a line.")] = False,
) -> None:
    """Write the rest of a poem, given its first couplet.

    Example: lianju complete "空山新雨後，天氣晚來秋。" -n 4 --temperature 0.8
    """
    overrides = decode_overrides(decoding, candidates=n, seed=seed, particles=particles)
    settings = load_settings("default", overrides)
    couplets = [heard(hear_couplet(couplet), lang) for couplet in _given(couplets)]
    verse = verse_asked(rules, lang)
    writer = writer or ModelFlags()
    folder = adapter_asked(writer)
    # Contradictions are found before the model is loaded.
    kept = read_rules(couplets, verse, lang)
    network, style = load_model(folder, writer.model, settings.model.name, settings.prompt.style)

    from lianju.decode import complete as complete_all
    from lianju.decode import constrain

    constraints = constrain(network.vocabulary, kept)
    results = complete_all(
        network, style, couplets, settings.decode, TerminalReporter(), constraints=constraints
    )
    _print(results, constraints, lang, as_json)


def _given(words: Sequence[str]) -> list[str]:
    """The couplets in what was given: couplets, and files of them."""
    files = [(text, named_file(text, "the couplet")) for text in words]
    return [
        couplet for text, file in files for couplet in (read_couplets(file) if file else [text])
    ]


def _print(
    results: "list[list[Completion]]",
    constraints: "list[Constraint | None]",
    lang: Language,
    as_json: bool,
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
                _show(completion, constraint, lang, heading, copied)


def _liking(completion: "Completion") -> float:
    """How much the model likes a completion: its log-probability per character."""
    return completion.logprob / max(len(completion.text), 1)


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
    lines = lines_of(completion.couplet + completion.text)
    notes = constraint.rules.notes if constraint else ()
    form = form_of_lines(lines) if constraint else shape.form.name if shape.form else None
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
        "notes": list(notes),
        "notes_zh": [note.zh for note in notes],
    }


def _show(
    completion: "Completion",
    constraint: "Constraint | None",
    lang: Language,
    heading: str,
    copied: dict[int, list[Poem]],
) -> None:
    """The poem with its form, its tones and rhymes, where its lines are copied from, and what to
    remark on.
    """
    verdict = check(completion.couplet + completion.text)
    shape = shape_of(completion.couplet, completion.text, completion.finish == "stop")
    liking = f"{_liking(completion):.2f}"
    liking = f"{liking} nats a character" if lang == "en" else f"每字 {liking} 奈特"
    if not verdict.form or completion.finish != "stop":
        said = f"✗ {in_language(shape.fault, lang)}"
        if constraint:
            said = f"{'in ' if lang == 'en' else '守'}{in_language(constraint.rules.kept, lang)}"
        out.print(f"{heading}{said} · {liking}", style="dim", markup=False)
        out.print(completion.couplet, markup=False, style="bold")
        for line in completion.text.replace("。", "。\n").splitlines():
            out.print(line, markup=False)
    else:
        parts = [words.form_words(verdict, lang), words.style_words(verdict, lang), liking]
        out.print(f"{heading}{' · '.join(parts)}", style="dim", markup=False)
        sources = {number: f"= {_named(poems)}" for number, poems in copied.items()}
        draw(verdict, sources, given=len(lines_of(completion.couplet)))
        for remark in () if verdict.why else verdict.remarks:
            out.print(f"· {words.fault_words(verdict, remark, lang)}", style="dim", markup=False)
    out.print()


def _named(poems: Sequence[Poem]) -> str:
    """Author and title of the poems that have a line; no more than two."""
    named = "、".join(f"{poem.author}〈{poem.title}〉" for poem in poems[:2])
    return named + ("…" if len(poems) > 2 else "")
