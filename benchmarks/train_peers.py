"""One system's fine-tuning in a process of its own, for `benchmarks.train`.

    python -m benchmarks.train_peers SYSTEM POEMS FOLDER

The homework's recipe is planned for so many poems. The others are planned as our default recipe
is, whose rate is too high for a few steps, and end after so many poems. FOLDER receives the
adapter's weights after each step, as `step-000001.safetensors`, and `result.json`: seconds until
the first step, every step's seconds, poems and positions that went through the network and through
the output layer, padding included where it is computed, and the most memory.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from safetensors.torch import load_file, save_file

from lianju import machine
from lianju.config import LoraSettings, RunSettings, load_settings
from lianju.corpus import Example, RunPoems, run_poems
from lianju.files import read_jsonl, write_json
from lianju.likelihood import Encoded, encode
from lianju.model import SLOT, base_folder, has_bf16_units, load_base
from lianju.progress import SILENT, Reporter, Task
from lianju.prompt import LAYOUTS
from lianju.training import new_run, train_only
from lianju.training.batches import plan

VALIDATED = 64
# The homework pads every example to so many tokens.
_CUTOFF = 256
_WEIGHT = "weight/"


@dataclass
class Step:
    """What one optimizer step took, and what it computed."""

    seconds: float
    poems: int
    positions: int
    scored: int


@dataclass
class Result:
    """What `benchmarks.train` reads. `rows`: positions of one usual forward pass."""

    ready: float
    steps: list[Step]
    memory_gb: float
    precision: str
    rows: int
    vocabulary: int
    rank: int


def settings_of(system: str, poems: int) -> RunSettings:
    """The recipe that a system follows, on the same poems: the homework's, or our default."""
    recipe = "hw5" if system == "homework" else "default"
    same: dict[str, Any] = {"data.selection": "balanced", "data.validation": VALIDATED}
    if system == "homework":
        same["data.poems"] = poems
    # At every step its weights are kept; what is judged is judged afterwards.
    return load_settings(recipe, {**same, "train.validations": 1000, "train.validation_part": 1})


def poems_of(settings: RunSettings) -> RunPoems:
    """The poems of the run."""
    return run_poems(**settings.data.model_dump(), seed=settings.seed)


def spelled(system: str, examples: Sequence[Example]) -> list[Encoded]:
    """Examples as the ids that a system trains on: ours spells verse, the others do not."""
    settings = settings_of(system, 1)
    if system == "lianju":
        whole = settings.model.model_copy(update={"trim": False})
        base = load_base(whole, LAYOUTS, torch.device("cpu"))
        return encode(examples, settings.prompt.style, base.vocabulary, _CUTOFF)
    tokenizer = _tokenizer()
    items = []
    for example in examples:
        prompt = tokenizer(_prompt(system, example)).input_ids
        rest = tokenizer(example.completion, add_special_tokens=False).input_ids
        items.append(Encoded(prompt, [*rest, tokenizer.eos_token_id], len(example.completion)))
    return items


def _prompt(system: str, example: Example) -> str:
    if system == "trl":
        return example.couplet
    layout = LAYOUTS["homework"]
    assert isinstance(layout, str)
    return layout.replace(SLOT, example.couplet)


def _tokenizer() -> Any:
    from transformers import AutoTokenizer

    folder = base_folder(load_settings().model.name, SILENT)
    return AutoTokenizer.from_pretrained(folder, local_files_only=True, padding_side="right")


def _whole_model(dtype: torch.dtype) -> Any:
    """The base model with all of its vocabulary, as anyone loads it."""
    from transformers import AutoModelForCausalLM

    folder = base_folder(load_settings().model.name, SILENT)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, local_files_only=True)


def _lora(settings: LoraSettings) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(settings.targets),
    )


def homework(settings: RunSettings, poems: RunPoems, folder: Path, _steps: int) -> Result:
    """transformers' Trainer with the values of the homework's notebook, padded to 256 tokens.

    What kept the original from learning is mended as in our recipe `hw5`: the loss covers the
    completion only, and there is no long warm-up; here none at all, since of few steps the first
    would be taken at a rate of zero.
    """
    from datasets import Dataset
    from peft import get_peft_model
    from transformers import Trainer, TrainingArguments

    tokenizer, watch = _tokenizer(), _watch(folder)
    rows = []
    for item in spelled("homework", poems.train):
        padding = _CUTOFF - item.length
        rows.append(
            {
                "input_ids": item.prompt + item.completion + [tokenizer.pad_token_id] * padding,
                "attention_mask": [1] * _CUTOFF,
                "labels": [-100] * len(item.prompt) + item.completion + [-100] * padding,
            }
        )
    train = settings.train
    arguments = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=train.batch_size,
        gradient_accumulation_steps=train.accumulation,
        num_train_epochs=1,
        learning_rate=train.learning_rate,
        **_QUIET,
    )
    network = get_peft_model(_whole_model(torch.float32), _lora(settings.lora))
    Trainer(network, arguments, train_dataset=Dataset.from_list(rows), callbacks=[watch]).train()
    each = train.batch_size * train.accumulation
    counts = [min(each, len(rows) - at) for at in range(0, len(rows), each)]
    steps = [
        Step(seconds, count, count * _CUTOFF, count * _CUTOFF)
        for seconds, count in zip(watch.seconds, counts, strict=True)
    ]
    return Result(
        watch.ready,
        steps,
        machine.peak_memory_gb(),
        "fp32",
        train.batch_size * _CUTOFF,
        len(tokenizer),
        settings.lora.rank,
    )


def trl(settings: RunSettings, poems: RunPoems, folder: Path, steps: int) -> Result:
    """TRL's SFTTrainer, as its documentation has it fastest, with the rate and batch of ours.

    The loss covers the completion, poems of one length share a batch, products are in bf16 where
    the CPU has that, and activations are kept. Packing and padding-free batches are for
    FlashAttention, which no CPU has.
    """
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    tokenizer, watch, train = _tokenizer(), _watch(folder, steps), settings.train
    bf16 = has_bf16_units()
    rows = [{"prompt": one.couplet, "completion": one.completion} for one in poems.train]
    config = SFTConfig(
        output_dir=str(folder),
        per_device_train_batch_size=train.batch_size,
        num_train_epochs=1,
        learning_rate=train.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=train.warmup,
        completion_only_loss=True,
        train_sampling_strategy="group_by_length",
        gradient_checkpointing=False,
        max_length=_CUTOFF,
        bf16=bf16,
        **_QUIET,
    )
    trainer = SFTTrainer(
        model=_whole_model(torch.bfloat16 if bf16 else torch.float32),
        args=config,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=_lora(settings.lora),
        callbacks=[watch],
    )
    shapes: list[tuple[int, int]] = []
    trainer.model.get_base_model().model.register_forward_pre_hook(
        lambda _module, _given, named: shapes.append(tuple(named["input_ids"].shape)),
        with_kwargs=True,
    )
    trainer.train()
    # On a CPU its output layer takes all positions.
    taken = [
        Step(seconds, count, count * width, count * width)
        for seconds, (count, width) in zip(watch.seconds, shapes, strict=True)
    ]
    return Result(
        watch.ready,
        taken,
        machine.peak_memory_gb(),
        "bf16" if bf16 else "fp32",
        _usual(taken),
        len(tokenizer),
        settings.lora.rank,
    )


_QUIET: dict[str, Any] = {
    "use_cpu": True,
    "logging_strategy": "no",
    "save_strategy": "no",
    "report_to": "none",
    "disable_tqdm": True,
}


def _watch(folder: Path, most: int | None = None) -> Any:
    """A callback that takes the time of every step, of `most` at most, and keeps what it left."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.seconds: list[float] = []
            self.ready = 0.0

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.ready = self.ready or _since_start()
            self.start = time.perf_counter()

        def on_step_end(self, _args: Any, _state: Any, control: Any, model: Any, **_: Any) -> None:
            self.seconds.append(time.perf_counter() - self.start)
            control.should_training_stop = len(self.seconds) == most
            trained = {n: w.detach() for n, w in model.named_parameters() if w.requires_grad}
            save_file(trained, folder / f"step-{len(self.seconds):06}.safetensors")

    return Watch()


class _EnoughError(Exception):
    """So many steps are done."""


def lianju(settings: RunSettings, poems: RunPoems, folder: Path, steps: int) -> Result:
    """Ours by its defaults: the fine-tuning of `lianju run`. Padding is not counted as work."""
    keeping = Keeping(folder, steps)
    with new_run(folder / "run", settings, keeping) as run, suppress(_EnoughError):
        train_only(run)
    chosen = run.settings
    memory = machine.peak_memory_gb()
    log = [row for row in read_jsonl(folder / "run/steps.jsonl") if row["kind"] == "train"]
    train, words = settings.train, load_base(chosen.model, LAYOUTS, torch.device("cpu")).vocabulary
    items = encode(poems.train, settings.prompt.style, words, train.cutoff)
    lengths = [item.length for item in items]
    planned = plan(lengths, train.batch_size, train.accumulation, train.epochs, settings.seed)
    taken = [
        Step(row["seconds"], sum(map(len, parts)), row["computed_tokens"], row["trained_tokens"])
        for row, parts in zip(log, planned, strict=False)
    ]
    precision, rank = chosen.model.precision, settings.lora.rank
    return Result(keeping.ready, taken, memory, precision, _usual(taken), words.size, rank)


class Keeping(Reporter):
    """Keeps the weights of every checkpoint, which the run itself does not, and ends it."""

    def __init__(self, folder: Path, steps: int):
        self.folder, self.steps, self.ready = folder, steps, 0.0

    @contextmanager
    def task(self, name: str, total: int) -> Iterator[Task]:
        """Listen to the steps of the fine-tuning."""
        fine_tuning = name == "Fine-tuning"
        if fine_tuning:
            self.ready = _since_start()
        yield _Kept(self.folder, self.steps) if fine_tuning else Task()


class _Kept(Task):
    def __init__(self, folder: Path, left: int):
        self.folder, self.left = folder, left

    def advance(self, units: int = 1, note: str = "") -> None:
        for state in self.folder.glob("run/checkpoints/step-*/state.safetensors"):
            kept = self.folder / f"{state.parent.name}.safetensors"
            if not kept.exists():
                weights = load_file(state)
                trained = {
                    name.removeprefix(_WEIGHT): weight
                    for name, weight in weights.items()
                    if name.startswith(_WEIGHT)
                }
                save_file(trained, kept)
        self.left -= units
        if not self.left:
            raise _EnoughError


def _usual(steps: Sequence[Step]) -> int:
    return sorted(step.positions for step in steps)[len(steps) // 2]


def _since_start() -> float:
    return time.time() - psutil.Process().create_time()


SYSTEMS = {"homework": homework, "trl": trl, "lianju": lianju}


def main(system: str, poems: str, where: str) -> None:
    """Train, and write what it took."""
    folder = Path(where)
    folder.mkdir(parents=True, exist_ok=True)
    settings = settings_of(system, int(poems))
    steps = -(-int(poems) // settings.train.batch_size)
    result = SYSTEMS[system](settings, poems_of(settings), folder, steps)
    write_json(folder / "result.json", asdict(result))
    print(json.dumps({"ready": result.ready, "steps": len(result.steps)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
