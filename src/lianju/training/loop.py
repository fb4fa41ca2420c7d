"""The loop: steps, validation, checkpoints, resume.

Several processes divide each step among them and take it together; see `lianju.training.processes`.
"""

import json
import math
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from lianju.config import TrainSettings
from lianju.errors import UserError
from lianju.files import naming, read_jsonl
from lianju.likelihood import Encoded
from lianju.model import Compute, LanguageModel, fold
from lianju.progress import SILENT, Reporter, Task
from lianju.training import checkpoint
from lianju.training.batches import batch_of, plan, share_of
from lianju.training.checkpoint import STEPS, TrainingPosition, TrainingState
from lianju.training.distributed import spread, whole
from lianju.training.gradients import Gradients, GraphGradients, PyTorchGradients
from lianju.training.outcome import Outcome, outcome_of, training_flops, utilisation
from lianju.training.processes import ALONE, Processes
from lianju.training.schedule import learning_rate
from lianju.training.validation import validation_loss

_SAME_SIGNAL = 2.0
# What is told rows of the log as they are written.
Hear = Callable[[Sequence[Mapping[str, Any]]], None]


class Interrupted(Exception):  # noqa: N818 - stopping on request is no error
    """The user stopped the run; a checkpoint of `step` is written, if any step was done."""

    def __init__(self, step: int):
        super().__init__(f"stopped after step {step}")
        self.step = step


class DivergedError(UserError):
    """No step can be taken from here: the gradient has no length, or none at all."""


class TrainingLoop:
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
        processes: Processes,
    ):
        self.settings, self.train, self.validation = settings, train, validation
        self.run, self.log = run, run / STEPS
        self.compute, self.pad = compute, model.vocabulary.pad
        self.processes, self.seed = processes, seed
        self.plan = plan(
            [item.length for item in train],
            settings.batch_size,
            settings.accumulation,
            settings.epochs,
            seed,
        )
        self.plain = model.network
        if not checkpoint.trained_weights(self.plain):
            raise UserError("nothing would be trained: no weight of the model requires a gradient")
        if model.bits == 4:
            _stay_differentiable(self.plain)
        fold(self.plain)
        sharding, recomputing = settings.sharding == "on", settings.gradient_checkpointing == "on"
        graph = compute.engine == "openvino"
        # transformers keeps no keys and values of what it computes twice, and FSDP2 allows one
        # forward pass for each backward pass only.
        self.share = not (sharding or recomputing)
        if recomputing:
            _recompute(self.plain)
        self.network = spread(self.plain, compute.device, processes, sharding)
        # Dividing makes new weights of them.
        self.weights = list(checkpoint.trained_weights(self.plain).values())
        gpu = compute.device.type == "cuda"
        self.optimizer = torch.optim.AdamW(
            self.weights, weight_decay=settings.weight_decay, fused=gpu or graph or None
        )
        self.scaler = torch.amp.GradScaler(compute.device.type, enabled=compute.precision == "fp16")
        self.gradients = self._by_graph() if graph else self._by_pytorch()
        self.state = TrainingState(self.plain, self.optimizer, self.scaler, processes)
        # Of a token that is computed, and of one that is scored.
        self.flops = training_flops(self.plain, 1, 0), training_flops(self.plain, 0, 1)
        self.every = max(1, math.ceil(len(self.plan) / settings.validations))
        self.position = TrainingPosition(0, None, None)

    def _by_pytorch(self) -> Gradients:
        return PyTorchGradients(self.network, self.compute, self.scaler)

    def _by_graph(self) -> Gradients:
        def size(indices: Sequence[int]) -> int:
            return len(indices) * max(self.train[index].length for index in indices)

        micro_batches = [indices for step in self.plan for indices in step]
        largest = batch_of(self.train, max(micro_batches, key=size), self.pad, self.share)
        return GraphGradients(self.plain, self.compute.precision, largest)

    def resume(self, reporter: Reporter) -> None:
        """Go back to the newest checkpoint, and the log to what it held then."""
        self.position = checkpoint.restore(
            self.run / "checkpoints",
            self.state,
            self.seed,
            self.log,
            reporter,
            self.settings.keep,
        )

    def step(self, index: int) -> dict[str, Any]:
        """One optimizer step over the micro-batches of `index`; returns its log row."""
        start = time.perf_counter()
        rate = learning_rate(index, len(self.plan), self.settings)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        items = [self.train[at] for micro_batch in self.plan[index] for at in micro_batch]
        scored = sum(len(item.completion) for item in items)
        nats, computed = map(self.processes.sum, self._gradients(self.plan[index], scored))
        self.scaler.unscale_(self.optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self.weights, self.settings.max_grad_norm)
        length = float(whole(norm))
        skipped = self._check(length, index + 1)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        tokens = sum(item.length for item in items)
        return {
            "kind": "train",
            "step": index + 1,
            "loss": nats / scored,
            "learning_rate": rate,
            "grad_norm": None if skipped else length,
            **({"skipped": True} if skipped else {}),
            "tokens": tokens,
            "computed_tokens": int(computed),
            "trained_tokens": scored,
            **self._speed(tokens, int(computed), scored, time.perf_counter() - start),
        }

    def _gradients(self, micro_batches: list[list[int]], scored: int) -> tuple[float, int]:
        """Add up the gradients of a step's loss; returns the nats of this process's share, and
        how many tokens went through the network.
        """
        nats, computed = 0.0, 0
        mine = share_of(micro_batches, self.processes.rank, self.processes.count)
        for number, indices in enumerate(mine, 1):
            batch = batch_of(self.train, indices, self.pad, self.share)
            computed += batch.computed
            # Gradients are averaged over processes, so each counts as many times.
            factor = self.processes.count / scored
            nats += self.gradients.add(batch, factor, last=number == len(mine))
        return nats, computed

    def _check(self, norm: float, step: int) -> bool:
        """Whether the scaler skips the step of this gradient norm; a hopeless one is an error."""
        if self.scaler.is_enabled() and not math.isfinite(norm) and self.scaler.get_scale() > 1:
            return True
        _check_norm(norm, step)
        return False

    def validate(self, step: int) -> dict[str, Any]:
        """Validation on the fixed part of the validation poems; returns its log row."""
        part = self.validation[: self.settings.validation_part]
        loss = validation_loss(
            self.network,
            part,
            self.pad,
            self.compute.precision,
            processes=self.processes,
            share=self.share,
        )
        return {
            "kind": "validation",
            "step": step,
            "loss_per_character": loss.per_character,
            "n": len(part),
        }

    def write(self, position: TrainingPosition) -> None:
        """Write a checkpoint."""
        self.position = position
        folder = self.run / "checkpoints"
        checkpoint.save(folder, self.state, position, self.log, self.settings.keep)

    def _speed(self, tokens: int, computed: int, scored: int, seconds: float) -> dict[str, Any]:
        flops = computed * self.flops[0] + scored * self.flops[1]
        return {
            "seconds": seconds,
            "tokens_per_second": tokens / seconds,
            "mfu": utilisation(flops, seconds, self.peak_gflops),
        }

    @property
    def peak_gflops(self) -> float | None:
        """What all processes together could compute at most."""
        peak = self.compute.peak_gflops
        return None if peak is None else peak * self.processes.count


def _stay_differentiable(network: Any) -> None:
    """Keep 4-bit layers from what they do on some CPUs when they are first evaluated.

    bitsandbytes 0.50 then packs their weights, for good, for a kernel that passes no gradient.
    """
    for module in network.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def _recompute(network: Any) -> None:
    """Let the backward pass compute each layer's activations again instead of keeping them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # transformers 6 will change its name
        network.gradient_checkpointing_enable({"use_reentrant": False})


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
    processes: Processes = ALONE,
    hear: Hear = lambda rows: None,
) -> Outcome:
    """Train the weights of `model` that want it; at the end it holds the best validated ones.

    `run` receives `steps.jsonl`, one row a step as it is done, and `checkpoints/`. With
    `resume` the run goes on from its newest checkpoint and ends with the same bits as one
    that was never interrupted. After each step `stop(step)` may end it: `Interrupted` is
    raised once a checkpoint is written; Ctrl-C and SIGTERM do the same. `hear` is told the rows of
    the log as they are written.

    Several `processes` call this together and take the same steps as one would, up to rounding
    and to what dropout draws. Only the main one needs `run`, and only its model holds the best
    weights in the end; where weights were divided, that model can be written but not compute.
    """
    torch.manual_seed(seed + processes.rank)  # dropout differs between processes
    work = TrainingLoop(model, settings, train, validation, run, compute, seed, processes)
    if resume:
        work.resume(reporter)
    elif processes.main:
        with naming(work.log):
            run.mkdir(parents=True, exist_ok=True)
            work.log.unlink(missing_ok=True)
    work.network.train()
    with _interrupts() as interrupted, reporter.task("Fine-tuning", len(work.plan)) as task:
        task.advance(work.position.step)
        _loop(work, task, lambda step: processes.any(interrupted() or stop(step)), hear)
    best_step = work.position.best_step or work.position.step
    outcome = None
    if processes.main:
        outcome = outcome_of(read_jsonl(work.log), best_step, work.plain, work.peak_gflops)
        checkpoint.load_best(run / "checkpoints", best_step, work.plain)
    return Outcome(**processes.share(outcome and asdict(outcome)))


def _loop(work: TrainingLoop, task: Task, stop: Callable[[int], bool], hear: Hear) -> None:
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
        if work.processes.main:
            _append(work.log, rows)
            hear(rows)
        stopping = stop(step)
        if due or stopping:
            work.write(TrainingPosition(step, best_step, best_loss))
        task.advance(1, _note(rows))
        if stopping:
            raise Interrupted(step)


def _append(log: Path, rows: list[dict[str, Any]]) -> None:
    with naming(log), log.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows))


def _note(rows: list[dict[str, Any]]) -> str:
    if len(rows) == 2:
        return f"validation {rows[1]['loss_per_character']:.3f} nats/character"
    if "skipped" in rows[0]:
        return "skipped: fp16 overflowed, its scale is halved"
    rate = rows[0]["tokens"] / rows[0]["seconds"]
    return f"loss {rows[0]['loss']:.3f} · {rate:.0f} tokens/s"


def _check_norm(norm: float, step: int) -> None:
    if not math.isfinite(norm):
        raise DivergedError(
            f"the gradient at step {step} is {norm}: lower train.learning_rate, or use "
            "model.precision=fp32"
        )
    if norm == 0:
        raise DivergedError(f"the gradient at step {step} is zero: nothing is being learned")


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Within, the first Ctrl-C or SIGTERM only sets a flag, which the yielded function reads.

    One that follows at once is the same: launchers pass on what the terminal sent already.
    """
    seen: float | None = None

    def remember(_signal: int, _frame: FrameType | None) -> None:
        nonlocal seen
        now = time.monotonic()
        if seen is not None and now - seen > _SAME_SIGNAL:
            raise KeyboardInterrupt
        seen = seen or now

    signals = (signal.SIGINT, signal.SIGTERM)
    try:
        before = [signal.signal(number, remember) for number in signals]
    except ValueError:  # not in the main thread: signals are somebody else's
        yield lambda: False
        return
    try:
        yield lambda: seen is not None
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
