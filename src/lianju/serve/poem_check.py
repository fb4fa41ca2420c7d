"""Poems that a reader gives, judged: one, or several in a table."""

from lianju.corpus import (
    Interpreted,
    VerseRecord,
    convert,
    has_verse,
    spoken_verse,
    to_traditional,
    verse_only,
)
from lianju.serve import annotate
from lianju.serve.api_errors import ApiError
from lianju.serve.native_answers import (
    BilingualText,
    CheckAnswer,
    PoemRow,
    PoemsCheckAnswer,
    TotalRow,
)
from lianju.serve.native_schema import CheckPoemsRequest, CheckRequest
from lianju.verse import (
    Bilingual,
    Verdict,
    check,
    in_language,
    old_style,
    opening_line,
    style_name,
    totals,
    words,
)
from lianju.writer import Find

_NO_VERSE = Bilingual("there is no Chinese character in the text", "文字裡沒有漢字")


def check_one(find: Find | None, body: CheckRequest) -> CheckAnswer:
    """The verdict on a text that is one poem. Raises `ApiError` where it has no verse."""
    if bool(body.text) == bool(body.poem):
        raise ApiError(400, "give one poem, as `text` or as `poem`", "text")
    text = verse_only(body.text or body.poem)
    if not has_verse(text):
        raise ApiError(400, _NO_VERSE, "text" if body.text else "poem")
    read = convert(text)
    notes = [_converted(read.simplified, read.chosen)] if read.simplified else []
    return annotate.checked(check(read.text, body.strict, body.borrow), find, notes)


def check_several(find: Find | None, body: CheckPoemsRequest) -> PoemsCheckAnswer:
    """The verdicts on the poems of a text, told apart as `lianju check` does."""
    if not has_verse(verse_only(body.text)):
        raise ApiError(400, _NO_VERSE, "text")
    file = spoken_verse(body.text)
    heard = [to_traditional(poem.text) for poem in file.poems]
    verdicts = [check(one.text, body.strict, body.borrow) for one in heard]
    found = "".join(dict.fromkeys("".join(one.simplified for one in heard)))
    odd = [Bilingual(line.strip(), in_language(line, "zh")) for line in file.bad]
    notes = [*odd, *([_converted(found)] if found else [])]
    only = None
    if len(verdicts) == 1:
        only = annotate.checked(verdicts[0], find)
    return PoemsCheckAnswer(
        **annotate.noted(notes),
        poems=[_row(*each) for each in zip(file.poems, heard, verdicts, strict=True)],
        totals=[
            TotalRow(
                form=_both(total.name),
                poems=total.poems,
                rhymes=total.rhymes,
                scans=total.scans,
                regular=total.regular,
            )
            for total in totals(verdicts)
        ],
        old_style=old_style(verdicts),
        only=only,
    )


def _row(poem: VerseRecord, heard: Interpreted, verdict: Verdict) -> PoemRow:
    return PoemRow(
        number=poem.number,
        title=poem.title,
        author=poem.author,
        text=heard.text,
        opening=opening_line(verdict),
        style=verdict.style,
        form_said=annotate.both(words.form_words, verdict),
        style_said=_both(style_name(verdict)),
        rhyme=verdict.rhyme if words.rhyme_words(verdict, "zh") else "",
        brief=annotate.both(words.brief_words, verdict),
    )


def _both(said: Bilingual) -> BilingualText:
    return BilingualText(en=str(said), zh=said.zh)


def _converted(found: str, chosen: Bilingual | None = None) -> Bilingual:
    return Bilingual(
        f"Simplified {found} are read as traditional characters{f': {chosen}' if chosen else ''}.",
        f"簡體字「{found}」已讀作正體{f'，其中{chosen.zh}' if chosen else ''}。",
    )
