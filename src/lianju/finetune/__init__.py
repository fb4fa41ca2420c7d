"""Fine-tuning: batches, the loop, checkpoints, validation.

`finetune` trains the adapter of a model in a run folder and leaves the best adapter in
`adapter/`; interrupted, it goes on from the last checkpoint to the same bits. The loss covers
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
