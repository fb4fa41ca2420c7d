"""The network behind a batch: what it computes for new tokens of texts that stand side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from lianju.model import LanguageModel

if TYPE_CHECKING:
    from lianju.graph import TextRows

# A matrix product of a single row may add up in another order than one of several.
_LEAST = 2


class Forward(Protocol):
    """Texts, a row each, with what the network keeps of their tokens."""

    def read(self, first: int, ids: Tensor, positions: Tensor, last: Tensor) -> Tensor:
        """Logits (rows, last, vocabulary) in fp32 after those of the tokens `ids` (rows, tokens)
        that `last` names.

        They stand at `positions` of the rows from `first` on: these begin there, or, where `first`
        is 0, go on after what they hold already.
        """

    def move(self, source: list[int], target: list[int]) -> None:
        """Write the rows `source` over the rows `target`, all at once."""


def forward_of(model: LanguageModel) -> Forward:
    """New rows, none of them filled, for what `model` is to write."""
    return _Network(model) if model.graph is None else _Graph(model.graph.rows())


@torch.inference_mode()
def next_logits(model: LanguageModel, ids: Sequence[int], count: int) -> Tensor:
    """Logits (count, vocabulary) in fp32 after each of the last `count` of a text's tokens."""
    places = torch.arange(len(ids))
    return forward_of(model).read(0, torch.tensor([ids]), places[None], places[-count:])[0]


class _Network:
    """PyTorch's."""

    def __init__(self, model: LanguageModel):
        from lianju.decode.cache import RowCache  # and with it transformers

        self._network, self._device = model.network, model.device
        self._cache = RowCache(model.network)
        self.move = self._cache.move

    def read(self, first: int, ids: Tensor, positions: Tensor, last: Tensor) -> Tensor:
        rows, places = len(ids), len(last)
        if rows * places < _LEAST and int(last[0]):
            last = torch.cat([last - 1, last])
        elif rows * places < _LEAST:
            ids, positions = (torch.cat([part, part]) for part in (ids, positions))
        positions = positions.to(self._device)
        output = self._network(
            input_ids=ids.to(self._device),
            attention_mask=self._cache.at(first, positions, self._network.dtype),
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=last.to(self._device),
        )
        logits: Tensor = output.logits.float()
        return logits[:rows, -places:]


class _Graph:
    """OpenVINO's."""

    def __init__(self, rows: "TextRows"):
        self._rows = rows
        self.move = rows.move

    def read(self, first: int, ids: Tensor, positions: Tensor, last: Tensor) -> Tensor:
        return torch.from_numpy(
            self._rows.read(first, ids.numpy(), positions.numpy(), last.numpy())
        )
