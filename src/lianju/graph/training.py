"""A step of LoRA training as one graph: forward, loss, and back to the factors.

Only factors train, so only their gradients and those of what is computed are in the graph.
"""

from typing import Any

import numpy as np
import openvino as ov
import torch
from openvino import opset13 as op
from torch import Tensor

from lianju.graph.compiled import compiled
from lianju.graph.parts import SLIDING, Back, Parts, given, kinds_of, real, whole

# What is added to the score of a key that must not be seen.
_UNSEEN = -1e9


class _Adapted(Parts):
    """The parts of a network that PEFT has put a LoRA adapter on."""

    def __init__(self, network: Any):
        super().__init__(network.get_base_model())
        self.factors: dict[str, Any] = {}
        self.gradients: dict[str, Any] = {}

    def matrix(self, weight: Tensor) -> Any:
        """The constant of a weight matrix in fp32, which shares its memory."""
        return op.constant(weight.detach().contiguous().numpy(), shared_memory=True)

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

    def gradients(self, ids: Tensor, scored: Tensor) -> tuple[float, list[Tensor]]:
        """The summed loss of a batch in nats, and its gradient for each of `weights`.

        `ids` (rows, tokens) are padded on the right, `scored` marks in `ids[:, 1:]` the tokens
        that the loss covers. The gradients are good until the next call.
        """
        if not scored.any():
            for gradient in self._gradients:
                gradient.zero_()
            return 0.0, self._gradients
        factors = [weight.detach().numpy() for weight in self.weights]
        inputs = [*self._inputs(ids, scored), *factors]  # the request does not keep them alive
        for index, array in enumerate(inputs):
            self._request.set_input_tensor(index, ov.Tensor(array, shared_memory=True))
        self._request.infer()
        return float(self._request.get_output_tensor(0).data), self._gradients

    def _inputs(self, ids: Tensor, scored: Tensor) -> list[np.ndarray[Any, Any]]:
        width = ids.shape[1]
        places = torch.nonzero(scored) @ torch.tensor([width, 1])
        # What pads a row stands behind all that is scored, so no token sees it.
        masks = [self._mask(width, kind) for kind in self._kinds]
        positions = np.arange(width, dtype=np.int32)[None]
        return [
            ids.int().numpy(),
            positions,
            *masks,
            places.int().numpy(),
            ids[:, 1:][scored].int().numpy(),
        ]

    def _mask(self, width: int, kind: str) -> np.ndarray[Any, Any]:
        """What is added to the scores (1, 1, G · width, width) in layers of a kind."""
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

    Inputs: ids (rows, tokens), positions (1, tokens), a mask for each of `kinds`, the places whose
    next token is scored in the flattened batch, these tokens, the factors. Outputs: the summed
    loss, the gradients of the factors.
    """
    parts = _Adapted(network)
    whole_network, config = parts.network, parts.config
    ids, positions = given("ids", [-1, -1], np.int32), given("positions", [1, -1], np.int32)
    masks = {kind: given(kind, [1, 1, -1, -1]) for kind in kinds}
    at, want = given("at", [-1], np.int32), given("want", [-1], np.int32)
    turns = {kind: parts.turn(positions, kind) for kind in kinds}
    rows = parts.embedded(ids, parts.matrix(whole_network.model.embed_tokens.weight))
    layers = []
    for number, kind in enumerate(kinds_of(config)):
        layer = parts.layer(number, rows, turns[kind], masks[kind])
        layers.append(layer)
        rows = layer.rows
    flat = _flat(rows)
    last, norm_back = parts.norm(whole_network.model.norm, op.gather(flat, at, whole(0)))
    logits, head_back = parts.linear("lm_head", whole_network.lm_head, last)
    logprobs = op.log_softmax(logits, -1)
    found = op.gather_elements(logprobs, op.unsqueeze(want, whole(-1)), 1)
    loss = op.negative(op.reduce_sum(found, whole([0, 1])))
    wanted = op.one_hot(want, whole(whole_network.lm_head.weight.shape[0]), real(1), real(0), -1)
    ends = norm_back(head_back(op.subtract(op.exp(logprobs), wanted)))
    none = op.multiply(flat, real(0))
    down = op.scatter_nd_update(none, op.unsqueeze(at, whole(-1)), ends)
    down = op.reshape(down, op.shape_of(rows), False)
    for layer in reversed(layers):
        down = layer.back(down)
    names = list(parts.factors)
    results = [op.result(loss), *(op.result(parts.gradients[name]) for name in names)]
    inputs = [ids, positions, *masks.values(), at, want, *parts.factors.values()]
    return ov.Model(results, inputs, "step"), names


def _flat(rows: Any) -> Any:
    """(..., features) as (rows, features)."""
    features = rows.get_output_partial_shape(0)[-1].get_length()
    return op.reshape(rows, whole([-1, features]), False)
