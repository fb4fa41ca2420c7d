"""The metrics of single poems and of sets, by hand and against other programs' numbers.

Run as a module, this prints the part of docs/evaluation.md that is made from the registry.
"""

import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianju.decode import Completion, Masks
from lianju.evaluate.metrics import METRICS
from lianju.evaluate.metrics.characters import character_marks
from lianju.evaluate.metrics.diversity import (
    beginning,
    collapse,
    compression,
    distinct,
    diversity_figures,
    self_bleu,
)
from lianju.evaluate.metrics.form import counted_faults, form_marks
from lianju.evaluate.metrics.overlap import character_f1, chrf, overlap_marks
from lianju.evaluate.metrics.wording import wording_marks
from lianju.evaluate.schema import Mark
from lianju.verse import check
from tests.decode.grammar import LEGAL, constraint, patchwork, walk

DOCS = Path(__file__).parents[2] / "docs" / "evaluation.md"
COUPLET, REST = "白日依山盡，黃河入海流。", "欲窮千里目，更上一層樓。"
WEICHENG = "渭城朝雨浥輕塵，客舍青青柳色新。", "勸君更盡一杯酒，西出陽關無故人。"
SNOW = "千山鳥飛絕，萬徑人蹤滅。", "孤舟簑笠翁，獨釣寒江雪。"
NIGHT = "床前看月光，疑是地上霜。", "舉頭望山月，低頭思故鄉。"


def marks(couplet: str, text: str, finish: str = "stop") -> dict[str, Mark]:
    return form_marks(Completion(couplet, text, finish, len(text), -1.0))


# --- form ----------------------------------------------------------------------------------


def test_a_poem_without_fault_has_every_mark() -> None:
    assert marks(COUPLET, REST) == {
        "shape": True,
        "form": "wujue",
        "fault": "",
        "rhyme": True,
        "tone": True,
        "full": True,
        "tone_share": 1.0,
        "lines": 2,
        "characters": 10,
    }


@pytest.mark.parametrize(
    ("old", "new", "rhyme", "tone", "share"),
    [
        ("里", "家", True, False, 0.9),  # 出律
        ("一層", "高層", True, False, 0.9),  # 三平尾
        ("目", "秋", True, False, 0.9),  # 撞韻
        ("里目", "家天", True, False, 0.8),
        ("一層", "沙層", True, False, 0.9),  # right by a reading that poets hardly used
        ("上", "𪛖", True, False, 0.9),  # a reading that nobody knows
        ("樓", "峰", False, True, 1.0),  # 落韻
        ("樓", "流", False, True, 1.0),  # 重韻, though the word stood in the couplet first
    ],
)
def test_a_fault_is_of_rhyme_or_of_tone(
    old: str, new: str, rhyme: bool, tone: bool, share: float
) -> None:
    found = marks(COUPLET, REST.replace(old, new))
    assert (found["rhyme"], found["tone"], found["full"]) == (rhyme, tone, False)
    assert found["tone_share"] == pytest.approx(share) and found["shape"]


def test_a_break_between_two_lines_is_a_fault_of_tone() -> None:
    found = marks(*WEICHENG)
    assert (found["rhyme"], found["tone"], found["full"]) == (True, False, False)
    assert found["tone_share"] == pytest.approx(13 / 14)


def test_faults_of_the_couplet_do_not_count() -> None:
    """日 made level breaks the couplet; 靜夜思 has one fault in the couplet and one after it."""
    assert marks(COUPLET.replace("日", "山"), REST)["full"]
    found = marks(*NIGHT)
    assert (found["rhyme"], found["tone"], found["tone_share"]) == (True, False, 0.9)


def test_the_rhyme_is_the_couplets_even_if_most_lines_have_another() -> None:
    """Three lines in 庚 outvote the couplet's 尤; then it is the couplet that is found off."""
    rest = "此地一為別，孤蓬萬里征。浮雲遊子意，落日故人情。揮手自茲去，蕭蕭班馬鳴。"
    own, other = "青山橫北郭，白水繞東城。", "空山新雨後，天氣晚來秋。"
    assert [fault.line for fault in check(other + rest).faults if fault.rule == "落韻"] == [2]
    assert marks(own, rest)["rhyme"] is True
    assert marks(other, rest)["rhyme"] is False
    counted = counted_faults(other, check(other + rest).faults)
    assert [(fault.line, fault.rule) for fault in counted if fault.line <= 2] == [(2, "落韻")]


def test_only_what_the_writer_can_help_is_counted() -> None:
    """靜夜思 is off in tone once in its couplet, once after; 絲 alone is off the rhyme of 魂."""
    faults = check("".join(NIGHT)).faults
    counted = counted_faults(NIGHT[0], faults)
    assert [one.line for one in faults] == [2, 3] and [one.line for one in counted] == [3]
    qingming = "清明時節雨如絲，路上行人欲斷魂。"
    faults = check(qingming + "借問酒家何處有，牧童遙指杏花村。").faults
    assert [fault.rule for fault in faults] == ["落韻"] and not counted_faults(qingming, faults)


def test_a_first_line_that_is_off_by_itself_does_not_count() -> None:
    """絲 does not rhyme with 魂; by itself a first line may be off in tone instead (明, and 沖)."""
    qingming = "清明時節雨如絲，路上行人欲斷魂。"
    assert marks(qingming, "借問酒家何處有，牧童遙指杏花村。")["full"] is True
    assert marks("鬱鬱對啓明，圓華煥三沖。", "言朱行白鷺，占齕已過翁。")["rhyme"] is True


@pytest.mark.parametrize("rest", [SNOW[1], REST, "孤舟簑笠翁"])
def test_after_an_oblique_rhyme_there_is_no_regulated_verse(rest: str) -> None:
    found = marks(SNOW[0], rest)
    assert all(found[name] is None for name in ("rhyme", "tone", "full", "tone_share"))
    assert found["shape"] == (len(rest) == 12)


@pytest.mark.parametrize(
    ("text", "finish", "fault", "lines", "characters"),
    [
        (REST, "length", "does not end within the allowed length", 2, 10),
        (REST[:-2], "stop", "line 4 has 4 characters, not 5", 2, 9),
        (REST + "\nHello！", "stop", "line 5 has something that is no Han character", 3, 10),
        ("", "stop", "nothing was written", 0, 0),
        (REST * 2, "stop", "6 lines, neither 4 nor 8", 4, 20),
    ],
)
def test_without_the_shape_there_is_no_rhyme_and_no_metre(
    text: str, finish: str, fault: str, lines: int, characters: int
) -> None:
    found = marks(COUPLET, text, finish)
    assert found == {
        "shape": False,
        "form": None,
        "fault": fault,
        "rhyme": False,
        "tone": False,
        "full": False,
        "tone_share": None,
        "lines": lines,
        "characters": characters,
    }


@pytest.mark.parametrize("couplet", [*LEGAL, NIGHT[0], "清明時節雨如絲，路上行人欲斷魂。"])
def test_what_decoding_calls_kept_the_marks_call_kept(couplet: str) -> None:
    masks = _masks()
    for seed in range(4):
        tokens = [token for _, token in walk(constraint(couplet, masks), seed)]
        assert marks(couplet, masks.vocabulary.decode(tokens))["full"]


@cache
def _masks() -> Masks:
    return Masks(patchwork(0))


# --- diversity -----------------------------------------------------------------------------

POEMS = [
    "白日依山盡黃河入海流",
    "白日依山盡黃河入海流",
    "黃河入海流白日依山盡",
    "天天人人地地天天人人",
    "空山新雨後天氣晚來秋",
    "海山人地天天地人山海",
]
# Of NLTK 3.10: sentence_bleu of each with the others, weights of a quarter, method1.
BLEU = [1.0, 1.0, 0.785629301801026, 0.13747081017605653, 0.025098621243978974, 0.14772199911861214]


def test_self_bleu_is_nltks() -> None:
    assert self_bleu(POEMS) == pytest.approx(sum(BLEU) / len(BLEU))
    assert self_bleu(["甲乙丙丁戊己庚辛壬癸", "子丑寅卯辰巳午未申酉"]) == 0


@given(st.permutations(POEMS))
def test_self_bleu_does_not_depend_on_the_order(poems: list[str]) -> None:
    assert self_bleu(poems) == pytest.approx(sum(BLEU) / len(BLEU))


def test_distinct_n_by_hand() -> None:
    texts = ["天天人", "人天天"]
    assert distinct(texts, 1) == 2 / 6  # 天 人
    assert distinct(texts, 2) == 3 / 4  # 天天 天人 人天, and no pair from one text to the next


def test_what_repeats_is_compressed() -> None:
    assert compression(POEMS[:1] * 24) > 3 * compression(POEMS[:1])
    data = "天地\n玄黃".encode()
    assert compression(["天地", "玄黃"]) == len(data) / len(zlib.compress(data, 9))


def _text(number: int, size: int = 10) -> str:
    """A poem of characters that no other has."""
    return "".join(chr(0x4E00 + number * 10 + place) for place in range(size))


def value(groups: Sequence[Sequence[str]], number: int, name: str) -> float | None:
    return diversity_figures(groups, number)[name].value


def test_couplets_take_turns() -> None:
    """Every couplet has one poem four times: two at a time they are of two couplets."""
    groups = [[_text(number)] * 4 for number in range(8)]
    assert value(groups, 4, "distinct_1") == 1.0
    assert value(groups, 8, "distinct_1") == 0.5
    assert value(groups, 16, "distinct_1") == 0.25
    assert value(groups, 17, "distinct_1") is None


def test_all_poems_of_a_half_are_looked_at() -> None:
    """With one poem of four repeated everywhere, a quarter of the sets repeats and not all."""
    groups = [[_text(number), _text(number + 50), _text(99), _text(99)] for number in range(4)]
    assert value(groups, 2, "distinct_1") == pytest.approx((1 + 1 + 0.5 + 0.5) / 4)


def test_only_the_beginning_counts_and_short_poems_do_not() -> None:
    groups = [
        [_text(number)[:5] + "，" + _text(number)[5:] + "。" + "同" * 20] for number in range(4)
    ]
    assert value(groups, 2, "distinct_1") == 1.0
    assert value([*groups, *[["短", ""]] * 6], 5, "distinct_1") is None


def test_diversity_has_all_its_figures_with_intervals() -> None:
    figures = diversity_figures([[_text(number), _text(99)] for number in range(10)], 5)
    assert set(figures) == {"distinct_1", "distinct_2", "self_bleu", "compression", "collapse"}
    assert all(figure.n == 5 for name, figure in figures.items() if name != "collapse")
    assert figures["collapse"].value == 0.5 and figures["collapse"].n == 20


def test_collapse_counts_the_most_common_two_characters() -> None:
    groups = [["不知，何處去", "不知，"], ["不、知來歲", "海上生明月"], ["", "不"]]
    figure = collapse(groups)
    assert (figure.value, figure.n) == (0.5, 6)
    assert figure.low is not None and figure.high is not None
    assert 0 < figure.low < 0.5 < figure.high < 1
    assert collapse([]).value is None
    assert beginning("「不知") == "不知" and beginning("ab") == ""


# --- overlap -------------------------------------------------------------------------------


# Of sacreBLEU 2.6.0: CHRF().sentence_score(ours, [theirs]).score.
@pytest.mark.parametrize(
    ("ours", "theirs", "score"),
    [
        (
            "床前看月光疑是地上霜舉頭望山月低頭思故鄉",
            "床前明月光疑是地上霜舉頭望明月低頭思故鄉",
            64.07292741658067,
        ),
        ("欲窮千里目更上一層樓", "千里江陵一日還", 9.105047641546578),
        ("更上一層樓", "欲窮千里目更上一層樓", 40.69078647589538),
        ("欲窮千里目更上一層樓", "更上一層樓", 73.29284307288246),
        ("天", "欲窮千里目更上一層樓", 0.0),
        ("天天人", "天人地", 38.888888888888886),
        ("天", "天", 100.0),
        ("", "天", 0.0),
    ],
)
def test_chrf_is_sacrebleus(ours: str, theirs: str, score: float) -> None:
    assert 100 * chrf(ours, theirs) == pytest.approx(score)


def test_character_f1_by_hand() -> None:
    assert character_f1("天天人", "天人地人") == 2 * 2 / (3 + 4)
    assert character_f1("", "天") == character_f1("天", "地") == 0.0


def test_overlap_sees_neither_punctuation_nor_variants() -> None:
    whole: dict[str, Mark] = {"recall_f1": 1.0, "recall_chrf": 1.0}
    assert overlap_marks("爲君持酒，勸斜陽。", "為君持酒勸斜陽") == whole
    assert overlap_marks("，。", "天地。") == {"recall_f1": 0.0, "recall_chrf": 0.0}
    assert overlap_marks("天地。", None) == {"recall_f1": None, "recall_chrf": None}


# --- characters ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "outside", "simplified", "garbled"),
    [
        ("舉頭望明月，\n低頭思故鄉。", 0.0, 0.0, 0),
        ("举头望明月，低頭思故鄉。", 0.2, 0.2, 0),
        ("舉頭望靐月", 0.2, 0.0, 0),
        ("舉�頭A望1「月」", 0.0, 0.0, 5),
        ("Hi, <b>", None, None, 5),
        ("", None, None, 0),
    ],
)
def test_characters(
    text: str, outside: float | None, simplified: float | None, garbled: int
) -> None:
    known = frozenset("舉頭望明月低思故鄉")
    expected: dict[str, Mark] = {"outside": outside, "simplified": simplified, "garbled": garbled}
    assert character_marks(text, known) == expected


# --- the registry --------------------------------------------------------------------------


def test_every_mark_is_a_metric_or_a_word() -> None:
    found = {
        **marks(COUPLET, REST),
        **overlap_marks(REST, REST),
        **character_marks(REST, set()),
        **wording_marks(REST),
        **diversity_figures([[REST]], 1),
    }
    assert set(found) - set(METRICS) == {"form", "fault"}


def test_repeats_and_worn_words_are_counted_by_hand() -> None:
    assert wording_marks("野曠天低樹，江清月近人。") == {"repeats": 0.0, "worn": 0.0}
    # 不知 stands before 何處去 and 白雲 before 深; five characters of the twenty stood before.
    marks = wording_marks("不知何處去，白雲深處去。不知山外路，青鳥自相知。")
    assert marks == {"repeats": 5 / 20, "worn": 3 / 4}
    assert wording_marks("Tang!") == {"repeats": None, "worn": None}
    assert wording_marks("山青水綠。")["worn"] is None


def _described() -> str:
    """The table of all metrics, and what each is."""
    better = {"more": "more", "less": "less", "neither": "–"}
    rows = [
        f"| [`{m.name}`](#{m.name}) | {m.title} {m.chinese} | {better[m.better]} | {m.unit} "
        f"| {m.version} |"
        for m in METRICS.values()
    ]
    parts = [
        f"#### {m.name}\n\n**{m.title} {m.chinese}.** {m.formula}\n\n"
        f"*It cannot tell* {m.limits}\n\n*Source:* {m.source}."
        for m in METRICS.values()
    ]
    head = ["| name | metric | better | unit | version |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *rows]) + "\n\n" + "\n\n".join(parts)


def test_the_document_says_what_the_registry_says() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert _described() in text, "put in what `python -m tests.evaluate.test_metrics` prints"


if __name__ == "__main__":
    print(_described())
