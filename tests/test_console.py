"""Tables on a terminal and in a pipe."""

import pytest
from rich.text import Text

from lianju.console import out, print_table


@pytest.mark.parametrize("columns", [10, 200])
def test_columns_are_aligned_where_han_characters_take_two_and_nothing_is_cut(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(out, "_width", columns)
    rows: list[tuple[str | Text, ...]] = [
        ("1", "白日依山盡", "[b]"),
        ("20", Text("abc", "bold"), "欲窮千里目，更上一層樓。" * 9),
    ]
    print_table(rows, "><<", ("no.", "詩", ""))
    assert capsys.readouterr().out.splitlines() == [
        "no.  詩",
        "  1  白日依山盡  [b]",
        " 20  abc         " + "欲窮千里目，更上一層樓。" * 9,
    ]
