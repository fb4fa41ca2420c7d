"""A verdict in words, English and Chinese, for learners; and as one JSON object.

The sentences stand in data/words.toml.

>>> from lianju.verse import check
>>> verdict = check("白日依山盡，黃河入海流。欲窮千里目，更上一層峰。")
>>> form_words(verdict, "en"), style_words(verdict, "en")
('五絕 wujue', 'regulated verse 近體詩 with 1 fault')
>>> fault_words(verdict, verdict.faults[0], "en")
'落韻 off the rhyme, line 4, character 5 峰: in 上平聲二冬, not 下平聲十一尤'
>>> fault_words(verdict, verdict.faults[0], "zh")
'落韻：第4句第5字「峰」屬上平聲二冬，本詩押下平聲十一尤'
"""

from dataclasses import asdict
from typing import Any, Literal

from lianju.verse.bilingual import Language, Sentences
from lianju.verse.glyph import standard
from lianju.verse.poem import FORMS
from lianju.verse.reading import readings
from lianju.verse.rhyme_groups import GROUPS
from lianju.verse.verdict import PARALLEL, RARE, Fault, Mark, Verdict

_WORDS = Sentences("lianju.verse", "data/words.toml")

_FORMS = {form.name: form.chinese for form in FORMS} | {
    "wupai": "五排",
    "qipai": "七排",
    "wugu": "五古",
    "qigu": "七古",
    "liuyan": "六言",
}
# A quatrain's name where it is old-style verse, or has lines of six.
_QUATRAINS = {"wujue": "五言古絕", "qijue": "七言古絕", "liuyan": "六言絕句"}
_GROUPS = {group.name: group for group in GROUPS}
# The couplets of eight lines that are parallel by custom, by their first line.
_EIGHT, _COUPLETS = 8, {3: "頷聯", 5: "頸聯"}
# A rhyme that could be in more groups than this was read off unknown characters.
_MOST_GROUPS = 4
# What a line of each type goes like, 中 being either tone; lines of seven have two more before.
_GOES = {
    "A": ("中平", "中仄中平仄"),
    "B": ("中仄", "平平中仄平"),
    "C": ("中仄", "中平平仄仄"),
    "D": ("中平", "中仄仄平平"),
}


def form_words(verdict: Verdict, lang: Language) -> str:
    """The form, such as 五絕 wujue; empty for a shape that has no name among them."""
    if verdict.form and len(verdict.marks) == 4 and verdict.style in ("old-style", "six"):
        name = _QUATRAINS[verdict.form]
        return f"{name} {verdict.form}" if lang == "en" else name
    return form_name(verdict.form, lang)


def form_name(form: str | None, lang: Language) -> str:
    """A form by its name, such as 五絕 wujue for wujue; empty for None."""
    if form is None:
        return ""
    return f"{_FORMS[form]} {form}" if lang == "en" else _FORMS[form]


def style_words(verdict: Verdict, lang: Language) -> str:
    """Regulated or another kind of verse, and how many faults."""
    number = len(verdict.faults)
    counted = "1 fault" if number == 1 else f"{number} faults" if number else "no fault"
    if verdict.style == "faulty" and verdict.why:
        return "a line of another length" if lang == "en" else "字數不合"
    if verdict.style in ("regulated", "faulty"):
        if lang == "zh":
            return f"近體詩，{number} 處不合律" if number else "近體詩，合律"
        return f"regulated verse 近體詩 with {counted}"
    said = _word("styles", verdict.style, lang)
    if verdict.style == "couplet" and verdict.types and not verdict.why:
        if lang == "zh":
            return said + (f"，{number} 處不合律" if number else "，合律")
        return f"{said} with {counted}"
    return said


def why_words(verdict: Verdict, lang: Language) -> str:
    """Why this is not judged as regulated verse, in a sentence or two; empty where it is."""
    if verdict.style == "six":
        return _word("why", "six", lang)
    if verdict.why == "shape":
        found = _shape_words(verdict, lang)
        stop = ". " if lang == "en" else "。"
        return f"{found[0].upper()}{found[1:]}{stop}{_word('why', 'shape', lang)}"
    return _word("why", verdict.why, lang) if verdict.why else ""


def opening_words(verdict: Verdict, lang: Language) -> str:
    """平起 or 仄起, and whether the first line rhymes; empty where tones were not judged."""
    if verdict.why or not verdict.types:
        return ""
    level = _goes(verdict, 1)[1] == "平"
    rhymes = verdict.types[0] in "BD"
    if lang == "zh":
        return f"{'平' if level else '仄'}起，首句{'' if rhymes else '不'}入韻"
    return (
        f"{'level opening 平起' if level else 'oblique opening 仄起'}, first line "
        f"{'rhymes 首句入韻' if rhymes else 'does not rhyme 首句不入韻'}"
    )


def titles(groups: str) -> tuple[str, ...]:
    """The titles of rhyme groups that are given by their names: 上平聲一東 for 東."""
    return tuple(_GROUPS[name].title for name in groups)


def rhyme_words(verdict: Verdict, lang: Language) -> str:
    """The rhyme group by its title; empty when no two lines of other verse share one."""
    if len(verdict.rhyme) > _MOST_GROUPS:
        return ""
    ends = [row[-1].reading[1:] for row in verdict.marks[1::2]]
    if (verdict.why or not verdict.types) and sum(end in tuple(verdict.rhyme) for end in ends) < 2:
        return ""
    return _named(verdict.rhyme, lang)


def line_rhymes(verdict: Verdict) -> tuple[str, ...]:
    """For each line the title of the rhyme group that it ends in, or nothing if it need not rhyme.

    >>> from lianju.verse import check
    >>> line_rhymes(check("白日依山盡，黃河入海流。欲窮千里目，更上一層樓。"))
    ('', '下平聲十一尤', '', '下平聲十一尤')
    """
    return tuple(
        "".join(titles(row[-1].reading[1:])) if verdict.types and _rhymes(verdict, number) else ""
        for number, row in enumerate(verdict.marks, 1)
    )


def fault_words(verdict: Verdict, fault: Fault, lang: Language) -> str:
    """One fault, remark or rest of the verdict: the rule, where, what was found, what expected."""
    if fault.rule == PARALLEL:
        return _couplet_words(verdict, fault, lang)
    mark = verdict.marks[fault.line - 1][fault.position - 1]
    character = mark.character
    rule = _rule(fault)
    detail = rule[lang].format(
        found=_reading(fault.found) if fault.rule == RARE else _named(fault.found, lang),
        usual=_reading(_usual(mark)) if mark.readings else "",
        expected=_named(fault.expected, lang),
        above=_same_rhyme(verdict, fault) if fault.rule == "重韻" else fault.line - 1,
        goes=_goes(verdict, fault.line),
    )
    if lang == "zh":
        return f"{fault.rule}：第{fault.line}句第{fault.position}字「{character}」{detail}"
    place = f"line {fault.line}, character {fault.position} {character}"
    return f"{fault.rule} {rule['name']}, {place}: {detail}"


def rule_words(fault: Fault, lang: Language) -> str:
    """The rule that a fault breaks, or what to think of a remark, explained to a learner."""
    return _rule(fault)[f"rule_{lang}"]


def brief_words(verdict: Verdict, lang: Language) -> str:
    """For a table: the first fault and how many more, or why it is old-style verse.

    >>> from lianju.verse import check
    >>> brief_words(check("白日依山盡，黃河入海流。欲窮千里目，更上一層峰。"), "en")
    '落韻 line 4: 冬, not 尤'
    """
    if verdict.why == "shape":
        return _shape_words(verdict, lang)
    if verdict.why:
        return verdict.why if lang == "en" else _word("why", verdict.why, "brief")
    if not verdict.faults:
        return _rest_brief(verdict, lang)
    fault = verdict.faults[0]
    more = f" +{len(verdict.faults) - 1}" if len(verdict.faults) > 1 else ""
    again, but = (" again", ", not ") if lang == "en" else ("重用", "，應")
    where = f"line {fault.line}:" if lang == "en" else f"第{fault.line}句"
    what = again if fault.rule == "重韻" else but + fault.expected
    return f"{fault.rule} {where} {fault.found}{what}{more}"


def rest_words(verdict: Verdict, lang: Language) -> list[str]:
    """What the verdict rests on: rare readings, and characters of which nothing is known."""
    return [fault_words(verdict, rest, lang) for rest in verdict.rests]


def reading_words(verdict: Verdict, lang: Language) -> list[str]:
    """The characters that were not read in the commonest way, as another suits the place."""
    words = "line {}, {} is {}, commonly {}" if lang == "en" else "第{}句「{}」讀{}，常讀{}"
    told = {(rest.line, rest.position) for rest in verdict.rests}
    return [
        words.format(number, mark.character, _reading(mark.reading), _reading(usual))
        for number, row in enumerate(verdict.marks, 1)
        for position, mark in enumerate(row, 1)
        if (usual := _usual(mark)) != mark.reading and (number, position) not in told
    ]


def unknown_words(verdict: Verdict, lang: Language) -> str:
    """The characters that neither rhyme book has; empty if there are none."""
    unknown = "".join(dict.fromkeys(verdict.unknown))
    if not unknown:
        return ""
    return f"韻書未收：{unknown}" if lang == "zh" else f"in neither rhyme book: {unknown}"


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """Everything in a verdict, with its faults in both languages, for JSON."""
    rhymes = line_rhymes(verdict)
    return {
        "form": verdict.form,
        "style": verdict.style,
        "why": verdict.why,
        "regular": verdict.regular,
        "rhymes": verdict.rhymes,
        "scans": verdict.scans,
        "rhyme": verdict.rhyme,
        "rhyme_titles": list(titles(verdict.rhyme)),
        "types": verdict.types,
        "unknown": verdict.unknown,
        "lines": [
            {
                "text": "".join(mark.character for mark in row),
                "marks": "".join(mark.sign for mark in row),
                "readings": [list(mark.readings) for mark in row],
                "rhyme_title": rhyme,
            }
            for row, rhyme in zip(verdict.marks, rhymes, strict=True)
        ],
        "faults": [_fault_row(verdict, fault) for fault in verdict.faults],
        "remarks": [_fault_row(verdict, remark) for remark in verdict.remarks],
        "rests": [_fault_row(verdict, rest) for rest in verdict.rests],
    }


def _fault_row(verdict: Verdict, fault: Fault) -> dict[str, Any]:
    languages: tuple[Language, ...] = ("en", "zh")
    words = {f"words_{lang}": fault_words(verdict, fault, lang) for lang in languages}
    rules = {f"rule_{lang}": rule_words(fault, lang) for lang in languages}
    return asdict(fault) | words | rules


def _couplet_words(verdict: Verdict, fault: Fault, lang: Language) -> str:
    """A remark on two lines that may face each other."""
    name = _COUPLETS.get(fault.line, "") if len(verdict.marks) == _EIGHT else ""
    above, below = fault.line, fault.line + 1
    if lang == "zh":
        lines, comma = f"第{above}、{below}句", "："
        couplet = f"{name}（{lines}）" if name else lines
    else:
        couplet, comma = f"lines {above} and {below} {name}".rstrip(), f" {_rule(fault)['name']}: "
    found = _word("couplets", fault.found, lang)
    return fault.rule + comma + _rule(fault)[lang].format(couplet=couplet, found=found)


def _rule(fault: Fault) -> dict[str, str]:
    """The words for a fault; for a remark, which has nothing expected; or for what the verdict
    rests on.
    """
    table = _WORDS.table
    kinds = ("rests", "rules") if fault.expected else ("rests", "remarks", "rules")
    return next(table[kind][fault.rule] for kind in kinds if fault.rule in table[kind])


def _word(kind: str, name: str, lang: Language | Literal["brief"]) -> str:
    word: str = _WORDS.table[kind][name][lang]
    return word


def _named(found: str, lang: Language) -> str:
    """Rhyme groups by their titles; anything else as it is."""
    if not all(name in _GROUPS for name in found):
        return found
    return (" or " if lang == "en" else "或").join(titles(found))


def _goes(verdict: Verdict, line: int) -> str:
    """What a line of the type that this line was fitted to goes like, such as 中仄中平仄."""
    before, five = _GOES[verdict.types[line - 1]]
    return five if len(verdict.marks[0]) == 5 else before + five


def _rhymes(verdict: Verdict, line: int) -> bool:
    """Whether the line, from 1, is one that rhymes."""
    end = verdict.marks[line - 1][-1].reading
    return verdict.types[line - 1] in "BD" or (line == 1 and end[1:] in tuple(verdict.rhyme))


def _same_rhyme(verdict: Verdict, fault: Fault) -> int:
    """The first line that rhymes on the word that the fault finds repeated."""
    return next(
        number
        for number, row in enumerate(verdict.marks, 1)
        if _rhymes(verdict, number) and standard(row[-1].character) == standard(fault.found)
    )


def _rest_brief(verdict: Verdict, lang: Language) -> str:
    """For a table: the first thing that a verdict without a fault rests on."""
    if not verdict.rests:
        return ""
    rest = verdict.rests[0]
    character = verdict.marks[rest.line - 1][rest.position - 1].character
    if lang == "zh":
        return f"{rest.rule} 第{rest.line}句「{character}」"
    return f"{rest.rule} line {rest.line}: {character}"


def _shape_words(verdict: Verdict, lang: Language) -> str:
    """What keeps the shape from being one of regulated verse."""
    for line, row in enumerate(verdict.marks, 1):
        if any(mark.character.isascii() for mark in row):
            return f"line {line} has letters or digits" if lang == "en" else f"第{line}句有非漢字"
    lengths = [len(row) for row in verdict.marks]
    first = lengths[0]
    odd = next((line for line, length in enumerate(lengths, 1) if length != first), 0)
    if odd:
        found = lengths[odd - 1]
        if lang == "zh":
            return f"第{odd}句{found}字，非{first}字"
        return f"line {odd} has {found} characters, not {first}"
    if first not in (5, 7):
        return f"lines of {first} characters" if lang == "en" else f"每句{first}字"
    return f"{len(lengths)} lines" if lang == "en" else f"共{len(lengths)}句"


def _usual(mark: Mark) -> str:
    """The common reading of a character; empty for an unknown one."""
    return str(readings(mark.character)[0]) if mark.readings else ""


def _reading(reading: str) -> str:
    """A reading such as 平東, by the title of its group and its sign."""
    return f"{titles(reading[1:])[0]} {'○' if reading[0] == '平' else '●'}"
