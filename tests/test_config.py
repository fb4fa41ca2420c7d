import json
from pathlib import Path

import pytest

from lianju.config import (
    RunSettings,
    load_settings,
    parse_assignments,
    recipe_names,
    setting_names,
    validate,
)
from lianju.errors import UserError


def test_every_recipe_is_valid_and_survives_json() -> None:
    assert {"default", "hw5", "taide-7b", "breeze-7b-t4"} <= set(recipe_names())
    for name in recipe_names():
        settings = load_settings(name)
        assert settings.recipe == name
        assert validate(json.loads(settings.model_dump_json())) == settings


def test_hw5_holds_the_homeworks_values() -> None:
    settings = load_settings("hw5")
    assert (settings.data.poems, settings.data.selection) == (1040, "first")
    lora, train, decode = settings.lora, settings.train, settings.decode
    assert (lora.rank, lora.alpha, lora.dropout) == (8, 16, 0.05)
    assert [target[:-5] for target in lora.targets] == ["q", "k", "v", "o", "gate", "up", "down"]
    assert (train.learning_rate, train.epochs, train.cutoff) == (3e-4, 1, 256)
    assert (train.batch_size, train.accumulation) == (4, 4)
    assert (decode.temperature, decode.top_p, decode.max_length) == (0.1, 0.3, 128)
    assert settings.prompt.style == "homework"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("train.learnig_rate", 1, "did you mean 'train.learning_rate'"),
        ("train.lr", 1, "did you mean 'train.learning_rate'"),
        ("decode.temprature", 1, "did you mean 'decode.temperature'"),
        ("sed", 1, "did you mean 'seed'"),
        ("train.learning_rate", -1, "train.learning_rate: input should be greater than 0, got -1"),
        ("decode.top_p", 1.5, "decode.top_p"),
        ("decode.temperature", float("nan"), "decode.temperature"),
        ("decode.temperature", 1e-40, "0 or at least 0.001"),
        ("lora.dropout", "much", "lora.dropout"),
        ("train", 3, "train"),
        ("seed.x", 3, "seed"),
    ],
)
def test_bad_settings_are_refused_by_name(key: str, value: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_settings("default", {key: value})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"train:\n  epochs: 2\n  epoch: 3\n", "did you mean 'train.epochs'"),
        (b"- a\n", "no recipe"),
        (b"a: [", "not YAML"),
        (b"\xff\xfe", "not UTF-8"),
        (b"data:\n", "data"),
    ],
)
def test_bad_recipe_files(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(content)
    with pytest.raises(UserError, match=message):
        load_settings(str(file))


def test_a_recipe_file_and_flags_over_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("train:\n  epochs: 2\n  batch_size: 3\n")
    settings = load_settings(str(file), {"train.epochs": 4})
    assert (settings.recipe, settings.train.epochs, settings.train.batch_size) == ("mine", 4, 3)


def test_an_unknown_recipe_names_the_known() -> None:
    with pytest.raises(UserError, match="default, gemma-3-1b, hw5"):
        load_settings("hw6")


def test_assignments() -> None:
    assert parse_assignments(["a.b=2", "c = x"]) == {"a.b": 2, "c": "x"}
    with pytest.raises(UserError, match="name=value"):
        parse_assignments(["a"])


def test_no_setting_bans_ngrams() -> None:
    """In the homework `no_repeat_ngram_size=3` banned triples of bytes: rare characters broke."""
    assert not [name for name in setting_names() if "ngram" in name]


def test_every_setting_says_what_it_means() -> None:
    for section in RunSettings.model_fields.values():
        inner = getattr(section.annotation, "model_fields", {"": section})
        assert all(field.description for field in inner.values())


def test_a_bare_on_or_off_is_the_word_and_not_yamls_truth() -> None:
    settings = load_settings("default", parse_assignments(["train.sharding=on"]))
    assert settings.train.sharding == "on"
    settings = load_settings("default", parse_assignments(["train.gradient_checkpointing=off"]))
    assert settings.train.gradient_checkpointing == "off"
    with pytest.raises(UserError, match=r"train\.sharding"):
        load_settings("default", {"train.sharding": "perhaps"})
