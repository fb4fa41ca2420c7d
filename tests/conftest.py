import os

# Before the libraries are imported: see lianju.cli.app.
os.environ.setdefault("TQDM_DISABLE", "1")
# Test processes beside each other, and what they start, share the cores.
if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))

import pytest
import torch
from hypothesis import settings

from lianju.config import ModelSettings
from lianju.model import LanguageModel, load_base
from lianju.prompt import LAYOUTS

# A busy machine is no failure of ours.
settings.register_profile("lianju", deadline=None)
# What `make test` takes.
settings.register_profile("quick", settings.get_profile("lianju"), max_examples=25)
settings.load_profile("lianju")


@pytest.fixture(scope="session")
def gemma() -> LanguageModel:
    """The real base model, trimmed, in fp32. Shared: tests must not change it."""
    return load_base(ModelSettings(), LAYOUTS, torch.device("cpu"))
