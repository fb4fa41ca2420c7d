"""Steps by a graph: the losses of PyTorch's, the same bits when resumed, and when it is taken."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from lianju import graph
from lianju.config import LoraSettings, TrainSettings, load_settings
from lianju.likelihood import encode
from lianju.model import Compute, LanguageModel, attach
from lianju.training import Interrupted, finetune
from lianju.training.checkpoint import trained_weights
from lianju.training.gradients import why_no_graph
from tests import published, tiny

CPU = torch.device("cpu")
TIMES = ("seconds", "tokens_per_second", "mfu")


def _model() -> LanguageModel:
    return attach(tiny.model(), LoraSettings(rank=4))


def _train(run: Path, engine: Any, model: LanguageModel, **others: Any) -> list[dict[str, Any]]:
    """Train on batches that accumulate, with padding; returns the log without times."""
    items = encode(tiny.EXAMPLES, "homework", model.vocabulary, 256)
    settings = TrainSettings(batch_size=2, accumulation=2, epochs=6, learning_rate=3e-3)
    compute = Compute(CPU, "fp32", "test", engine=engine)
    finetune(model, settings, items, items[:4], run, compute, **others)
    lines = (run / "steps.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return [{name: row[name] for name in row if name not in TIMES} for row in rows]


def test_a_graph_takes_the_steps_that_pytorch_takes(tmp_path: Path) -> None:
    ours, theirs = _model(), _model()
    by_graph = _train(tmp_path / "graph", "openvino", ours)
    by_pytorch = _train(tmp_path / "pytorch", "pytorch", theirs)
    assert len(by_graph) == len(by_pytorch) == 16
    for one, other in zip(by_graph, by_pytorch, strict=True):
        # What all prompts begin with goes through a graph in every row.
        assert one.pop("computed_tokens", 1) >= other.pop("computed_tokens", 1)
        assert one.pop("kind") == other.pop("kind")
        assert one == pytest.approx(other, rel=1e-4)
    assert by_graph[-2]["loss"] < by_graph[0]["loss"] - 0.1


def test_it_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    straight, resumed = _model(), _model()
    whole = _train(tmp_path / "a", "openvino", straight)
    with pytest.raises(Interrupted):
        _train(tmp_path / "b", "openvino", _model(), stop=lambda step: step == 5)
    assert _train(tmp_path / "b", "openvino", resumed, resume=True) == whole
    theirs = trained_weights(resumed.network)
    for name, weight in trained_weights(straight.network).items():
        assert torch.equal(weight, theirs[name])


@pytest.mark.parametrize(
    ("changes", "precision", "processes", "against"),
    [
        ({}, "fp32", 1, None),
        ({"lora.variant": "pissa"}, "fp32", 1, None),
        ({"lora.targets": ["self_attn.q_proj", "lm_head"]}, "fp32", 1, None),
        ({"model.bits": 4}, "fp32", 1, "weights in 4 bits"),
        ({"train.method": "full"}, "fp32", 1, "every weight trains"),
        ({"lora.variant": "dora"}, "fp32", 1, "lora.variant is dora"),
        ({"lora.dropout": 0.1}, "fp32", 1, "lora.dropout is not 0"),
        ({"lora.targets": ["q_proj", "embed_tokens"]}, "fp32", 1, "lora.targets name other layers"),
        ({}, "fp16", 1, "products in fp16"),
        ({}, "fp32", 2, "several processes"),
        ({"train.gradient_checkpointing": "on"}, "fp32", 1, "activations are computed twice"),
    ],
)
def test_what_a_graph_cannot_do_is_pytorchs(
    changes: dict[str, Any], precision: str, processes: int, against: str | None
) -> None:
    settings = load_settings("default", changes)
    compute = Compute(CPU, precision, "test")
    assert why_no_graph(settings, compute, tiny.model().network.config, processes) == against


def test_bf16_is_a_graphs_where_the_cpu_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere OpenVINO would compute in fp32 without a word."""
    settings, config = load_settings(), tiny.model().network.config
    for able, against in ((("fp32", "bf16"), None), (("fp32",), "products in bf16")):
        monkeypatch.setattr(graph, "precisions", lambda able=able: able)
        assert why_no_graph(settings, Compute(CPU, "bf16", "test"), config, 1) == against
    assert why_no_graph(settings, Compute(CPU, "fp32", "test"), config, 1) is None


def test_an_architecture_without_parts_is_pytorchs() -> None:
    from transformers import GPT2Config

    told = why_no_graph(load_settings(), Compute(CPU, "fp32", "test"), GPT2Config(), 1)
    assert told == "no graph for gpt2"
    for name, config in published.CONFIGS.items():
        assert why_no_graph(load_settings(), Compute(CPU, "fp32", "test"), config, 1) is None, name
