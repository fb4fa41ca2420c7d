"""Put a finished run into the package as its reference adapter.

Run from a checkout, after `lianju run --recipe reference`: `python -m tools.reference RUN`. Of the
run it takes settings, summary, the digest of its poems, and the adapter, rounded to bf16, which
halves it; and writes a model card. `lianju evaluate --adapter reference` then says what came of it.
"""

import os
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from lianju.export import about_run, find_source
from lianju.files import read_json, sha256, write_json, write_text, writing_folder
from lianju.model import ADAPTER_CARD, ADAPTER_CONFIG

CHECKOUT = Path(__file__).parents[1]
OUT = CHECKOUT / "src/lianju/reference"
WEIGHTS = "adapter_model.safetensors"
LARGEST = 16 * 10**6
CARD = CHECKOUT / "tools/reference_card.md"


def main(run: Path) -> None:
    """Round, check the size, write."""
    with writing_folder(OUT) as folder:
        (folder / "adapter").mkdir()
        weights = load_file(run / "adapter" / WEIGHTS)
        rounded = {name: weight.to(torch.bfloat16) for name, weight in weights.items()}
        save_file(rounded, folder / "adapter" / WEIGHTS)
        for name in (ADAPTER_CARD, ADAPTER_CONFIG):
            shutil.copy(run / "adapter" / name, folder / "adapter")
        size = (folder / "adapter" / WEIGHTS).stat().st_size
        if size > LARGEST:
            sys.exit(f"{size:,} bytes, and at most {LARGEST:,} may go into the package")
        settings = read_json(run / "settings.json")
        # As it is found from a checkout, so that leaks can be looked for there.
        if left_out := settings["data"]["leave_out"]:
            settings["data"]["leave_out"] = os.path.relpath(os.path.realpath(left_out), CHECKOUT)
        write_json(folder / "settings.json", settings)
        write_json(folder / "summary.json", read_json(run / "summary.json"))
        (folder / "stages").mkdir()
        shutil.copy(run / "stages/poems.json", folder / "stages")
        write_text(folder / "README.md", card(folder))


def card(folder: Path) -> str:
    """The model card: what it is, from what, how it was made, what it can and cannot."""
    source = find_source(folder)
    data, numbers = about_run(source)
    recipe = (CHECKOUT / "src/lianju/recipes/reference.yaml").read_text(encoding="utf-8")
    digest = sha256(folder / "adapter" / WEIGHTS)
    return CARD.read_text(encoding="utf-8").format(
        data=data,
        numbers=numbers,
        recipe=recipe,
        prompt=source.card["prompt"],
        base=source.card["base_sha256"],
        digest=digest,
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
