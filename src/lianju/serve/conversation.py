"""The couplet in what people write to a model: a prompt, or a message among other words."""

import re
from dataclasses import dataclass
from itertools import pairwise

from lianju.corpus import simplified
from lianju.verse import STOPS, is_han

_COMMAS = ",，、"
# What prints around lines of verse or within them without being part of them.
_SIGNS = "「」『』“”‘’\"'`*_>#\u200b-\u200d\u2060\ufeff"
_HAN = "[〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]"
_COUPLET = re.compile(rf"\s*([^{STOPS}\s]+)[{STOPS}\s]+([^{STOPS}\s]+)[{STOPS}\s]*")
_TITLE = re.compile("《[^《》]{0,50}》|〈[^〈〉]{0,50}〉")
_LABEL = re.compile(f"{_HAN}{{1,20}}\\s{{0,3}}[：:]")
_RUN = re.compile(f"{_HAN}+")
# What can stand between two lines of verse.
_BETWEEN = re.compile(rf"[{STOPS}{_SIGNS}\s/／|｜]+")
# Words with which people ask for a poem; no line of verse is expected to have them.
_ASKING = re.compile(
    "[請请][你您幫帮替為为用以把將将依按根問问繼继續续接完補补寫写作看告]"
    "|[續续接補补改寫写][寫写完成作詩诗]|[寫写作吟]一?[首篇]|幫我|帮我|幫忙|帮忙|能不能|可不可以"
    "|[這这此整一]首|[唐古律]詩|[唐古律]诗|絕句|绝句|完成|補全|补全|接下[來来去]"
    "|[上下首尾][聯联句]|[繼继接][續续]|[謝谢]{2}|感[謝谢]|以下|如下"
)
_SEND = {
    "en": (
        "I finish Tang poems. Please send the first couplet of one: two lines of five or of seven "
        "Chinese characters, such as 空山新雨後，天氣晚來秋。"
    ),
    "zh": (
        "我會續寫唐詩。請給我一首詩的開頭兩句，每句五個字或七個字，例如：空山新雨後，天氣晚來秋。"
    ),
    "zh-Hans": (
        "我会续写唐诗。请给我一首诗的开头两句，每句五个字或七个字，例如：空山新雨后，天气晚来秋。"
    ),
}


@dataclass(frozen=True)
class FoundCouplet:
    """A couplet, and what of the poem follows it. `alone`: nothing else was in the text."""

    couplet: str
    begun: str = ""
    alone: bool = True


def parted(text: str) -> FoundCouplet | None:
    """The couplet that a text begins with, and all that follows; None where it does not.

    >>> parted("空山新雨後，天氣晚來秋。明月松間照，")
    FoundCouplet(couplet='空山新雨後，天氣晚來秋。', begun='明月松間照，', alone=True)
    """
    # Line breaks are white space like any other; a couplet's reader takes no others for text.
    text = " ".join(text.split())
    found = _COUPLET.match(text)
    if found and len(found[1]) == len(found[2]) and is_han(found[1] + found[2]):
        return FoundCouplet(found[0].strip(), text[found.end() :])
    return None


def opening_in(text: str) -> FoundCouplet | None:
    """The first couplet of five or seven characters a line among other words, with the lines of
    the poem that follow it; None where there is none. Titles and labels are no lines, nor are
    words that ask for a poem.

    >>> opening_in("請續寫王維《山居秋暝》：「空山新雨後，天氣晚來秋。」謝謝")
    FoundCouplet(couplet='空山新雨後，天氣晚來秋。', begun='', alone=False)
    """
    plain = _LABEL.sub("。", _TITLE.sub("。", text))
    runs = list(_RUN.finditer(plain))
    for at in range(len(runs) - 1):
        if not _follows(plain, runs[at], runs[at + 1]):
            continue
        # A title that is as long as the lines below it.
        if _is_heading(plain, runs[at : at + 3]):
            continue
        last = at + 1
        while last + 1 < len(runs) and _follows(plain, runs[last], runs[last + 1]):
            last += 1
        lines = [_signed(plain, run) for run in runs[at : last + 1]]
        couplet = "".join(lines[:2]).strip()
        begun = "".join(lines[2:]).strip() + _unfinished(plain, runs[last:])
        taken = len("".join(_RUN.findall(couplet + begun)))
        return FoundCouplet(couplet, begun, taken == sum(map(str.isalnum, text)))
    return None


def what_to_send(text: str) -> str:
    """The answer to a message without a couplet, in its language: Chinese or else English."""
    if not _RUN.search(text):
        return _SEND["en"]
    return _SEND["zh-Hans" if simplified(text) else "zh"]


def _follows(text: str, line: re.Match[str], other: re.Match[str]) -> bool:
    """Whether two runs of characters are a line of verse and the next one."""
    length = len(line[0])
    return (
        length in (5, 7)
        and length == len(other[0])
        and _BETWEEN.fullmatch(text, line.end(), other.start()) is not None
        and not _ASKING.search(line[0])
        and not _ASKING.search(other[0])
    )


def _is_heading(text: str, runs: list[re.Match[str]]) -> bool:
    """Whether the first of three lines stands apart, and the other two belong together."""
    if len(runs) < 3 or not _follows(text, runs[1], runs[2]):
        return False
    first, second = (text[a.end() : b.start()] for a, b in pairwise(runs))
    return "\n" in first and not set(first) & set(STOPS) and bool(set(second) & set(_COMMAS))


def _unfinished(text: str, runs: list[re.Match[str]]) -> str:
    """The beginning of a line with which the text ends, right after the last whole line."""
    if len(runs) != 2 or text[runs[1].end() :].strip():
        return ""
    line, rest = runs
    between = text[line.end() : rest.start()]
    short = len(rest[0]) < len(line[0]) and not _ASKING.search(rest[0])
    return rest[0] if short and between and set(between) <= set(STOPS) else ""


def _signed(text: str, line: re.Match[str]) -> str:
    """A line of verse with the first sign after it, a space if there is none."""
    between = _BETWEEN.match(text, line.end())
    signs = [sign for sign in between[0] if sign in STOPS] if between else []
    return line[0] + (signs[0] if signs else " ")
