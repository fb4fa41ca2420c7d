"""How much memory a run needs, found before anything is loaded, and what follows from it."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import psutil
import torch

from lianju.config import ModelSettings, PromptSettings, RunSettings, recipe_names
from lianju.errors import UserError
from lianju.model.meta_network import (
    cache_of_a_token,
    empty,
    held,
    matrices,
    one_step,
    size,
    trimmed,
)

# Tokens of the fixed text around a couplet, instructions and layout together, at most.
FRAME = 64
# Poems that are looked at together, in validation and in generation; more rows in one forward pass
# need more memory and gain little speed.
VALIDATED = 32
ROWS = 64
# Generation takes as many rows as there is room for on a GPU; with fewer it would crawl.
WRITTEN = {"cpu": ROWS, "cuda": 8}

# Bytes for each trained number: itself, its gradient and two moments of Adam, all in fp32
# (Rajbhandari et al., ZeRO, 2020, section 3.1).
_TRAINED = 16
# Bytes for each scored row of the vocabulary: logits, those that are scored, their logarithms or
# gradients, in fp32.
_LOGIT = 12
# Python with its libraries on a CPU; context and workspaces of CUDA on a GPU.
_BASE = {"cpu": 0.5e9, "cuda": 1.0e9}
# What the allocator loses between tensors, and brief tensors, as a share of activations and
# logits. On a CPU it was measured (docs/recipes.md): where adapters train, most of what a layer
# computes is let go at once and leaves holes; less of it where dropout keeps more.
_LOST_ON_CPU = {"lora": 1.1, "dropout": 0.5, "full": 0.25}
_LOST_ON_GPU = 0.1
# What a graph holds: itself; the matrices of fp32 as they are packed for each direction, in fp32
# transposed besides; and what it keeps of a step, where autograd would keep 1. Measured as well.
_GRAPH = 0.15e9
_GRAPH_COPIES = {"fp32": 3.0, "bf16": 2.0}
_GRAPH_KEPT = {"fp32": 2.0, "bf16": 1.0}


class Lengths(NamedTuple):
    """The most tokens of an example, and how many of them the loss can cover."""

    longest: int
    scored: int


def text_lengths(texts: Iterable[tuple[str, str]], prompt: PromptSettings) -> Lengths:
    """What (couplet, completion) pairs come to in a prompt before there is a tokenizer: a token a
    character.
    """
    pairs = [(len(couplet), len(completion) + 1) for couplet, completion in texts]
    scored = max(completion for _, completion in pairs)
    usual = PromptSettings(style=prompt.style)
    more = sum(map(len, prompt.texts)) - sum(map(len, usual.texts))
    frame = max(1, (1 if prompt.style == "plain" else FRAME) + more)
    return Lengths(frame + max(map(sum, pairs)), scored)


@dataclass(frozen=True)
class Memory:
    """Bytes that one process needs at most on its device.

    `weights` are also a graph's copies; `training` is what trains, with gradients and optimizer;
    `activations` include what the allocator loses between them; `elsewhere` is what loading,
    validating or generating needs in the place of those before it; `overhead` are the libraries.
    """

    weights: int
    training: int
    activations: int
    logits: int
    elsewhere: int
    overhead: int

    @property
    def total(self) -> int:
        """All that has to be there."""
        return self.overhead + max(self._step, self.elsewhere)

    @property
    def _step(self) -> int:
        return self.weights + self.training + self.activations + self.logits

    @property
    def words(self) -> str:
        """The parts, in GB."""
        parts = {
            "weights": self.weights,
            "what trains": self.training,
            "activations": self.activations,
            "logits": self.logits,
        }
        if self.elsewhere > self._step:
            parts["instead of these four, while loading, validating or generating"] = self.elsewhere
        parts["libraries"] = self.overhead
        return ", ".join(f"{name} {size / 1e9:.1f}" for name, size in parts.items())


@dataclass(frozen=True)
class MemoryPlan:
    """What was decided about memory, and a line that says it.

    `graph`: whether there is room for a graph to take the steps, if one is to.
    """

    memory: Memory
    graph: bool
    checkpointing: bool
    sharding: bool
    line: str


def plan_memory(
    config: Any,
    settings: RunSettings,
    device: torch.device,
    lengths: Lengths | None = None,
    processes: int = 1,
    judged: bool = True,
    graph: bool = False,
) -> MemoryPlan:
    """Decide gradient checkpointing and sharding where the settings leave them to us.

    Neither is used where memory suffices without; then checkpointing, which is exact and
    works anywhere, comes before sharding. A `graph` that can take the steps does so where there is
    room for it. `config` is the model's transformers
    configuration, `processes` how many train it, and the settings' precision is that in
    which they do, `judged` whether one of them writes poems with the whole model besides. Raises
    `UserError`, with need, what there is, and what to do, where nothing fits.
    """
    have = available(device) // (processes if device.type == "cpu" else 1)
    counts = _count(config, settings, device.type, lengths)
    train = settings.train
    if processes > 1 and train.sharding == "on" and settings.model.bits == 4:
        raise UserError(
            "weights in 4 bits cannot be divided: set train.sharding=off or model.bits=16"
        )
    ways = [(True, False, False)] if graph else []
    ways += [
        (False, checkpointing, sharding)
        for sharding in _ways(train.sharding if processes > 1 else "off", settings.model)
        for checkpointing in _ways(train.gradient_checkpointing)
    ]
    for by_graph, checkpointing, sharding in ways:
        memory = _memory(counts, checkpointing, processes, sharding, judged, by_graph)
        if memory.total <= have:
            if sharding and device.type == "cuda":
                _check_host(counts.loading)
            how = "on" if checkpointing else "off"
            shared = f", weights divided among {processes} processes" if sharding else ""
            no_room = ", PyTorch's steps, since a graph needs more" if graph > by_graph else ""
            line = (
                f"Memory: about {_gb(memory.total)} of {_gb(have)} free on {device} "
                f"({memory.words}); gradient checkpointing {how}{shared}{no_room}"
            )
            return MemoryPlan(memory, by_graph, checkpointing, sharding, line)
    raise UserError(
        f"{settings.model.name} needs about {_gb(memory.total)} of memory on {device}, and "
        f"{_gb(have)} are free ({memory.words}): {_advice(config, settings, device, lengths, have)}"
    )


def _check_host(loading: int) -> None:
    """Refuse to divide weights that this machine's memory cannot first hold for every process."""
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    free = available(torch.device("cpu"))
    if loading * local > free:
        raise UserError(
            f"to divide its weights, each of {local} processes loads the model into this machine's "
            f"memory first, {_gb(loading * local)} together, and {_gb(free)} are free: start fewer "
            "processes on each machine, or set train.sharding=off"
        )


def _ways(setting: str, model: ModelSettings | None = None) -> list[bool]:
    """What may be tried, in order; 4-bit weights cannot be divided."""
    ways = {"auto": [False, True], "on": [True], "off": [False]}[setting]
    return [False] if model is not None and model.bits == 4 else ways


def available(device: torch.device) -> int:
    """Bytes that are free on `device`."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available


def estimate(
    config: Any,
    settings: RunSettings,
    device_type: str,
    lengths: Lengths | None = None,
    checkpointing: bool = False,
    processes: int = 1,
    sharding: bool = False,
    graph: bool = False,
) -> Memory:
    """What a run of `settings` needs at most, for a batch of its longest examples.

    The network is built without memory (on the `meta` device) and put through one step: what
    autograd keeps for the backward pass is counted tensor by tensor. For a plain transformer
    that is the sum of Korthikanti et al. (Reducing Activation Recomputation in Large
    Transformer Models, 2022, section 4.1); counting also knows gated MLPs, grouped heads,
    adapters and their dropout. With checkpointing, the input of each layer is kept and the
    rest of one layer (there, section 5). Weights, gradients, optimizer and NF4 are arithmetic:
    see the constants above. Without `lengths` every example is taken to have
    `train.cutoff` tokens. A `graph` that takes the steps keeps in proportion.
    """
    counts = _count(config, settings, device_type, lengths)
    return _memory(counts, checkpointing, processes, sharding, graph=graph)


def parameters(config: Any) -> int:
    """How many numbers the whole model has, tied ones once."""
    return size(empty(config, torch.float32))


@dataclass(frozen=True)
class _Counts:
    """What does not depend on how the work is divided. Sizes in bytes unless said."""

    loading: int
    base: int
    weights: int
    trained_numbers: int
    saved: int
    layers: int
    layer_inputs: int
    logits: int
    validating: int
    generating: int
    overhead: int
    lost: float
    largest_layer: int
    device_type: str
    graph_held: int
    graph_kept: float


def _memory(
    counts: _Counts,
    checkpointing: bool,
    processes: int,
    sharding: bool,
    judged: bool = True,
    graph: bool = False,
) -> Memory:
    shards = processes if sharding else 1
    weights, training = counts.weights, counts.trained_numbers * _TRAINED
    if counts.device_type == "cuda":
        # AdamW works on all weights at once there.
        training += counts.trained_numbers * 4
    if processes > 1 and not sharding:
        # The buckets in which gradients are exchanged.
        training += counts.trained_numbers * 4
    if sharding:
        # Two layers are whole at a time: one computes, one is fetched.
        weights = weights // shards + 2 * counts.largest_layer
        training //= shards
    activations = counts.saved
    if checkpointing:
        activations = counts.layer_inputs + counts.saved // counts.layers
    lost = int(counts.lost * (activations + counts.logits))
    validating = counts.validating
    if graph:
        weights += counts.graph_held
        lost = int((counts.graph_kept - 1) * (activations + counts.logits))
        # It gives nothing back while others validate.
        validating += activations + lost + counts.logits
    elsewhere = max(
        0 if sharding else counts.loading,
        counts.base + counts.generating if judged else 0,
        weights + training + validating,
    )
    return Memory(weights, training, activations + lost, counts.logits, elsewhere, counts.overhead)


def _count(
    config: Any, settings: RunSettings, device_type: str, lengths: Lengths | None
) -> _Counts:
    model, train = settings.model, settings.train
    cutoff = Lengths(train.cutoff, train.cutoff)
    longest, scored = map(min, lengths or cutoff, cutoff)
    wide = device_type == "cpu" or model.precision == "fp32"
    dtype = torch.float32 if wide else torch.bfloat16
    whole = empty(config, dtype)
    network = empty(trimmed(config), dtype) if model.trim else whole
    rows = network.get_output_embeddings().out_features
    base, inner = held(network, model.bits), matrices(network)
    cache = cache_of_a_token(network)
    trained, on_top, saved = one_step(network, settings, device_type, longest)
    text = config.get_text_config()
    tokens = train.batch_size * longest
    # A pass that keeps nothing holds about half of what training keeps of a layer.
    passing = saved // text.num_hidden_layers // tokens // 2
    prompt = longest - scored
    at_once = WRITTEN[device_type]
    written = at_once * (prompt + settings.decode.free_length)
    linear = matrices(whole)
    # Matrices in 4 bits are widened one at a time, forward and backward.
    workspace = 2 * max(linear) * dtype.itemsize if model.bits == 4 else 0
    return _Counts(
        loading=held(whole, model.bits),
        base=base,
        weights=base + on_top,
        trained_numbers=trained,
        saved=saved,
        layers=text.num_hidden_layers,
        layer_inputs=tokens * text.num_hidden_layers * text.hidden_size * dtype.itemsize,
        logits=train.batch_size * (scored + 1) * rows * _LOGIT,
        validating=VALIDATED * ((scored + 1) * rows * _LOGIT + longest * passing),
        generating=written * cache + at_once * (prompt * passing + rows * _LOGIT),
        overhead=int(_BASE[device_type]) + workspace,
        lost=_lost(settings, device_type),
        largest_layer=sum(linear) // text.num_hidden_layers * dtype.itemsize,
        device_type=device_type,
        graph_held=int(_GRAPH + _GRAPH_COPIES.get(model.precision, 3) * sum(inner) * 4),
        graph_kept=_GRAPH_KEPT.get(model.precision, 2),
    )


def _lost(settings: RunSettings, device_type: str) -> float:
    if device_type == "cuda":
        return _LOST_ON_GPU
    dropout = settings.train.method == "lora" and settings.lora.dropout > 0
    return _LOST_ON_CPU["dropout" if dropout else settings.train.method]


def _advice(
    config: Any,
    settings: RunSettings,
    device: torch.device,
    lengths: Lengths | None,
    have: int,
) -> str:
    """What would fit, the mildest first."""
    model, train = settings.model, settings.train
    batch = train.batch_size
    while batch > 1:
        batch //= 2
        if _fits(config, settings, "train", {"batch_size": batch}, device, lengths, have):
            more = train.accumulation * train.batch_size // batch
            return f"set train.batch_size={batch} and train.accumulation={more}"
    if train.method == "full":
        return "set train.method=lora, or take a smaller model"
    four = {"bits": 4}
    if model.bits == 16 and _fits(config, settings, "model", four, device, lengths, have):
        small = f"{settings.recipe}-t4"
        recipe = f", or take the recipe {small}" if small in recipe_names() else ""
        return f"set model.bits=4{recipe}"
    return "take a recipe with a smaller model (docs/recipes.md has what each needs)"


def _fits(
    config: Any,
    settings: RunSettings,
    section: str,
    change: dict[str, int],
    device: torch.device,
    lengths: Lengths | None,
    have: int,
) -> bool:
    changed = getattr(settings, section).model_copy(update=change)
    other = settings.model_copy(update={section: changed})
    checkpointing = settings.train.gradient_checkpointing != "off"
    return estimate(config, other, device.type, lengths, checkpointing).total <= have


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
