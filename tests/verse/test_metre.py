"""Line types: every tone string of five and of seven, and what may follow what."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from lianju.verse.fitting import fit, misses, widened
from lianju.verse.metre import PATTERNS, Pattern, may_follow, patterns, type_after, types_of
from lianju.verse.rhyme_groups import LEVEL, bit, names

# All that a line of five may be, written out: the licences are those of the books.
ALLOWED = {
    "A": "平仄平平仄 平仄仄平仄 仄仄平平仄 仄仄仄平仄",
    "A, if rescued 拗": "平仄平仄仄 平仄仄仄仄 仄仄平仄仄 仄仄仄仄仄",
    "B": "平平仄仄平",
    "B, which rescues 救": "平平平仄平 仄平平仄平",
    "C": "平平平仄仄 仄平平仄仄 平平仄平仄",
    "C, tolerated 三仄尾": "平平仄仄仄 仄平仄仄仄",
    "D": "平仄仄平平 仄仄仄平平",
}
TONES = {"平": bit("東"), "仄": bit("送")}


def kind(pattern: Pattern) -> str:
    more = ", if rescued 拗" if pattern.rescued else ", which rescues 救" if pattern.rescues else ""
    return pattern.type + (", tolerated 三仄尾" if pattern.tolerated else more)


def allowed(tones: str) -> list[str]:
    line = [TONES[tone] for tone in tones]
    return [kind(pattern) for pattern in PATTERNS[len(line)] if not misses(line, pattern)]


def test_lines_of_five_are_exactly_these() -> None:
    expected = {tones: [kind] for kind, row in ALLOWED.items() for tones in row.split()}
    for marks in product("平仄", repeat=5):
        tones = "".join(marks)
        assert allowed(tones) == expected.get(tones, []), tones


def test_lines_of_seven_are_those_of_five_with_two_before() -> None:
    for marks in product("平仄", repeat=7):
        tones = "".join(marks)
        opposite = tones[1] != tones[3]
        assert allowed(tones) == (allowed(tones[2:]) if opposite else []), tones


def test_the_types_are_chosen_by_name() -> None:
    assert [p.marks for p in patterns("C", 5)] == ["01122", "11212", "01222"]
    assert {p.type for p in patterns("BD", 7)} == {"B", "D"}
    assert patterns("", 5) == ()


def test_tones_are_opposed_in_a_couplet_and_stick_between_couplets() -> None:
    for first in "ABCD":
        for line in (2, 3, 4):
            if first not in types_of(line):
                continue
            second = type_after(first, line)
            same = patterns(first, 5)[0].marks[1] == patterns(second, 5)[0].marks[1]
            assert second in types_of(line + 1)
            assert same == (line % 2 == 0)


def test_a_first_line_that_rhymes_is_followed_by_the_other_rhyming_type() -> None:
    assert [type_after(first, 1) for first in "ABCD"] == ["B", "D", "D", "B"]
    assert sorted(types_of(1)) == list("ABCD")


def test_a_broken_line_needs_a_line_that_makes_up_for_it() -> None:
    broken = next(p for p in PATTERNS[5] if p.rescued)
    followers = [p.marks for p in PATTERNS[5] if may_follow(broken, p, 3)]
    assert broken.marks == "02022"
    assert followers == ["11121", "21121"]
    plain = PATTERNS[5][0]
    assert [p.marks for p in PATTERNS[5] if may_follow(plain, p, 3)] == ["11221", *followers]


def cost(lines: list[list[int]], chosen: tuple[Pattern, ...], rhyme: int) -> int:
    """What `fit` makes small, written anew: 10 a wrong tone or rhyme, 9 a break."""
    total = sum(10 * len(misses(line, p)) for line, p in zip(lines, chosen, strict=True))
    end = lines[0][-1]
    if chosen[0].type in "BD":
        total += 10 * (not end & rhyme)
    else:
        # What rhymes, and cannot be oblique, is not taken for a slip that does not.
        total += 10 * (end == rhyme)
    for number in range(1, len(lines)):
        above, below = chosen[number - 1], chosen[number]
        if below.type != type_after(above.type, number):
            total += 9
        elif above.rescued and not below.rescues:
            total += 1000
    return total


@given(st.data(), st.sampled_from([5, 7]))
def test_the_fit_of_a_quatrain_is_the_best_of_all(data: st.DataObject, length: int) -> None:
    known = st.sampled_from([bit("東"), bit("冬"), bit("送"), bit("東") | bit("送")])
    line = st.lists(known, min_size=length, max_size=length)
    lines = data.draw(st.lists(line, min_size=4, max_size=4))
    rhyme = bit("東")
    every = product(*(patterns(types_of(number), length) for number in range(1, 5)))
    best = min(cost(lines, chosen, rhyme) for chosen in every)
    assert cost(lines, fit(lines, rhyme), rhyme) == best


def test_a_line_that_can_rhyme_does() -> None:
    either = bit("刪") | bit("諫")  # 間, as in 朝辭白帝彩雲間
    oblique, level = bit("陌"), bit("刪")
    lines = [
        [oblique, oblique, oblique, level, either],
        [level, level, oblique, oblique, level],
    ]
    assert [p.type for p in fit(lines, bit("刪"))] == ["D", "B"]
    assert [p.type for p in fit(lines, bit("東"))] == ["A", "B"]


def test_neighbouring_groups_are_for_who_borrows() -> None:
    assert names(widened(bit("東"), borrow=False)) == "東"
    assert names(widened(bit("東"), borrow=True)) == "東冬"
    assert names(widened(bit("尤"), borrow=True)) == "尤"
    assert widened(LEVEL, borrow=True) == LEVEL
