"""Checkpoints: everything a resumed run needs to go on to the same bits.

A checkpoint is a folder `step-000125` with the trained weights, the optimizer's and the
random generators' state as safetensors, and a manifest with the file's SHA-256. It appears
whole or not at all.
"""

import json
import random
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from lianju.errors import UserError
from lianju.files import sha256, write_json, writing_folder
from lianju.finetune.parallel import fill, settle, whole
from lianju.processes import ALONE, Processes

MANIFEST = "checkpoint.json"
_STATE = "state.safetensors"
_SCALER = ("scale", "_growth_tracker")


@dataclass(frozen=True)
class Position:
    """How far a run is, and its best validation so far (nats a character)."""

    step: int
    best_step: int | None
    best_loss: float | None


@dataclass(frozen=True)
class State:
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


def save(folder: Path, training: State, position: Position) -> None:
    """Write the checkpoint of `position`; then remove all but it and the best.

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
        _write(folder, state, position)


def _write(folder: Path, state: dict[str, torch.Tensor], position: Position) -> None:
    target = folder / _name(position.step)
    with writing_folder(target) as temporary:
        save_file(state, temporary / _STATE)
        digest = sha256(temporary / _STATE)
        write_json(temporary / MANIFEST, {**asdict(position), "sha256": digest})
    for other in folder.glob("step-*"):
        if other.name not in (target.name, _name(position.best_step or 0)):
            _remove(other)


def restore(folder: Path, training: State, seed: int) -> Position:
    """Put the newest checkpoint of `folder` back, if there is one; returns how far the run was.

    Only the main process need see `folder`. As many processes as wrote it go on to the same
    bits; another number goes on with the same weights, but with other random draws. Raises
    `UserError` where the checkpoint is damaged. A best checkpoint that is gone or damaged is
    forgotten: the next validation is the best again.
    """
    processes = training.processes
    found = _read(folder) if processes.main else None
    outline = processes.share(_outline(*found) if found else None)
    if outline is None:
        return Position(0, None, None)

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
    position = Position(**outline["position"])
    rows = torch.empty(outline["random"], dtype=torch.uint8)
    put(rows, "random")
    _set_random_state(rows, training, f"{seed}/{position.step}/{processes.rank}")
    return position


def _read(folder: Path) -> tuple[Position, dict[str, torch.Tensor]] | None:
    """The newest checkpoint, once its files are found to be whole."""
    checkpoint = newest(folder)
    if checkpoint is None:
        return None
    position = read_position(checkpoint)
    if position.best_step and not _verified(checkpoint.with_name(_name(position.best_step))):
        position = replace(position, best_step=None, best_loss=None)
    return position, load_file(checkpoint / _STATE)


def _outline(position: Position, state: dict[str, torch.Tensor]) -> dict[str, Any]:
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


def _set_random_state(rows: torch.Tensor, training: State, fresh: str) -> None:
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
    checkpoint = folder / _name(step)
    read_position(checkpoint)
    state = load_file(checkpoint / _STATE)
    settle(network, {name: state[f"weight/{name}"] for name in trained_weights(network)})


def read_position(checkpoint: Path) -> Position:
    """The position of `checkpoint`, once its files are found to be whole."""
    position = _verified(checkpoint)
    if position is None:
        all_of_them = sorted(checkpoint.parent.glob("step-*"))
        whole = [path.name for path in all_of_them if _verified(path)]
        older = f"remove it to go on from {whole[-1]}" if whole else "start the run again"
        raise UserError(f"the checkpoint {checkpoint} is damaged: {older}")
    return position


def _verified(checkpoint: Path) -> Position | None:
    """The position of `checkpoint`; None if anything of it is missing or damaged."""
    try:
        manifest = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
        if sha256(checkpoint / _STATE) != manifest.pop("sha256"):
            return None
        return Position(**manifest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def newest(folder: Path) -> Path | None:
    """The checkpoint of the highest step, or None."""
    found = sorted(folder.glob("step-*"))
    return found[-1] if found else None


def _name(step: int) -> str:
    return f"step-{step:06d}"


def _remove(checkpoint: Path) -> None:
    # The manifest goes first: a folder without one is no checkpoint.
    (checkpoint / MANIFEST).unlink(missing_ok=True)
    for file in checkpoint.iterdir():
        file.unlink()
    checkpoint.rmdir()
