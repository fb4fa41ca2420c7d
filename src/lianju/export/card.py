"""The model card that goes with an export: what it is, from what, how good, how to use it.

Its text is `card.md`.
"""

import re
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

from lianju import __version__
from lianju.errors import UserError
from lianju.export.source import ADVICE, ExportSource
from lianju.export.tokenizer import ExportTokenizer
from lianju.model import CATALOGUE, IDENTITY, run_of

_LIBRARY = {"adapter": "peft", "merged": "transformers", "gguf": "gguf"}
_RELATION = {"adapter": "adapter", "merged": "finetune", "gguf": "quantized"}
# The hub's names of the licences of the catalogue's models.
_LICENCES = {"gemma-3-270m": "gemma", "smollm2-135m": "apache-2.0"}
_EXAMPLE = "白日依山盡，黃河入海流。"


def model_card(
    source: ExportSource, words: ExportTokenizer, to: str, base: Path, notes: list[str]
) -> str:
    """The README.md of an export to `to`. `base` is the base model's folder; `notes` say what
    was found when the export was read back.
    """
    licence, terms = _licence(source, base)
    data, numbers = about_run(source)
    # The hub takes an id only.
    named = {"base_model": source.base, "base_model_relation": _RELATION[to]}
    front = {
        **(named if not Path(source.base).is_absolute() else {}),
        "license": licence,
        "language": ["zh"],
        "library_name": _LIBRARY[to],
        "pipeline_tag": "text-generation",
        "tags": ["poetry", "tang-poetry", "lianju"],
    }
    template = resources.files(__package__).joinpath("card.md").read_text(encoding="utf-8")
    settings = Environment(  # what comes of it is Markdown
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return settings.from_string(template).render(
        source=source,
        words=words,
        to=to,
        notes=notes,
        data=data,
        numbers=numbers,
        terms=terms,
        front=_yaml(front),
        name=Path(source.base).name,
        version=__version__,
        example=_EXAMPLE,
        recipe=_recipe(source),
        dequantised=(base / IDENTITY).is_file(),
    )


def _yaml(values: dict[str, Any]) -> str:
    return yaml.safe_dump(values, allow_unicode=True, sort_keys=False)


def _licence(source: ExportSource, base: Path) -> tuple[str, str]:
    """The hub's name of the base model's licence, and what to say of it."""
    name = str(source.card["base"])
    if name in CATALOGUE:
        return _LICENCES.get(name, "other"), CATALOGUE[name].terms + "."
    readme = base / "README.md"
    text = readme.read_text(encoding="utf-8", errors="replace") if readme.is_file() else ""
    front = text.removeprefix("---\n").partition("\n---")[0] if text.startswith("---\n") else ""
    if found := re.search(r"^license: *([\w.-]+) *$", front, re.MULTILINE):
        return found[1], f"{found[1]} (see the base model's own card)."
    return "other", f"see the page of `{source.base}`."


def about_run(source: ExportSource) -> tuple[str, str]:
    """What a card says of a run's poems, and of its numbers. `UserError` where its summary is
    damaged.
    """
    try:
        return _data(source), _numbers(source)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        path = run_of(source.adapter) / "summary.json"
        raise UserError(f"{path} is damaged ({error!r}): {ADVICE}") from error


def _data(source: ExportSource) -> str:
    if source.summary is None:
        return f"## Data\n\n{source.card.get('poems', 'An unknown number of')} poems."
    data = source.summary["data"]
    dropped = ", ".join(f"{count} {reason}" for reason, count in data["dropped"].items())
    return (
        f"## Data\n\n{data['used']} poems, drawn from {data['total']} of {data['origin']} "
        f"(dropped before: {dropped or 'none'}). Tang poems are in the public domain. Validation: "
        f"n={data['validation']['n']}, {data['validation']['note']}"
    )


def _recipe(source: ExportSource) -> str:
    values = source.settings.model_dump(mode="json", include={"prompt", "lora", "train", "decode"})
    if source.full:
        del values["lora"]
    return _yaml(values)


def _numbers(source: ExportSource) -> str:
    if source.summary is None:
        return ""
    before, after = source.summary["before"], source.summary["after"]
    rows = [
        ("right shape, the homework's test couplets", "test", "right", "n"),
        ("loss, nats a character, unseen poems", "validation", "loss_per_character", "n"),
    ]
    lines = ["| | n | before | after |", "|---|---|---|---|"]
    for name, part, key, count in rows:
        lines.append(
            f"| {name} | {after[part][count]} | {_short(before[part][key])} "
            f"| {_short(after[part][key])} |"
        )
    unseen = after["validation"]
    if "shape_n" in unseen:
        low, high = unseen["shape_interval"]
        lines.append(
            f"| right shape, unseen couplets (95% interval {low:.1%} to {high:.1%}) "
            f"| {unseen['shape_n']} | – | {unseen['shape_right']} |"
        )
    return "## Numbers\n\nOf the run itself, with its own decoding, before export.\n\n" + "\n".join(
        lines
    )


def _short(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
