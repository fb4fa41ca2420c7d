"""A step of LoRA training as one graph: forward, loss, and back to the factors.

Only factors train, so only their gradients and those of what is computed are in the graph. What is
padded, or stands in every row, goes through everything but attention once.
"""

from typing import Any, NamedTuple

import numpy as np
import openvino as ov
import torch
from openvino import opset13 as op
from torch import Tensor

from lianju.graph.compiling import compiled
from lianju.graph.parts import (
    SLIDING,
    Back,
    Parts,
    given,
    joined_heads,
    kinds_of,
    real,
    split_heads,
    whole,
)

# What is added to the score of a key that must not be seen.
_UNSEEN = -1e9
# Sizes are rounded up to multiples of these, so that few shapes have to be compiled.
_TOKENS, _WIDTH = 16, 4

Array = np.ndarray[Any, Any]


class _Places(NamedTuple):
    """Where the tokens of a batch, each once, stand in its rows of T slots, and the reverse.

    `fold` (R, T) are the tokens of the slots and `unfold` (N) the slots of the tokens, both for the
    way there. For the way back of the gradient, a slot that repeats a token takes none by
    `fold_back`, and by `unfold_back` a token that is repeated takes that of an additional row, the
    sum of all rows.
    """

    fold: Any
    unfold: Any
    fold_back: Any
    unfold_back: Any


def _places_of(real_slots: Tensor, shared: int) -> tuple[_Places, Tensor]:
    """The places of a batch, and the slots of its N tokens that are real.

    `real_slots` (R, T) marks them; the first `shared` are the same tokens in every row. The last
    token and the last slot of the first row are none that is real; all that is rounded up or padded
    is taken from there, and has no gradient.
    """
    rows, width = real_slots.shape
    once = real_slots.clone()
    once[1:, :shared] = False
    slots = torch.nonzero(once.flatten()).flatten()
    tokens = _up(len(slots) + 1, _TOKENS)
    unfold = torch.full((tokens,), width - 1)
    unfold[: len(slots)] = slots
    fold_back = torch.full((rows * width,), tokens - 1)
    fold_back[slots] = torch.arange(len(slots))
    fold_back = fold_back.view(rows, width)
    fold, unfold_back = fold_back.clone(), unfold.clone()
    fold[1:, :shared] = fold[0, :shared]
    unfold_back[:shared] = rows * width + torch.arange(shared)
    return _Places(fold, unfold, fold_back, unfold_back), slots


def _up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


class _Adapted(Parts):
    """The parts of a network that PEFT has put a LoRA adapter on, for rows (N, features) of tokens,
    which attention sees at their places.
    """

    def __init__(self, network: Any, places: _Places):
        super().__init__(network.get_base_model())
        self.places = places
        self.factors: dict[str, Any] = {}
        self.gradients: dict[str, Any] = {}

    def matrix(self, weight: Tensor) -> Any:
        """The constant of a weight matrix in fp32, which shares its memory."""
        return op.constant(weight.detach().contiguous().numpy(), shared_memory=True)

    def split(self, rows: Any, width: int) -> tuple[Any, Back]:
        """Tokens (N, heads · width) in their slots, as (R, heads, T, width)."""

        def back(down: Any) -> Any:
            slots = joined_heads(down)
            every = op.concat([_flat(slots), op.reduce_sum(slots, whole([0]))], 0)
            return op.gather(every, self.places.unfold_back, whole(0))

        return split_heads(op.gather(rows, self.places.fold, whole(0)), width), back

    def joined(self, heads: Any, width: int) -> tuple[Any, Back]:
        """The tokens again, (N, heads · width)."""

        def back(down: Any) -> Any:
            return split_heads(op.gather(down, self.places.fold_back, whole(0)), width)

        return op.gather(_flat(joined_heads(heads)), self.places.unfold, whole(0)), back

    def linear(self, name: str, layer: Any, rows: Any) -> tuple[Any, Back]:
        """A linear layer and, where it is adapted, what its two factors add."""
        if not hasattr(layer, "lora_A"):
            return super().linear(name, layer, rows)
        [(adapter, scale)] = layer.scaling.items()
        out, base_back = super().linear(name, layer.base_layer, rows)
        first, first_name = self._factor(f"{name}.lora_A", layer.lora_A[adapter].weight)
        second, second_name = self._factor(f"{name}.lora_B", layer.lora_B[adapter].weight)
        inner = op.multiply(op.matmul(rows, first, False, True), real(scale))
        out = op.add(out, op.matmul(inner, second, False, True))

        def back(down: Any) -> Any:
            low = op.multiply(op.matmul(down, second, False, False), real(scale))
            self.gradients[first_name] = op.matmul(_flat(low), _flat(rows), True, False)
            self.gradients[second_name] = op.matmul(_flat(down), _flat(inner), True, False)
            return op.add(base_back(down), op.matmul(low, first, False, False))

        return out, back

    def _factor(self, name: str, weight: Tensor) -> tuple[Any, str]:
        self.factors[name] = given(name, list(weight.shape))
        return self.factors[name], name


class TrainingGraph:
    """The training step of a network with a LoRA adapter, compiled for this CPU.

    `precision`: fp32, or bf16, in which products then run. The frozen weights are read when it is
    made, the factors, which must be in fp32, at every step.
    """

    def __init__(self, network: Any, precision: str):
        config = network.get_base_model().config
        self._kinds = sorted(set(kinds_of(config)))
        self._window = getattr(config, "sliding_window", None)
        self._groups = config.num_attention_heads // config.num_key_value_heads
        model, names = _step(network, self._kinds)
        weights = _by_layer(network)
        self.weights = [weights[name] for name in names]
        self._gradients = [torch.empty_like(weight) for weight in self.weights]
        products = {"fp32": "f32", "bf16": "bf16"}[precision]
        self._request = compiled(model, products).create_infer_request()
        for index, gradient in enumerate(self._gradients, 1):
            shared = ov.Tensor(gradient.numpy(), shared_memory=True)
            self._request.set_output_tensor(index, shared)

    def gradients(
        self, ids: Tensor, attention: Tensor, scored: Tensor, shared: int = 0
    ) -> tuple[float, list[Tensor]]:
        """The summed loss of a batch in nats, and its gradient for each of `weights`.

        `ids` (rows, tokens) are padded on the right, where `attention` is 0; `scored` marks in
        `ids[:, 1:]` the tokens that the loss covers, and the first `shared` are the same in all
        rows. The gradients are good until the next call.
        """
        if not scored.any():
            for gradient in self._gradients:
                gradient.zero_()
            return 0.0, self._gradients
        factors = [weight.detach().numpy() for weight in self.weights]
        # The request does not keep them alive.
        inputs = [*self._inputs(ids, attention, scored, shared), *factors]
        for index, array in enumerate(inputs):
            self._request.set_input_tensor(index, ov.Tensor(array, shared_memory=True))
        self._request.infer()
        return float(self._request.get_output_tensor(0).data), self._gradients

    def _inputs(self, ids: Tensor, attention: Tensor, scored: Tensor, shared: int) -> list[Array]:
        width = _up(ids.shape[1] + 1, _WIDTH)
        more = (0, width - ids.shape[1])
        slots_of_ids = torch.nn.functional.pad(ids, more).flatten()
        places, slots = _places_of(torch.nn.functional.pad(attention.bool(), more), shared)
        tokens = torch.zeros_like(places.unfold)
        tokens[: len(slots)] = slots_of_ids[slots]
        # The next token is predicted at the slot before it.
        at = places.fold_back[:, : scored.shape[1]][scored]
        taken = [tokens, *places, at, ids[:, 1:][scored]]
        positions = np.arange(width, dtype=np.int32)[None]
        masks = [self._mask(width, kind) for kind in self._kinds]
        return [*(tensor.int().numpy() for tensor in taken), positions, *masks]

    def _mask(self, width: int, kind: str) -> Array:
        """What is added to the scores (1, 1, G · width, width) in layers of a kind.

        What pads a row stands behind all that is real, so no token sees it.
        """
        seen = np.tri(width, dtype=bool)
        if kind == SLIDING and self._window is not None:
            seen &= ~np.tri(width, k=-self._window, dtype=bool)
        mask = np.where(seen, np.float32(0), np.float32(_UNSEEN))
        return np.ascontiguousarray(np.tile(mask, (self._groups, 1))[None, None])


def _by_layer(network: Any) -> dict[str, Tensor]:
    """The factors of an adapted network by the names that `_Adapted` gives them."""
    factors = {}
    for name, weight in network.get_base_model().named_parameters():
        if weight.requires_grad:
            layer, _, rest = name.partition(".lora_")
            factors[f"{layer}.lora_{rest[0]}"] = weight
    return factors


def _step(network: Any, kinds: list[str]) -> tuple[ov.Model, list[str]]:
    """The graph, and the names of the factors in the order of its last inputs and outputs.

    Inputs: the tokens (N), their places, which of them are scored, the tokens that follow these,
    positions (1, T), a mask for each of `kinds`, the factors. Outputs: the summed loss, the
    gradients of the factors.
    """
    tokens = given("tokens", [-1], np.int32)
    shapes = {"fold": [-1, -1], "unfold": [-1], "fold_back": [-1, -1], "unfold_back": [-1]}
    places = _Places(*(given(name, shape, np.int32) for name, shape in shapes.items()))
    at, want = given("at", [-1], np.int32), given("want", [-1], np.int32)
    positions = given("positions", [1, -1], np.int32)
    masks = {kind: given(kind, [1, 1, -1, -1]) for kind in kinds}
    parts = _Adapted(network, places)
    inner, head = parts.network.model, parts.network.lm_head
    turns = {kind: parts.turn(positions, kind) for kind in kinds}
    rows = parts.embedded(tokens, parts.matrix(inner.embed_tokens.weight))
    layers = []
    for number, kind in enumerate(kinds_of(parts.config)):
        layers.append(parts.layer(number, rows, turns[kind], masks[kind]))
        rows = layers[-1].rows
    last, norm_back = parts.norm(inner.norm, op.gather(rows, at, whole(0)))
    logits, head_back = parts.linear("lm_head", head, last)
    loss, loss_back = _cross_entropy(logits, want, head.weight.shape[0])
    ends = norm_back(head_back(loss_back))
    none = op.multiply(rows, real(0))
    down = op.scatter_nd_update(none, op.unsqueeze(at, whole(-1)), ends)
    for layer in reversed(layers):
        down = layer.back(down)
    names = list(parts.factors)
    results = [op.result(loss), *(op.result(parts.gradients[name]) for name in names)]
    inputs = [tokens, *places, at, want, positions, *masks.values(), *parts.factors.values()]
    return ov.Model(results, inputs, "step"), names


def _cross_entropy(logits: Any, want: Any, size: int) -> tuple[Any, Any]:
    """The cross-entropy of tokens, summed, in nats, and its gradient."""
    logprobs = op.log_softmax(logits, -1)
    found = op.gather_elements(logprobs, op.unsqueeze(want, whole(-1)), 1)
    loss = op.negative(op.reduce_sum(found, whole([0, 1])))
    wanted = op.one_hot(want, whole(size), real(1), real(0), -1)
    return loss, op.subtract(op.exp(logprobs), wanted)


def _flat(rows: Any) -> Any:
    """(..., features) as (rows, features)."""
    features = rows.get_output_partial_shape(0)[-1].get_length()
    return op.reshape(rows, whole([-1, features]), False)
