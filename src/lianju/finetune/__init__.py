"""Fine-tuning: batches, the loop, checkpoints, validation.

`finetune` trains what of a model wants training and leaves the best weights in it;
interrupted, it goes on from the last checkpoint to the same bits. The loss covers
the completion only and is divided by the tokens it covers, on one process or on several.
"""

from lianju.finetune.batches import Batch, Encoded, collate, encode
from lianju.finetune.checkpoint import STEPS
from lianju.finetune.loop import Interrupted, finetune
from lianju.finetune.outcome import Outcome
from lianju.finetune.remarks import remarks
from lianju.finetune.validation import Loss, last_logits, validation_loss

__all__ = [
    "STEPS",
    "Batch",
    "Encoded",
    "Interrupted",
    "Loss",
    "Outcome",
    "collate",
    "encode",
    "finetune",
    "last_logits",
    "remarks",
    "validation_loss",
]
