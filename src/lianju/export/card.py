"""The model card that goes with an export: what it is, from what, how good, how to use it."""

import re
from pathlib import Path
from typing import Any

import yaml

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
    parts = [
        f"---\n{yaml.safe_dump(front, allow_unicode=True, sort_keys=False)}---",
        f"# Tang poems, continued by {Path(source.base).name}",
        f"Given the first couplet of a Tang poem 唐詩, this model writes the rest. It was "
        f"fine-tuned from `{source.base}` with Lianju 聯句 {__version__} and exported as {to}.",
        _usage(words, to),
        data,
        _recipe(source, base),
        numbers,
        "## Read back\n\n" + "\n".join(f"- {note}" for note in notes),
        _limits(to),
        f"## Licence\n\nThe base model's licence holds for this model too: {terms}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


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


def _usage(words: ExportTokenizer, to: str) -> str:
    how = {
        "adapter": "```python\nfrom peft import AutoPeftModelForCausalLM\n"
        "from transformers import AutoTokenizer, GenerationConfig\n\n"
        'model = AutoPeftModelForCausalLM.from_pretrained("THIS REPOSITORY")\n'
        'tokenizer = AutoTokenizer.from_pretrained("THIS REPOSITORY")\n'
        'how = GenerationConfig.from_pretrained("THIS REPOSITORY")\n```',
        "merged": "```python\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        'model = AutoModelForCausalLM.from_pretrained("THIS REPOSITORY")\n'
        'tokenizer = AutoTokenizer.from_pretrained("THIS REPOSITORY")\n```',
        "gguf": f"```sh\nollama create tang -f Modelfile\nollama run tang {_EXAMPLE}\n```",
    }[to]
    # PEFT does not read the generation config that lies beside an adapter.
    settings = "generation_config=how" if to == "adapter" else "max_new_tokens=128"
    generate = (
        ""
        if to == "gguf"
        else "\n\n```python\nprompt = tokenizer.apply_chat_template(\n"
        f'    [{{"role": "user", "content": "{_EXAMPLE}"}}],\n'
        '    return_tensors="pt", return_dict=True,\n)\n'
        f"poem = model.generate(**prompt, {settings})\n"
        "print(tokenizer.decode(poem[0], skip_special_tokens=True))\n```"
    )
    return (
        f"## Use\n\nThe message is the couplet and nothing else: the chat template puts the text "
        f"around it that the model was trained with.\n\n{how}{generate}\n\nThe prompt is\n\n"
        f"```text\n{words.text(_EXAMPLE)}\n```"
    )


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


def _recipe(source: ExportSource, base: Path) -> str:
    values = source.settings.model_dump(mode="json", include={"prompt", "lora", "train", "decode"})
    if source.full:
        del values["lora"]
    text = yaml.safe_dump(values, allow_unicode=True, sort_keys=False)
    bits = "4" if source.settings.model.bits == 4 else "16 or more"
    origin = " They came from a GGUF file, dequantised." if (base / IDENTITY).is_file() else ""
    return (
        f"## Recipe `{source.settings.recipe}`\n\nThe base weights were held in {bits} bits while "
        f"training.{origin}\n\n```yaml\n{text}```"
    )


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


def _limits(to: str) -> str:
    points = [
        "It knows one task. Rhyme and tone are not kept by the model alone: Lianju's own decoding "
        "keeps the rules of verse, other programs do not.",
        "A poem can hold lines of real poems word for word, and says nothing true of any poet.",
        "Verse is spelled one token a character, and the tokenizer that comes along does so. With "
        "the base model's own tokenizer the model sees prompts that it was never trained on.",
    ]
    if to == "merged":
        points.append(
            "Training never touched the tokens that spell no verse; `generation_config.json` "
            "suppresses them. A program that does not read it may write a word of another language."
        )
    if to == "adapter":
        points.append(
            "Training never touched the tokens that spell no verse; generate with the "
            "`generation_config.json` that comes along, which suppresses them."
        )
    return "## Limits\n\n" + "\n".join(f"- {point}" for point in points)
