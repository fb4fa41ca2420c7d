import os

# Before the libraries are imported: see lianju.cli.app.
os.environ.setdefault("TQDM_DISABLE", "1")

import pytest
import torch
from hypothesis import settings

from lianju.config import ModelSettings
from lianju.model import LanguageModel, load_base
from lianju.prompt import LAYOUTS

# A busy machine is no failure of ours.
settings.register_profile("lianju", deadline=None)
settings.load_profile("lianju")


@pytest.fixture(scope="session")
def gemma() -> LanguageModel:
    """The real base model, trimmed, in fp32. Shared: tests must not change it."""
    return load_base(ModelSettings(), LAYOUTS, torch.device("cpu"))
