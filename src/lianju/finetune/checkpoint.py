"""Checkpoints: everything a resumed run needs to go on to the same bits.

A checkpoint is a folder `step-000125` with the adapter's weights, the optimizer's and the
random generator's state as safetensors, and a manifest with the file's SHA-256. It appears
whole or not at all.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from lianju.errors import UserError
from lianju.files import sha256, write_json, writing_folder

MANIFEST = "checkpoint.json"
_STATE = "state.safetensors"


@dataclass(frozen=True)
class Position:
    """How far a run is, and its best validation so far (nats a character)."""

    step: int
    best_step: int | None
    best_loss: float | None


def trained_weights(network: Any) -> dict[str, torch.nn.Parameter]:
    """The weights that train, by name, in a stable order."""
    return {name: weight for name, weight in network.named_parameters() if weight.requires_grad}


def save(folder: Path, network: Any, optimizer: torch.optim.Optimizer, position: Position) -> Path:
    """Write the checkpoint of `position`; then remove all but it and the best."""
    target = folder / _name(position.step)
    weights = trained_weights(network)
    state = {"random": torch.get_rng_state()}
    for name, weight in weights.items():
        state[f"weight/{name}"] = weight.detach().cpu()
        for key, value in optimizer.state[weight].items():
            state[f"{key}/{name}"] = value.detach().cpu()
    with writing_folder(target) as temporary:
        save_file(state, temporary / _STATE)
        digest = sha256(temporary / _STATE)
        write_json(temporary / MANIFEST, {**asdict(position), "sha256": digest})
    for other in folder.glob("step-*"):
        if other.name not in (target.name, _name(position.best_step or 0)):
            _remove(other)
    return target


def restore(checkpoint: Path, network: Any, optimizer: torch.optim.Optimizer) -> Position:
    """Put weights, optimizer and random state back; returns how far the run was.

    Raises `UserError` where the checkpoint is damaged. A best checkpoint that is gone or
    damaged is forgotten: the next validation is the best again.
    """
    position = read_position(checkpoint)
    if position.best_step and not _verified(checkpoint.with_name(_name(position.best_step))):
        position = replace(position, best_step=None, best_loss=None)
    state = load_file(checkpoint / _STATE)
    load_weights(network, state)
    for name, weight in trained_weights(network).items():
        entries = {}
        for key in ("step", "exp_avg", "exp_avg_sq"):
            value = state[f"{key}/{name}"]
            entries[key] = value if key == "step" else value.to(weight.device)
        optimizer.state[weight] = entries
    torch.set_rng_state(state["random"])
    return position


def load_best(folder: Path, step: int, network: Any) -> None:
    """Put the weights, and nothing else, of the checkpoint of `step` into `network`."""
    checkpoint = folder / _name(step)
    read_position(checkpoint)
    load_weights(network, load_file(checkpoint / _STATE))


def load_weights(network: Any, state: dict[str, torch.Tensor]) -> None:
    """Copy the trained weights of `state` into `network`."""
    with torch.no_grad():
        for name, weight in trained_weights(network).items():
            weight.copy_(state[f"weight/{name}"])


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
