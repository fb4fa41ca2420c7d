"""From what the model wrote, or a reader, to what the page shows: pure functions.

A line here is a line of the verdict: without punctuation, each character with its tone, its
readings and what is wrong with it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from lianju.corpus import Poem
from lianju.serve.native_answers import (
    BilingualLines,
    BilingualText,
    CharacterAnswer,
    CheckAnswer,
    FaultAnswer,
    Judged,
    LineAnswer,
    PoemAnswer,
    PoemSource,
)
from lianju.verse import Bilingual, Fault, Language, Verdict, in_language, lines_of, words
from lianju.writer import Continuation, Find, copied

_NO_CORPUS = Bilingual(
    "Copied lines are not marked, for the corpus of Tang poems is not on this machine.",
    "這部機器上沒有唐詩資料庫，因此不標示與前人相同的句子。",
)


def poem(
    index: int, written: Continuation, prefix: str = "", given: Iterable[int] = ()
) -> PoemAnswer:
    """What the model wrote, with all there is to say of it.

    `prefix`: what of its text the model did not write; `given`: the numbers of whole lines that
    it did not write either.
    """
    verdict, row = written.verdict, written.as_row()
    standing = {*given, *_standing(verdict, written.couplet + prefix)}
    fields = {name: row[name] for name in row.keys() & PoemAnswer.model_fields.keys()}
    fields["verdict"] = {**row["verdict"], "said": said(verdict)}
    lines = list(_lines(verdict, written.copied, standing))
    return PoemAnswer(index=index, lines=lines, **fields)


def ranked(poems: Iterable[PoemAnswer]) -> list[PoemAnswer]:
    """The one with the highest rating first; ties go to the one that the model finds likelier."""
    return sorted(poems, key=lambda one: (-one.rating, -one.logprob_per_character, one.index))


def checked(verdict: Verdict, find: Find | None, notes: Iterable[str] = ()) -> CheckAnswer:
    """The answer on a poem that a reader gave."""
    row = words.verdict_row(verdict)
    return CheckAnswer(
        **{name: row[name] for name in row.keys() & Judged.model_fields.keys()},
        rests=[_fault(verdict, rest) for rest in verdict.rests],
        **noted([*notes, *no_corpus(find)]),
        lines=list(_lines(verdict, copied(verdict, find), set())),
        faults=[_fault(verdict, fault) for fault in verdict.faults],
        remarks=[_fault(verdict, remark) for remark in verdict.remarks],
        said=said(verdict),
    )


def no_corpus(find: Find | None) -> list[str]:
    """What to tell a reader who sees no line marked as copied."""
    return [] if find else [_NO_CORPUS]


def noted(notes: Iterable[str]) -> dict[str, Any]:
    """The fields of an answer that hold its notes."""
    english = list(notes)
    return {
        "notes": list(map(str, english)),
        "notes_zh": [in_language(note, "zh") for note in english],
    }


def both(told: Callable[..., str], *given: Any) -> BilingualText:
    """What one of the functions in `verse.words` says, in either language."""
    return BilingualText(en=told(*given, "en"), zh=told(*given, "zh"))


def said(verdict: Verdict) -> BilingualLines:
    """The verdict without its faults, in a few lines of either language."""
    return BilingualLines(en=list(_headings(verdict, "en")), zh=list(_headings(verdict, "zh")))


def _headings(verdict: Verdict, lang: Language) -> Iterator[str]:
    """Form and style; opening and rhyme; why it is not judged; what the verdict rests on; less
    common readings; unknown characters.
    """
    rhyme = words.rhyme_words(verdict, lang)
    if rhyme:
        rhyme = f"{'rhyme ' if lang == 'en' else '押'}{rhyme}"
    lines = (
        (words.form_words(verdict, lang), words.style_words(verdict, lang)),
        (words.opening_words(verdict, lang), rhyme),
        (words.why_words(verdict, lang),),
    )
    yield from (joined for parts in lines if (joined := " · ".join(filter(None, parts))))
    yield from words.rest_words(verdict, lang) if not verdict.why else ()
    for line in words.reading_words(verdict, lang) if verdict.types else []:
        yield f"Reading: {line}" if lang == "en" else f"讀音：{line}"
    if unknown := words.unknown_words(verdict, lang):
        yield f"Unknown: {unknown}" if lang == "en" else f"不明：{unknown}"


def _standing(verdict: Verdict, text: str) -> range:
    """The numbers of the lines that lie wholly within `text`, with which the poem begins."""
    left, whole = len("".join(lines_of(text))), 0
    for row in verdict.marks:
        left -= len(row)
        if left < 0:
            break
        whole += 1
    return range(1, whole + 1)


def _lines(
    verdict: Verdict, copied: Mapping[int, Sequence[Poem]], given: set[int]
) -> Iterator[LineAnswer]:
    rhymes = words.line_rhymes(verdict)
    for number, (row, rhyme) in enumerate(zip(verdict.marks, rhymes, strict=True), 1):
        text = "".join(mark.character for mark in row)
        yield LineAnswer(
            number=number,
            text=text,
            given=number in given,
            rhyme=rhyme,
            copied=[
                PoemSource(author=one.author, title=one.title) for one in copied.get(number, ())
            ],
            characters=[
                CharacterAnswer(
                    character=mark.character,
                    sign=mark.sign,
                    readings=list(mark.readings),
                    rhymes=bool(rhyme) and position == len(row),
                    faults=_rules_broken(verdict, number, position),
                )
                for position, mark in enumerate(row, 1)
            ],
        )


def _rules_broken(verdict: Verdict, line: int, position: int) -> list[str]:
    """The rules that a character breaks; of old-style verse, which keeps others, none."""
    if verdict.why:
        return []
    at = [
        fault.rule for fault in verdict.faults if (fault.line, fault.position) == (line, position)
    ]
    return list(dict.fromkeys(at))


def _fault(verdict: Verdict, fault: Fault) -> FaultAnswer:
    return FaultAnswer(
        rule=fault.rule,
        line=fault.line,
        position=fault.position,
        expected=fault.expected,
        found=fault.found,
        said=both(words.fault_words, verdict, fault),
        rule_said=both(words.rule_words, fault),
    )
