"""Fine-tuning on the same poems: the homework's recipe, TRL's SFTTrainer, and ours.

Each trains in a process of its own, in turn, several times over (`benchmarks.train_peers`). What
each step left is then judged by one function, as an adapter of the same untrimmed base model, on
the same unseen poems.
"""

import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors.torch import load_file

from benchmarks.tables import Figure, Measured, Row, Table, Work, child
from benchmarks.train_peers import SYSTEMS, Result, Step, poems_of, settings_of, spelled
from lianju.files import read_json
from lianju.model import attach, base_config, load_base
from lianju.progress import SILENT
from lianju.prompt import LAYOUTS
from lianju.training import validation_loss

_NAMES = {
    "homework": "the homework's recipe (Trainer)",
    "trl": "TRL's SFTTrainer",
    "lianju": "Lianju",
}
_POEMS, _ROUNDS = 48, 3
_QUICK = (16, 1)
# The others see so many times as many, until they have its loss.
_LONGER = 4
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
_TRIES = 11

# Per system, one result a round.
_Results = dict[str, list[Result]]


def measure(work: Work) -> Measured:
    """Train, judge, and compare."""
    poems, rounds = _QUICK if work.quick else (_POEMS, _ROUNDS)
    results: _Results = {system: [] for system in SYSTEMS}
    with TemporaryDirectory() as name:
        for number in range(rounds):
            for system in SYSTEMS:
                folder = Path(name) / f"{system}-{number}"
                count = poems if system == "homework" else _LONGER * poems
                child("benchmarks.train_peers", system, str(count), str(folder))
                results[system].append(_read(folder / "result.json"))
        target, needed = _judged(Path(name))
    rows = [
        Row(label, _figures(results[system], results["homework"], needed, system))
        for system, label in _NAMES.items()
    ]
    said = f"{poems} poems, {_LONGER * poems} for the others; the loss to reach is {target:.3f} "
    said += "nats a character, that of the homework's recipe after all of its own."
    for system in ("trl", "lianju"):
        if system not in needed:
            said += f" {_NAMES[system]} did not come down to it."
    return Measured(rows, remarks=(said,))


def _read(file: Path) -> Result:
    values = read_json(file)
    return Result(**values | {"steps": [Step(**step) for step in values["steps"]]})


def _figures(
    own: list[Result], basis: list[Result], needed: dict[str, float], system: str
) -> dict[str, Figure]:
    rates, first = ([_rate(one) for one in every] for every in (own, basis))
    done = [_gflops(one) for one in own]
    library = [library_rate(one) for one in own]
    figures = {
        "poems/s": Figure.of(rates),
        "×": Figure.of([a / b for a, b in zip(rates, first, strict=True)]),
        "GFLOP/s": Figure.of(done),
        "of the library's": Figure.of([a / b for a, b in zip(done, library, strict=True)]),
        "GB": Figure.of([one.memory_gb for one in own]),
        "ready, s": Figure.of([one.ready for one in own]),
    }
    if system in needed:
        spent, theirs = (
            [_seconds(one, needed[name]) for one in every]
            for name, every in ((system, own), ("homework", basis))
        )
        figures["to the loss, s"] = Figure.of(spent)
        figures["× sooner"] = Figure.of([b / a for a, b in zip(spent, theirs, strict=True)])
    return figures


def _rate(result: Result) -> float:
    """Poems a second; the first step, which may prepare something, is left out."""
    later = result.steps[1:] or result.steps
    return sum(step.poems for step in later) / sum(step.seconds for step in later)


def _seconds(result: Result, steps: float) -> float:
    """The seconds of so many steps, the first one included; a part of a step counts as such."""
    whole = int(steps)
    spent = sum(step.seconds for step in result.steps[:whole])
    if steps > whole:
        spent += (steps - whole) * result.steps[whole].seconds
    return spent


def _gflops(result: Result) -> float:
    """10⁹ operations a second of the matrix products, those of attention itself left out.

    Two a weight forward and two for the gradient of what came in; six for the adapter's factors.
    """
    later = result.steps[1:] or result.steps
    config = base_config(settings_of("lianju", 1).model.name, SILENT)
    pairs, layers = _layer(config), config.num_hidden_layers
    frozen = 4 * layers * sum(wide * narrow for wide, narrow in pairs)
    adapter = 6 * layers * result.rank * sum(wide + narrow for wide, narrow in pairs)
    output = 4 * result.vocabulary * config.hidden_size
    done = sum(s.positions * (frozen + adapter) + s.scored * output for s in later)
    return float(done / sum(step.seconds for step in later) / 1e9)


def _layer(config: Any) -> list[tuple[int, int]]:
    """The shapes of a layer's seven matrices: (out, in)."""
    hidden, inner, head = config.hidden_size, config.intermediate_size, config.head_dim
    query = config.num_attention_heads * head
    key = config.num_key_value_heads * head
    attention = [(query, hidden), (key, hidden), (key, hidden), (hidden, query)]
    return [*attention, (inner, hidden), (inner, hidden), (hidden, inner)]


def library_rate(result: Result) -> float:
    """What PyTorch's products alone reach at a step's shapes, there and back, in 10⁹ operations
    a second: those of all layers and of the output layer in their proportion.
    """
    config = base_config(settings_of("lianju", 1).model.name, SILENT)
    dtype, rows = _DTYPES[result.precision], result.rows
    usual = sorted(result.steps, key=lambda step: step.positions)[len(result.steps) // 2]
    scored = max(1, round(rows * usual.scored / usual.positions))
    spent = done = 0.0
    shapes = [(config.num_hidden_layers, rows, pair) for pair in _layer(config)]
    shapes.append((1, scored, (result.vocabulary, config.hidden_size)))
    for times, height, (wide, narrow) in shapes:
        weight = torch.randn(wide, narrow, dtype=dtype)
        there = torch.randn(height, narrow, dtype=dtype)
        up, down = torch.empty(height, wide, dtype=dtype), torch.empty_like(there)
        seconds = []
        for _ in range(_TRIES):
            start = time.perf_counter()
            torch.mm(there, weight.T, out=up)
            torch.mm(up, weight, out=down)
            seconds.append(time.perf_counter() - start)
        spent += times * statistics.median(seconds)
        done += times * 4 * height * wide * narrow
    return done / spent / 1e9


def _judged(folder: Path) -> tuple[float, dict[str, float]]:
    """The loss that the homework's recipe ends with, and after how many steps each has it.

    Between two steps the loss is taken to fall in a straight line. Left out is one that never has
    it, or had it from the start.
    """
    last = sorted((folder / "homework-0").glob("step-*"))[-1]
    homework = _Judge("homework")
    target, needed = homework.loss(last), {"homework": float(int(last.stem.partition("-")[2]))}
    for system in ("trl", "lianju"):
        judge = _Judge(system)
        before = judge.loss(None)
        if before <= target:
            continue
        for number, file in enumerate(sorted((folder / f"{system}-0").glob("step-*")), 1):
            after = judge.loss(file)
            if after <= target:
                needed[system] = number - (target - after) / (before - after)
                break
            before = after
    return target, needed


class _Judge:
    """What a system's weights say of the validation poems, on the untrimmed base model."""

    def __init__(self, system: str):
        settings = settings_of(system, _POEMS)
        whole = settings.model.model_copy(update={"trim": False})
        base = load_base(whole, LAYOUTS, torch.device("cpu"))
        self.pad = base.vocabulary.pad
        self.items = spelled(system, poems_of(settings).split.validation)
        self.model = attach(base, settings.lora)

    def loss(self, weights: Path | None) -> float:
        """Nats a character; None: of the base model as it is."""
        named = {n: w for n, w in self.model.network.named_parameters() if w.requires_grad}
        state = load_file(weights) if weights else {}
        if weights and state.keys() != named.keys():
            raise ValueError(f"{weights} holds other weights than an adapter has")
        with torch.no_grad():
            for name, weight in state.items():
                named[name].copy_(weight)
        return validation_loss(self.model.network, self.items, self.pad, "fp32").per_character


TABLE = Table(
    name="train",
    title="Fine-tuning",
    about="""\
LoRA on Gemma-3-270M, the same poems for all, each system in a process of its own, in turn. *The
homework's recipe*: transformers' Trainer with the notebook's values, every example padded to 256
tokens, the whole vocabulary, fp32; its loss covers the completion only and it has no warm-up, since
as it was it would hardly learn. *TRL*: SFTTrainer with our rank, rate and batch and with what its
documentation names as fast: completion only, batches of one length, activations kept, weights and
products in bf16 where the CPU has that; packing and padding-free batches need FlashAttention, which
no CPU has. *Lianju*: its defaults.

*poems/s*: without the first step. *GFLOP/s*: what the matrix products come to, for the others with
the padding that they compute. *Of the library's*: beside what PyTorch's products alone reach at the
same shapes and precision. *Ready*: from the start of the process to the first step. *To the loss*:
the seconds of the steps until the validation loss is that of the homework's recipe at its end; all
adapters are judged on the untrimmed model by one function, on 64 unseen poems. The homework's rate
is planned for its poems here, that of the others for the 2,000 of our default recipe.""",
    columns={
        "poems/s": "{:.2f}",
        "×": "{:.1f}",
        "to the loss, s": "{:.1f}",
        "× sooner": "{:.1f}",
        "GFLOP/s": "{:.0f}",
        "of the library's": "{:.0%}",
        "GB": "{:.1f}",
        "ready, s": "{:.1f}",
    },
    measure=measure,
)
