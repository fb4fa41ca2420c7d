"""LoRA training of a 7B on one GPU, beside TRL + PEFT in the same run. Nothing to download.

    python -m benchmarks.gpu                 # on a GPU: TAIDE-7B's shapes, under nine minutes
    python -m benchmarks.gpu --size tiny     # on a CPU: the same script, a small model

The weights are random and have the exact shapes; the poems are random characters in the lengths
that the homework's 5,001 have, under a prompt as long as the homework's. Every case trains the
same sequences in batches of the same size, counts every token of prompt and completion once, and
must show a gradient norm above zero. TFLOP/s count what went through the network, four operations a
weight. Speed is the median over the steps after the first ones.

Beside `lianju` only torch, transformers, peft, accelerate, trl, datasets and, for the 4-bit case,
bitsandbytes are needed. A case whose libraries are missing is named and left out.
"""

import argparse
import gc
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from benchmarks.tables import Figure, Measured, Row, Table, Work
from lianju import likelihood
from lianju.config import LoraSettings, TrainSettings
from lianju.likelihood import Encoded
from lianju.model import Compute, LanguageModel, Vocabulary, attach
from lianju.training import finetune
from lianju.training.batches import plan as plan_steps

# Characters of the completions and couplets of the 5,001 poems: (couplet, completion): poems.
LENGTHS = {(12, 12): 684, (12, 36): 2643, (16, 16): 950, (16, 48): 720}
# Tokens of the homework's system text and instruction, spelled by a Chinese vocabulary.
BEFORE, AFTER = 52, 4
# TAIDE-LX-7B: Llama-2-7B with its vocabulary extended.
SHAPES: dict[str, dict[str, int]] = {
    "7b": {
        "vocab_size": 56_064,
        "hidden_size": 4096,
        "intermediate_size": 11_008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
    },
    "tiny": {
        "vocab_size": 4096,
        "hidden_size": 256,
        "intermediate_size": 704,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
    },
}
LORA = LoraSettings(rank=8, alpha=16)
RATE = 3e-4


@dataclass(frozen=True)
class Plan:
    """What every case does."""

    shape: dict[str, int]
    device: torch.device
    dtype: torch.dtype
    batch: int
    steps: int
    skipped: int


@dataclass(frozen=True)
class Result:
    """One case, step by step: tokens of the sequences, tokens that went through the network,
    seconds, gradient norms; and the most memory, in bytes.
    """

    tokens: list[int]
    computed: list[int]
    seconds: list[float]
    norms: list[float]
    memory: int
    parameters: int


def poems(plan: Plan) -> list[Encoded]:
    """As many examples as the steps need, batch by batch, each batch of similar lengths."""
    draw = random.Random(0)
    prefix = [draw.randrange(3, plan.shape["vocab_size"]) for _ in range(BEFORE)]
    suffix = [draw.randrange(3, plan.shape["vocab_size"]) for _ in range(AFTER)]
    kinds = draw.choices(list(LENGTHS), list(LENGTHS.values()), k=2 * plan.batch * plan.steps)
    examples = []
    for couplet, completion in kinds:
        text = [draw.randrange(3, plan.shape["vocab_size"]) for _ in range(couplet + completion)]
        prompt = [1, *prefix, *text[:couplet], *suffix]
        examples.append(Encoded(prompt, [*text[couplet:], 2], completion))
    lengths = [item.length for item in examples]
    steps = (step[0] for step in plan_steps(lengths, plan.batch, 1, 1, seed=0))
    whole = [step for step in steps if len(step) == plan.batch][: plan.steps]
    return [examples[index] for step in whole for index in step]


def base(plan: Plan) -> Any:
    """The network with random weights, on its device."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(**plan.shape, attn_implementation="sdpa", pad_token_id=0)
    torch.manual_seed(0)
    default = torch.get_default_dtype()
    torch.set_default_dtype(plan.dtype)
    with plan.device:
        network = LlamaForCausalLM(config)
    torch.set_default_dtype(default)
    return network.requires_grad_(False)


def in_four_bits(network: Any, device: torch.device) -> Any:
    """Quantise the linear layers to NF4 with double quantisation, as loading with bits=4 does."""
    import bitsandbytes as bnb

    for name, layer in list(network.named_modules()):
        if isinstance(layer, torch.nn.Linear) and not name.endswith("lm_head"):
            small = bnb.nn.Linear4bit(
                layer.in_features,
                layer.out_features,
                bias=False,
                compute_dtype=layer.weight.dtype,
                compress_statistics=True,
                quant_type="nf4",
            )
            small.weight = bnb.nn.Params4bit(
                layer.weight.data.cpu(), requires_grad=False, quant_type="nf4"
            )
            parent, _, child = name.rpartition(".")
            setattr(network.get_submodule(parent), child, small.to(device))
    network.is_loaded_in_4bit = True
    return network


def ours(plan: Plan, examples: list[Encoded], bits: int = 16, share: bool = True) -> Result:
    """Our loop; without `share`, the beginning of the prompts goes through with every poem."""
    prefix = likelihood._PREFIX if share else plan.shape["vocab_size"]
    with patch.object(likelihood, "_PREFIX", prefix):
        return _ours(plan, examples, bits)


def _ours(plan: Plan, examples: list[Encoded], bits: int) -> Result:
    network = base(plan)
    if bits == 4:
        network = in_four_bits(network, plan.device)
    size = plan.shape["vocab_size"]
    words = Vocabulary([None] * size, range(size), size, bos=1, stop=2, pad=0)
    model = LanguageModel(network, words, "random", "0" * 64, plan.device, bits=bits)
    model = attach(model, LORA)
    precision = "bf16" if plan.dtype == torch.bfloat16 else "fp32"
    settings = TrainSettings(
        batch_size=plan.batch,
        learning_rate=RATE,
        validations=1,
        validation_part=1,
        gradient_checkpointing="off",
    )
    with tempfile.TemporaryDirectory() as folder:
        compute = Compute(plan.device, precision, "benchmark")
        finetune(model, settings, examples, examples[:1], Path(folder), compute)
        log = (Path(folder) / "steps.jsonl").read_text().splitlines()
    rows = [row for row in map(json.loads, log) if row["kind"] == "train"]
    return Result(
        [row["tokens"] for row in rows],
        [row["computed_tokens"] for row in rows],
        [row["seconds"] for row in rows],
        [row["grad_norm"] for row in rows],
        _peak(plan.device),
        model.parameters,
    )


def trl(plan: Plan, examples: list[Encoded], checkpointing: bool, liger: bool = False) -> Result:
    """TRL's SFTTrainer on PEFT's model, the same sequences in batches of the same size."""
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    watch = _watch(plan.device)
    rows = [
        {
            "input_ids": item.prompt + item.completion,
            "completion_mask": [0] * len(item.prompt) + [1] * len(item.completion),
        }
        for item in examples
    ]
    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(
            output_dir=folder,
            per_device_train_batch_size=plan.batch,
            max_steps=plan.steps,
            learning_rate=RATE,
            bf16=plan.dtype == torch.bfloat16,
            use_cpu=plan.device.type == "cpu",
            gradient_checkpointing=checkpointing,
            use_liger_kernel=liger,
            train_sampling_strategy="sequential",
            completion_only_loss=True,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = SFTTrainer(
            model=_with_peft(plan),
            args=config,
            train_dataset=Dataset.from_list(rows),
            processing_class=_tokenizer(plan),
            callbacks=[watch],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    tokens = [
        sum(item.length for item in examples[at : at + plan.batch])
        for at in range(0, len(examples), plan.batch)
    ]
    count = sum(weight.numel() for weight in trainer.model.parameters())
    return Result(tokens, tokens, watch.seconds, watch.norms, _peak(plan.device), count)


def _watch(device: torch.device) -> Any:
    """A callback that takes the time and the gradient norm of every step."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.seconds: list[float] = []
            self.norms: list[float] = []

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            _wait(device)
            self.start = time.perf_counter()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            _wait(device)
            self.seconds.append(time.perf_counter() - self.start)

        def on_log(self, *_: Any, logs: dict[str, Any], **__: Any) -> None:
            if "grad_norm" in logs:
                self.norms.append(float(logs["grad_norm"]))

    return Watch()


def _with_peft(plan: Plan) -> Any:
    from peft import LoraConfig, get_peft_model

    sizes = {"r": LORA.rank, "lora_alpha": LORA.alpha, "target_modules": list(LORA.targets)}
    return get_peft_model(base(plan), LoraConfig(task_type="CAUSAL_LM", **sizes))


def _tokenizer(plan: Plan) -> Any:
    """One that TRL can ask for its special tokens; nothing is tokenised with it."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    ids = {f"t{index}": index for index in range(plan.shape["vocab_size"])}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(ids, unk_token="t3")),
        pad_token="t0",
        bos_token="t1",
        eos_token="t2",
    )


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def _peak(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated() if device.type == "cuda" else 0


def cases(plan: Plan) -> dict[str, Callable[[list[Encoded]], Result]]:
    """What is measured, in order, as far as the libraries are there."""
    found: dict[str, Callable[[list[Encoded]], Result]] = {
        "Lianju, 16 bits": lambda e: ours(plan, e),
        "Lianju, 16 bits, whole prompts": lambda e: ours(plan, e, share=False),
    }
    if find_spec("bitsandbytes"):
        found["Lianju, 4 bits"] = lambda e: ours(plan, e, bits=4)
    if find_spec("trl"):
        found["TRL, its defaults (checkpointing)"] = lambda e: trl(plan, e, True)
        found["TRL, no checkpointing"] = lambda e: trl(plan, e, False)
        if find_spec("liger_kernel"):
            found["TRL, no checkpointing, Liger"] = lambda e: trl(plan, e, False, liger=True)
    return found


def judged(name: str, plan: Plan, result: Result) -> Row:
    """The figures of one case, over the steps after the first ones."""
    assert len(result.seconds) == plan.steps and min(result.norms) > 0, f"{name} trained nothing"
    kept = range(plan.skipped, plan.steps)
    rates = [result.tokens[step] / result.seconds[step] for step in kept]
    done = [result.computed[step] / result.seconds[step] for step in kept]
    epoch = sum((sum(length) + BEFORE + AFTER + 2) * count for length, count in LENGTHS.items())
    figures = {
        "tokens/s": Figure.of(rates),
        "TFLOP/s": Figure.of([4 * result.parameters * rate / 1e12 for rate in done]),
        "5,001 poems, s": Figure.of([epoch / statistics.median(rates)]),
        "gradient norm": Figure.of(result.norms),
    }
    if result.memory:
        figures["GB"] = Figure.of([result.memory / 1e9])
    return Row(name, figures)


def measured_cases(plan: Plan) -> Iterator[Row]:
    """Every case, as soon as it is done; the first is what the others are compared with."""
    there = plan.device.type == "cuda"
    first = 0.0
    for name, case in cases(plan).items():
        if there:
            torch.cuda.reset_peak_memory_stats()
        row = judged(name, plan, case(poems(plan)))
        rate = row.figures["tokens/s"].median
        first = first or rate
        yield Row(name, {**row.figures, "×": Figure.of([rate / first])})
        gc.collect()
        if there:
            torch.cuda.empty_cache()


def plan_of(size: str, batch: int = 32, steps: int = 25) -> Plan:
    """The plan for what this machine has: bf16 on a GPU, fp32 on a CPU."""
    there = torch.cuda.is_available()
    return Plan(
        SHAPES[size],
        torch.device("cuda", 0) if there else torch.device("cpu"),
        torch.bfloat16 if there else torch.float32,
        batch,
        steps,
        skipped=min(5, steps // 2),
    )


def left_out() -> list[str]:
    """What is lacking for some of the cases."""
    wanted = ("bitsandbytes", "trl", "liger_kernel")
    return [name for name in wanted if find_spec(name) is None]


def measure(work: Work) -> Measured:
    """All cases: of a 7B on a GPU; `work.quick`: of a small model, wherever."""
    if not work.quick and not torch.cuda.is_available():
        raise SystemExit("the table gpu wants a GPU; --quick runs it on a CPU, small")
    rows = list(measured_cases(plan_of("tiny", 4, 4) if work.quick else plan_of("7b")))
    lacking = left_out()
    remarks = (f"Left out, for want of {', '.join(lacking)}: the cases that need it.",)
    return Measured(rows, remarks=remarks if lacking else ())


TABLE = Table(
    name="gpu",
    title="A 7B on one GPU",
    about="""\
LoRA training of TAIDE-7B's shapes with random weights, 32 poems a batch in the lengths of the
homework's, under a prompt as long as the homework's, beside TRL and PEFT in the same run. Every
token of prompt and completion counts once. TFLOP/s: of what went through the network, four
operations a weight.""",
    columns={
        "tokens/s": "{:,.0f}",
        "×": "{:.2f}",
        "TFLOP/s": "{:.0f}",
        "5,001 poems, s": "{:,.0f}",
        "GB": "{:.1f}",
    },
    measure=measure,
)


def main() -> None:
    """Measure every case and print it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", choices=SHAPES, default="7b")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=25)
    given = parser.parse_args()
    there = torch.cuda.is_available()
    print(torch.cuda.get_device_name() if there else "CPU", torch.__version__, flush=True)
    for library in left_out():
        print(f"left out, for want of {library}: the cases that need it", flush=True)
    for row in measured_cases(plan_of(given.size, given.batch, given.steps)):
        medians = {name: round(figure.median, 3) for name, figure in row.figures.items()}
        print(f"{row.name:36} {json.dumps(medians, ensure_ascii=False)}", flush=True)


if __name__ == "__main__":
    main()
