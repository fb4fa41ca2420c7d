"""A step of writing as one graph: new tokens after kept keys and values, to the next logits.

Inputs, for R texts of T new tokens: `ids` and `positions` (R, T) and `last` (K) int32, and for each
layer `keys.LAYER` and `values.LAYER` (R, heads, W, width) fp32, of which a text has as many as the
position of its first new token says; what stands behind them is not looked at, but finite. Outputs:
`logits` (R, K, vocabulary) fp32 after the new tokens `last`, and for each layer what is to be kept
of the new tokens (R, heads, T, width).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import torch
from openvino import opset13 as op
from torch import Tensor

from lianju.graph.compiling import compiled, options
from lianju.graph.parts import SLIDING, Back, Parts, array, given, kinds_of, real, whole

_Array = np.ndarray[Any, Any]
# Added to a score, it leaves nothing of a share.
_UNSEEN = -1e9
# Kept for good: a request may outlive its graph, and reads what lies here.
_MAPPED: list[_Array] = []
# Without AVX-512, OpenVINO 2026.4 adds up the products of one token, and of more than some 80, in
# another order than those of numbers between; in this range a row's bits are always the same.
_LEAST, _MOST = 2, 64
# Room grows by so many rows, and by so many tokens, at a time.
_ROWS, _TOKENS = 16, 32


def writing_graph(network: Any, light: bool = True) -> ov.Model:
    """The graph of a network that `can_build`.

    `light`: matrices in 8 bits with a scale for each output, the embedding and the output layer in
    16; else all in fp32.
    """
    parts, config = (_LightParts if light else Parts)(network), network.config
    held = _half if light else array
    ids, positions = given("ids", [-1, -1], np.int32), given("positions", [-1, -1], np.int32)
    last = given("last", [-1], np.int32)
    shape = [-1, config.num_key_value_heads, -1, network.model.layers[0].self_attn.head_dim]
    pasts = [
        [given(f"{name}.{number}", shape) for name in ("keys", "values")]
        for number in range(config.num_hidden_layers)
    ]
    kinds = kinds_of(config)
    masks = {kind: _mask(config, kind, positions, pasts[0][0]) for kind in set(kinds)}
    turns = {kind: parts.turn(positions, kind) for kind in masks}
    table, output = network.model.embed_tokens.weight, network.lm_head.weight
    matrix = held(output)
    rows = parts.embedded(ids, matrix if table is output else held(table))
    kept = []
    for number, (kind, past) in enumerate(zip(kinds, pasts, strict=True)):
        attended = parts.layer(number, rows, turns[kind], masks[kind], past)
        rows = attended.rows
        kept += [op.result(attended.key), op.result(attended.value)]
    ends, _ = parts.norm(network.model.norm, op.gather(rows, last, whole(1)))
    logits = op.matmul(ends, matrix, False, True)
    inputs = [ids, positions, last, *(node for past in pasts for node in past)]
    return ov.Model([op.result(logits), *kept], inputs, "writing")


def _mask(config: Any, kind: str, positions: Any, keys: Any) -> Any:
    """(R, 1, G · T, W + T): what is added to the scores of G query heads that share keys."""
    here = op.unsqueeze(positions, whole([1, 3]))
    width = op.gather(op.shape_of(keys, "i32"), whole(2), whole(0))
    zero, one = (op.constant(np.int32(value)) for value in (0, 1))
    there = op.unsqueeze(op.range(zero, width, one, "i32"), whole([0, 1, 2]))
    first = op.gather(here, whole([0]), whole(2))
    before = op.logical_and(op.less(there, first), _near(config, kind, here, there))
    new = op.unsqueeze(positions, whole([1, 2]))
    among = op.logical_and(op.less_equal(new, here), _near(config, kind, here, new))
    seen = op.concat([before, among], 3)
    mask = op.select(seen, real(0), real(_UNSEEN))
    groups = config.num_attention_heads // config.num_key_value_heads
    return op.tile(mask, whole([1, 1, groups, 1]))


def _near(config: Any, kind: str, here: Any, there: Any) -> Any:
    """Whether a token still sees another, further back, through the window of its layer."""
    window = config.sliding_window if kind == SLIDING else 2**30
    return op.less(op.subtract(here, there), op.constant(np.int32(window)))


class _LightParts(Parts):
    def matrix(self, weight: Tensor) -> Any:
        values = weight.detach().float().numpy()
        scale = np.maximum(np.abs(values).max(1, keepdims=True), 1e-12) / 127
        small = op.constant(np.round(values / scale).clip(-127, 127).astype(np.int8))
        return op.multiply(op.convert(small, "f32"), op.constant(scale.astype(np.float32)))

    def linears(self, name: str, layers: Mapping[str, Any], rows: Any) -> list[tuple[Any, Back]]:
        """All in one product; nothing goes back."""
        stacked = torch.cat([layer.weight for layer in layers.values()])
        out = op.matmul(rows, self.matrix(stacked), False, True)
        biases = [layer.bias for layer in layers.values() if layer.bias is not None]
        if biases:
            out = op.add(out, array(torch.cat(biases)))
        widths = whole([len(layer.weight) for layer in layers.values()])
        return [(part, _no_way) for part in op.variadic_split(out, whole(-1), widths).outputs()]


def _no_way(down: Any) -> Any:
    raise AssertionError("only what trains goes back")


def _half(weight: Tensor) -> Any:
    return op.convert(op.constant(weight.detach().float().numpy().astype(np.float16)), "f32")


class WritingGraph:
    """A compiled graph of writing, which any number of `TextRows` share."""

    def __init__(self, source: ov.Model | Path):
        """`source`: a graph of `writing_graph`, or a file that `save` wrote on this machine."""
        if isinstance(source, Path):
            # Mapped, not read; OpenVINO computes with what stands there.
            _MAPPED.append(np.memmap(source, np.uint8, "c"))
            exported = ov.Tensor(_MAPPED[-1], shared_memory=True)
            self.compiled = ov.Core().import_model(exported, "CPU", options("f32"))
        else:
            self.compiled = compiled(source, "f32")
        _, heads, _, width = self.compiled.input("keys.0").partial_shape
        self.layers = (len(self.compiled.inputs) - 3) // 2
        self.heads, self.width = heads.get_length(), width.get_length()
        self.vocabulary = self.compiled.output(0).partial_shape[2].get_length()
        # Whether a row's bits are the same whatever the number of tokens that are read together.
        self.even = bool(torch.cpu.get_capabilities().get("avx512_f"))

    def save(self, file: Path) -> None:
        """Write it down as it is compiled for this machine."""
        file.write_bytes(self.compiled.export_model().getbuffer())

    def rows(self) -> "TextRows":
        """No texts yet."""
        return TextRows(self)


class TextRows:
    """Texts that one graph writes side by side, a row each, with their keys and values.

    What a row gets does not depend on the rows beside it, bit for bit.
    """

    def __init__(self, graph: WritingGraph):
        self._graph, self._request = graph, graph.compiled.create_infer_request()
        # Of all layers: keys and values, rows, heads, tokens, width.
        self._kept = np.zeros((2 * graph.layers, 0, graph.heads, 0, graph.width), np.float32)
        self._inputs: list[_Array] = []
        self._outputs: list[_Array] = []

    def read(self, first: int, ids: _Array, positions: _Array, last: _Array) -> _Array:
        """Logits (rows, last, vocabulary) fp32 after those of the tokens `ids` (rows, tokens) that
        `last` names.

        They stand at `positions` of the rows from `first` on: these begin there, or, where `first`
        is 0, go on after what they hold already.
        """
        rows, tokens = ids.shape
        self._make_room(max(first + rows, _LEAST), int(positions.max()) + 1)
        begun = bool(positions[:, 0].any())
        assert not (begun and first), "rows in the middle cannot go on by themselves"
        together = rows if self._graph.even else max(1, _MOST // tokens)
        parts = [slice(at, at + together) for at in range(0, rows, together)]
        return np.concatenate(
            [self._read(first + p.start, begun, ids[p], positions[p], last) for p in parts]
        )

    def _read(
        self, first: int, begun: bool, ids: _Array, positions: _Array, last: _Array
    ) -> _Array:
        """`read`, of rows that are computed together."""
        rows, tokens = ids.shape
        # A free row beside one that is alone; what it becomes is not kept.
        more = rows * tokens < _LEAST and not self._graph.even
        past = self._kept[:, first : first + rows + more]
        self._bind(past if begun else past[:, :, :, :0], tokens, len(last))
        for small, values in zip(self._inputs, (ids, positions), strict=False):
            small[:rows] = values
        self._inputs[2][:] = last
        self._request.infer()
        logits, new = self._outputs
        self._kept[:, np.arange(first, first + rows)[:, None], :, positions] = new[
            :, :rows
        ].transpose(1, 3, 0, 2, 4)
        return logits[:rows].copy()

    def move(self, source: Sequence[int], target: Sequence[int]) -> None:
        """Write the rows `source` over the rows `target`, all at once."""
        self._make_room(max(target) + 1, 0)
        self._kept[:, target] = self._kept[:, source]

    def _make_room(self, rows: int, tokens: int) -> None:
        parts, had_rows, heads, had_tokens, width = self._kept.shape
        if rows <= had_rows and tokens <= had_tokens:
            return
        rows = max(had_rows, -(-rows // _ROWS) * _ROWS)
        tokens = max(had_tokens, -(-tokens // _TOKENS) * _TOKENS)
        # Zeros, since what is not looked at is multiplied by nought and must be a number.
        kept = np.zeros((parts, rows, heads, tokens, width), np.float32)
        kept[:, :had_rows, :, :had_tokens] = self._kept
        self._kept = kept

    def _bind(self, past: _Array, tokens: int, last: int) -> None:
        """Let the request read from and write to arrays of these sizes, if it does not yet."""
        parts, rows, heads, _, width = past.shape
        held = self._inputs[-1] if self._inputs else None
        shape = (rows, last, self._graph.vocabulary), (parts, rows, heads, tokens, width)
        same = held is not None and held.shape == past.shape and _start(held) == _start(past)
        if same and tuple(one.shape for one in self._outputs) == shape:
            return
        small = [np.zeros(size, np.int32) for size in ((rows, tokens), (rows, tokens), (last,))]
        self._inputs, self._outputs = [*small, past], [np.zeros(size, np.float32) for size in shape]
        for index, part in enumerate([*small, *past]):
            self._request.set_input_tensor(index, ov.Tensor(part, shared_memory=True))
        for index, part in enumerate([self._outputs[0], *self._outputs[1]]):
            self._request.set_output_tensor(index, ov.Tensor(part, shared_memory=True))


def _start(values: _Array) -> int:
    return int(values.__array_interface__["data"][0])
