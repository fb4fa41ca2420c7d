"""`lianju check`."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from lianju.cli.inputs import named_file
from lianju.cli.poem import draw
from lianju.console import TerminalReporter, err, out, print_notes, print_table
from lianju.corpus import (
    VerseFile,
    VerseRecord,
    has_verse,
    read_verse,
    shown,
    spoken_verse,
    to_traditional,
    verse_only,
)
from lianju.errors import UserError
from lianju.progress import SILENT, Reporter
from lianju.verse import (
    Bilingual,
    Language,
    Total,
    Verdict,
    check,
    in_language,
    old_style,
    opening_line,
    style_name,
    totals,
    words,
)

# More than this takes over two seconds; the bar moves once a batch.
_MANY = 4000
_BATCH = 100
_ROWS = 50
_NAMED = 20
_QUOTED = 100
_LEGEND = {"en": "○ level 平  ● oblique 仄  ◌ unknown", "zh": "○ 平  ● 仄  ◌ 不明"}
_HEADS: dict[Language, tuple[str, ...]] = {
    "en": ("no.", "poem", "form", "verse", "rhyme", "first fault"),
    "zh": ("序號", "詩", "體裁", "格律", "韻部", "第一處問題"),
}
_TOTALS: dict[Language, tuple[str, ...]] = {
    "en": ("form", "poems", "rhyme", "tone", "full"),
    "zh": ("體裁", "首數", "押韻", "平仄", "全合"),
}
_HELP = """A poem in quotes, or a file of poems. One poem is shown line by line with its tones, \
its rhymes and what is wrong. \
Example: lianju check "移舟泊煙渚，日暮客愁新。野曠天低樹，江清月近人。"

A file is JSON or JSONL with input and output, as the homework has them, with paragraphs, as \
chinese-poetry has them, or a run's results.jsonl; a CSV or TSV that names its columns; or text \
with one poem a line or blank lines between poems. Titles, authors and page numbers are told from \
verse, and a line that looks like no verse is named.

Several poems give a table and totals: rhyme, every rhyme is right; tone, every other tone is; \
full, both, by readings that poets used. A terminal shows the first 50 rows; a file or a pipe \
gets all. Faults are an answer, not an error: the exit status is 0."""


def check_command(
    poem: Annotated[str, Parameter(name="POEM|FILE", help=_HELP)],
    /,
    *,
    strict: Annotated[
        bool,
        Parameter(
            help="The strict school: three oblique tones at the end of a line 三仄尾 are a fault, "
            "and a rare reading excuses nothing.",
        ),
    ] = False,
    borrow: Annotated[
        bool,
        Parameter(
            help="Whether the first line may rhyme in a neighbouring group 借鄰韻.",
            negative="--no-borrow",
        ),
    ] = True,
    lang: Annotated[Language, Parameter(help="The language of the answer.")] = "en",
    as_json: Annotated[
        bool, Parameter(name="--json", help="One JSON object a poem, with all that is known of it.")
    ] = False,
) -> None:
    """Judge the tones and rhymes of a poem, or of a file of poems."""
    file, path = _read(poem)
    poems = _as_traditional(file.poems, lang)
    verdicts = _judged(poems, strict, borrow)
    if as_json:
        for item, verdict in zip(poems, verdicts, strict=True):
            print(json.dumps(_row(item, verdict), ensure_ascii=False))
    elif len(poems) == 1 and not file.bad:
        _show(poems[0], verdicts[0], lang)
    else:
        _table(poems, verdicts, lang)
        out.print()
        _totals(verdicts, lang)
    if file.bad:
        _name_bad(file, path, lang)


def _read(poem: str) -> tuple[VerseFile, str]:
    """What there is to judge, and the file's name if it is one."""
    if path := named_file(poem, "the poem"):
        return read_verse(path), poem
    if not has_verse(verse_only(poem)):
        raise UserError(
            Bilingual(
                f"{poem[:_QUOTED]!r} is neither a file that exists nor a poem in Chinese "
                "characters",
                f"「{poem[:_QUOTED]}」不是漢字寫的詩，也沒有這個檔案",
            )
        )
    return spoken_verse(poem), ""


def _as_traditional(poems: list[VerseRecord], lang: Language) -> list[VerseRecord]:
    """The poems in traditional characters, with a note on those that were not."""
    every = [to_traditional(item.text) for item in poems]
    changed = [pair for pair in zip(poems, every, strict=True) if pair[1].notes]
    if len(poems) == 1:
        print_notes(in_language(note, lang) for note in every[0].notes)
    elif changed:
        first, some = changed[0][0], changed[0][1].simplified[:_NAMED]
        print_notes(
            [
                f"Note: {len(changed):,} of {len(poems):,} poems have simplified characters, such "
                f"as {some} in no. {first.number}; these were read as traditional"
                if lang == "en"
                else f"{len(poems):,} 首中有 {len(changed):,} 首含簡體字，如第 {first.number} 首的"
                f"「{some}」，已讀作正體"
            ]
        )
    return [replace(item, text=heard.text) for item, heard in zip(poems, every, strict=True)]


def _judged(poems: Sequence[VerseRecord], strict: bool, borrow: bool) -> list[Verdict]:
    reporter: Reporter = TerminalReporter() if len(poems) > _MANY else SILENT
    verdicts = []
    with reporter.task("Checking", len(poems)) as task:
        for start in range(0, len(poems), _BATCH):
            batch = poems[start : start + _BATCH]
            verdicts += [check(item.text, strict, borrow) for item in batch]
            task.advance(len(batch))
    return verdicts


def _row(item: VerseRecord, verdict: Verdict) -> dict[str, object]:
    about = {"number": item.number, "title": item.title, "author": item.author}
    return about | {"poem": item.text} | words.verdict_row(verdict)


def _name_bad(file: VerseFile, path: str, lang: Language) -> None:
    for line in file.bad[:_NAMED]:
        err.print(f"{shown(path)}{in_language(line, lang)}", markup=False)
    if (more := len(file.bad) - _NAMED) > 0:
        err.print(f"… and {more:,} more" if lang == "en" else f"……另有 {more:,} 筆")
    total = len(file.poems) + len(file.bad)
    raise UserError(
        Bilingual(
            f"{len(file.bad):,} of {total:,} records in {shown(path) or 'the text'} are not whole "
            "poems, as listed above; the others were checked",
            f"{shown(path)} 的 {total:,} 筆中有 {len(file.bad):,} 筆不是完整的詩，已列在上面；"
            "其餘都檢查過了",
        )
    )


def _show(item: VerseRecord, verdict: Verdict, lang: Language) -> None:
    """One poem: the verdict, the lines with their marks, and everything to say of them."""
    style = "green" if verdict.regular else "red" if verdict.style == "faulty" else "yellow"
    if about := " ".join(part for part in (item.author, item.title) if part):
        out.print(about, markup=False, style="dim")
    heading = " · ".join(
        part for part in (words.form_words(verdict, lang), words.style_words(verdict, lang)) if part
    )
    out.print(heading, style=f"bold {style}")
    opening, rhyme = words.opening_words(verdict, lang), words.rhyme_words(verdict, lang)
    if rhyme:
        rhyme = f"{'rhyme ' if lang == 'en' else '押'}{rhyme}"
    if opening or rhyme:
        out.print(" · ".join(part for part in (opening, rhyme) if part))
    if verdict.why:
        _paragraph(words.why_words(verdict, lang))
    out.print()
    draw(verdict)
    out.print()
    out.print(_LEGEND[lang], style="dim")
    _notes(verdict, lang)
    _faults(verdict, lang)


def _notes(verdict: Verdict, lang: Language) -> None:
    """The less common readings, and the characters without any."""
    for line in words.reading_words(verdict, lang) if verdict.types else []:
        out.print(f"Reading: {line}" if lang == "en" else f"讀音：{line}", markup=False)
    if unknown := words.unknown_words(verdict, lang):
        out.print(f"Unknown: {unknown}" if lang == "en" else f"不明：{unknown}", markup=False)


def _faults(verdict: Verdict, lang: Language) -> None:
    """Faults, what the verdict rests on, then remarks, the first of each rule with the rule."""
    shown = verdict.faults
    if verdict.why:
        # Old-style verse is not held to these rules; a few show what made it so.
        shown = verdict.faults[:3] if verdict.why == "metre" else ()
    explained = set()
    remarks = () if verdict.why else verdict.remarks
    signs = {"✗": shown, "?": () if verdict.why else verdict.rests, "·": remarks}
    for sign, fault in ((sign, fault) for sign, every in signs.items() for fault in every):
        out.print()
        out.print(f"{sign} {words.fault_words(verdict, fault, lang)}", markup=False)
        if (rule := words.rule_words(fault, lang)) not in explained:
            explained.add(rule)
            _paragraph(rule, 2)
    if len(shown) < len(verdict.faults) and verdict.why == "metre":
        more = len(verdict.faults) - len(shown)
        out.print()
        out.print(f"… {more} more" if lang == "en" else f"……另有 {more} 處")


def _paragraph(text: str, indent: int = 0) -> None:
    for line in Text(text).wrap(out, out.width - indent):
        out.print(" " * indent + line.plain.rstrip(), markup=False, style="dim")


def _table(poems: Sequence[VerseRecord], verdicts: Sequence[Verdict], lang: Language) -> None:
    shown = _ROWS if out.is_terminal else len(poems)
    rows = [
        (
            str(item.number),
            opening_line(verdict),
            words.form_words(verdict, "zh"),
            in_language(style_name(verdict), lang),
            verdict.rhyme if words.rhyme_words(verdict, lang) else "",
            words.brief_words(verdict, lang),
        )
        for item, verdict in zip(poems[:shown], verdicts[:shown], strict=True)
    ]
    print_table(rows, "><<<<<", _HEADS[lang])
    if more := len(poems) - len(rows):
        out.print(
            f"… {more:,} more (a file or a pipe gets all)"
            if lang == "en"
            else f"……另有 {more:,} 首（輸出到檔案或管道則全部列出）",
            style="dim",
        )


def _totals(verdicts: Sequence[Verdict], lang: Language) -> None:
    """Per form, how many poems keep the rules, and what share of them."""
    print_table((_count(total, lang) for total in totals(verdicts)), "<>>>>", _TOTALS[lang])
    if old := old_style(verdicts):
        out.print(
            f"{old:,} of {len(verdicts):,} are old-style verse 古體詩, judged by the same rules"
            if lang == "en"
            else f"{len(verdicts):,} 首中有 {old:,} 首為古體詩，同以近體詩律判定",
            style="dim",
        )


def _count(total: Total, lang: Language) -> tuple[str, ...]:
    kept = (total.rhymes, total.scans, total.regular)
    shares = (f"{number:,} {number / total.poems:6.1%}" for number in kept)
    return (in_language(total.name, lang), f"{total.poems:,}", *shares)
