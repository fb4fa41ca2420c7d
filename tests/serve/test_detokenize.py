"""Text as it may be sent, against decoding the whole."""

import codecs
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from lianju.decode import Token
from lianju.serve.detokenize import Detokenizer, Piece

# Few characters, so that stop texts come about, and bytes that cut and break them.
_PARTS = [part.encode() for part in ("山", "水", "。", "山水", "水。", "a", "𠀀")]
_PARTS += [bytes([byte]) for byte in "山。𠀀".encode() + b"\xff"] + [b""]
_WHOLE = ["山".encode(), "水".encode()]
_TOKENS = st.lists(st.sampled_from(_WHOLE) | st.sampled_from(_PARTS), max_size=12)
_STOPS = st.lists(st.sampled_from(["山", "水。", "山水", "水山。", "a", "山山山"]), max_size=3)


def _tokens(parts: Sequence[bytes]) -> list[Token]:
    return [Token(number, data, -1.0) for number, data in enumerate(parts)]


def _whole(parts: Sequence[bytes]) -> str:
    """All characters that are certain."""
    return codecs.getincrementaldecoder("utf-8")("replace").decode(b"".join(parts))


def _expected(parts: Sequence[bytes], stops: Sequence[str]) -> tuple[str, bool]:
    """The text up to the first stop text that has come about, token by token."""
    for count in range(1, len(parts) + 1):
        text = _whole(parts[:count])
        if places := [text.index(stop) for stop in stops if stop in text]:
            return text[: min(places)], True
    return _whole(parts), False


@given(_TOKENS, _STOPS, st.integers(0, 12))
def test_what_is_sent_only_grows_into_the_text(
    parts: list[bytes], stops: list[str], last: int
) -> None:
    expected, stopped = _expected(parts, stops)
    written, pieces = Detokenizer(stops), list[Piece]()
    tokens = _tokens(parts)
    first = max(0, len(tokens) - last)
    for token in tokens[:first]:
        pieces.append(written.take([token]))
        assert expected.startswith("".join(piece.text for piece in pieces))
    pieces.append(written.end(tokens[first:]))
    assert "".join(piece.text for piece in pieces) == expected
    assert written.stopped == stopped


@given(_TOKENS, _STOPS)
def test_tokens_stand_where_their_character_does(parts: list[bytes], stops: list[str]) -> None:
    piece = Detokenizer(stops).end(_tokens(parts))
    for token, offset in zip(piece.tokens, piece.offsets, strict=True):
        before = b"".join(parts[: token.id])
        character = codecs.getincrementaldecoder("utf-8")("replace")
        # The characters before a token, one that it may yet break among them.
        start = len(character.decode(before))
        open_ = character.getstate()[0]
        assert offset == start + (bool(open_) and token.data[0] & 0xC0 != 0x80)
        assert offset < len(piece.text)


def test_nothing_of_a_stop_text_is_sent_before_it_is_certain() -> None:
    written = Detokenizer(["水山。"])
    sent = [written.take([token]).text for token in _tokens([b"a", *map(str.encode, "水水山水山")])]
    assert sent == ["a", "", "水", "", "水山", ""]
    assert written.end(_tokens(["。".encode()])).text == ""
    assert written.stopped


def test_a_token_that_a_stop_text_cuts_is_listed_if_some_of_it_is_left() -> None:
    piece = Detokenizer(["水"]).end(_tokens(["山水".encode(), "山".encode()]))
    assert (piece.text, len(piece.tokens)) == ("山", 1)
    assert Detokenizer(["山"]).end(_tokens(["山水".encode()])).tokens == ()
