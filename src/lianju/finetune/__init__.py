"""Fine-tuning: batches, the loop, checkpoints, validation.

`finetune` trains the adapter that a model carries and leaves its best weights in it;
interrupted, it goes on from the last checkpoint to the same bits. The loss covers
the completion only and is divided by the tokens it covers.
"""

from lianju.finetune.batches import Encoded, encode
from lianju.finetune.loop import Interrupted, Outcome, finetune
from lianju.finetune.validation import Loss, validation_loss

__all__ = [
    "Encoded",
    "Interrupted",
    "Loss",
    "Outcome",
    "encode",
    "finetune",
    "validation_loss",
]
