"""The rules of regulated verse in words, English and Chinese: what `words` says of a fault."""

from typing import Literal, NamedTuple

from lianju.verse.verdict import FACES, FACES_NOT, PARALLEL, RARE, UNREAD

Language = Literal["en", "zh"]


class Rule(NamedTuple):
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
RULES = {
    "落韻": Rule(
        "off the rhyme",
        {"en": "in {found}, not {expected}", "zh": "屬{found}，本詩押{expected}"},
        {
            "en": "All rhymes of a poem are level and of one rhyme group.",
            "zh": "一首詩的韻腳須為平聲，且同屬一個韻部。",
        },
    ),
    "重韻": Rule(
        "rhyme repeated",
        {"en": "line {above} rhymes on it already", "zh": "與第{above}句韻腳重複"},
        {
            "en": "A word may rhyme only once in a poem.",
            "zh": "同一個字在一首詩裏只可作一次韻腳。",
        },
    ),
    "失對": Rule(
        "not opposed",
        _OPENS,
        {
            "en": "Within a couplet the second characters have opposite tones 對.",
            "zh": "一聯之內，上下句第二字平仄須相反，稱為「對」。",
        },
    ),
    "失粘": Rule(
        "not linked",
        _OPENS,
        {
            "en": "A couplet takes up the tone of the second character of the line before it 粘.",
            "zh": "後聯上句與前聯下句的第二字平仄須相同，稱為「粘」。",
        },
    ),
    "孤平": Rule(
        "lone level tone",
        _TONE,
        {
            "en": "In 平平仄仄平, the end of the line, the first 平 may go only if the third place "
            "is 平 instead: but for the rhyme, one level tone would be left alone.",
            "zh": "「平平仄仄平」（七言在句末）首字用仄，須第三字用平相救，"
            "否則除韻腳外只剩一個平聲。",
        },
    ),
    "三仄尾": Rule(
        "all-oblique end",
        _TONE,
        {
            "en": "To the strict school a line may not end in three oblique tones.",
            "zh": "從嚴者，句末三字不可都用仄聲。",
        },
    ),
    "三平尾": Rule(
        "all-level end",
        _TONE,
        {"en": "A line may not end in three level tones.", "zh": "句末三字不可都用平聲。"},
    ),
    "撞韻": Rule(
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
    "出律": Rule(
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
REMARKS = {
    "借韻": Rule(
        "borrowed rhyme",
        {"en": "in {found}, beside the rhyme", "zh": "屬{found}，與本詩韻部相鄰"},
        {
            "en": "No fault: by custom a first line may rhyme in a neighbouring group.",
            "zh": "不算落韻：首句入韻，依唐宋通例可借鄰韻。",
        },
    ),
    "三仄尾": Rule(
        "all-oblique end",
        {"en": "this and the next two are 仄", "zh": "起三字皆仄"},
        {"en": "No fault, but poets mostly avoid it.", "zh": "不算犯律，但詩人多避之。"},
    ),
    "撞韻": Rule(
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
    PARALLEL: Rule(
        "parallelism",
        {"en": "{couplet} {found}", "zh": "{couplet}{found}"},
        {
            "en": "An estimate, from which characters the Tang poets let face each other: it takes "
            "one couplet in ten for what it is not. Couplets between the first and the last are "
            "parallel by custom; no fault if they are not.",
            "zh": "此為估計，據唐人律詩中何字與何字相對推得，約十聯錯一。"
            "首尾兩聯之間，通例皆用對仗；未用亦不算犯律。",
        },
    ),
}
# What is found of a couplet.
COUPLETS: dict[str, dict[Language, str]] = {
    FACES: {"en": "seem parallel", "zh": "可見對仗"},
    FACES_NOT: {"en": "seem not to be parallel", "zh": "未見對仗"},
}
RESTS = {
    RARE: Rule(
        "rare reading",
        {
            "en": "read {found}, as poets hardly did; commonly {usual}",
            "zh": "讀{found}，詩人罕用，通常讀{usual}",
        },
        {
            "en": "The poem is regular only by this reading.",
            "zh": "全詩惟賴此讀方合律。",
        },
    ),
    UNREAD: Rule(
        "no reading known",
        {
            "en": "in neither rhyme book, where {expected} is wanted",
            "zh": "韻書未收，此處應為{expected}",
        },
        {
            "en": "Whether the poem is regular cannot be told.",
            "zh": "此字讀音不詳，合律與否未能斷定。",
        },
    ),
}
