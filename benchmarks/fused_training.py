"""A fine-tuning step as one graph for OpenVINO: forward, loss, and back to the LoRA factors.

    python -m benchmarks.fused_training [f32|bf16]

beside PyTorch's step on the same batches of real poems: losses, gradients, seconds. Needs the extra
`bench`. Gemma-3 only; see docs/log.md, 2026-11-29.
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import openvino as ov
import torch
from openvino import opset13 as op

from lianju.config import load_settings
from lianju.evaluate import suite
from lianju.likelihood import TokenBatch, collate, encode, summed_loss
from lianju.model import Compute, attach, load_base
from lianju.progress import SILENT
from lianju.prompt import LAYOUTS

_RANK, _POEMS, _BATCHES = 16, 8, 8
# From the gradient of what a part gave to that of what it was given.
Back = Callable[[Any], Any]


def _whole(values: Any) -> Any:
    return op.constant(np.array(values, dtype=np.int64))


def _real(value: float) -> Any:
    return op.constant(np.float32(value))


def _array(weight: torch.Tensor) -> Any:
    return op.constant(np.ascontiguousarray(weight.detach().float().numpy()))


def _flat(rows: Any, width: int) -> Any:
    return op.reshape(rows, _whole([-1, width]), False)


class StepGraph:
    """The graph of a Gemma-3 network with a LoRA adapter of `scale` on every linear layer.

    Inputs: `ids`, `positions` (poems, tokens), `mask`, `at` (the places whose next token is scored,
    in the flattened batch), `want` (these tokens), and the factors by `names`. Outputs: the summed
    loss in nats and the gradient of each factor.
    """

    def __init__(self, network: Any, scale: float):
        self.network, self.scale = network, scale
        self.names: list[str] = []
        self._factors: list[Any] = []
        self._gradients: dict[str, Any] = {}
        self.model = self._built()

    def _factor(self, name: str, shape: Sequence[int]) -> Any:
        self.names.append(name)
        self._factors.append(op.parameter(list(shape), np.float32, name=name))
        return self._factors[-1]

    def _linear(self, name: str, layer: Any, rows: Any) -> tuple[Any, Back]:
        wide, narrow = layer.weight.shape
        weight = _array(layer.weight)
        a = self._factor(f"{name}.A", (_RANK, narrow))
        b = self._factor(f"{name}.B", (wide, _RANK))
        inner = op.multiply(op.matmul(rows, a, False, True), _real(self.scale))
        out = op.add(op.matmul(rows, weight, False, True), op.matmul(inner, b, False, True))

        def back(down: Any) -> Any:
            low = op.multiply(op.matmul(down, b, False, False), _real(self.scale))
            self._gradients[f"{name}.A"] = op.matmul(
                _flat(low, _RANK), _flat(rows, narrow), True, False
            )
            self._gradients[f"{name}.B"] = op.matmul(
                _flat(down, wide), _flat(inner, _RANK), True, False
            )
            return op.add(op.matmul(down, weight, False, False), op.matmul(low, a, False, False))

        return out, back

    def _norm(self, layer: Any, rows: Any) -> tuple[Any, Back]:
        weight = _array(layer.weight + 1)
        mean = op.reduce_mean(op.multiply(rows, rows), _whole([-1]), keep_dims=True)
        inverse = op.divide(_real(1), op.sqrt(op.add(mean, _real(layer.eps))))
        scaled = op.multiply(rows, inverse)

        def back(down: Any) -> Any:
            given = op.multiply(down, weight)
            along = op.reduce_mean(op.multiply(given, scaled), _whole([-1]), keep_dims=True)
            return op.multiply(inverse, op.subtract(given, op.multiply(scaled, along)))

        return op.multiply(scaled, weight), back

    def _turn(self, heads: Any, cosine: Any, sine: Any) -> tuple[Any, Back]:
        first, second = op.split(heads, _whole(-1), 2).outputs()
        turned = op.concat([op.negative(second), first], -1)

        def back(down: Any) -> Any:
            one, other = op.split(op.multiply(down, sine), _whole(-1), 2).outputs()
            undone = op.concat([other, op.negative(one)], -1)
            return op.add(op.multiply(down, cosine), undone)

        return op.add(op.multiply(heads, cosine), op.multiply(turned, sine)), back

    def _attention(self, name: str, layer: Any, rows: Any, angles: Any, mask: Any) -> Any:
        config, width = self.network.config, layer.head_dim
        heads, kinds = config.num_attention_heads, config.num_key_value_heads

        def split(part: Any) -> Any:
            apart = op.reshape(part, _whole([0, 0, -1, width]), True)
            return op.transpose(apart, _whole([0, 2, 1, 3]))

        def joined(part: Any) -> Any:
            return op.reshape(op.transpose(part, _whole([0, 2, 1, 3])), _whole([0, 0, -1]), True)

        def shared(part: Any) -> Any:
            return op.reshape(part, _whole([0, kinds, -1, width]), True)

        def own(part: Any) -> Any:
            return op.reshape(part, _whole([0, heads, -1, width]), True)

        query, back_q = self._linear(f"{name}.q", layer.q_proj, rows)
        key, back_k = self._linear(f"{name}.k", layer.k_proj, rows)
        value, back_v = self._linear(f"{name}.v", layer.v_proj, rows)
        query, norm_q = self._norm(layer.q_norm, split(query))
        key, norm_k = self._norm(layer.k_norm, split(key))
        query, turn_q = self._turn(query, *angles)
        key, turn_k = self._turn(key, *angles)
        together, value = shared(query), split(value)
        scores = op.multiply(op.matmul(together, key, False, True), _real(layer.scaling))
        shares = op.softmax(op.add(scores, mask), -1)
        mixed = joined(own(op.matmul(shares, value, False, False)))
        out, back_o = self._linear(f"{name}.o", layer.o_proj, mixed)

        def back(down: Any) -> Any:
            mixed = shared(split(back_o(down)))
            shared_down = op.matmul(mixed, value, False, True)
            total = op.reduce_sum(op.multiply(shared_down, shares), _whole([-1]), keep_dims=True)
            score = op.multiply(op.multiply(shares, op.subtract(shared_down, total)), scale)
            to_query = own(op.matmul(score, key, False, False))
            parts = (
                back_q(joined(norm_q(turn_q(to_query)))),
                back_k(joined(norm_k(turn_k(op.matmul(score, together, True, False))))),
                back_v(joined(op.matmul(shares, mixed, True, False))),
            )
            return op.add(op.add(parts[0], parts[1]), parts[2])

        scale = _real(layer.scaling)
        return out, back

    def _feed_forward(self, name: str, layer: Any, rows: Any) -> tuple[Any, Back]:
        gate, back_gate = self._linear(f"{name}.gate", layer.gate_proj, rows)
        up, back_up = self._linear(f"{name}.up", layer.up_proj, rows)
        active = op.gelu(gate, "tanh")
        out, back_down = self._linear(f"{name}.down", layer.down_proj, op.multiply(active, up))

        def back(down: Any) -> Any:
            inner = back_down(down)
            to_gate = op.multiply(op.multiply(inner, up), _gelu_slope(gate))
            return op.add(back_gate(to_gate), back_up(op.multiply(inner, active)))

        return out, back

    def _built(self) -> ov.Model:
        network, config = self.network.model, self.network.config
        shapes: dict[str, tuple[list[int], Any]] = {
            "ids": ([-1, -1], np.int32),
            "positions": ([-1, -1], np.int32),
            "mask": ([-1, 1, -1, -1], np.float32),
            "at": ([-1], np.int32),
            "want": ([-1], np.int32),
        }
        given = {name: op.parameter(*shape, name=name) for name, shape in shapes.items()}
        table = _array(network.embed_tokens.weight)
        rows = op.gather(table, given["ids"], _whole(0))
        rows = op.multiply(rows, _real(float(network.embed_tokens.embed_scale)))
        angles = {kind: self._angles(given["positions"], kind) for kind in {*config.layer_types}}
        backs = []
        for number, (layer, kind) in enumerate(
            zip(network.layers, config.layer_types, strict=True)
        ):
            part, one = self._norm(layer.input_layernorm, rows)
            part, two = self._attention(
                str(number), layer.self_attn, part, angles[kind], given["mask"]
            )
            part, three = self._norm(layer.post_attention_layernorm, part)
            rows = op.add(rows, part)
            part, four = self._norm(layer.pre_feedforward_layernorm, rows)
            part, five = self._feed_forward(str(number), layer.mlp, part)
            part, six = self._norm(layer.post_feedforward_layernorm, part)
            rows = op.add(rows, part)
            backs.append(((three, two, one), (six, five, four)))
        flat = _flat(rows, config.hidden_size)
        last, norm = self._norm(network.norm, op.gather(flat, given["at"], _whole(0)))
        logprobs = op.log_softmax(op.matmul(last, table, False, True), -1)
        size = _whole(network.embed_tokens.weight.shape[0])
        wanted = op.one_hot(given["want"], size, _real(1), _real(0), -1)
        loss = op.negative(op.reduce_sum(op.multiply(logprobs, wanted), _whole([0, 1])))
        ends = norm(op.matmul(op.subtract(op.exp(logprobs), wanted), table, False, False))
        none = op.multiply(flat, _real(0))
        down = op.scatter_nd_update(none, op.unsqueeze(given["at"], _whole(-1)), ends)
        down = op.reshape(down, op.shape_of(rows), False)
        for attention, feed_forward in reversed(backs):
            for chain in (feed_forward, attention):
                part = down
                for back in chain:
                    part = back(part)
                down = op.add(down, part)
        results = [op.result(loss), *(op.result(self._gradients[name]) for name in self.names)]
        return ov.Model(results, [*given.values(), *self._factors], "step")

    def _angles(self, positions: Any, kind: str) -> tuple[Any, Any]:
        rotary = self.network.model.rotary_emb
        frequencies = getattr(rotary, f"{kind}_inv_freq").float().numpy()[None, None]
        places = op.unsqueeze(op.convert(positions, "f32"), _whole(-1))
        half = op.multiply(places, op.constant(frequencies))
        angles = op.unsqueeze(op.concat([half, half], -1), _whole(1))
        return op.cos(angles), op.sin(angles)


def _gelu_slope(x: Any) -> Any:
    """The derivative of GELU's approximation by tanh."""
    square = op.multiply(x, x)
    bent = op.add(_real(1), op.multiply(square, _real(0.044715)))
    tanh = op.tanh(op.multiply(op.multiply(x, _real(0.7978845608)), bent))
    slope = op.multiply(
        _real(0.7978845608), op.add(_real(1), op.multiply(square, _real(3 * 0.044715)))
    )
    rising = op.multiply(op.multiply(x, op.subtract(_real(1), op.multiply(tanh, tanh))), slope)
    return op.multiply(_real(0.5), op.add(op.add(_real(1), tanh), rising))


def _inputs(batch: TokenBatch, groups: int) -> list[np.ndarray[Any, Any]]:
    poems, tokens = batch.ids.shape
    places = torch.nonzero(batch.scored) @ torch.tensor([tokens, 1])
    later = np.triu(np.full((tokens, tokens), -1e9, np.float32), 1)
    return [
        batch.ids.int().numpy(),
        np.tile(np.arange(tokens, dtype=np.int32), (poems, 1)),
        np.ascontiguousarray(np.tile(later, (poems, 1, groups, 1))),
        places.int().numpy(),
        batch.ids[:, 1:][batch.scored].int().numpy(),
    ]


def main(precision: str = "bf16") -> None:
    """Measure, and print a line a batch and the medians."""
    settings = load_settings()
    base = load_base(settings.model, LAYOUTS, torch.device("cpu"), torch.float32, SILENT)
    examples = suite("legal", None, SILENT)[: _POEMS * _BATCHES]
    encoded = encode(examples, "plain", base.vocabulary, 256)
    batches = [
        collate(encoded[at : at + _POEMS], base.vocabulary.pad)
        for at in range(0, len(encoded), _POEMS)
    ]
    graph = StepGraph(base.network, settings.lora.alpha / _RANK)
    config = base.network.config
    groups = config.num_attention_heads // config.num_key_value_heads
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "INFERENCE_PRECISION_HINT": precision,
    }
    start = time.perf_counter()
    request = ov.Core().compile_model(graph.model, "CPU", options).create_infer_request()
    print(f"compiled in {time.perf_counter() - start:.1f} s")
    network = attach(base, settings.lora).network
    factors = {}
    for name, weight in network.named_parameters():
        if "lora_" in name:
            number, _, layer = name.split("layers.")[1].split(".")[:3]
            kind = "A" if "lora_A" in name else "B"
            weight.data.normal_(0, 0.02)
            factors[f"{number}.{layer.split('_')[0]}.{kind}"] = weight
    compute = Compute(torch.device("cpu"), {"f32": "fp32", "bf16": "bf16"}[precision], "as asked")
    compute.lighten(network)
    network.train()
    spent: dict[str, list[float]] = {"OpenVINO": [], "PyTorch": []}
    for batch in batches * 2:
        start = time.perf_counter()
        given = [*_inputs(batch, groups), *(factors[name].detach().numpy() for name in graph.names)]
        for index, array in enumerate(given):
            request.set_input_tensor(index, ov.Tensor(array, shared_memory=True))
        request.infer()
        loss = float(request.get_output_tensor(0).data)
        spent["OpenVINO"].append(time.perf_counter() - start)
        network.zero_grad()
        start = time.perf_counter()
        theirs = summed_loss(network, batch, compute.precision)
        torch.autograd.backward(theirs)
        spent["PyTorch"].append(time.perf_counter() - start)
        errors = []
        for index, name in enumerate(graph.names, 1):
            gradient = factors[name].grad.numpy()
            found = request.get_output_tensor(index).data
            errors.append(np.linalg.norm(found - gradient) / np.linalg.norm(gradient))
        print(
            f"loss {loss:.2f} and {theirs.item():.2f}; gradients differ by {np.median(errors):.1e}"
        )
    for name, seconds in spent.items():
        print(f"{name}: {statistics.median(seconds):.3f} s a step of {_POEMS} poems")


if __name__ == "__main__":
    main(*sys.argv[1:])
