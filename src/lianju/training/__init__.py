"""Training: batches, the loop, checkpoints, validation, several processes, and the run of it all.

`train` does what `lianju run` does: it fine-tunes a model on Tang poems into the folder of a run,
and judges it before and after. `finetune` is the loop alone: it trains what of a model wants
training and leaves the best weights in it; interrupted, it goes on from the last checkpoint to
the same bits. The loss covers the completion only and is divided by the tokens it covers, on one
process or on several.
"""

from lianju.training.before_after import results_text
from lianju.training.checkpoint import STEPS
from lianju.training.fine_tuning import assist
from lianju.training.loop import DivergedError, Interrupted, finetune
from lianju.training.outcome import Outcome
from lianju.training.processes import Processes, together
from lianju.training.run import FinishedRun, execute, remarks_on, train, train_only
from lianju.training.run_folder import Run, default_folder, new_run, open_run, read_settings
from lianju.training.validation import validation_loss

__all__ = [
    "STEPS",
    "DivergedError",
    "FinishedRun",
    "Interrupted",
    "Outcome",
    "Processes",
    "Run",
    "assist",
    "default_folder",
    "execute",
    "finetune",
    "new_run",
    "open_run",
    "read_settings",
    "remarks_on",
    "results_text",
    "together",
    "train",
    "train_only",
    "validation_loss",
]
