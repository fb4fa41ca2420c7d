"""Texts of one's own in a prompt: what they may be, how models spell them, where they go along."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from lianju.config import (
    INSTRUCTION,
    SYSTEM,
    ModelSettings,
    PromptSettings,
    load_settings,
    parse_assignments,
    recipe_names,
)
from lianju.errors import UserError
from lianju.export.modelfile import modelfile_text
from lianju.export.pipeline import write_export
from lianju.export.source import find_source
from lianju.export.tokenizer import export_tokenizer
from lianju.loading import load_models
from lianju.model import card_prompt, load_base, read_card
from lianju.model.prompt_frame import frames_of
from lianju.model.trimming import full_vocabulary, trimmed_folder
from lianju.prompt import LAYOUTS, fingerprint, layouts_of, render
from tests import checkpoints, families, tiny
from tests.export.runs import tuned, write_run

COUPLET = tiny.COUPLETS[0][0]
ASK = "請依唐詩格律續寫。"


def _prompt(**values: Any) -> PromptSettings:
    asked = {f"prompt.{name}": value for name, value in values.items()}
    return load_settings("default", asked).prompt


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"template": "續寫："}, r"prompt\.template: .*\{couplet\} is missing"),
        ({"template": "{couplet}又{couplet}"}, r"\{couplet\} stands there twice"),
        (
            {"template": "{poem}{couplet}"},
            r"\{poem\} has no meaning here: the places are \{couplet",
        ),
        ({"template": "{couplet!r}"}, r"\{couplet!r\} has no meaning"),
        ({"template": "{couplet.__class__}"}, r"\{couplet\.__class__\} has no meaning"),
        ({"template": "{couplet:>{system}}"}, "has no meaning"),
        ({"template": "{0}{couplet}"}, r"\{0\} has no meaning"),
        ({"template": "{couplet"}, "a brace that is meant is written twice"),
        ({"template": ""}, "at least 1 character"),
        ({"template": "字" * 2001 + "{couplet}"}, "at most 2000 characters"),
        ({"system": "字" * 2001}, "at most 2000 characters"),
        ({"instruction": ASK, "template": "{couplet}"}, r"\{instruction\} is missing"),
        ({"system": "你是詩人", "template": "{couplet}"}, r"\{system\} is missing"),
        ({"style": "chat", "template": "{system}{couplet}"}, r"\{system\} has no meaning"),
        ({"instruction": "a\x07"}, r"prompt\.instruction: no prompt can hold U\+0007"),
        ({"template": "\ue000{couplet}"}, r"no prompt can hold U\+E000"),
    ],
)
def test_what_no_prompt_can_be_is_named(values: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        _prompt(**values)


def test_braces_are_written_twice_and_texts_are_only_texts() -> None:
    assert _prompt(template="{{x}} {couplet} }}").texts == ("", "{x} ", " }")
    # What a text holds is no place and no code.
    asked = _prompt(style="chat", system="{couplet}", instruction="{{ 1 + 1 }}{% if %}")
    assert asked.texts == ("{couplet}", "{{ 1 + 1 }}{% if %}\n", "")


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ({}, ("", "", "")),
        ({"instruction": ASK}, ("", f"{ASK}\n", "")),
        ({"system": "詩人", "instruction": ASK}, ("", f"詩人\n{ASK}\n", "")),
        ({"template": "上聯：{couplet}\n下聯："}, ("", "上聯：", "\n下聯：")),
        ({"style": "chat"}, (SYSTEM, f"{INSTRUCTION}\n", "")),
        ({"style": "homework", "system": ""}, ("", f"{INSTRUCTION}\n", "")),
        ({"style": "chat", "instruction": ""}, (SYSTEM, "", "")),
        # The line break at the end of a block of YAML is not meant.
        ({"style": "chat", "instruction": f"{ASK}\n"}, (SYSTEM, f"{ASK}\n", "")),
        (
            {"style": "chat", "template": "「{couplet}」{instruction}"},
            (SYSTEM, "「", f"」{INSTRUCTION}"),
        ),
    ],
)
def test_texts_stand_where_they_are_said_to(
    values: dict[str, Any], texts: tuple[str, str, str]
) -> None:
    assert _prompt(**values).texts == texts


def test_a_prompt_has_its_styles_name_exactly_where_its_texts_are_the_styles() -> None:
    same = [{"style": "homework", "system": SYSTEM, "template": f"{INSTRUCTION}\n{{couplet}}"}]
    same += [{"style": "homework"}, {"style": "homework", "instruction": INSTRUCTION}]
    assert {_prompt(**values).name for values in same} == {"homework"}
    others = [
        {"instruction": ASK},
        {"instruction": ASK, "style": "chat"},
        {"template": "詩{couplet}"},
    ]
    names = [_prompt(**values).name for values in others]
    assert len({*names, "plain", "homework", "chat"}) == 6
    assert [name.partition("-")[0] for name in names] == ["plain", "chat", "plain"]
    assert all(layouts_of(_prompt(**values)) is LAYOUTS for values in same)


def test_the_homeworks_words_stand_in_its_recipes_and_nowhere_else() -> None:
    shown = {
        name: prompt
        for name in recipe_names()
        if (prompt := load_settings(name).prompt).instruction is not None
    }
    assert {*shown} == {name for name in recipe_names() if name.startswith(("hw5", "taide", "bre"))}
    for prompt in shown.values():
        assert (prompt.system, prompt.instruction) == (SYSTEM, INSTRUCTION)
        assert prompt.name == prompt.style


def test_trimmed_copies_and_layouts_of_before_still_fit() -> None:
    # Another name would make every user's cache anew, and trim other rows.
    assert trimmed_folder("0" * 64, LAYOUTS).name == "trimmed-1a219d4fa6b8"


def test_on_the_command_line_texts_are_taken_as_they_stand() -> None:
    given = ["{instruction}：{couplet}", "a: b # c", '"兩行\\n{couplet}"', "null", ""]
    parsed = [parse_assignments([f"prompt.template={value}"]) for value in given]
    assert [one["prompt.template"] for one in parsed] == [*given[:2], "兩行\n{couplet}", None, ""]


TOKENIZERS: dict[str, tuple[Any, dict[str, int | None]]] = {
    "gemma": (families.gemma_tokenizer, {"bos": 2, "stop": 1, "pad": 0}),
    "smollm2": (families.smollm2_tokenizer, {"bos": 1, "stop": 2, "pad": None}),
}
TEXT = st.text("請續寫下面的詩白日。，：「」 \nabc<[{", max_size=12)


@pytest.mark.parametrize("family", TOKENIZERS)
@given(instruction=TEXT, before=TEXT, after=TEXT)
def test_any_text_is_cut_as_the_tokenizer_does_and_parses_back(
    family: str, instruction: str, before: str, after: str
) -> None:
    tokenizer = TOKENIZERS[family][0]()
    outside = [text.replace("{", "{{") for text in (before, after)]
    template = "{couplet}".join(outside) + ("{instruction}" if instruction.strip() else "")
    prompt = PromptSettings(instruction=instruction, template=template)
    frames = frames_of(layouts_of(prompt), tokenizer, None)
    words = _words(family, frames)
    frame, ids = frames[prompt.name], render(prompt.name, words, COUPLET)
    head, tail = len(frame.before_ids), len(frame.after_ids)
    assert words.decode(ids) == before + COUPLET + after + instruction.strip()
    assert ids[1 + head : len(ids) - tail] == words.spell(COUPLET)
    assert ids[0] == words.bos and words.stop not in ids
    # The independent reference: the whole text at once, where no token joins it to the verse.
    whole = tokenizer.encode(frame.before + "。" + frame.after, add_special_tokens=False)
    if any(span == (len(frame.before), len(frame.before) + 1) for span in whole.offsets):
        assert whole.ids[:head] == frame.before_ids and whole.ids[len(whole.ids) - tail :] == (
            frame.after_ids
        )


_KEPT: dict[str, Any] = {}


def _words(family: str, frames: Any) -> Any:
    get, special = TOKENIZERS[family]
    if family not in _KEPT:
        tokenizer: Tokenizer = get()
        _KEPT[family] = full_vocabulary(tokenizer, tokenizer.get_vocab_size(), special, {})
    return replace(_KEPT[family], frames=frames)


@pytest.mark.parametrize(
    "values",
    [
        {"instruction": "好<|im_end|>"},
        {"system": "<|im_", "instruction": "end|>", "template": "{system}{instruction}{couplet}"},
        {"template": "{couplet}<|im_start|>assistant"},
        {"style": "homework", "system": "<|endoftext|>"},
    ],
)
def test_no_text_becomes_a_control_token(values: dict[str, Any]) -> None:
    prompt = _prompt(**values)
    with pytest.raises(UserError, match=r"hold '<\|\w+\|>', which this model has as a control"):
        frames_of(layouts_of(prompt), families.smollm2_tokenizer(), None)


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2"])
def test_own_words_stand_in_the_models_own_chat_template(tmp_path: Path, name: str) -> None:
    base = checkpoints.ARCHITECTURES[name](tmp_path / name)
    prompt = _prompt(
        style="chat", system="你是詩人。", template="{instruction}「{couplet}」", instruction=ASK
    )
    settings = ModelSettings(name=str(base), trim=False)
    words = load_base(settings, layouts_of(prompt), torch.device("cpu")).vocabulary
    frame = words.frames[prompt.name]
    tokenizer = AutoTokenizer.from_pretrained(base)
    messages = [
        {"role": "system", "content": "你是詩人。"},
        {"role": "user", "content": f"{ASK}「{COUPLET}」"},
    ]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    text = text.removeprefix(tokenizer.bos_token or "")
    assert frame.before + COUPLET + frame.after == text
    whole = tokenizer(text, add_special_tokens=False).input_ids
    ids = render(prompt.name, words, COUPLET)[0 if words.bos is None else 1 :]
    head, tail = len(frame.before_ids), len(frame.after_ids)
    assert ids[:head] == whole[:head] and ids[-tail:] == whole[-tail:]
    assert ids[head:-tail] == words.spell(COUPLET)
    # Those of the styles are not moved by it.
    usual = load_base(settings, LAYOUTS, torch.device("cpu")).vocabulary
    assert {**words.frames} == {**usual.frames, prompt.name: frame}
    with pytest.raises(UserError, match="control token"):
        spoiled = _prompt(style="chat", instruction=f"好{tokenizer.eos_token}{ASK}")
        load_base(settings, layouts_of(spoiled), torch.device("cpu"))


def test_an_adapter_brings_the_prompt_it_was_trained_with(tmp_path: Path) -> None:
    own = {"style": "chat", "instruction": ASK}
    one = write_run(tmp_path / "one", checkpoints.qwen2, prompt=own).adapter
    settings = ModelSettings(name=read_card(one)["base"])
    assert card_prompt(read_card(one)) == _prompt(**own)
    loaded = load_models([one], exact=True, untouched=True)
    prompt = _prompt(**own)
    words = load_base(settings, layouts_of(prompt), torch.device("cpu")).vocabulary
    for model in loaded:  # the base is asked as the adapter is
        assert model.style == prompt.name
        assert render(model.style, model.model.vocabulary, COUPLET) == render(
            prompt.name, words, COUPLET
        )
    assert fingerprint(prompt.name, words) == read_card(one)["prompt"]
    # Other words are another prompt, and a card that says nonsense is damaged.
    card = read_card(one)
    for changed, told in (
        ({"instruction": "別的。"}, "another prompt"),
        ({"template": "x"}, "damaged"),
    ):
        (one / "lianju.json").write_text(json.dumps(card | changed))
        with pytest.raises(UserError, match=told):
            load_models([one], exact=True)


def test_exports_carry_the_prompt(tmp_path: Path) -> None:
    own = {"template": '上聯：{couplet}\n"下聯"：', "style": "plain"}
    source = write_run(tmp_path, checkpoints.qwen2, prompt=own)
    assert source.prompt == _prompt(**own)
    words = export_tokenizer(tuned(source), source.prompt.name)
    assert 'TEMPLATE """上聯：{{ .Prompt }}\n"下聯"："""' in modelfile_text(
        "x.gguf", words, source.settings.decode
    )
    out = tmp_path / "merged"
    write_export(source, "merged", out, "f16")
    tokenizer = AutoTokenizer.from_pretrained(out)
    said = [{"role": "user", "content": COUPLET}]
    ids = tokenizer.apply_chat_template(said, return_dict=True)["input_ids"]
    assert ids == words.prompt(COUPLET)
    assert "上聯：" in (out / "README.md").read_text(encoding="utf-8")
    assert find_source(source.adapter).prompt.name == source.prompt.name
