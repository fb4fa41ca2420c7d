"""A verdict in words, English and Chinese, for learners; and as one JSON object.

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
from typing import Any, Literal, NamedTuple

from lianju.verse.poem import FORMS
from lianju.verse.reading import readings, standard
from lianju.verse.rhyme_groups import GROUPS
from lianju.verse.verdict import Fault, Mark, Verdict

Language = Literal["en", "zh"]
_Words = dict[str, dict[Language, str]]

_FORMS = {form.name: form.chinese for form in FORMS} | {"wupai": "五排", "qipai": "七排"}
_GROUPS = {group.name: group for group in GROUPS}
# A rhyme that could be in more groups than this was read off unknown characters.
_MOST_GROUPS = 4
# What a line of each type goes like, 中 being either tone; lines of seven have two more before.
_GOES = {
    "A": ("中平", "中仄中平仄"),
    "B": ("中仄", "平平中仄平"),
    "C": ("中仄", "中平平仄仄"),
    "D": ("中平", "中仄仄平平"),
}


class _Rule(NamedTuple):
    """A rule's English name, what a fault says of a character, and the rule for learners."""

    name: str
    detail: dict[Language, str]
    rule: dict[Language, str]


_TONE: dict[Language, str] = {
    "en": "{found}, must be {expected}",
    "zh": "為{found}，應為{expected}",
}
_OPENS: dict[Language, str] = {
    "en": "opens {found}; after line {above} must open {expected}",
    "zh": "{found}起，承第{above}句應{expected}起",
}
_RULES = {
    "落韻": _Rule(
        "off the rhyme",
        {"en": "in {found}, not {expected}", "zh": "屬{found}，本詩押{expected}"},
        {
            "en": "All rhymes of a poem are level and of one rhyme group.",
            "zh": "一首詩的韻腳須為平聲，且同屬一個韻部。",
        },
    ),
    "重韻": _Rule(
        "rhyme repeated",
        {"en": "line {above} rhymes on it already", "zh": "與第{above}句韻腳重複"},
        {
            "en": "A word may rhyme only once in a poem.",
            "zh": "同一個字在一首詩裏只可作一次韻腳。",
        },
    ),
    "失對": _Rule(
        "not opposed",
        _OPENS,
        {
            "en": "Within a couplet the second characters have opposite tones 對.",
            "zh": "一聯之內，上下句第二字平仄須相反，稱為「對」。",
        },
    ),
    "失粘": _Rule(
        "not linked",
        _OPENS,
        {
            "en": "A couplet takes up the tone of the second character of the line before it 粘.",
            "zh": "後聯上句與前聯下句的第二字平仄須相同，稱為「粘」。",
        },
    ),
    "孤平": _Rule(
        "lone level tone",
        _TONE,
        {
            "en": "In 平平仄仄平, the end of the line, the first 平 may go only if the third place "
            "is 平 instead: but for the rhyme, one level tone would be left alone.",
            "zh": "「平平仄仄平」（七言在句末）首字用仄，須第三字用平相救，"
            "否則除韻腳外只剩一個平聲。",
        },
    ),
    "三平尾": _Rule(
        "all-level end",
        _TONE,
        {"en": "A line may not end in three level tones.", "zh": "句末三字不可都用平聲。"},
    ),
    "撞韻": _Rule(
        "rhyme clash",
        {
            "en": "in {found} itself, must be {expected}",
            "zh": "屬本詩韻部{found}，應為{expected}",
        },
        {
            "en": "Only the even lines, and the first if it likes, rhyme; others end oblique 仄.",
            "zh": "只有偶數句與首句可以押韻，其餘各句須以仄聲收尾。",
        },
    ),
    "出律": _Rule(
        "off the metre",
        {
            "en": "{found}, must be {expected} in {goes}",
            "zh": "為{found}，應為{expected}：此句當作「{goes}」",
        },
        {
            "en": "中 may be either tone; the other places of a line are fixed.",
            "zh": "「中」處可平可仄，其餘位置平仄固定。",
        },
    ),
}
_REMARKS = {
    "三仄尾": _Rule(
        "all-oblique end",
        {"en": "this and the next two are 仄", "zh": "起三字皆仄"},
        {"en": "No fault, but poets mostly avoid it.", "zh": "不算犯律，但詩人多避之。"},
    ),
    "撞韻": _Rule(
        "rhyme echo",
        {
            "en": "in {found}, like the rhyme",
            "zh": "屬{found}，與本詩韻部只差聲調",
        },
        {
            "en": "No fault, but a line that does not rhyme had better not sound like the rhyme.",
            "zh": "不算犯律，但不押韻的句子，句末宜避與韻腳音近之字。",
        },
    ),
}
_SHAPE: dict[Language, str] = {
    "en": "Regulated verse has 4, 8, or an even number of 10 or more lines, all of five "
    "characters or all of seven.",
    "zh": "近體詩須為四句、八句，或十句以上的偶數句，每句同為五字或七字。",
}
_WHY: _Words = {
    "oblique rhyme": {
        "en": "The even lines end oblique 仄; the rhymes of regulated verse are level 平.",
        "zh": "偶數句以仄聲收尾；近體詩押平聲韻。",
    },
    "no rhyme": {
        "en": "Fewer than half of the even lines rhyme with each other.",
        "zh": "過半偶數句不相押韻。",
    },
    "metre": {
        "en": "More than half of the lines break the rules of regulated verse.",
        "zh": "過半詩句不合近體詩格律。",
    },
}
_BRIEF = {"oblique rhyme": "押仄韻", "no rhyme": "不同韻", "metre": "不合平仄"}


def form_words(verdict: Verdict, lang: Language) -> str:
    """The form, such as 五絕 wujue; empty for none of regulated verse's."""
    if verdict.form is None:
        return ""
    return f"{_FORMS[verdict.form]} {verdict.form}" if lang == "en" else _FORMS[verdict.form]


def style_words(verdict: Verdict, lang: Language) -> str:
    """Regulated or old-style verse, and how many faults."""
    if verdict.style == "old-style":
        return "old-style verse 古體詩" if lang == "en" else "古體詩"
    number = len(verdict.faults)
    if lang == "zh":
        return f"近體詩，{number} 處不合律" if number else "近體詩，合律"
    counted = "no fault" if not number else "1 fault" if number == 1 else f"{number} faults"
    return f"regulated verse 近體詩 with {counted}"


def why_words(verdict: Verdict, lang: Language) -> str:
    """Why this is old-style verse, in a sentence or two; empty for regulated verse."""
    if verdict.why == "shape":
        found = _shape_words(verdict, lang)
        stop = ". " if lang == "en" else "。"
        return f"{found[0].upper()}{found[1:]}{stop}{_SHAPE[lang]}"
    return _WHY[verdict.why][lang] if verdict.why else ""


def opening_words(verdict: Verdict, lang: Language) -> str:
    """平起 or 仄起, and whether the first line rhymes; empty for old-style verse."""
    if verdict.style == "old-style":
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
    """The rhyme group by its title; empty when no two lines of old-style verse share one."""
    if len(verdict.rhyme) > _MOST_GROUPS:
        return ""
    ends = [row[-1].reading[1:] for row in verdict.marks[1::2]]
    if verdict.style == "old-style" and sum(end in tuple(verdict.rhyme) for end in ends) < 2:
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
    """One fault or remark of the verdict: the rule, where, what was found and what expected."""
    character = verdict.marks[fault.line - 1][fault.position - 1].character
    rule = _rule(fault)
    detail = rule.detail[lang].format(
        found=_named(fault.found, lang),
        expected=_named(fault.expected, lang),
        above=_same_rhyme(verdict, fault) if fault.rule == "重韻" else fault.line - 1,
        goes=_goes(verdict, fault.line),
    )
    if lang == "zh":
        return f"{fault.rule}：第{fault.line}句第{fault.position}字「{character}」{detail}"
    place = f"line {fault.line}, character {fault.position} {character}"
    return f"{fault.rule} {rule.name}, {place}: {detail}"


def rule_words(fault: Fault, lang: Language) -> str:
    """The rule that a fault breaks, or what to think of a remark, explained to a learner."""
    return _rule(fault).rule[lang]


def brief_words(verdict: Verdict, lang: Language) -> str:
    """For a table: the first fault and how many more, or why it is old-style verse.

    >>> from lianju.verse import check
    >>> brief_words(check("白日依山盡，黃河入海流。欲窮千里目，更上一層峰。"), "en")
    '落韻 line 4: 冬, not 尤'
    """
    if verdict.why == "shape":
        return _shape_words(verdict, lang)
    if verdict.why:
        return verdict.why if lang == "en" else _BRIEF[verdict.why]
    if not verdict.faults:
        return ""
    fault = verdict.faults[0]
    more = f" +{len(verdict.faults) - 1}" if len(verdict.faults) > 1 else ""
    again, but = (" again", ", not ") if lang == "en" else ("重用", "，應")
    where = f"line {fault.line}:" if lang == "en" else f"第{fault.line}句"
    what = again if fault.rule == "重韻" else but + fault.expected
    return f"{fault.rule} {where} {fault.found}{what}{more}"


def reading_words(verdict: Verdict, lang: Language) -> list[str]:
    """The characters that were not read in the common way, because only another way fits."""
    words = "line {}, {} is {}, commonly {}" if lang == "en" else "第{}句「{}」讀{}，常讀{}"
    return [
        words.format(number, mark.character, _reading(mark.reading), _reading(usual))
        for number, row in enumerate(verdict.marks, 1)
        for mark in row
        if (usual := _usual(mark)) != mark.reading
    ]


def unknown_words(verdict: Verdict, lang: Language) -> str:
    """The characters that neither rhyme book has, and how they were judged; empty if none."""
    unknown = "".join(dict.fromkeys(verdict.unknown))
    if not unknown:
        return ""
    if lang == "zh":
        return f"韻書未收：{unknown}，視為合律"
    return f"in neither rhyme book, so taken as fitting: {unknown}"


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
    }


def _fault_row(verdict: Verdict, fault: Fault) -> dict[str, Any]:
    languages: tuple[Language, ...] = ("en", "zh")
    words = {f"words_{lang}": fault_words(verdict, fault, lang) for lang in languages}
    rules = {f"rule_{lang}": rule_words(fault, lang) for lang in languages}
    return asdict(fault) | words | rules


def _rule(fault: Fault) -> _Rule:
    """Of a fault; of a remark, which has nothing expected."""
    return (
        _REMARKS[fault.rule]
        if not fault.expected and fault.rule in _REMARKS
        else _RULES[fault.rule]
    )


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
