"""What asking will take, said before anything is asked."""

from dataclasses import dataclass

from lianju.verse import is_han

# Tokens of a Han character and of any other: rough, for an estimate over tokenizers that differ.
_PER_HAN, _PER_OTHER = 1.5, 0.3


@dataclass(frozen=True)
class Estimate:
    """What is left to ask; tokens are a rough estimate, without those of reasoning."""

    requests: int
    known: int
    tokens_in: int
    tokens_out: int

    def cost(self, price_in: float, price_out: float) -> float:
        """The price, given prices a million tokens."""
        return (self.tokens_in * price_in + self.tokens_out * price_out) / 1e6


def rough_tokens(text: str) -> float:
    """About how many tokens a text has."""
    han = sum(map(is_han, text))
    return _PER_HAN * han + _PER_OTHER * (len(text) - han)
