from collections.abc import Sequence

import pytest

from lianju.corpus import Example, line_keys
from lianju.evaluate import rank
from lianju.evaluate.rank import others, ranks
from lianju.likelihood import logprobs
from lianju.progress import Reporter
from lianju.verse import form_of
from tests import tiny

REAL = tiny.EXAMPLES[0]
DIGITS = "零一二三四五六七八九"


def poem(number: int, characters: int = 5, lines: int = 4) -> Example:
    """A poem none of whose lines stands in another number's."""
    code = "".join(DIGITS[int(digit)] for digit in f"{number:0{characters - 1}}")
    marks = "，。" * (lines // 2)
    text = [f"{code}{DIGITS[line]}{mark}" for line, mark in enumerate(marks)]
    return Example("".join(text[:2]), "".join(text[2:]), f"poem {number}")


POOL = [poem(number) for number in range(120)]
MIXED = [*POOL, *(poem(n, 7) for n in range(120)), *(poem(n, 5, 8) for n in range(200, 320))]


class Listener(Reporter):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)


def test_others_are_poems_of_the_same_form_and_always_the_same() -> None:
    found = others(REAL, MIXED, 99)
    assert len(found) == 99
    assert {form_of(other.text) for other in found} == {form_of(REAL.text)}
    assert others(REAL, MIXED[::-1], 99) == found
    assert others(REAL, POOL, 20) == found[:20]
    assert others(tiny.EXAMPLES[1], MIXED, 99) != found


def test_others_share_no_line_with_the_poem_or_with_each_other() -> None:
    again = Example(POOL[0].couplet, "白日依山盡，千里目更窮。", "again")
    variant = Example("空山不見人，但聞人語響。", "却看妻子愁，萬逕人蹤滅。", "variant")
    own = Example("孤舟簑笠翁，獨釣寒江雪。", "卻看妻子愁，萬里人蹤滅。", "own")
    pool = [REAL, again, variant, *POOL[:6], POOL[2]]
    for example in (REAL, own, POOL[1]):
        seen = line_keys(example.text)
        found = others(example, pool, 4)
        assert len(found) == 4
        for other in found:
            assert not line_keys(other.text) & seen
            seen |= line_keys(other.text)
    # Of the ten, REAL and `again` share lines with it, and one is there twice.
    assert len(others(REAL, pool, 7)) == 7
    assert others(REAL, pool, 8) == []


def test_no_others_of_a_form_that_is_rare_or_none() -> None:
    assert others(REAL, POOL[:98], 99) == []
    assert others(Example(REAL.couplet, "", "no ending"), POOL, 9) == []
    assert others(Example(REAL.couplet, "千里目。", "odd"), POOL, 9) == []


def test_the_rank_is_the_place_by_probability_a_character() -> None:
    """Against an order taken by sorting; characters such as 鸞 take three tokens each."""
    model = tiny.model()
    examples = tiny.EXAMPLES[:4]
    pool = [
        *tiny.EXAMPLES,
        Example("彩鸞飛不盡，", "白鳳舞還來。一入青雲去，何時下玉臺。", "birds"),
    ]
    got = ranks(model, "plain", examples, pool, number=4)
    for example, found in zip(examples, got, strict=True):
        texts = [example.completion, *(other.completion for other in others(example, pool, 4))]
        scores = logprobs(model, "plain", example.couplet, texts)
        order = sorted(range(5), key=lambda i: -scores[i] / len(texts[i]))
        assert found == order.index(0) + 1
    assert len(set(got)) > 1


@pytest.mark.parametrize(
    ("real", "expected"),
    [(-1.0, 1), (-9.0, 5), (-3.5, 3), (-3.0, 3)],  # the last is as likely as another
)
def test_places(monkeypatch: pytest.MonkeyPatch, real: float, expected: int) -> None:
    def scores(*asked: Sequence[str] | object) -> list[float]:
        return [real, -2.0, -3.0, -4.0, -5.0]

    monkeypatch.setattr(rank, "logprobs", scores)
    assert ranks(tiny.model(), "plain", [REAL], POOL, number=4) == [expected]


def test_a_longer_text_is_not_worse_for_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rank, "logprobs", lambda *_: [-13.0, -12.1, -12.2])
    example = Example(REAL.couplet, "欲窮千里目，更上一層樓？！", "two marks at the end")
    assert ranks(tiny.model(), "plain", [example], POOL, number=2) == [1]


def test_what_has_no_rank_is_told() -> None:
    listener = Listener()
    examples = [REAL, tiny.EXAMPLES[4]]  # the second has seven characters a line
    got = ranks(tiny.model(), "plain", examples, POOL, "fp32", listener)
    assert got[0] in range(1, 101) and got[1] is None
    assert listener.said == [
        "1 of 2 couplets have no rank: their poem is of no form, or there are fewer than 99 "
        "others of its form"
    ]
