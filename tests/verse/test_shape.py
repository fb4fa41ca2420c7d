import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianju.verse import FORMS, couplet_fault, form_of, is_han, lines_of, normal, shape_of

FIVE = "白日依山盡，黃河入海流。"
SEVEN = "朝辭白帝彩雲間，千里江陵一日還。"
MARKS = "the punctuation is not one mark after each line, 。at the end"
han = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)


@st.composite
def poems(draw: st.DrawFn) -> tuple[str, str, str]:
    """The name of a form, and the couplet and completion of a poem of that form."""
    form = draw(st.sampled_from(FORMS))
    lines = [
        "".join(draw(st.lists(han, min_size=form.characters, max_size=form.characters)))
        + ("。" if number % 2 else "，")
        for number in range(form.lines)
    ]
    return form.name, "".join(lines[:2]), "".join(lines[2:])


@given(poems())
def test_every_poem_of_a_form_is_right(poem: tuple[str, str, str]) -> None:
    name, couplet, completion = poem
    form = shape_of(couplet, completion).form
    assert form and form.name == name
    assert couplet_fault(couplet) is None


@given(poems(), st.integers(0, 200))
def test_a_character_less_is_a_fault(poem: tuple[str, str, str], at: int) -> None:
    _, couplet, completion = poem
    at %= len(completion)
    assert not shape_of(couplet, completion[:at] + completion[at + 1 :]).right


@pytest.mark.parametrize(
    ("completion", "fault"),
    [
        ("", "nothing was written"),
        ("欲窮千里目，更上一樓。", "line 4 has 4 characters, not 5"),
        ("欲窮千里目，更上一層樓", MARKS),
        (
            "欲窮千里目，，更上一層樓。",
            MARKS,
        ),
        (
            "欲窮千里目，更上一層樓，",
            MARKS,
        ),
        (
            "\n欲窮千里目，更上一層樓。",
            MARKS,
        ),
        ("欲窮千里目，更上一層樓。" * 2, "6 lines, neither 4 nor 8"),
        ("欲窮千里a，更上一層樓。", "line 3 has something that is no Han character"),
        ("欲窮千里�，更上一層樓。", "line 3 has something that is no Han character"),
    ],
)
def test_faults_in_words(completion: str, fault: str) -> None:
    assert shape_of(FIVE, completion).fault == fault


def test_lines_of_six_are_none_of_the_four_forms() -> None:
    fault = shape_of("桃紅復含宿雨，柳綠更帶朝煙。", "花落家童未掃，鶯啼山客猶眠。").fault
    assert fault == "lines of 6 characters, neither 5 nor 7"


def test_a_poem_that_was_cut_off_is_not_right() -> None:
    assert shape_of(FIVE, "欲窮千里目，更上一層樓。", finished=False).form is None


def test_lines_of_another_length_than_the_couplet_are_a_fault() -> None:
    assert not shape_of(SEVEN, "欲窮千里目，更上一層樓。").right


@pytest.mark.parametrize(
    ("couplet", "part"),
    [
        ("", "empty"),
        ("。。", "empty"),
        ("hello world", "no Han"),
        ("白日依山盡。", "has 1"),
        ("白日依山盡，黃河入海。", "5 and 4"),
        ("白日依山，黃河入海。", "4 and 4"),
        ("白日依山盡，黃河入海流", "does not end"),
    ],
)
def test_couplet_faults(couplet: str, part: str) -> None:
    fault = couplet_fault(couplet)
    assert fault and part in fault


def test_normal_writes_punctuation_full_width() -> None:
    assert normal(" 白日依山盡, 黃河入海流.\n") == FIVE


def test_lines_and_forms() -> None:
    assert lines_of(FIVE) == ("白日依山盡", "黃河入海流")
    assert form_of(FIVE) is None
    assert is_han("〇𠀀㐀") and not is_han("") and not is_han("a") and not is_han("。")
