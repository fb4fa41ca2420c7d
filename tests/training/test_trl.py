"""TRL's SFTTrainer, given the same, takes the same steps. It is no part of the product."""

from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR
from transformers import AutoTokenizer

from lianju.config import LoraSettings, ModelSettings, TrainSettings
from lianju.corpus import Example
from lianju.files import read_jsonl
from lianju.likelihood import Encoded, encode
from lianju.model import Compute, LanguageModel, attach, load_base
from lianju.prompt import LAYOUTS
from lianju.training import finetune
from lianju.training.batches import plan
from lianju.training.schedule import learning_rate
from tests import checkpoints, tiny

CPU = torch.device("cpu")
SETTINGS = TrainSettings(
    epochs=5,
    batch_size=2,
    accumulation=2,
    learning_rate=5e-3,
    warmup=0.1,
    weight_decay=0.01,
    max_grad_norm=0.5,
    validations=1,
)
# Sixteen quatrains of five and of seven characters a line, so four steps an epoch, some padded.
POEMS = [
    Example(couplet, completion, couplet)
    for couplet, _ in tiny.COUPLETS[2:]
    for _, completion in tiny.COUPLETS[2:]
]


def _model(folder: Path) -> LanguageModel:
    base = load_base(ModelSettings(name=str(folder), trim=False), LAYOUTS, CPU)
    return attach(base, LoraSettings(rank=4))


def _in_order(items: list[Encoded]) -> Any:
    """The examples one after another as our plan shows them, with what the loss covers."""
    from datasets import Dataset

    lengths = [item.length for item in items]
    steps = plan(lengths, SETTINGS.batch_size, SETTINGS.accumulation, SETTINGS.epochs, 0)
    shown = [items[index] for step in steps for micro_batch in step for index in micro_batch]
    assert len(steps) == 20 and len(shown) == 80
    return Dataset.from_list(
        [
            {
                "input_ids": item.prompt + item.completion,
                "completion_mask": [0] * len(item.prompt) + [1] * len(item.completion),
            }
            for item in shown
        ]
    )


def _by_trl(folder: Path, items: list[Encoded], output: Path) -> list[dict[str, Any]]:
    # Here, for it takes long to import.
    from trl import SFTConfig, SFTTrainer

    network = _model(folder).network
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(
        weights, lr=SETTINGS.learning_rate, weight_decay=SETTINGS.weight_decay
    )
    peak = SETTINGS.learning_rate
    schedule = LambdaLR(optimizer, lambda step: learning_rate(step, 20, SETTINGS) / peak)
    config = SFTConfig(
        output_dir=str(output),
        num_train_epochs=1,
        per_device_train_batch_size=SETTINGS.batch_size,
        gradient_accumulation_steps=SETTINGS.accumulation,
        max_grad_norm=SETTINGS.max_grad_norm,
        train_sampling_strategy="sequential",
        completion_only_loss=True,
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=True,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.unk_token
    trainer = SFTTrainer(
        network,
        config,
        train_dataset=_in_order(items),
        processing_class=tokenizer,
        optimizers=(optimizer, schedule),
    )
    trainer.train()
    rows: list[dict[str, Any]] = trainer.state.log_history
    return [row for row in rows if "loss" in row]


@pytest.mark.slow
def test_trl_takes_the_same_twenty_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    folder = checkpoints.llama(tmp_path / "model")
    model = _model(folder)
    items = encode(POEMS, "plain", model.vocabulary, 256)
    finetune(model, SETTINGS, items, items[:2], tmp_path / "run", Compute(CPU, "fp32", "test"))
    ours = [row for row in read_jsonl(tmp_path / "run/steps.jsonl") if row["kind"] == "train"]
    theirs = _by_trl(folder, items, tmp_path / "trl")
    assert len(ours) == len(theirs) == 20
    for mine, other in zip(ours, theirs, strict=True):
        assert mine["grad_norm"] > 0 and other["grad_norm"] > 0
        assert mine["loss"] == pytest.approx(other["loss"], rel=1e-4)
        assert mine["grad_norm"] == pytest.approx(other["grad_norm"], rel=1e-2)
    assert ours[-1]["loss"] < ours[0]["loss"] - 0.3
