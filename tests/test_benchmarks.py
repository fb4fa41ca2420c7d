"""docs/benchmarks.md is what was measured, and the table that wants a GPU can be made."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks import gpu
from benchmarks.all import TABLES, kept_in, rendered
from benchmarks.growth import exponent
from benchmarks.tables import Figure, Work

DOCS = Path(__file__).parent.parent / "docs"


def test_the_document_is_made_from_what_was_measured() -> None:
    kept = kept_in(DOCS)
    assert kept.keys() <= TABLES.keys()
    small = [name for name, found in kept.items() if any(one["quick"] for one in found)]
    assert not small, "small sizes are no proof"
    for name, text in rendered(kept).items():
        assert (DOCS / name).read_text(encoding="utf-8") == text, (
            f"docs/{name} was edited: `python -m benchmarks.all` writes it"
        )


def test_an_exponent_is_the_power_that_made_the_points() -> None:
    points = [(size, 0.3 * size**1.5) for size in (10.0, 70.0, 1000.0)]
    assert exponent(points) == pytest.approx(1.5)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_table_of_the_gpu_is_made_whole(tmp_path: Path) -> None:
    """Small and on this machine: every case trains, and the goals' numbers are there to read."""
    found = gpu.measure(Work(tmp_path, tmp_path, quick=True))
    names = [row.name for row in found.rows]
    assert names[:2] == ["Lianju, 16 bits", "Lianju, 16 bits, whole prompts"]
    for library, wanted in (("bitsandbytes", "4 bits"), ("trl", "TRL, no checkpointing")):
        assert find_spec(library) is None or any(wanted in name for name in names)
    whole = {row.name: row.figures for row in found.rows}
    assert all(figures["gradient norm"].low > 0 for figures in whole.values())
    assert found.rows[0].figures["×"] == Figure(1.0, 1.0, 1.0, 1)
    # What prompts share goes through the network once, so fewer operations train the same tokens.
    shared, alone = (whole[name] for name in names[:2])
    per_token = [f["TFLOP/s"].median / f["tokens/s"].median for f in (shared, alone)]
    assert per_token[0] < per_token[1]
    first = shared["gradient norm"].high, alone["gradient norm"].high
    assert first[0] == pytest.approx(first[1], rel=1e-2)
