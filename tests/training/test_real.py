from pathlib import Path

import pytest
import torch

from lianju.config import DecodeSettings, LoraSettings, ModelSettings, TrainSettings
from lianju.corpus import large_corpus, select, split, test_set, training_corpus
from lianju.decode import complete
from lianju.evaluate import shape_counts
from lianju.likelihood import encode
from lianju.model import attach, choose_compute, load_adapter, load_base, save_adapter
from lianju.prompt import LAYOUTS, fingerprint
from lianju.training import finetune, validation_loss
from lianju.writer import continuation

# Pytest would take the name for a test.
read_test_set = test_set
del test_set


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_real_llama_learns_the_shape_of_wujue(tmp_path: Path) -> None:
    """SmolLM2-135M, which spells nearly every Chinese character by its bytes."""
    settings = ModelSettings(name="smollm2-135m", device="cpu")
    compute = choose_compute(settings)
    wujue = [example for example in training_corpus().examples if len(example.text) == 24]
    poems, unseen = wujue[:480], wujue[-40:]
    base = load_base(settings, LAYOUTS, torch.device("cpu"))
    words = base.vocabulary
    train, validation = (encode(part, "plain", words, 256) for part in (poems, unseen))
    before = validation_loss(base.network, validation, words.pad, compute.precision)
    model = attach(base, LoraSettings())
    compute.lighten(model.network)
    chosen = TrainSettings(learning_rate=2e-3, validations=2, validation_part=16)
    outcome = finetune(model, chosen, train, validation, tmp_path, compute)
    assert before.per_character > 10 and outcome.best_loss < 7

    card = {"style": "plain", "prompt": fingerprint("plain", words)}
    save_adapter(model, tmp_path / "adapter", card)
    tuned = load_adapter(load_base(settings, LAYOUTS, torch.device("cpu")), tmp_path / "adapter")
    decode = DecodeSettings(temperature=0.3, max_length=60)
    written = complete(tuned, "plain", [example.couplet for example in unseen], decode)
    assert (
        shape_counts([continuation(one, False, None) for [one] in written])["right"]
        > len(unseen) / 2
    )
