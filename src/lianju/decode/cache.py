"""Keys and values of poems that are written side by side, one row a poem.

Every row begins at its own first token, so rows of any length stand together and a row's numbers
never depend on how long its neighbours are. Rows are moved, not copied whole, when poems leave.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from transformers import Cache
from transformers.cache_utils import CacheLayerMixin

# Room grows by so many rows, and by so many tokens, at a time.
_ROWS, _TOKENS = 16, 32


class _Layer(CacheLayerMixin):
    """One layer's keys and values, each (rows, heads, tokens, width)."""

    is_sliding = False

    def __init__(self, place: "RowCache") -> None:
        super().__init__()
        self.place = place

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Make room of no rows."""
        self.keys = key_states.new_zeros(0, key_states.shape[1], 0, key_states.shape[3])
        self.values = value_states.new_zeros(0, value_states.shape[1], 0, value_states.shape[3])
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Write where the cache says, and give all that stands in these rows."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        place = self.place
        rows, tokens = place.first + len(key_states), place.width
        self.keys = _roomier(self.keys, rows, tokens)
        self.values = _roomier(self.values, rows, tokens)
        for kept, new in ((self.keys, key_states), (self.values, value_states)):
            # (rows, 1) and (rows, tokens) index together; heads come after them.
            kept[place.rows, :, place.positions] = new.transpose(1, 2)
        return self.keys[place.first : rows, :, :tokens], self.values[
            place.first : rows, :, :tokens
        ]

    def move(self, source: Tensor, target: Tensor) -> None:
        """Write the rows `source` over the rows `target`."""
        rows = int(target.max()) + 1
        self.keys = _roomier(self.keys, rows, 0)
        self.values = _roomier(self.values, rows, 0)
        self.keys[target] = self.keys[source]
        self.values[target] = self.values[source]

    def get_seq_length(self) -> int:
        """Not asked: positions are given with every pass."""
        return 0

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Not asked: masks are given with every pass."""
        return query_length, 0

    def get_max_length(self) -> int:
        """Without a limit."""
        return -1


class RowCache(Cache):
    """The keys and values of all layers of one network."""

    def __init__(self, network: Any) -> None:
        self.config = network.config.get_text_config()
        super().__init__(layers=[_Layer(self) for _ in range(self.config.num_hidden_layers)])
        self.first = self.width = 0
        self.rows = self.positions = torch.empty(0)

    def at(
        self, first: int, positions: Tensor, dtype: torch.dtype
    ) -> "Tensor | Mapping[str, Tensor]":
        """Say where the next pass writes: rows from `first` on, their tokens at `positions`
        (rows, tokens). Returns the attention mask of that pass, as the network takes it.
        """
        self.first, self.positions = first, positions
        self.rows = torch.arange(first, first + len(positions), device=positions.device)[:, None]
        # Whole blocks, whose sums come out the same whatever is masked out behind a row's end.
        self.width = -(-(int(positions.max()) + 1) // _TOKENS) * _TOKENS
        window = getattr(self.config, "sliding_window", None)
        kinds = getattr(self.config, "layer_types", None)
        if not kinds:
            return _mask(positions, self.width, window, dtype)
        return {
            kind: _mask(positions, self.width, window if "sliding" in kind else None, dtype)
            for kind in set(kinds)
        }

    def move(self, source: list[int], target: list[int]) -> None:
        """Write the rows `source` over the rows `target`, all at once."""
        device = self.positions.device
        rows = torch.tensor(source, device=device), torch.tensor(target, device=device)
        for layer in self.layers:
            layer.move(*rows)


def _roomier(kept: Tensor, rows: int, tokens: int) -> Tensor:
    """`kept`, or a copy with room for so many rows and tokens."""
    had_rows, heads, had_tokens, width = kept.shape
    if rows <= had_rows and tokens <= had_tokens:
        return kept
    more_rows = max(had_rows, -(-rows // _ROWS) * _ROWS)
    more_tokens = max(had_tokens, -(-tokens // _TOKENS) * _TOKENS)
    # Zeros, since what is masked out is multiplied by nought and must be a number.
    roomy = kept.new_zeros(more_rows, heads, more_tokens, width)
    roomy[:had_rows, :, :had_tokens] = kept
    return roomy


def _mask(positions: Tensor, width: int, window: int | None, dtype: torch.dtype) -> Tensor:
    """(rows, 1, tokens, width): 0 where a token sees an earlier one or itself, else the least."""
    there = torch.arange(width, device=positions.device)
    here = positions[:, None, :, None]
    seen = there <= here
    if window and width > window:
        seen = seen & (there > here - window)
    return torch.where(seen, 0.0, torch.finfo(dtype).min).to(dtype)
