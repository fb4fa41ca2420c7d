from pathlib import Path

import torch

from lianju.config import LoraSettings, ModelSettings, TrainSettings
from lianju.corpus import large_corpus, select, split, test_set, training_corpus
from lianju.finetune import encode, finetune, validation_loss
from lianju.model import attach, choose_compute, load_base
from lianju.prompt import LAYOUTS

# Pytest would take the name for a test.
read_test_set = test_set
del test_set


def test_64_poems_teach_gemma_something(tmp_path: Path) -> None:
    settings = ModelSettings(device="cpu")
    compute = choose_compute(settings)
    parts = split(training_corpus(), read_test_set(), large_corpus(), 24)
    model = load_base(settings, LAYOUTS, torch.device("cpu"))
    train = encode(select(parts.pool, 64, 0), "plain", model.vocabulary, 256)
    unseen = encode(parts.validation, "plain", model.vocabulary, 256)
    pad = model.vocabulary.pad
    before = validation_loss(model.network, unseen, pad, compute.precision)
    model = attach(model, LoraSettings())
    compute.lighten(model.network)
    chosen = TrainSettings(validations=1, validation_part=8)
    outcome = finetune(model, chosen, train, unseen, tmp_path, compute)
    after = validation_loss(model.network, unseen, pad, compute.precision)
    assert outcome.trained_tokens == sum(len(item.completion) for item in train)
    assert after.per_character < before.per_character - 0.3
    assert 0 < (outcome.mfu or 0) < 1.2
