"""Checkpoints: everything a resumed run needs to go on to the same bits.

A checkpoint is a folder `step-000125` with the trained weights, the optimizer's and the
random generators' state as safetensors, the log of the steps that led to it, and a manifest with
the SHA-256 of both files. It appears whole or not at all. One that is kept only to be judged and to
write with has nothing but the weights and a manifest that says so.
"""

import random
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import TypeAdapter
from safetensors.torch import load_file, save_file

from lianju.errors import UserError
from lianju.files import (
    read_json,
    read_jsonl,
    sha256,
    write_json,
    write_jsonl,
    writing,
    writing_folder,
)
from lianju.model import checkpoints_in
from lianju.progress import SILENT, Reporter
from lianju.training.distributed import fill, settle, whole
from lianju.training.processes import ALONE, Processes

STEPS = "steps.jsonl"
"""The log of the steps, a row each, in a run's folder and in its checkpoints."""
MANIFEST = "checkpoint.json"
_STATE = "state.safetensors"
_WEIGHTS_ONLY = "weights_only"
_SCALER = ("scale", "_growth_tracker")

Keep = Literal["best", "all"] | int
"""Which checkpoints stay; see `config.TrainSettings.keep`."""


@dataclass(frozen=True)
class TrainingPosition:
    """How far a run is, and its best validation so far (nats a character)."""

    step: int
    best_step: int | None
    best_loss: float | None


_POSITION = TypeAdapter(TrainingPosition)


@dataclass(frozen=True)
class TrainingState:
    """What changes in training. `network` is the one whose weights have their own names."""

    network: Any
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    processes: Processes = ALONE

    @property
    def device(self) -> torch.device:
        """Where the trained weights are."""
        device: torch.device = self.optimizer.param_groups[0]["params"][0].device
        return device


def trained_weights(network: Any) -> dict[str, torch.nn.Parameter]:
    """The weights that train, by name, in a stable order."""
    return {name: weight for name, weight in network.named_parameters() if weight.requires_grad}


def save(
    folder: Path,
    training: TrainingState,
    position: TrainingPosition,
    log: Path,
    keep: Keep = "best",
) -> None:
    """Write the checkpoint of `position`, to which `log` leads; remove those not to `keep`.

    All processes take part, and the main one writes: weights and optimizer whole, so that any
    number of processes can go on, and the random state of each.
    """
    main = training.processes.main
    state = {"random": training.processes.gather(_random_state(training.device))}
    if training.scaler.is_enabled():
        scaler = training.scaler.state_dict()
        state["scaler"] = torch.tensor([scaler[key] for key in _SCALER]).double()
    for name, weight in trained_weights(training.network).items():
        entries = {"weight": weight.detach(), **training.optimizer.state[weight]}
        for key, value in entries.items():
            full = whole(value)
            if main:
                state[f"{key}/{name}"] = full.cpu()
    if main:
        _write(folder, state, position, log)
        _tidy(folder, position, keep, read_jsonl(log))


def _write(
    folder: Path, state: dict[str, torch.Tensor], position: TrainingPosition, log: Path
) -> None:
    with writing_folder(_place(folder, position.step)) as temporary:
        save_file(state, temporary / _STATE)
        shutil.copyfile(log, temporary / STEPS)
        digests = {"sha256": sha256(temporary / _STATE), "log_sha256": sha256(temporary / STEPS)}
        write_json(temporary / MANIFEST, {**asdict(position), **digests})


def _tidy(
    folder: Path, position: TrainingPosition, keep: Keep, rows: Sequence[dict[str, Any]]
) -> None:
    """Of the checkpoints before `position` leave the best whole, and of those that `keep` asks for
    the weights.

    One that was written because the run was interrupted goes, so that a resumed run has the same.
    """
    validated = {row["step"] for row in rows if row["kind"] == "validation"}
    earlier = {step: path for step, path in checkpoints_in(folder).items() if step < position.step}
    last = 0 if keep == "best" else len(earlier) if keep == "all" else keep - 1
    lasting = [step for step in earlier if step in validated]
    lasting = lasting[max(0, len(lasting) - last) :]
    for step, checkpoint in earlier.items():
        if step == position.best_step:
            continue
        if step in lasting:
            _lighten(checkpoint)
        else:
            _remove(checkpoint)


def _remove(checkpoint: Path) -> None:
    with suppress(OSError):  # something that is not ours may lie in it
        # The manifest goes first: a folder without one is no checkpoint.
        for name in (MANIFEST, _STATE, STEPS):
            (checkpoint / name).unlink(missing_ok=True)
        checkpoint.rmdir()


def _lighten(checkpoint: Path) -> None:
    """Leave only the weights of a checkpoint; one that is damaged stays as it is."""
    if _is_light(checkpoint):
        return
    try:
        position = _verified(checkpoint)
    except UserError:
        return
    state = load_file(checkpoint / _STATE)
    with writing_folder(checkpoint) as temporary:
        weights = {name: value for name, value in state.items() if name.startswith("weight/")}
        save_file(weights, temporary / _STATE)
        rest = {"sha256": sha256(temporary / _STATE), _WEIGHTS_ONLY: True}
        write_json(temporary / MANIFEST, {**asdict(position), **rest})


def _is_light(checkpoint: Path) -> bool:
    """Whether only the weights of a checkpoint are left."""
    with suppress(UserError, TypeError, ValueError):
        return _WEIGHTS_ONLY in dict(read_json(checkpoint / MANIFEST))
    return False


def restore(
    folder: Path,
    training: TrainingState,
    seed: int,
    log: Path,
    reporter: Reporter = SILENT,
    keep: Keep = "best",
) -> TrainingPosition:
    """Put the newest whole checkpoint of `folder` back; returns how far the run was.

    `log` then holds the steps that led to it. Without any, the run is at its beginning.
    Only the main process need see `folder`. As many processes as wrote it go on to the same
    bits; another number goes on with the same weights, but with other random draws. What is
    damaged is left out, which is said: a last checkpoint, so that the run goes on from the one
    before, and a best one, so that the next validation is the best again.
    """
    processes = training.processes
    found = _read(folder, log, reporter, keep) if processes.main else None
    outline = processes.share(_outline(*found) if found else None)
    if outline is None:
        return TrainingPosition(0, None, None)

    def put(target: torch.Tensor, key: str) -> None:
        fill(target, found[1][key] if found else None, processes)

    optimizer = training.optimizer
    fused = optimizer.param_groups[0]["fused"]
    for name, weight in trained_weights(training.network).items():
        put(weight.detach(), f"weight/{name}")
        if outline["steps"] is None:
            continue
        moments = {key: torch.zeros_like(weight.detach()) for key in ("exp_avg", "exp_avg_sq")}
        for key, value in moments.items():
            put(value, f"{key}/{name}")
        done = torch.tensor(outline["steps"], device=weight.device if fused else "cpu")
        optimizer.state[weight] = {"step": done, **moments}
    if outline["scaler"]:
        scale, growth = outline["scaler"]
        now = training.scaler.state_dict()
        training.scaler.load_state_dict({**now, "scale": scale, "_growth_tracker": int(growth)})
    position = TrainingPosition(**outline["position"])
    rows = torch.empty(outline["random"], dtype=torch.uint8)
    put(rows, "random")
    _set_random_state(rows, training, f"{seed}/{position.step}/{processes.rank}")
    return position


def _read(
    folder: Path, log: Path, reporter: Reporter, keep: Keep
) -> tuple[TrainingPosition, dict[str, torch.Tensor]] | None:
    """The newest checkpoint whose files are whole, its own log in the place of `log`."""
    there = checkpoints_in(folder)
    found = {step: path for step, path in there.items() if not _is_light(path)}
    for step, checkpoint in reversed(found.items()):
        try:
            position, rows = _verified(checkpoint), _rows(checkpoint, step, log)
        except UserError as error:
            reporter.say(f"Going back to the checkpoint before: {error}.")
            continue
        try:
            _verified(_place(folder, position.best_step or step))
        except UserError as error:
            reporter.say(f"The best checkpoint so far is lost: {error}.")
            position = replace(position, best_step=None, best_loss=None)
        write_jsonl(log, rows)
        _tidy(folder, position, keep, rows)
        return position, load_file(checkpoint / _STATE)
    if there:
        reporter.say("No checkpoint is whole: fine-tuning begins again.")
    log.unlink(missing_ok=True)
    return None


def _verified(checkpoint: Path) -> TrainingPosition:
    """The position of `checkpoint`; `UserError` if anything of it is missing or damaged."""
    try:
        manifest = dict(read_json(checkpoint / MANIFEST))
        digests = {_STATE: manifest["sha256"]}
        if "log_sha256" in manifest:  # those of before part 6 have no log
            digests[STEPS] = manifest["log_sha256"]
        if all(sha256(checkpoint / name) == digest for name, digest in digests.items()):
            return _POSITION.validate_python(manifest)
    except (UserError, OSError, LookupError, TypeError, ValueError):
        pass
    raise UserError(f"{checkpoint} is damaged")


def _rows(checkpoint: Path, step: int, log: Path) -> list[dict[str, Any]]:
    """The rows of the steps that led to `checkpoint`; `UserError` if some are lost."""
    own = checkpoint / STEPS
    if not own.is_file():  # one of before part 6
        _end(log)
        own = log
    try:
        rows = [row for row in read_jsonl(own) if row["step"] <= step]
        steps = [row["step"] for row in rows if row["kind"] == "train"]
    except (LookupError, TypeError):
        steps = []
    if steps != [*range(1, step + 1)]:
        raise UserError(f"{own} has lost steps that led to {checkpoint}")
    return rows


def _end(log: Path) -> None:
    """Take off a last line that a crash cut off."""
    if log.is_file():
        whole, end, _ = log.read_bytes().rpartition(b"\n")
        with writing(log) as temporary:
            temporary.write_bytes(whole + end)


def _outline(position: TrainingPosition, state: dict[str, torch.Tensor]) -> dict[str, Any]:
    """What the other processes must know before they are sent the tensors."""
    steps = next((value.item() for key, value in state.items() if key.startswith("step/")), None)
    return {
        "position": asdict(position),
        # None before the first step that counts.
        "steps": steps,
        "scaler": state["scaler"].tolist() if "scaler" in state else None,
        "random": list(state["random"].shape),
    }


def _random_state(device: torch.device) -> torch.Tensor:
    """The states of this process's generators, in a row."""
    gpu = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
    return torch.cat([torch.get_rng_state(), *gpu])


def _set_random_state(rows: torch.Tensor, training: TrainingState, fresh: str) -> None:
    """Put back what `_random_state` gave; where the processes are others, start from `fresh`."""
    processes = training.processes
    if rows.shape != (processes.count, len(_random_state(training.device))):
        torch.manual_seed(random.Random(fresh).getrandbits(63))
        return
    cpu = len(torch.get_rng_state())
    row = rows[processes.rank]
    torch.set_rng_state(row[:cpu].clone())
    if len(row) > cpu:
        torch.cuda.set_rng_state(row[cpu:].clone(), training.device)


def load_best(folder: Path, step: int, network: Any) -> None:
    """Put the weights, and nothing else, of the checkpoint of `step` into `network`.

    For the main process alone; see `settle`.
    """
    checkpoint = _place(folder, step)
    try:
        _verified(checkpoint)
    except UserError as error:
        raise UserError(f"{error}: go on with --resume, which does without it") from None
    state = load_file(checkpoint / _STATE)
    settle(network, {name: state[f"weight/{name}"] for name in trained_weights(network)})


def _place(folder: Path, step: int) -> Path:
    return folder / f"step-{step:06d}"
