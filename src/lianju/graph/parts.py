"""The parts of a language model as nodes of OpenVINO, each with the way back of its gradient.

A part returns what it makes of its rows, and a function from the gradient of that to the gradient
of the rows. Going back adds nodes only where it is called. Everything is fp32 in the graph; in
which precision products run is chosen when it is compiled.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from openvino import opset13 as op
from torch import Tensor

# The families whose every part is built here, as their configuration names them.
FAMILIES = ("gemma3_text", "llama", "mistral", "qwen2", "qwen3")
FULL, SLIDING = "full_attention", "sliding_attention"
_TANH = ("gelu_pytorch_tanh", "gelu_new")
_ACTIVATIONS = (*_TANH, "silu")
# The last part of the names of all that `Parts.linear` is asked for, and so may be adapted.
LINEAR_LAYERS = frozenset(
    ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "lm_head")
)

Back = Callable[[Any], Any]


def can_build(network: Any) -> bool:
    """Whether every part of a transformers network, on a CPU in fp32, can be built here."""
    return can_build_from(network.config)


def can_build_from(config: Any) -> bool:
    """Whether every part of a network of that transformers configuration can be built here."""
    if getattr(config, "model_type", None) not in FAMILIES:
        return False
    if activation_of(config) not in _ACTIVATIONS:
        return False
    rope = getattr(config, "rope_parameters", None) or {}
    kinds = rope.values() if any(isinstance(one, dict) for one in rope.values()) else [rope]
    # Others change their frequencies with the length of the text.
    if any(one.get("rope_type", "default") not in ("default", "linear", "llama3") for one in kinds):
        return False
    capped = ("attn_logit_softcapping", "final_logit_softcapping")
    return not any(getattr(config, name, None) for name in capped)


def activation_of(config: Any) -> str:
    """The name of the activation in a network's gated feed-forward."""
    return str(getattr(config, "hidden_activation", None) or config.hidden_act)


def kinds_of(config: Any) -> list[str]:
    """The kind of attention of each layer, `FULL` or `SLIDING`."""
    kinds = getattr(config, "layer_types", None)
    if kinds:
        return list(kinds)
    kind = SLIDING if getattr(config, "sliding_window", None) else FULL
    return [kind] * int(config.num_hidden_layers)


def whole(values: Any) -> Any:
    """A constant of int64."""
    return op.constant(np.array(values, dtype=np.int64))


def real(value: float) -> Any:
    """A constant number."""
    return op.constant(np.float32(value))


def array(weight: Tensor) -> Any:
    """A constant of a weight's values."""
    return op.constant(np.ascontiguousarray(weight.detach().float().numpy()))


def given(name: str, shape: list[int], kind: Any = np.float32) -> Any:
    """An input of the graph."""
    return op.parameter(shape, kind, name=name)


class Attended(NamedTuple):
    """What attention makes of its rows (rows, tokens, features), its way back, and the keys and
    values of these rows (rows, heads, tokens, width).
    """

    rows: Any
    back: Back
    key: Any
    value: Any


@dataclass(frozen=True)
class Turn:
    """The rotation of queries and keys by their place (Su et al., RoFormer, 2021)."""

    cosine: Any
    sine: Any

    def __call__(self, heads: Any) -> tuple[Any, Back]:
        """Turn heads (rows, heads, tokens, width)."""
        half = heads.get_output_partial_shape(0)[3].get_length() // 2
        # Written so that OpenVINO knows it for a rotation, and makes it one node.
        first, second = op.variadic_split(heads, whole(3), whole([half, half])).outputs()
        turned = op.concat([op.multiply(second, real(-1)), first], -1)
        out = op.add(op.multiply(heads, self.cosine), op.multiply(turned, self.sine))

        def back(down: Any) -> Any:
            one, other = op.split(op.multiply(down, self.sine), whole(-1), 2).outputs()
            undone = op.concat([other, op.negative(one)], -1)
            return op.add(op.multiply(down, self.cosine), undone)

        return out, back


class Parts:
    """The parts of one network."""

    def __init__(self, network: Any):
        self.network, self.config = network, network.config

    def matrix(self, weight: Tensor) -> Any:
        """The constant of a weight matrix."""
        return array(weight)

    def embedded(self, ids: Any, table: Any) -> Any:
        """The rows of tokens, from the embedding's constant `table`."""
        rows = op.gather(table, ids, whole(0))
        scale = getattr(self.network.model.embed_tokens, "embed_scale", None)
        return rows if scale is None else op.multiply(rows, real(float(scale)))

    def turn(self, positions: Any, kind: str) -> Turn:
        """The rotation at `positions` (rows, tokens) in layers of one kind."""
        rotary = self.network.model.rotary_emb
        named = f"{kind}_" if hasattr(rotary, f"{kind}_inv_freq") else ""
        frequencies = getattr(rotary, f"{named}inv_freq").float().numpy()[None, None]
        scale = real(float(getattr(rotary, f"{named}attention_scaling")))
        places = op.unsqueeze(op.convert(positions, "f32"), whole(-1))
        angles = op.multiply(places, op.constant(frequencies))
        angles = op.unsqueeze(op.concat([angles, angles], -1), whole(1))
        return Turn(op.multiply(op.cos(angles), scale), op.multiply(op.sin(angles), scale))

    def linear(self, name: str, layer: Any, rows: Any) -> tuple[Any, Back]:
        """A linear layer, called `name`."""
        weight = self.matrix(layer.weight)
        out = op.matmul(rows, weight, False, True)
        if layer.bias is not None:
            out = op.add(out, array(layer.bias))

        def back(down: Any) -> Any:
            # OpenVINO 2026.4 takes a square constant that is also used transposed for the same.
            return op.matmul(down, self.matrix(layer.weight.t()), False, True)

        return out, back

    def linears(self, name: str, layers: Mapping[str, Any], rows: Any) -> list[tuple[Any, Back]]:
        """Linear layers of the same rows, by their names within `name`."""
        return [self.linear(f"{name}.{one}", layer, rows) for one, layer in layers.items()]

    def norm(self, layer: Any, rows: Any) -> tuple[Any, Back]:
        """RMSNorm (Zhang and Sennrich, 2019); Gemma's weights are counted from 1."""
        gemma = self.config.model_type.startswith("gemma")
        eps = layer.eps if gemma else layer.variance_epsilon
        weight = array(layer.weight + 1 if gemma else layer.weight)
        mean = op.reduce_mean(op.multiply(rows, rows), whole([-1]), keep_dims=True)
        inverse = op.divide(real(1), op.sqrt(op.add(mean, real(eps))))
        scaled = op.multiply(rows, inverse)

        def back(down: Any) -> Any:
            given = op.multiply(down, weight)
            along = op.reduce_mean(op.multiply(given, scaled), whole([-1]), keep_dims=True)
            return op.multiply(inverse, op.subtract(given, op.multiply(scaled, along)))

        return op.multiply(scaled, weight), back

    def attention(
        self, name: str, layer: Any, rows: Any, turn: Turn, mask: Any, past: Any = None
    ) -> Attended:
        """A layer's attention to its own rows, after those of `past` (keys and values) if given.

        `mask` (rows, 1, G · tokens, keys) is added to the scores of the G heads that share keys.
        """
        kinds = self.config.num_key_value_heads
        of_rows = {"q_proj": layer.q_proj, "k_proj": layer.k_proj, "v_proj": layer.v_proj}
        (query, query_back), (key, key_back), (value, value_back) = (
            _after(self.split(out, layer.head_dim), back)
            for out, back in self.linears(name, of_rows, rows)
        )
        if hasattr(layer, "q_norm"):
            query, query_back = _after(self.norm(layer.q_norm, query), query_back)
            key, key_back = _after(self.norm(layer.k_norm, key), key_back)
        query, query_back = _after(turn(query), query_back)
        key, key_back = _after(turn(key), key_back)
        together, scale = _shared(query, kinds, layer.head_dim), real(layer.scaling)
        keys, values = key, value
        if past is not None:
            keys, values = op.concat([past[0], key], 2), op.concat([past[1], value], 2)
        scores = op.multiply(op.matmul(together, keys, False, True), scale)
        shares = op.softmax(op.add(scores, mask), -1)
        heads = self.config.num_attention_heads
        mixed = _own(op.matmul(shares, values, False, False), heads, layer.head_dim)
        joined, joined_back = self.joined(mixed, layer.head_dim)
        out, out_back = self.linear(f"{name}.o_proj", layer.o_proj, joined)

        def back(down: Any) -> Any:
            assert past is None, "only what stands by itself is trained"
            mixed = _shared(joined_back(out_back(down)), kinds, layer.head_dim)
            given = op.matmul(mixed, value, False, True)
            total = op.reduce_sum(op.multiply(given, shares), whole([-1]), keep_dims=True)
            score = op.multiply(op.multiply(shares, op.subtract(given, total)), scale)
            to_query = _own(op.matmul(score, key, False, False), heads, layer.head_dim)
            to_key = op.matmul(score, together, True, False)
            to_value = op.matmul(shares, mixed, True, False)
            return op.add(op.add(query_back(to_query), key_back(to_key)), value_back(to_value))

        return Attended(out, back, key, value)

    def split(self, rows: Any, width: int) -> tuple[Any, Back]:
        """Rows (R, T, heads · width) as (R, heads, T, width)."""
        return split_heads(rows, width), joined_heads

    def joined(self, heads: Any, width: int) -> tuple[Any, Back]:
        """What was split, (R, heads, T, width), as rows again."""
        return joined_heads(heads), lambda down: split_heads(down, width)

    def feed_forward(self, name: str, layer: Any, rows: Any) -> tuple[Any, Back]:
        """The gated feed-forward (Shazeer, GLU Variants Improve Transformer, 2020)."""
        of_rows = {"gate_proj": layer.gate_proj, "up_proj": layer.up_proj}
        (gate, gate_back), (up, up_back) = self.linears(name, of_rows, rows)
        tanh = activation_of(self.config) in _TANH
        active = op.gelu(gate, "tanh") if tanh else op.swish(gate)
        out, out_back = self.linear(f"{name}.down_proj", layer.down_proj, op.multiply(active, up))

        def back(down: Any) -> Any:
            inner = out_back(down)
            slope = _gelu_slope(gate) if tanh else _swish_slope(gate)
            to_gate = op.multiply(op.multiply(inner, up), slope)
            return op.add(gate_back(to_gate), up_back(op.multiply(inner, active)))

        return out, back

    def layer(self, number: int, rows: Any, turn: Turn, mask: Any, past: Any = None) -> Attended:
        """Layer `number` of the network; Gemma norms what is added, too."""
        layer = self.network.model.layers[number]
        name = f"model.layers.{number}"
        gemma = hasattr(layer, "pre_feedforward_layernorm")
        before, attention_chain = self.norm(layer.input_layernorm, rows), []
        attended = self.attention(f"{name}.self_attn", layer.self_attn, before[0], turn, mask, past)
        mixed, attention_chain = attended.rows, [attended.back, before[1]]
        if gemma:
            mixed, back = self.norm(layer.post_attention_layernorm, mixed)
            attention_chain.insert(0, back)
        rows = op.add(rows, mixed)
        norm = layer.pre_feedforward_layernorm if gemma else layer.post_attention_layernorm
        inner, norm_back = self.norm(norm, rows)
        fed, back = self.feed_forward(f"{name}.mlp", layer.mlp, inner)
        feed_chain = [back, norm_back]
        if gemma:
            fed, back = self.norm(layer.post_feedforward_layernorm, fed)
            feed_chain.insert(0, back)

        def whole_back(down: Any) -> Any:
            for chain in (feed_chain, attention_chain):
                part = down
                for one in chain:
                    part = one(part)
                down = op.add(down, part)
            return down

        return Attended(op.add(rows, fed), whole_back, attended.key, attended.value)


def _after(made: tuple[Any, Back], before: Back) -> tuple[Any, Back]:
    """What a part made, with a way back that also goes back through the part before it."""
    out, back = made
    return out, lambda down: before(back(down))


def split_heads(rows: Any, width: int) -> Any:
    """(R, T, heads · width) as (R, heads, T, width)."""
    apart = op.reshape(rows, whole([0, 0, -1, width]), True)
    return op.transpose(apart, whole([0, 2, 1, 3]))


def joined_heads(heads: Any) -> Any:
    """(R, heads, T, width) as (R, T, heads · width)."""
    return op.reshape(op.transpose(heads, whole([0, 2, 1, 3])), whole([0, 0, -1]), True)


def _shared(heads: Any, kinds: int, width: int) -> Any:
    """Heads that share keys as more tokens of one head."""
    return op.reshape(heads, whole([0, kinds, -1, width]), True)


def _own(together: Any, heads: int, width: int) -> Any:
    return op.reshape(together, whole([0, heads, -1, width]), True)


def _gelu_slope(x: Any) -> Any:
    """The derivative of GELU's approximation by tanh (Hendrycks and Gimpel, 2016)."""
    square = op.multiply(x, x)
    bent = op.add(real(1), op.multiply(square, real(0.044715)))
    tanh = op.tanh(op.multiply(op.multiply(x, real(0.7978845608)), bent))
    slope = op.multiply(
        real(0.7978845608), op.add(real(1), op.multiply(square, real(3 * 0.044715)))
    )
    rising = op.multiply(op.multiply(x, op.subtract(real(1), op.multiply(tanh, tanh))), slope)
    return op.multiply(real(0.5), op.add(op.add(real(1), tanh), rising))


def _swish_slope(x: Any) -> Any:
    """The derivative of x · sigmoid(x)."""
    risen = op.sigmoid(x)
    return op.multiply(risen, op.add(real(1), op.multiply(x, op.subtract(real(1), risen))))
