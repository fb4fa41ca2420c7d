"""Seeded poems of a tiny model in fp32, which no change of ours may change.

A line that changes here is a poem that its seed no longer gives: say so in docs/log.md. The
weights are random, so what they write is no verse.
"""

from typing import Any

import pytest

import lianju
from tests import tiny

COUPLET = "空山新雨後，天氣晚來秋。"
# What was the default when the first of them were pinned.
FIRST: dict[str, Any] = {"top_p": 0.3, "repetition_penalty": 1.0, "taste": 0.0}
POEMS: list[tuple[dict[str, Any], list[tuple[str, float]]]] = [
    (
        {"form": "free", "max_length": 16, "temperature": 0},
        [(">人兩�鶴鶴>人鶴鶴鶴鶴\x0b鶴�鶴", -88.01), (">人兩�鶴鶴>人鶴鶴鶴鶴\x0b鶴�鶴", -88.01)],
    ),
    (
        {
            "form": "free",
            "max_length": 16,
            "temperature": 0.7,
            "top_p": 0.9,
            "top_k": 40,
            "seed": 1,
        },
        [("孤�霜人�\x1c際�e�。飛蹤x岸\x02", -90.823), ("''_窮���流>兩�y�揚_�", -91.308)],
    ),
    (
        {
            "form": "free",
            "max_length": 16,
            "temperature": 1.0,
            "min_p": 0.1,
            "typical_p": 0.9,
            "repetition_penalty": 1.5,
            "seed": 5,
        },
        [("2�人飛地�鳥�笠�落�\x13C:�", -92.413), ("��<�啼\x1aP已[�依里>揚�", -92.316)],
    ),
    (
        {"form": "wujue", "particles": 1, "temperature": 0.7, "top_p": 0.5, "seed": 2},
        [("下處皛欲際，處煙長夜頭。", -98.704), ("霜落過重岸，遠春辛已輈。", -110.505)],
    ),
    (
        {"form": "auto", "particles": 1, "acrostic": "春山", "seed": 6},
        [("春際際兩碧，山層人兩虬。", -98.312), ("春夜西猿欲，山揚雨際頭。", -99.149)],
    ),
    (
        {"form": "wujue", "particles": 2, "rhymes": "流", "tone": "off", "seed": 6},
        [("鳯落月一住，兩上兩兩流。", -86.085), ("欲紛鶴飛黃，月朝孤鶴流。", -86.282)],
    ),
    (
        {"form": "wulu", "particles": 4, "seed": 3, "temperature": 1},
        [
            ("輕落寒已井，月三霜鄢流。雪窮朝月兩，猿遠下輕鉤。流鶴碧影上，啼朝聞夜蝣。", -260.437),
            ("啼更蹤啼月，里眠飛釣流。寒層朝岸獨，知薛岸多謳。薤日依間鶴，鳥朝揚鴂州。", -295.09),
        ],
    ),
    (
        {"form": "wulu", "given": {4: "春眠不覺流"}, "tone": "off", "seed": 4},
        [
            ("艛疊際月飛，春眠不覺流。燻月下落下，飛趁鳥灺疇。際珉流際故，州夜蹤鶴州。", -353.092),
            ("已兩人流啼，春眠不覺流。間鶴輕謝西，望月月窟週。唯下處流月，鶴黃際蚤甌。", -354.472),
        ],
    ),
]


@pytest.fixture(scope="module")
def writer() -> lianju.Writer:
    return lianju.Writer(tiny.model(), "plain")


@pytest.mark.parametrize(("asked", "poems"), POEMS)
def test_a_seed_gives_the_poem_that_it_gave(
    writer: lianju.Writer, asked: dict[str, Any], poems: list[tuple[str, float]]
) -> None:
    written = writer.write(COUPLET, n=len(poems), **{**FIRST, **asked})
    written.sort(key=lambda poem: -poem.logprob_per_character)
    assert [poem.text for poem in written] == [text for text, _ in poems]
    for poem, (_, logprob) in zip(written, poems, strict=True):
        assert poem.logprob == pytest.approx(logprob, abs=0.01)


def test_a_seed_gives_the_poems_that_it_gave_with_nothing_asked(writer: lianju.Writer) -> None:
    written = [(poem.text, round(poem.rating, 2)) for poem in writer.write(COUPLET, n=3, lines=4)]
    assert written == [
        ("下少重更欲，啼蹲朝兩頭。", 1.75),
        ("人恐碧鳥鍛，還望間處流。", 0.93),
        ("山重猿影兩，聞蹤飛是頭。", -2.44),
    ]


def test_the_next_character_has_the_probabilities_that_it_had(writer: lianju.Writer) -> None:
    step = writer.next(COUPLET, form="free", **FIRST, temperature=1, top=2)
    assert [stage.name for stage in step.stages] == ["raw", "top_p"]
    assert [stage.left for stage in step.stages] == [365, 95]
    assert [stage.entropy for stage in step.stages] == pytest.approx([5.89305, 4.55110], abs=1e-4)
    shown = [(choice.text, *choice.probabilities) for choice in step.choices[:2]]
    assert shown == [
        (">", *(pytest.approx(p, rel=1e-4) for p in (0.00391207, 0.01302326))),
        ("鶴", *(pytest.approx(p, rel=1e-4) for p in (0.00390310, 0.01299343))),
    ]
