"""What a user's words are taken for, and what is said about that."""

import pytest

from lianju.corpus import interpret_couplet, to_traditional
from lianju.errors import UserError

COUPLET = "白日依山盡，黃河入海流。"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("白日依山盡,黃河入海流", COUPLET),
        ("白日依山盡 黃河入海流.", COUPLET),
        ("白日依山盡，黃河入海流?", "白日依山盡，黃河入海流？"),
        (COUPLET, COUPLET),
        ("白日依山盡；黃河入海流！", "白日依山盡；黃河入海流！"),
    ],
)
def test_a_couplet_is_read_with_the_signs_of_verse(given: str, read: str) -> None:
    heard = interpret_couplet(given)
    assert heard.text == read
    assert heard.notes == (() if given == read else (f"Note: {given} is read as {read}",))


def test_a_couplet_is_read_in_traditional_characters_first() -> None:
    heard = interpret_couplet("白日依山尽,黄河入海流")
    assert heard.text == COUPLET
    assert heard.notes == (
        "Note: 白日依山尽,黄河入海流 has simplified 尽黄; read as 白日依山盡,黃河入海流",
        f"Note: 白日依山盡,黃河入海流 is read as {COUPLET}",
    )
    assert to_traditional("欲穷").text == "欲窮" and to_traditional("欲窮").notes == ()


@pytest.mark.parametrize("given", ["白日依山盡，黃河", "白日依山盡", "The sun sets."])
def test_what_poems_do_not_begin_with_stays_as_it_is_with_a_note(given: str) -> None:
    heard = interpret_couplet(given)
    assert heard.text == given
    [note] = heard.notes
    assert note.startswith(f"Note on {given}: ")
    assert note.endswith(". The model may not find a form.")


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ("白" * 201, "201 characters is too long: at most 200"),
        ("，。", "the couplet is empty"),
        ("", "the couplet is empty"),
        ("白日\udcff", "the couplet has bytes that are no text"),
    ],
)
def test_what_is_no_couplet_at_all_is_refused(given: str, fault: str) -> None:
    with pytest.raises(UserError, match=fault):
        interpret_couplet(given)
