"""The loop: steps, validation, checkpoints, resume.

Accelerate places the model and, where there are several processes, averages their
gradients; everything else is here.
"""

import json
import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from accelerate import Accelerator

from lianju.config import TrainSettings
from lianju.errors import UserError
from lianju.files import naming, read_jsonl, write_jsonl, write_text
from lianju.finetune import checkpoint
from lianju.finetune.batches import Batch, Encoded, collate, plan
from lianju.finetune.checkpoint import Position
from lianju.finetune.validation import summed_loss, validation_loss
from lianju.model import Compute, LanguageModel
from lianju.progress import SILENT, Reporter, Task

STEPS = "steps.jsonl"


class Interrupted(Exception):  # noqa: N818 - stopping on request is no error
    """The user stopped the run; a checkpoint of `step` is written, if any step was done."""

    def __init__(self, step: int):
        super().__init__(f"stopped after step {step}")
        self.step = step


@dataclass(frozen=True)
class Outcome:
    """What a finished fine-tuning reached. `tokens` counts all, `trained_tokens` those scored."""

    steps: int
    trainable_parameters: int
    tokens: int
    trained_tokens: int
    seconds: float
    best_step: int
    best_loss: float
    mfu: float | None

    @property
    def tokens_per_second(self) -> float:
        """Tokens that went through the model in a second of training."""
        return self.tokens / self.seconds


def learning_rate(step: int, steps: int, settings: TrainSettings) -> float:
    """The rate at `step` (from 0): linear warm-up, then a cosine down to zero."""
    rising = max(1, round(settings.warmup * steps)) if settings.warmup else 0
    if step < rising:
        return settings.learning_rate * ((step + 1) / rising)
    done = (step - rising) / max(1, steps - rising)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


class Finetuning:
    """One fine-tuning in a run folder: the model, its optimizer, the plan, the log."""

    def __init__(
        self,
        model: LanguageModel,
        settings: TrainSettings,
        train: Sequence[Encoded],
        validation: Sequence[Encoded],
        run: Path,
        compute: Compute,
        seed: int,
    ):
        self.settings, self.train, self.validation = settings, train, validation
        self.run, self.compute, self.pad = run, compute, model.vocabulary.pad
        self.accelerator = Accelerator(cpu=compute.device.type == "cpu")
        self.plan = plan(
            [item.length for item in train],
            settings.batch_size,
            settings.accumulation,
            settings.epochs,
            seed,
        )
        self.plain = model.network
        weights = list(checkpoint.trained_weights(self.plain).values())
        if not weights:
            raise UserError("nothing would be trained: no weight of the model requires a gradient")
        self.weights = weights
        optimizer = torch.optim.AdamW(weights, weight_decay=settings.weight_decay)
        self.network, self.optimizer = self.accelerator.prepare(self.plain, optimizer)
        self.every = max(1, math.ceil(len(self.plan) / settings.validations))
        self.position = Position(0, None, None)

    def resume(self) -> None:
        """Go back to the newest checkpoint, and the log to what it held then."""
        newest = checkpoint.newest(self.run / "checkpoints")
        if newest is not None:
            self.position = checkpoint.restore(newest, self.plain, self.optimizer)
        log = self.run / STEPS
        if log.is_file():
            # A crash can cut the last line off; its step is done again.
            written = log.read_text(encoding="utf-8").rpartition("\n")[0]
            write_text(log, written + "\n" if written else "")
        rows = read_jsonl(log) if log.is_file() else []
        write_jsonl(log, [row for row in rows if row["step"] <= self.position.step])

    def step(self, index: int) -> dict[str, Any]:
        """One optimizer step over the micro-batches of `index`; returns its log row."""
        start = time.perf_counter()
        rate = learning_rate(index, len(self.plan), self.settings)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        batches = self._my_batches(self.plan[index])
        scored = self._sum(sum(int(batch.scored.sum()) for batch in batches))
        nats = 0.0
        for number, batch in enumerate(batches, 1):
            last = number == len(batches)
            with nullcontext() if last else self.accelerator.no_sync(self.network):
                loss = summed_loss(self.network, batch, self.compute.precision)
                # Gradients are averaged over processes, so each counts as many times.
                share = loss * self.accelerator.num_processes / scored
                self.accelerator.backward(share)
            nats += loss.item()
        norm = float(self.accelerator.clip_grad_norm_(self.weights, self.settings.max_grad_norm))
        _check_norm(norm, index + 1)
        self.optimizer.step()
        self.optimizer.zero_grad()
        tokens = int(self._sum(sum(int(batch.attention.sum()) for batch in batches)))
        return {
            "kind": "train",
            "step": index + 1,
            "loss": self._sum(nats) / scored,
            "learning_rate": rate,
            "grad_norm": norm,
            "tokens": tokens,
            "trained_tokens": int(scored),
            **self._speed(tokens, scored, time.perf_counter() - start),
        }

    def validate(self, step: int) -> dict[str, Any]:
        """Validation on the fixed part of the validation poems; returns its log row."""
        part = self.validation[: self.settings.validation_part]
        loss = validation_loss(self.network, part, self.pad, self.compute.precision)
        return {
            "kind": "validation",
            "step": step,
            "loss_per_character": loss.per_character,
            "n": len(part),
        }

    def write(self, position: Position) -> None:
        """Write a checkpoint, from the main process only."""
        self.position = position
        if self.accelerator.is_main_process:
            checkpoint.save(self.run / "checkpoints", self.plain, self.optimizer, position)
        self.accelerator.wait_for_everyone()

    def _my_batches(self, micro_batches: list[list[int]]) -> list[Batch]:
        """This process's share of each micro-batch."""
        rank, count = self.accelerator.process_index, self.accelerator.num_processes
        batches = []
        for indices in micro_batches:
            mine = indices[rank::count]
            batch = collate([self.train[index] for index in mine or indices[:1]], self.pad)
            if not mine:
                # Every process must take part in every backward pass.
                batch.scored.zero_()
            batches.append(batch.to(self.accelerator.device))
        return batches

    def _speed(self, tokens: int, scored: float, seconds: float) -> dict[str, Any]:
        peak = self.compute.peak_gflops
        flops = training_flops(self.plain, tokens, scored)
        return {
            "seconds": seconds,
            "tokens_per_second": tokens / seconds,
            "mfu": None if peak is None else flops / seconds / (peak * 1e9),
        }

    def _sum(self, value: float) -> float:
        if self.accelerator.num_processes == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=self.accelerator.device)
        return float(self.accelerator.reduce(total, reduction="sum"))


def finetune(
    model: LanguageModel,
    settings: TrainSettings,
    train: Sequence[Encoded],
    validation: Sequence[Encoded],
    run: Path,
    compute: Compute,
    seed: int = 0,
    resume: bool = False,
    reporter: Reporter = SILENT,
    stop: Callable[[int], bool] = lambda step: False,
) -> Outcome:
    """Train the adapter that `model` carries; at the end it holds the best validated weights.

    `run` receives `steps.jsonl`, one row a step as it is done, and `checkpoints/`. With
    `resume` the run goes on from its newest checkpoint and ends with the same bits as one
    that was never interrupted. After each step `stop(step)` may end it: `Interrupted` is
    raised once a checkpoint is written; Ctrl-C does the same.
    """
    torch.manual_seed(seed)
    work = Finetuning(model, settings, train, validation, run, compute, seed)
    log = run / STEPS
    if resume:
        work.resume()
    else:
        write_jsonl(log, [])
    work.network.train()
    with _interrupts() as interrupted, reporter.task("Fine-tuning", len(work.plan)) as task:
        task.advance(work.position.step)
        _loop(work, task, log, lambda step: interrupted() or stop(step))
    outcome = _outcome(work, read_jsonl(log))
    checkpoint.load_best(run / "checkpoints", outcome.best_step, work.plain)
    return outcome


def _loop(work: Finetuning, task: Task, log: Path, stop: Callable[[int], bool]) -> None:
    """Steps from where `work` is to the end of its plan."""
    best_step, best_loss = work.position.best_step, work.position.best_loss
    for index in range(work.position.step, len(work.plan)):
        step = index + 1
        rows = [work.step(index)]
        due = step % work.every == 0 or step == len(work.plan)
        if due:
            rows.append(work.validate(step))
            loss = rows[-1]["loss_per_character"]
            if best_loss is None or loss < best_loss:
                best_step, best_loss = step, loss
        if work.accelerator.is_main_process:
            _append(log, rows)
        stopping = stop(step)
        if due or stopping:
            work.write(Position(step, best_step, best_loss))
        task.advance(1, _note(rows))
        if stopping:
            raise Interrupted(step)


def _append(log: Path, rows: list[dict[str, Any]]) -> None:
    with naming(log), log.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows))


def _note(rows: list[dict[str, Any]]) -> str:
    if len(rows) == 2:
        return f"validation {rows[1]['loss_per_character']:.3f} nats/character"
    rate = rows[0]["tokens"] / rows[0]["seconds"]
    return f"loss {rows[0]['loss']:.3f} · {rate:.0f} tokens/s"


def _outcome(work: Finetuning, rows: list[dict[str, Any]]) -> Outcome:
    steps = [row for row in rows if row["kind"] == "train"]
    seconds = sum(row["seconds"] for row in steps)
    losses = {row["step"]: row["loss_per_character"] for row in rows if row["kind"] != "train"}
    best_step = work.position.best_step or work.position.step
    tokens = sum(row["tokens"] for row in steps)
    scored = sum(row["trained_tokens"] for row in steps)
    peak = work.compute.peak_gflops
    flops = training_flops(work.plain, tokens, scored)
    return Outcome(
        steps=len(work.plan),
        trainable_parameters=sum(weight.numel() for weight in work.weights),
        tokens=tokens,
        trained_tokens=scored,
        seconds=seconds,
        best_step=best_step,
        best_loss=losses[best_step],
        mfu=None if peak is None else flops / seconds / (peak * 1e9),
    )


def training_flops(network: Any, tokens: int, scored: float) -> float:
    """Operations that LoRA training needs at least, after Kaplan et al. 2020, section 2.1.

    Two a weight and token forward, two for the gradient of the activations, two more for
    the gradient of a weight that trains; the output layer only where a token is scored.
    Attention itself is left out.
    """
    embedding = network.get_input_embeddings().weight.numel()
    output = network.get_output_embeddings().weight
    head = output.numel()
    tied = output is network.get_input_embeddings().weight
    trained = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    total = sum(weight.numel() for weight in network.parameters())
    body = total - trained - embedding - (0 if tied else head)
    return float(tokens * (4 * body + 6 * trained) + scored * 4 * head)


def _check_norm(norm: float, step: int) -> None:
    if not math.isfinite(norm):
        raise UserError(
            f"the gradient at step {step} is {norm}: lower train.learning_rate, or use "
            "model.precision=fp32"
        )
    if norm == 0:
        raise UserError(f"the gradient at step {step} is zero: nothing is being learned")


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Within, the first Ctrl-C only sets a flag, which the yielded function reads."""
    seen = False

    def remember(_signal: int, _frame: FrameType | None) -> None:
        nonlocal seen
        if seen:
            raise KeyboardInterrupt
        seen = True

    try:
        before = signal.signal(signal.SIGINT, remember)
    except ValueError:  # not in the main thread: signals are somebody else's
        yield lambda: False
        return
    try:
        yield lambda: seen
    finally:
        signal.signal(signal.SIGINT, before)
