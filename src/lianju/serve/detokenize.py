"""From tokens to text that may be sent: whole characters, and nothing of a stop text."""

import codecs
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lianju.decode import Token


@dataclass(frozen=True)
class Piece:
    """Text that nothing can change any more, and the tokens that begin in it.

    `offsets`: where in the whole text the character begins to which each token belongs. Tokens
    that stand for no text are left out.
    """

    text: str
    tokens: tuple[Token, ...]
    offsets: tuple[int, ...]


class Detokenizer:
    """What one candidate has written, given token by token; `taken` until one of `stops` comes.

    The pieces that `take` and `end` return are, put together, the bytes of all tokens read as
    UTF-8, up to where the first of `stops` begins. A text that could become one of `stops` is
    held back.

    >>> text = Detokenizer(["。"])
    >>> tokens = [Token(index, bytes([byte]), -1.0) for index, byte in enumerate("山。水".encode())]
    >>> [text.take([token]).text for token in tokens]
    ['', '', '山', '', '', '', '', '', '']
    >>> text.stopped
    True
    """

    def __init__(self, stops: Sequence[str] = ()):
        self._stops = tuple(stops)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""
        self._sent = 0
        self._waiting: list[tuple[Token, int]] = []
        self.stopped = False

    def take(self, tokens: Iterable[Token]) -> Piece:
        """Read tokens; returns what may be sent now."""
        for token in tokens:
            if not self.stopped and token.data:
                self._waiting.append((token, self._place(token.data)))
                self._read(self._decoder.decode(token.data))
        return self._release(len(self._text) - self._held())

    def end(self, tokens: Iterable[Token]) -> Piece:
        """Read the last tokens; returns all that is left. Half a character is left out."""
        first = self.take(tokens)
        last = self._release(len(self._text))
        return Piece(
            first.text + last.text, first.tokens + last.tokens, first.offsets + last.offsets
        )

    def _place(self, data: bytes) -> int:
        """Where the character begins to which the first of `data` belongs."""
        unfinished = bool(self._decoder.getstate()[0])
        goes_on = data[0] & 0xC0 == 0x80
        return len(self._text) + (unfinished and not goes_on)

    def _read(self, grown: str) -> None:
        self._text += grown
        if places := [self._text.index(stop) for stop in self._stops if stop in self._text]:
            self._text = self._text[: min(places)]
            self.stopped = True

    def _held(self) -> int:
        """How many characters at the end could begin a stop text."""
        if self.stopped:
            return 0
        longest = max((len(stop) for stop in self._stops), default=1)
        for length in range(min(longest - 1, len(self._text)), 0, -1):
            if any(stop.startswith(self._text[-length:]) for stop in self._stops):
                return length
        return 0

    def _release(self, end: int) -> Piece:
        text, self._sent = self._text[self._sent : end], end
        going = [(token, offset) for token, offset in self._waiting if offset < end]
        self._waiting = [(token, offset) for token, offset in self._waiting if offset >= end]
        return Piece(text, tuple(t for t, _ in going), tuple(o for _, o in going))
