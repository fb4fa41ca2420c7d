"""The poems in a value of JSON, in the shapes that people have them in.

Two fields, of which the second goes on from the first: the homework's input and output, what we
write ourselves, prompt and completion; one field with a whole poem, as chinese-poetry has it;
conversations of one question and one answer; lists and objects of such records, nested as
anthologies are. What is none of these is named with what is wanted.

>>> value = [{"author": "王之渙", "poems": [{"title": "登鸛雀樓", "paragraphs": ["白日依山盡，"]}]}]
>>> [record] = records_of(value)
>>> record.place, record.author, record.parts
('[0].poems[0]', '王之渙', (RecordPart(field='paragraphs', text='白日依山盡，'),))
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lianju.corpus.file_reading import Repeated, Unreadable, kind_of
from lianju.corpus.verse_text import even_lines, verse_only
from lianju.verse import Bilingual, is_han, lines_of, visible

# The longest Tang poem has 2,980 characters.
LONGEST = 4000
_WANTED = "wanted are input and output, or paragraphs with the whole poem"
_NO_COUPLET = "does not end in a couplet of two lines of five or of seven characters"
_DEEPEST = 8
_MISSING = object()

_PAIRS = (("input", "output"), ("couplet", "completion"), ("couplet", "text"))
# These stand for a record even where the second is missing.
_ALONE = (("input", "output"), ("couplet", "text"))
# In these the couplet may stand at the end of an instruction.
_ASKED = tuple(
    (asked, answer)
    for asked in ("prompt", "question", "query", "instruction")
    for answer in ("completion", "response", "answer", "output", "chosen")
)
_TURNS = {
    "messages": ("role", "content", "a list of messages"),
    "conversations": ("from", "value", "ShareGPT"),
}
_ROLES = {"human": "user", "gpt": "assistant", "model": "assistant", "bot": "assistant"}
# fmt: off
_WHOLE = (
    "paragraphs", "para", "content", "contents", "poem", "poetry", "verse", "verses", "lines",
    "text", "body", "正文", "內容", "内容", "原文", "全文", "詩文", "诗文", "詩句", "诗句",
    "詩", "诗",
)
_TITLES = (
    "title", "name", "chapter", "rhythmic", "題目", "题目", "標題", "标题", "詩名", "诗名", "詩題",
    "诗题", "篇名", "題", "题", "詞牌", "词牌",
)
_AUTHORS = ("author", "poet", "writer", "作者", "詩人", "诗人")
# fmt: on


@dataclass(frozen=True, slots=True)
class RecordPart:
    """A text of a record and the field it stands in."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file: the couplet and the rest of a poem, or one part with all of it.

    `place` is put behind the file's name to say where it stands. `faults` are fields, empty for
    the record as a whole, and what is wrong with them; their parts are lacking.
    """

    place: str
    parts: tuple[RecordPart, ...] = ()
    title: str = ""
    author: str = ""
    faults: tuple[tuple[str, str], ...] = ()


def records_of(value: Any) -> list[Record]:
    """The records in a value of JSON; none in an empty list or object."""
    if isinstance(value, list):
        # Each text of the outermost list is a poem; those of an inner one are lines of a poem.
        return [found for at, item in enumerate(value) for found in _walk(item, f"[{at}]", "", 1)]
    return list(_walk(value, "", "", 1)) if value else []


def record_of(fields: Mapping[str, Any], place: str, author: str = "") -> Record | None:
    """The record that an object, or a row of a table, is; None where no field holds a poem."""
    if isinstance(fields, Repeated):
        return Record(place, faults=((printable(fields.name), "stands twice in the record"),))
    names = {visible(name).strip().casefold(): name for name in fields}
    author = _label(fields, names, _AUTHORS) or author
    empty = Record(place, (), _label(fields, names, _TITLES), author)
    for key in _TURNS:
        if key in names and isinstance(turns := fields[names[key]], list):
            return _conversation(turns, key, empty)
    for pair in (*_PAIRS, *_ASKED):
        # `text` and `completion` both follow a couplet: the one that is there decides.
        if pair[0] in names and (pair[1] in names or pair in _ALONE):
            values = {
                printable(names.get(name, name)): _value(fields, names, name) for name in pair
            }
            return _two_parts(values, empty, asked=pair in _ASKED, written=pair[0] == "couplet")
    for name in _WHOLE:
        value = _value(fields, names, name)
        if isinstance(value, str) or (isinstance(value, list) and _are_texts(value)):
            return _whole(value, printable(names[name]), empty)
    return None


def text_fault(value: Any) -> str | None:
    """Why a value is no text that could be part of a poem, or None."""
    if value is _MISSING:
        return "missing"
    if not isinstance(value, str):
        return f"{kind_of(value)}, not text"
    if not value.strip():
        return "empty"
    if len(value) > LONGEST:
        return Bilingual(
            f"{len(value):,} characters: no Tang poem has more than {LONGEST:,}",
            f"{len(value):,} 字：唐詩沒有超過 {LONGEST:,} 字的",
        )
    if any("\ud800" <= character <= "\udfff" for character in value):
        return Bilingual("a broken character: half of a surrogate pair", "有殘缺的字元")
    if not any(character.isalnum() for character in value):
        return Bilingual("no word, only signs", "只有符號，沒有字")
    return None


def couplet_at_end(text: str) -> str | None:
    """The couplet that a text is or that an instruction ends with; None if that is not sure."""
    lines = text.strip().splitlines()
    spoken = max(text.rfind(sign) for sign in '：:「“"') + 1
    for part in (text, *("\n".join(lines[-count:]) for count in (1, 2)), text[spoken:]):
        verse = verse_only(part).strip()
        if even_lines(verse) and len(lines_of(verse)) == 2:
            return verse
    return None


def printable(text: str) -> str:
    """`text`, cut where it is long, as it can be shown on a line."""
    return "".join(sign if sign.isprintable() else " " for sign in visible(text[:40]))


def _walk(value: Any, place: str, author: str, depth: int) -> Iterator[Record]:
    if depth > _DEEPEST:
        yield Record(place, faults=(("", "nested too deeply to be a poem"),))
    elif isinstance(value, Unreadable):
        yield Record(place, faults=(("", value.reason),))
    elif isinstance(value, str):
        yield _whole(value, "", Record(place, author=author))
    elif isinstance(value, dict):
        found = record_of(value, place, author)
        yield from [found] if found else _inside(value, place, author, depth)
    elif isinstance(value, list) and value and _are_texts(value):
        yield from _texts(value, place, author)
    elif isinstance(value, list) and value:
        for at, item in enumerate(value):
            yield from _walk(item, f"{place}[{at}]", author, depth + 1)
    else:
        kind = "an empty list" if value == [] else kind_of(value)
        yield Record(place, faults=(("", f"{kind}, not an object"),))


def _inside(value: Mapping[str, Any], place: str, author: str, depth: int) -> list[Record]:
    """What an object without a poem of its own holds: poems by title, or lists and objects."""
    names = {name.strip().casefold(): name for name in value}
    author = _label(value, names, _AUTHORS) or author
    if value and all(isinstance(item, str) and _is_poem(item) for item in value.values()):
        return [
            Record(f"{place}.{printable(name)}", (RecordPart("", item),), printable(name), author)
            for name, item in value.items()
        ]
    groups = [
        list(_walk(item, f"{place}.{printable(name)}", author, depth + 1))
        for name, item in value.items()
        if item and isinstance(item, list | dict)
    ]
    # What stands beside the poems, such as a table of contents, is no fault.
    poems = [group for group in groups if any(map(_has_lines, group))]
    if poems or groups:
        return [record for group in poems or groups for record in group]
    has = "、".join(printable(name) for name in list(value)[:5]) or "none"
    return [Record(place, faults=(("", f"no field that holds a poem; {_WANTED}, not {has}"),))]


def _texts(value: Sequence[str], place: str, author: str) -> Iterator[Record]:
    """A list of texts: of poems, if each is a whole one; else the lines of a poem."""
    if all(map(_is_poem, value)):
        for at, text in enumerate(value):
            yield Record(f"{place}[{at}]", (RecordPart("", text),), author=author)
    else:
        yield _whole(value, "", Record(place, author=author))


def _has_lines(record: Record) -> bool:
    return any(len(lines_of(verse_only(part.text))) > 1 for part in record.parts)


def _is_poem(text: str) -> bool:
    lines = lines_of(verse_only(text[:LONGEST]))
    return len(lines) >= 4 and all(map(is_han, lines))


def _are_texts(value: Sequence[Any]) -> bool:
    return all(isinstance(item, str) for item in value)


def _whole(value: str | Sequence[str], name: str, record: Record) -> Record:
    text = value if isinstance(value, str) else "\n".join(value)
    if fault := text_fault(text):
        return replace(record, faults=((name, fault),))
    return replace(record, parts=(RecordPart(name, text),))


def _two_parts(values: Mapping[str, Any], record: Record, asked: bool, written: bool) -> Record:
    """The couplet and what follows. `asked`: the first is an instruction that may end in the
    couplet; `written`: the second, which a model wrote, may be empty.
    """
    parts, faults = [], []
    for at, (name, value) in enumerate(values.items()):
        fault = None if at and written and value == "" else text_fault(value)
        if not fault and asked and not at:
            value = couplet_at_end(value)
            fault = None if value else _NO_COUPLET
        if fault:
            faults.append((name, fault))
        else:
            parts.append(RecordPart(name, value))
    return replace(record, parts=tuple(parts), faults=tuple(faults))


def _conversation(turns: Sequence[Any], key: str, record: Record) -> Record:
    """A question that ends in a couplet and its answer; what else a system says is no poem."""
    by, holding, kind = _TURNS[key]
    said = {}
    for at, turn in enumerate(turns):
        role = turn.get(by, turn.get("role")) if isinstance(turn, dict) else None
        if role not in ("system", "developer"):
            value = turn.get(holding, turn.get("content")) if isinstance(turn, dict) else turn
            said[f"{key}[{at}]"] = (_ROLES.get(str(role), role), value)
    if [role for role, _ in said.values()] != ["user", "assistant"]:
        fault = (
            f"this looks like {kind}, of {len(said)} turns; wanted are one question that ends in a "
            "couplet and one answer with the rest of the poem"
        )
        return replace(record, faults=((key, fault),))
    values = {name: _spoken(value) for name, (_, value) in said.items()}
    return _two_parts(values, record, asked=True, written=False)


def _spoken(value: Any) -> Any:
    """The text of a turn, which may come in parts."""
    if isinstance(value, list) and all(isinstance(part, dict) for part in value):
        texts = [part.get("text") for part in value]
        return "\n".join(texts) if _are_texts(texts) else value
    return value


def _value(fields: Mapping[str, Any], names: Mapping[str, str], name: str) -> Any:
    """What stands in a field; in an empty input, the couplet at the end of an instruction."""
    value = fields[names[name]] if name in names else _MISSING
    asked = fields[names["instruction"]] if "instruction" in names else None
    if name == "input" and value in ("", None, _MISSING) and isinstance(asked, str):
        return couplet_at_end(asked[:LONGEST]) or value
    return value


def _label(fields: Mapping[str, Any], names: Mapping[str, str], wanted: Sequence[str]) -> str:
    for name in wanted:
        if isinstance(value := _value(fields, names, name), str):
            return printable(verse_only(value[:100])).strip()
    return ""
