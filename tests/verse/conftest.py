"""What the tests of verse share: the poems of the official training file."""

import json
from pathlib import Path

import pytest

HW5 = Path(__file__).parents[3] / "shared" / "hw5"


@pytest.fixture(scope="session")
def training_poems() -> list[str]:
    """The 5,001 poems of the official training file, couplet and rest together."""
    path = HW5 / "Tang_training_data.json"
    if not path.exists():
        pytest.skip("the official homework files are not beside the repository")
    return [row["input"] + row["output"] for row in json.loads(path.read_text(encoding="utf-8"))]
