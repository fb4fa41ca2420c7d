"""What the words of a continuation show: repeats, words that poets use, parallelism, themes.

>>> shown = features(("空山新雨後", "天氣晚來秋"), ("明月松間照", "清泉石上流"), 8)
>>> shown["repeats"], shown["unknown"], shown["middle"] > 0
(0.0, 0.0, True)
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from lianju.ranking.words import affinity, commonness, is_rhyme, pair
from lianju.verse import facing_score

# Of one couplet or more: poets who name one seldom name another.
_SEASONS = ("春", "秋", "夏", "冬")
_DAY, _NIGHT = frozenset("曉晨旭晝午"), frozenset("夜宵昏暮夕")
# Words that stand in the poems some 300 times and more, such as 不知.
_COMMON = 9
# Words without a picture 虛字.
_EMPTY = frozenset(
    "不無未莫勿豈何誰安孰焉奚曷胡幾那此其之是彼者所而以於與乎也矣哉兮且則乃即既已又亦更還復仍猶尚"
    "但只唯惟自相共皆俱應須可能欲將當若如似因為從向對"
)


def features(couplet: Sequence[str], lines: Sequence[str], last: int) -> Mapping[str, float]:
    """What `lines`, the next two or more of a poem of `last` lines, show after the two of
    `couplet`; all are of five or all of seven characters.
    """
    new, given = "".join(lines), "".join(couplet)
    first = [pair(*two) for line in lines for two in heads(line)]
    rest = [max(pair(*two) for two in tails(line)) for line in lines]
    facing = list(map(facing_score, lines[::2], lines[1::2]))
    middle, end = facing[: last // 2 - 2], facing[last // 2 - 2 :]
    usual = [commonness(character) for character in new]
    return {
        "repeats": 1 - len({*new}) / len(new),
        "twice_in_line": _share(len({*line}) < len(line) for line in lines),
        "echoes": _share(character in given for character in new),
        "heads": _mean(first),
        "tails": _mean(rest),
        "unknown": _share(value == 0 for value in (*first, *rest)),
        "worn": max(first),
        "very_worn": _share(value > _COMMON for value in first),
        "empty": _share(character in _EMPTY for character in new),
        "empty_heads": _share(line[0] in _EMPTY for line in lines),
        "characters": _mean(usual),
        "rarest": min(usual, default=0.0),
        "rhymes": _mean([is_rhyme(line[-1]) for line in lines[1::2]]),
        "middle": _mean(middle),
        "weakest_middle": min(middle, default=0.0),
        "last": _mean(end),
        "same_opening": _share(one[0] == other[0] for one, other in pairwise([*couplet, *lines])),
        "theme": _together(given, new),
        "flow": _mean([_together(*two) for two in pairwise([couplet[-1], *lines])]),
        "seasons": float(max(0, sum(word in given + new for word in _SEASONS) - 1)),
        "hours": float(bool(_DAY & {*given, *new} and _NIGHT & {*given, *new})),
    }


def heads(line: str) -> Iterator[str]:
    """The words of two characters before the last three: 明月松間照, 兩岸猿聲啼不住."""
    return (line[at : at + 2] for at in range(0, len(line) - 3, 2))


def tails(line: str) -> tuple[str, str]:
    """The last three characters are 1 + 2 or 2 + 1."""
    return line[-3:-1], line[-2:]


def _together(some: str, others: str) -> float:
    return _mean([affinity(one, other) for one in some for other in others if one != other])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _share(values: "Iterator[bool]") -> float:
    return _mean([float(value) for value in values])
