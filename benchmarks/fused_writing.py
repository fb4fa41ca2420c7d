"""A step of writing as one graph for OpenVINO, with weights of several sizes, beside PyTorch's.

    python -m benchmarks.fused_writing

prints milliseconds by rows and how far the log-probabilities of real verse are from those in fp32.
Needs the extra `bench`. See docs/log.md, 2026-11-29.

The graph's inputs, for R texts of T new tokens, of which W are kept from earlier passes: `ids` and
`positions` (R, T) and `last` (K) int32; for each kind of attention (R, 1, G·T, W + T) fp32, which
is added to the scores of the G query heads that share keys; for each layer `keys.LAYER` and
`values.LAYER` (R, heads, W, width) fp32. Outputs: `logits` (R, K, vocabulary) fp32 after the new
tokens `last`, and for each layer what is to be kept of the new tokens (R, heads, T, width).
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov
import torch
from openvino import opset13 as op

from lianju.config import load_settings
from lianju.evaluate import suite
from lianju.model import LanguageModel, load_base
from lianju.progress import SILENT
from lianju.prompt import LAYOUTS, render

# The families whose every part is built here.
FAMILIES = ("gemma3_text", "llama", "mistral", "qwen2", "qwen3")
FULL, SLIDING = "full_attention", "sliding_attention"
_GELU = ("gelu_pytorch_tanh", "gelu_new")


def kinds_of(config: Any) -> list[str]:
    """The kind of attention of each layer, `FULL` or `SLIDING`."""
    kinds = getattr(config, "layer_types", None)
    if kinds:
        return list(kinds)
    kind = SLIDING if getattr(config, "sliding_window", None) else FULL
    return [kind] * config.num_hidden_layers


def graph_of(network: Any, whole: bool = False) -> ov.Model:
    """The graph of a network of one of the `FAMILIES`; matrices in int8 a channel if `whole`."""
    build = _Builder(network, whole)
    ids, positions = _input("ids", [-1, -1], np.int32), _input("positions", [-1, -1], np.int32)
    last = _input("last", [-1], np.int32)
    kinds = kinds_of(network.config)
    masks = {kind: _input(kind, [-1, 1, -1, -1]) for kind in sorted(set(kinds))}
    turns = {kind: build.turn(positions, kind) for kind in masks}
    rows = build.embedded(ids)
    pasts, kept = [], []
    for number, (layer, kind) in enumerate(zip(network.model.layers, kinds, strict=True)):
        attention = layer.self_attn
        heads = network.config.num_key_value_heads
        shape = [-1, heads, -1, attention.head_dim]
        past = [_input(f"{name}.{number}", shape) for name in ("keys", "values")]
        mixed, *new = build.attention(
            attention, build.norm(layer.input_layernorm, rows), turns[kind], past, masks[kind]
        )
        rows = build.rest(layer, rows, mixed)
        pasts += past
        kept += [
            op.result(part, name=node.friendly_name) for part, node in zip(new, past, strict=True)
        ]
    ends = op.gather(build.norm(network.model.norm, rows), last, _whole(1))
    logits = op.matmul(ends, build.matrix(network.lm_head.weight), False, True)
    inputs = [ids, positions, last, *masks.values(), *pasts]
    return ov.Model([op.result(logits, name="logits"), *kept], inputs, "lianju")


def _input(name: str, shape: list[int], kind: Any = np.float32) -> Any:
    return op.parameter(shape, kind, name=name)


def _whole(values: Any) -> Any:
    return op.constant(np.array(values, dtype=np.int64))


def _real(value: float) -> Any:
    return op.constant(np.float32(value))


@dataclass(frozen=True)
class _Turn:
    """The rotation of queries and keys by their place (Su et al., RoFormer, 2021)."""

    cosine: Any
    sine: Any

    def __call__(self, heads: Any) -> Any:
        first, second = op.split(heads, _whole(-1), 2).outputs()
        turned = op.concat([op.negative(second), first], -1)
        return op.add(op.multiply(heads, self.cosine), op.multiply(turned, self.sine))


@dataclass(frozen=True)
class _Builder:
    """The parts of one network."""

    network: Any
    whole: bool

    def array(self, weight: torch.Tensor) -> Any:
        return op.constant(weight.detach().float().numpy())

    def matrix(self, weight: torch.Tensor) -> Any:
        if not self.whole:
            return self.array(weight)
        real = weight.detach().float().numpy()
        scale = np.abs(real).max(1, keepdims=True) / 127
        numbers = op.constant(np.round(real / scale).clip(-127, 127).astype(np.int8))
        return op.multiply(op.convert(numbers, "f32"), op.constant(scale.astype(np.float32)))

    def embedded(self, ids: Any) -> Any:
        embedding = self.network.model.embed_tokens
        rows = op.gather(self.array(embedding.weight), ids, _whole(0))
        scale = getattr(embedding, "embed_scale", None)
        return rows if scale is None else op.multiply(rows, _real(float(scale)))

    def turn(self, positions: Any, kind: str) -> _Turn:
        rotary = self.network.model.rotary_emb
        named = f"{kind}_" if hasattr(rotary, f"{kind}_inv_freq") else ""
        frequencies = getattr(rotary, f"{named}inv_freq").float().numpy()[None, None]
        scale = _real(float(getattr(rotary, f"{named}attention_scaling")))
        places = op.unsqueeze(op.convert(positions, "f32"), _whole(-1))
        angles = op.multiply(places, op.constant(frequencies))
        angles = op.unsqueeze(op.concat([angles, angles], -1), _whole(1))
        return _Turn(op.multiply(op.cos(angles), scale), op.multiply(op.sin(angles), scale))

    def linear(self, layer: Any, rows: Any) -> Any:
        out = op.matmul(rows, self.matrix(layer.weight), False, True)
        return out if layer.bias is None else op.add(out, self.array(layer.bias))

    def norm(self, layer: Any, rows: Any) -> Any:
        gemma = self.network.config.model_type.startswith("gemma")
        eps = layer.eps if gemma else layer.variance_epsilon
        mean = op.reduce_mean(op.multiply(rows, rows), _whole([-1]), keep_dims=True)
        scaled = op.divide(rows, op.sqrt(op.add(mean, _real(eps))))
        return op.multiply(scaled, self.array(layer.weight + 1 if gemma else layer.weight))

    def attention(self, layer: Any, rows: Any, turn: _Turn, past: Any, mask: Any) -> Any:
        """What a layer's attention makes of its rows, and the keys and values of these."""
        query, key, value = (
            self.heads(linear, rows, layer.head_dim)
            for linear in (layer.q_proj, layer.k_proj, layer.v_proj)
        )
        if hasattr(layer, "q_norm"):
            query, key = self.norm(layer.q_norm, query), self.norm(layer.k_norm, key)
        query, key = turn(query), turn(key)
        keys, values = op.concat([past[0], key], 2), op.concat([past[1], value], 2)
        config = self.network.config
        # Heads that share keys stand as more tokens of one head.
        shared = _whole([0, config.num_key_value_heads, -1, layer.head_dim])
        together = op.reshape(query, shared, True)
        scores = op.multiply(op.matmul(together, keys, False, True), _real(layer.scaling))
        mixed = op.matmul(op.softmax(op.add(scores, mask), -1), values, False, False)
        own = _whole([0, config.num_attention_heads, -1, layer.head_dim])
        apart = op.transpose(op.reshape(mixed, own, True), _whole([0, 2, 1, 3]))
        flat = op.reshape(apart, _whole([0, 0, -1]), True)
        return self.linear(layer.o_proj, flat), key, value

    def heads(self, layer: Any, rows: Any, width: int) -> Any:
        """(R, T, heads · width) as (R, heads, T, width)."""
        apart = op.reshape(self.linear(layer, rows), _whole([0, 0, -1, width]), True)
        return op.transpose(apart, _whole([0, 2, 1, 3]))

    def rest(self, layer: Any, rows: Any, mixed: Any) -> Any:
        """What comes after attention in a layer; Gemma norms what is added, too."""
        gemma = hasattr(layer, "pre_feedforward_layernorm")
        if gemma:
            mixed = self.norm(layer.post_attention_layernorm, mixed)
        rows = op.add(rows, mixed)
        before = layer.pre_feedforward_layernorm if gemma else layer.post_attention_layernorm
        fed = self.feed_forward(layer.mlp, self.norm(before, rows))
        return op.add(rows, self.norm(layer.post_feedforward_layernorm, fed) if gemma else fed)

    def feed_forward(self, layer: Any, rows: Any) -> Any:
        gate, up = self.linear(layer.gate_proj, rows), self.linear(layer.up_proj, rows)
        config = self.network.config
        name = getattr(config, "hidden_activation", None) or config.hidden_act
        active = op.gelu(gate, "tanh") if name in _GELU else op.swish(gate)
        return self.linear(layer.down_proj, op.multiply(active, up))


class Step:
    """A compiled graph of Gemma-3; every text has as many tokens kept as any other."""

    def __init__(self, network: Any, whole: bool, precision: str):
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "INFERENCE_PRECISION_HINT": precision,
        }
        compiled = ov.Core().compile_model(graph_of(network, whole), "CPU", options)
        self._request, self._config = compiled.create_infer_request(), network.config
        self._width = network.model.layers[0].self_attn.head_dim

    def __call__(self, ids: np.ndarray[Any, Any], kept: int) -> np.ndarray[Any, Any]:
        """Logits after the last of `ids` (texts, tokens), with `kept` earlier tokens of noise."""
        config, (rows, tokens) = self._config, ids.shape
        heads = config.num_key_value_heads
        places = np.tile(np.arange(kept, kept + tokens, dtype=np.int32), (rows, 1))
        later = np.triu(np.full((tokens, tokens), -1e9, np.float32), 1)
        mask = np.concatenate([np.zeros((tokens, kept), np.float32), later], 1)
        mask = np.tile(mask, (rows, 1, config.num_attention_heads // heads, 1))
        noise = np.random.default_rng(0)
        past = noise.standard_normal((rows, heads, kept, self._width)).astype(np.float32)
        inputs: Sequence[Any] = [
            ids.astype(np.int32),
            places,
            np.array([tokens - 1], np.int32),
            *([np.ascontiguousarray(mask)] * len(set(kinds_of(config)))),
            *([past] * 2 * config.num_hidden_layers),
        ]
        for index, array in enumerate(inputs):
            self._request.set_input_tensor(index, ov.Tensor(array, shared_memory=True))
        start = time.perf_counter()
        self._request.infer()
        self.seconds = time.perf_counter() - start
        logits: np.ndarray[Any, Any] = self._request.get_output_tensor(0).data.copy()
        return logits[:, 0]


def _distance(step: Step, model: LanguageModel, texts: Sequence[Sequence[int]]) -> float:
    """The mean Kullback-Leibler divergence from fp32 in PyTorch, in nats, at places of verse."""
    found = []
    for text in texts:
        with torch.inference_mode():
            logits = model.network(input_ids=torch.tensor([text])).logits[0]
        for end in (end for end in (14, 20, 26) if end < len(text)):
            truth = logits[end - 1].log_softmax(-1)
            ours = torch.from_numpy(step(np.array([text[:end]]), 0)[0]).log_softmax(-1)
            found.append(float((truth.exp() * (truth - ours)).sum()))
    return statistics.mean(found)


def main() -> None:
    """Measure, and print a line for each kind of weights."""
    settings = load_settings()
    model = load_base(settings.model, LAYOUTS, torch.device("cpu"), torch.float32, SILENT)
    words = model.vocabulary
    texts = [
        [*render("plain", words, one.couplet), *words.spell(one.completion)]
        for one in suite("legal", None, SILENT)[:12]
    ]
    for name, whole, precision in (
        ("fp32", False, "f32"),
        ("bf16", False, "bf16"),
        ("int8", True, "f32"),
    ):
        step = Step(model.network, whole, precision)
        spent = {}
        for rows in (1, 4, 16, 64):
            times = []
            for _ in range(15):
                step(np.full((rows, 1), 7), 40)
                times.append(step.seconds)
            spent[rows] = round(1000 * statistics.median(times), 1)
        print(f"{name}: ms by rows {spent}; KL {_distance(step, model, texts):.5f}", flush=True)


if __name__ == "__main__":
    main()
