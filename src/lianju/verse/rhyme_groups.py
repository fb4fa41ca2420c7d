"""The 106 rhyme groups of the Pingshui 平水韻, and how the rhymes of the Guangyun fall into them.

A set of groups is an int of 106 bits, so that a character's readings, and what a position in a
poem demands of them, are compared with one `&`.

>>> GROUPS[0]
Group(name='東', tone='平', number=1, part='上平聲')
>>> names(LEVEL & bit("東") | bit("送"))
'東送'
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

# Each Pingshui group with the Guangyun rhymes that it unites, in the order of the books
# (Wang Li 王力, 漢語詩律學, 1958, section 4; the Guangyun's own heads as `tshet-uinh` prints them).
_UNITED = {
    "上平聲": "東東 冬冬鍾 江江 支支脂之 微微 魚魚 虞虞模 齊齊 佳佳皆 灰灰咍 真真諄臻 文文欣 "
    "元元魂痕 寒寒桓 刪刪山",
    "下平聲": "先先仙 蕭蕭宵 肴肴 豪豪 歌歌戈 麻麻 陽陽唐 庚庚耕清 青青 蒸蒸登 尤尤侯幽 侵侵 "
    "覃覃談 鹽鹽添嚴 咸咸銜凡",
    "上聲": "董董 腫腫 講講 紙紙旨止 尾尾 語語 麌麌姥 薺薺 蟹蟹駭 賄賄海 軫軫準 吻吻隱 阮阮混很 "
    "旱旱緩 潸潸產 銑銑獮 篠篠小 巧巧 皓晧 哿哿果 馬馬 養養蕩 梗梗耿靜 迥迥拯等 有有厚黝 寢寑 "
    "感感敢 琰琰忝儼 豏豏檻范",
    "去聲": "送送 宋宋用 絳絳 寘寘至志 未未 御御 遇遇暮 霽霽祭 泰泰 卦卦怪夬 隊隊代廢 震震稕 "
    "問問焮 願願慁恨 翰翰換 諫諫襇 霰霰線 嘯嘯笑 效效 號号 箇箇過 禡禡 漾漾宕 敬映諍勁 徑徑證嶝 "
    "宥宥候幼 沁沁 勘勘闞 豔豔㮇釅 陷陷鑑梵",
    "入聲": "屋屋 沃沃燭 覺覺 質質術櫛 物物迄 月月沒 曷曷末 黠黠鎋 屑屑薛 藥藥鐸 陌陌麥昔 錫錫 "
    "職職德 緝緝 合合盍 葉葉怗 洽洽狎業乏",
}


@dataclass(frozen=True)
class Group:
    """A rhyme group: its `name`, its tone 平上去入, its number in its `part` of the book."""

    name: str
    tone: str
    number: int
    part: str

    @property
    def title(self) -> str:
        """As the book heads it, such as 上平聲一東."""
        return f"{self.part}{_numeral(self.number)}{self.name}"


def _numeral(number: int) -> str:
    tens, ones = divmod(number, 10)
    return ("", "十", "二十", "三十")[tens] + "〇一二三四五六七八九"[ones].strip("〇")


GROUPS = tuple(
    Group(rhymes[0], part[-2], number, part)
    for part, united in _UNITED.items()
    for number, rhymes in enumerate(united.split(), 1)
)
_INDEX = {group.name: index for index, group in enumerate(GROUPS)}
GUANGYUN = {
    rhyme: rhymes[0]
    for united in _UNITED.values()
    for rhymes in united.split()
    for rhyme in rhymes[1:]
}

LEVEL = (1 << 30) - 1
OBLIQUE = ((1 << len(GROUPS)) - 1) & ~LEVEL

# Groups that sound alike enough for a first line to borrow from (借韻, 鄰韻): Wang Li, 漢語詩律學,
# section 5, whose one class 真文元寒刪先 is parted here at 元, which is beside all of them.
_NEIGHBOURS = "東冬 支微齊 魚虞 佳灰 真文元 元寒刪先 蕭肴豪 庚青蒸 覃鹽咸 江陽 佳麻"
# The level group and its counterparts in the rising and the departing tone.
_FAMILIES = (
    "東董送 冬腫宋 江講絳 支紙寘 微尾未 魚語御 虞麌遇 齊薺霽 佳蟹卦泰 灰賄隊 真軫震 文吻問 元阮願 "
    "寒旱翰 刪潸諫 先銑霰 蕭篠嘯 肴巧效 豪皓號 歌哿箇 麻馬禡 陽養漾 庚梗敬 青迥徑 蒸迥徑 尤有宥 "
    "侵寢沁 覃感勘 鹽琰豔 咸豏陷"
)


def bit(name: str) -> int:
    """The set that holds only the group of this name. Raises `KeyError` for no such group."""
    return 1 << _INDEX[name]


def members(groups: int) -> Iterator[Group]:
    """The groups in a set, in the order of the book."""
    while groups:
        lowest = groups & -groups
        yield GROUPS[lowest.bit_length() - 1]
        groups ^= lowest


@cache
def names(groups: int) -> str:
    """The names of the groups in a set, in the order of the book."""
    return "".join(group.name for group in members(groups))


def union(text: str) -> int:
    """The set of the groups of these names."""
    return sum(bit(name) for name in text)


def _table(texts: str) -> dict[int, int]:
    table: dict[int, int] = {}
    for text in texts.split():
        for name in text:
            table[bit(name)] = table.get(bit(name), 0) | union(text)
    return table


NEIGHBOURS = _table(_NEIGHBOURS)
FAMILIES = {bit(family[0]): union(family[1:]) for family in _FAMILIES.split()}
