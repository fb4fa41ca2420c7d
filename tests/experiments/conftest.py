"""Real runs of a tiny model, and what can become of their folders."""

import shutil
from pathlib import Path

import pytest

import lianju
from lianju.corpus import training_corpus
from lianju.files import write_json
from tests import checkpoints

RATES = {"slow": 1e-5, "fast": 5e-3}


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two runs, `slow` and `fast`, that differ in their learning rates."""
    folder = tmp_path_factory.mktemp("trained")
    checkpoints.llama(folder / "tiny")
    rows = [
        {"input": poem.couplet, "output": poem.completion}
        for poem in training_corpus().examples[:60]
    ]
    write_json(folder / "mine.json", rows)
    small = {
        **{"data.validation": 12, "shape_couplets": 3, "model.name": str(folder / "tiny")},
        **{"train.validations": 2, "decode.max_length": 8, "decode.particles": 1},
        "train.batch_size": 4,
    }
    for name, rate in RATES.items():
        settings = small | {"train.learning_rate": rate}
        run = folder / "runs" / name
        lianju.train(source=folder / "mine.json", out=run, settings=settings)
    return folder


@pytest.fixture
def runs(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of these runs that a test may spoil, in ./runs of where it works."""
    shutil.copytree(trained / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return Path("runs")
