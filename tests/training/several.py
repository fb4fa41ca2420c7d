"""What test_several.py starts: on every process of a launch, or alone, the scenarios it names.

python -m tests.training.several FOLDER SCENARIO ...
"""

import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from lianju.config import LoraSettings, TrainSettings
from lianju.errors import UserError
from lianju.likelihood import encode
from lianju.model import Compute, LanguageModel, attach, unfreeze
from lianju.training import Interrupted, finetune
from lianju.training.checkpoint import trained_weights
from lianju.training.processes import ALONE, Processes, together
from tests import tiny

# Six poems in micro-batches that two processes cannot divide evenly, and five to validate on.
TRAIN: dict[str, Any] = {"epochs": 4, "learning_rate": 2e-3, "validations": 4}
SCENARIOS: dict[str, dict[str, Any]] = {
    "plain": {"batch_size": 4},
    "accumulated": {"batch_size": 1, "accumulation": 3},
    "odd": {"batch_size": 3},
    "one": {"batch_size": 1},
    "sharded": {"batch_size": 4, "sharding": "on"},
    "recomputed": {"batch_size": 4, "sharding": "on", "gradient_checkpointing": "on"},
    "full": {"batch_size": 3, "method": "full"},
    "full-sharded": {"batch_size": 3, "method": "full", "sharding": "on"},
    "full-stopped": {"batch_size": 3, "method": "full", "sharding": "on"},
    "instructed": {"batch_size": 4},
    "instructed-sharded": {"batch_size": 4, "sharding": "on"},
    "instructed-recomputed": {
        "batch_size": 4,
        "sharding": "on",
        "gradient_checkpointing": "on",
        "validation_part": 3,
    },
    "dropout": {"batch_size": 4, "sharding": "on"},
    "dropout-stopped": {"batch_size": 4, "sharding": "on"},
    "stopped": {"batch_size": 4},
    "stopped-sharded": {"batch_size": 4, "sharding": "on"},
    "failing": {"batch_size": 4},
}
# How a scenario that was stopped goes on in the same launch.
RESUMED: dict[str, dict[str, Any]] = {
    "full-stopped": {},
    "dropout-stopped": {},
    "stopped-sharded": {"sharding": "off"},
}
# Just after a validation, when a divided network may still be whole.
STOP = 6


def model_for(name: str) -> LanguageModel:
    """The tiny Gemma, whose output layer is its embedding, and what trains of it, in fp64.

    In fp32 the first steps of Adam make much of the last bit.
    """
    dropout = 0.2 if name.startswith("dropout") else 0.0
    full = name.startswith("full")
    model = tiny.model()
    model = unfreeze(model) if full else attach(model, LoraSettings(rank=3, dropout=dropout))
    model.network.double()
    return model


def perform(
    name: str, folder: Path, processes: Processes = ALONE, resume: bool = False, **changes: Any
) -> None:
    """Train as scenario `name` into `folder`, and write the weights that are best."""
    model = model_for(name)
    settings = TrainSettings.model_validate({**TRAIN, **SCENARIOS[name], **changes})
    # As on several machines: only the main process has the poems and the folder.
    style = "homework" if name.startswith("instructed") else "plain"
    items = encode(tiny.EXAMPLES, style, model.vocabulary, 256)

    def stop(step: int) -> bool:
        if name == "failing" and step == 2 and not processes.main:
            raise UserError(f"process {processes.rank} has had enough")
        # On one process only: all must stop.
        last = processes.rank == processes.count - 1
        return "stopped" in name and not resume and step == STOP and last

    finetune(
        model,
        settings,
        items,
        items[:5],
        folder if processes.main else Path("/nowhere"),
        Compute(torch.device("cpu"), "fp32", "test"),
        resume=resume,
        stop=stop,
        processes=processes,
    )
    if processes.main:
        weights = trained_weights(model.network)
        save_file({name: weight.detach() for name, weight in weights.items()}, folder / "best")


def main(folder: Path, names: Sequence[str]) -> None:
    """Each scenario in a folder of its name; then what one process left in `from-one`."""
    with together() as processes:
        for name in names:
            try:
                perform(name, folder / name, processes)
            except Interrupted as stopped:
                assert stopped.step == STOP
                if name in RESUMED:
                    perform(name, folder / name, processes, resume=True, **RESUMED[name])
        resumed = folder / "from-one"
        if processes.share(resumed.is_dir()):
            perform("stopped", resumed, processes, resume=True)
        if processes.main:
            print(json.dumps({"done": list(names), "processes": processes.count}))
        processes.part()


if __name__ == "__main__":
    warnings.simplefilter("ignore", FutureWarning)
    try:
        main(Path(sys.argv[1]), sys.argv[2:])
    except UserError as error:
        print(f"the one message: {error}", file=sys.stderr)
        sys.exit(2)
