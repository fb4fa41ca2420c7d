"""`lianju complete`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from lianju.cli.complete_files import ManyFlags, complete_rows
from lianju.cli.flags import (
    PARTICLES,
    SHOTS,
    TASTE,
    DecodeFlags,
    ModelFlags,
    VerseFlags,
    decode_overrides,
)
from lianju.cli.inputs import (
    adapter_folder,
    named_file,
    rules_for_couplets,
    shown,
    text_with_notes,
    verse_settings,
)
from lianju.cli.poem import draw
from lianju.config import load_settings
from lianju.console import TerminalReporter, out
from lianju.corpus import Poem, interpret_couplet, known_lines, read_couplets
from lianju.errors import UserError
from lianju.verse import Language, in_language, lines_of, words

if TYPE_CHECKING:
    from lianju.decode import Rules
    from lianju.writer import Continuation, Writer


def complete_command(
    couplets: Annotated[
        list[str] | None,
        Parameter(
            name="COUPLET|FILE",
            help="The first couplet of a poem, in quotes, or a file of couplets, one a line or as "
            "the homework's test file; one or several.",
        ),
    ] = None,
    /,
    *,
    many: ManyFlags | None = None,
    n: Annotated[
        int,
        Parameter(
            name=["-n", "--candidates"],
            help="Completions a couplet; the one with the highest rating comes first.",
        ),
    ] = 1,
    rules: VerseFlags | None = None,
    particles: Annotated[int | None, PARTICLES] = None,
    taste: Annotated[float | None, TASTE] = None,
    decoding: DecodeFlags | None = None,
    seed: Annotated[int, Parameter(help="The same seed gives the same poems.")] = 0,
    writer: ModelFlags | None = None,
    shots: Annotated[int, SHOTS] = 0,
    lang: Annotated[Language, Parameter(help="The language of the answer.")] = "en",
    as_json: Annotated[bool, Parameter(name="--json", help="One JSON object a line.")] = False,
) -> None:
    """Write the rest of a poem, given its first couplet.

    Example: lianju complete "空山新雨後，天氣晚來秋。" -n 4 --temperature 0.8
    """
    overrides = decode_overrides(
        decoding, candidates=n, seed=seed, particles=particles, taste=taste
    )
    settings = load_settings("default", overrides)
    if many:
        _refuse_beside_files(couplets, shots)
        complete_rows(many, verse_settings(rules, lang), settings.decode, writer or ModelFlags())
        return
    if not couplets:
        raise UserError(
            "COUPLET is missing: give one in quotes, a file of couplets, or --input and --output"
        )
    couplets = [text_with_notes(interpret_couplet(couplet), lang) for couplet in _given(couplets)]
    verse = verse_settings(rules, lang)
    writer = writer or ModelFlags()
    folder = adapter_folder(writer)
    if shots and folder:
        raise UserError("--shots are for the untouched base model: add --base")
    # Contradictions are found before the model is loaded.
    kept = rules_for_couplets(couplets, verse, lang)
    reporter = TerminalReporter()
    loaded = _opened(folder, writer, shots, seed, reporter)
    asked = {**verse.model_dump(), **settings.decode.model_dump(exclude={"candidates"})}
    known_lines(reporter)  # which takes some seconds where it was not yet built
    every = []
    with reporter.task("Completing", len(couplets)) as task:
        for poems in loaded.write_many(couplets, n, in_order=True, **asked):
            every.append(poems)
            task.advance()
    for poems, keeping in zip(every, kept, strict=True):
        _print(poems, keeping, lang, as_json)


def _refuse_beside_files(couplets: list[str] | None, shots: int) -> None:
    if couplets:
        raise UserError("couplets of your own and --input exclude each other: leave out one")
    if shots:
        raise UserError("--shots are for couplets of your own: leave them out with --input")


def _opened(
    folder: Path | None, flags: ModelFlags, shots: int, seed: int, reporter: TerminalReporter
) -> "Writer":
    """The model that writes, shown so many poems before each couplet."""
    from lianju.loading import load_model
    from lianju.writer import Writer

    model, style = load_model(folder, flags.model, reporter, exact=flags.exact)
    return Writer(shown(model, style, shots, seed, reporter), style)


def _given(words: Sequence[str]) -> list[str]:
    """The couplets in what was given: couplets, and files of them."""
    files = [(text, named_file(text, "the couplet")) for text in words]
    return [
        couplet for text, file in files for couplet in (read_couplets(file) if file else [text])
    ]


def _print(
    poems: "list[Continuation]", rules: "Rules | None", lang: Language, as_json: bool
) -> None:
    """The completions of a couplet."""
    for number, poem in enumerate(poems, 1):
        if as_json:
            out.print(json.dumps(poem.as_row(), ensure_ascii=False), markup=False)
        else:
            heading = f"{number}/{len(poems)} " if len(poems) > 1 else ""
            _show(poem, rules, lang, heading)


def _show(poem: "Continuation", rules: "Rules | None", lang: Language, heading: str) -> None:
    """The poem with its form, its tones and rhymes, where its lines are copied from, and what to
    remark on.
    """
    verdict = poem.verdict
    likelihood = f"{poem.logprob_per_character:.2f}"
    likelihood = f"{likelihood} nats a character" if lang == "en" else f"每字 {likelihood} 奈特"
    if heading and verdict.form:
        likelihood += f" · {'rated' if lang == 'en' else '評分'} {poem.rating:.1f}"
    if not verdict.form or poem.finish != "stop":
        said = f"✗ {in_language(poem.fault, lang)}"
        if rules:
            said = f"{'in ' if lang == 'en' else '守'}{in_language(rules.kept, lang)}"
        out.print(f"{heading}{said} · {likelihood}", style="dim", markup=False)
        out.print(poem.couplet, markup=False, style="bold")
        for line in poem.text.replace("。", "。\n").splitlines():
            out.print(line, markup=False)
    else:
        parts = [words.form_words(verdict, lang), words.style_words(verdict, lang), likelihood]
        out.print(f"{heading}{' · '.join(parts)}", style="dim", markup=False)
        sources = {number: f"= {_named(poems)}" for number, poems in poem.copied.items()}
        draw(verdict, sources, given=len(lines_of(poem.couplet)))
        for remark in () if verdict.why else verdict.remarks:
            out.print(f"· {words.fault_words(verdict, remark, lang)}", style="dim", markup=False)
    out.print()


def _named(poems: Sequence[Poem]) -> str:
    """Author and title of the poems that have a line; no more than two."""
    named = "、".join(f"{poem.author}〈{poem.title}〉" for poem in poems[:2])
    return named + ("…" if len(poems) > 2 else "")
