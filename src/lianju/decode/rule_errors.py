"""What is said of rules that cannot be kept, and of requests that contradict themselves."""

from collections.abc import Sequence

from lianju.verse import Form, Said

NO_COUPLET = Said("no couplet, so no rules are kept", "不是一聯，故不守格律")
RARE_COUPLET = Said(
    "it fits the metre only by rare readings of its characters", "須取罕用讀音才合平仄"
)
RARE_GIVEN = Said(
    "the given lines fit only by rare readings of their characters", "所給詩句須取罕用讀音才合律"
)
TURNED = Said(
    "the given lines do not go on from the couplet's metre, which is not kept",
    "所給詩句不承首聯的平仄，故首聯平仄不算",
)
OBLIQUE_COUPLET = Said(
    "the couplet's own rhyme is oblique, so the metre is not kept", "首聯押仄韻，故不守平仄"
)
OBLIQUE_RHYME = Said(
    "an oblique rhyme binds no tones, so the metre is not kept", "押仄韻不拘平仄，故不守平仄"
)
FREE = Said(
    "--form free keeps no rules: leave out the other rules", "「自由」不設格律：請取消其他規則"
)
OTHER_ACROSTIC = Said("choose another acrostic", "請換藏頭的字")
OTHER_RHYMES = Said("choose other rhyme characters", "請換韻字")
OTHER_LINE = Said("change the given line", "請改所給詩句")
_TONES = {"1": Said("level 平", "平"), "2": Said("oblique 仄", "仄")}


def no_metre(length: int) -> Said:
    """Of lines of six characters and the like."""
    return Said(
        f"no metre is known for lines of {length} characters", f"每句{length}字，沒有平仄可守"
    )


def unknown_rhyme(end: str) -> Said:
    """Of a couplet whose last character is in no rhyme book."""
    return Said(
        f"the rhyme of {end} is unknown: any one rhyme is kept", f"「{end}」的韻部不明，任押一韻"
    )


def other_rhyme(end: str, group: str) -> Said:
    """Of a couplet that does not rhyme in the group that is asked for."""
    return Said(
        f"line 2 ends in {end}, which does not rhyme in {group}", f"第2句末字「{end}」不在{group}韻"
    )


def broken(faults: Sequence[tuple[int, str]], kept: Said) -> Said:
    """Of a couplet with faults, by line and rule, after which only so much is kept."""
    english = ", ".join(f"{rule} in line {line}" for line, rule in faults)
    chinese = "、".join(f"第{line}句{rule}" for line, rule in faults)
    return Said(
        f"it cannot open regulated verse ({english}); the lines to come keep what they can: {kept}",
        f"不能作近體詩的首聯（{chinese}），以下各句只守{kept.zh}",
    )


def note(couplet: str, words: Said) -> Said:
    """A remark on a couplet, in a sentence."""
    return Said(f"Note on {couplet}: {words}.", f"「{couplet}」：{words.zh}。")


# --- what cannot be done -------------------------------------------------------------------


def none(couplet: str) -> Said:
    """Of a text that is no couplet, for which rules are asked."""
    return Said(
        f"rules need a couplet, two lines of equal length; {couplet} is none",
        f"守格律須有一聯，即等長的兩句；「{couplet}」不是",
    )


def other_length(form: Form, name: str, length: int) -> Said:
    """Of a form whose lines have another length than the couplet's."""
    return Said(
        f"{form.chinese} {name} has lines of {form.characters}; those of the couplet have {length}",
        f"{form.chinese}每句{form.characters}字，首聯每句{length}字",
    )


def other_lines(form: Form, name: str, lines: int) -> Said:
    """Of a form and another number of lines than it has."""
    return Said(
        f"{form.chinese} {name} has {form.lines} lines, not {lines}",
        f"{form.chinese}為{form.lines}句，不是{lines}句",
    )


def beyond(line: int, lines: int) -> Said:
    """Of a given line that the poem is too short for."""
    return Said(
        f"line {line} is given, but the poem has {lines} lines",
        f"給了第{line}句，但全詩只有{lines}句",
    )


def acrostic_length(count: int, wanted: Sequence[int], own: str) -> Said:
    """Of an acrostic with too few or too many characters; `own`: those that the couplet has."""
    return Said(
        f"characters in the acrostic: {count}; give {' or '.join(map(str, wanted))}, one for each "
        f"line to be written, or two more, beginning with {own}",
        f"藏頭有{count}字；須{'或'.join(map(str, wanted))}字，待寫的每句一字；"
        f"或再多兩字，以「{own}」起頭",
    )


def unwritable(characters: str, remedy: Said) -> Said:
    """Of characters that do not occur in Tang verse."""
    return Said(
        f"Tang poets hardly use {characters!r}: {remedy}",
        f"唐人幾乎不用「{characters}」：{remedy.zh}",
    )


def lacking(characters: str, remedy: Said) -> Said:
    """Of characters that the model cannot write."""
    return Said(
        f"the model's vocabulary lacks {characters}: {remedy}",
        f"模型的字彙沒有「{characters}」：{remedy.zh}",
    )


def no_group(text: str, level: str) -> Said:
    """Of a rhyme group that there is not."""
    return Said(
        f"no rhyme group {text!r}: give one of {level}, or an oblique one, auto or off",
        f"沒有「{text}」這個韻部：請給{level}之一，或仄聲韻部",
    )


# --- given rhyme characters ----------------------------------------------------------------


def rhymes_length(count: int, wanted: Sequence[int], own: str) -> Said:
    """Of too few or too many rhyme characters; `own`: the one that the couplet has."""
    return Said(
        f"rhyme characters: {count}; give {' or '.join(map(str, wanted))}, one for each even line "
        f"to be written, _ for one that is left open; or one more, beginning with {own}",
        f"限韻有{count}字；須{'或'.join(map(str, wanted))}字，待寫的偶數句每句一字，不限者作「_」；"
        f"或再多一字，以「{own}」起頭",
    )


def rare_rhyme(character: str) -> Said:
    """Of a rhyme character that rhymes only by a rare reading."""
    return Said(f"{character} rhymes only by a rare reading", f"「{character}」須取罕用讀音才押韻")


def unrhymed_end(line: int, character: str, own: str, asked: str) -> Said:
    """Of a rhyme character of another group than the poem's."""
    return Said(
        f"line {line} is to end in {character}, which rhymes in {own}, and the poem in {asked}: "
        "choose another, or turn rhyme off",
        f"第{line}句限「{character}」字，屬{own}韻，而全詩押{asked}韻：請換韻字，或不限押韻",
    )


def oblique_end(line: int, character: str) -> Said:
    """Of a rhyme character that is oblique where the metre has a level tone."""
    return Said(
        f"line {line} is to end in {character}, which should be level 平: choose another, or turn "
        "tone off",
        f"第{line}句限「{character}」字，句末應為平聲：請換韻字，或不守平仄",
    )


def repeated_end(line: int, character: str, before: int) -> Said:
    """Of a rhyme character in which another line ends."""
    return Said(
        f"line {line} is to end in {character}, in which line {before} ends already: choose "
        "another, or turn rhyme off",
        f"第{line}句限「{character}」字，而第{before}句已用此字：請換韻字，或不限押韻",
    )


# --- given lines ---------------------------------------------------------------------------


def given_length(line: int, count: int, length: int) -> Said:
    """Of a given line of another length than the couplet's."""
    return Said(
        f"line {line} is given with {count} characters; those of the couplet have {length}",
        f"所給第{line}句有{count}字，首聯每句{length}字",
    )


def of_line(line: int, text: str, fault: Said) -> Said:
    """What is wrong with a given line, in a sentence."""
    return Said(f"the given line {line}, {text}, {fault}", f"所給第{line}句「{text}」{fault.zh}")


def other_head(head: str) -> Said:
    """Of a given line that begins unlike the acrostic."""
    return Said(f"does not begin with the acrostic's {head}", f"不以藏頭的「{head}」起頭")


def other_end(character: str) -> Said:
    """Of a given line that does not end in the rhyme character of its place."""
    return Said(f"does not end in {character}, as is asked", f"不以所限的「{character}」字收尾")


def repeated_rhyme(end: str, before: int) -> Said:
    """Of a given line that rhymes on a character that ends a line already."""
    return Said(
        f"rhymes on {end}, in which line {before} ends already",
        f"以「{end}」為韻，而第{before}句已用此字",
    )


def unrhymed(groups: str) -> Said:
    """Of a given line that does not rhyme with the others."""
    return Said(
        f"does not rhyme in {groups}: give another, or turn rhyme off",
        f"不押{groups}韻：請換一句，或不限押韻",
    )


def unmetrical(character: str, mark: str) -> Said:
    """Of a given line with a character of the other tone than its place has."""
    tone = _TONES[mark]
    return Said(
        f"breaks the metre, {character} should be {tone}",
        f"不合平仄，「{character}」應為{tone.zh}聲",
    )


def unrescued(line: int) -> Said:
    """Of a given line that should make up for the tones of the one before it."""
    return Said(
        f"does not make up for the tones of line {line} (對句救)",
        f"未救第{line}句的平仄（對句救）",
    )


def unlinked(rule: str) -> Said:
    """Of a given line whose tones do not follow those of the lines before it."""
    return Said(
        f"has tones that do not go on from those of the lines before it ({rule})",
        f"與前句平仄不相承（{rule}）",
    )


def replaceable(why: Said) -> Said:
    """A fault of metre, with what can be done about it."""
    return Said(f"{why}: give another, or turn tone off", f"{why.zh}：請換一句，或不守平仄")
