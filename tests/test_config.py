import json
from pathlib import Path

import pytest

from lianju.config import (
    RunSettings,
    Settings,
    load_settings,
    parse_assignments,
    recipe_names,
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
        ("decode.temperature", float("nan"), "finite number"),
        ("decode.temperature", 1e-40, "0 or at least 0.001"),
        ("lora.dropout", "much", "lora.dropout"),
        ("train", 3, "train"),
        ("seed.x", 3, "did you mean 'seed'"),
        ("a." * 50_000 + "b", 3, "unknown setting 'a.a.a"),
        ("\udcff", 3, "unknown setting"),
        ("data.source", "poems\udcff.json", "data.source: input should be UTF-8 text"),
        ("data.source", "poems\0", "data.source: input should be UTF-8 text"),
        ("data.source", "x" * 5000, "data.source: string should have at most 4096"),
        ("train.epochs", 10**12, "less than or equal to 10000, got 1000000000000"),
        pytest.param("train.epochs", 10**5000, "train.epochs: .*a huge number", id="huge"),
        ("train.learning_rate", float("inf"), "train.learning_rate: input should be a finite"),
        ("lora.targets", ["a"] * 10**5, "lora.targets: tuple should have at most 100 items"),
        ("lora.targets", [1] * 50, r"lora.targets.0: input should be .*; and 41 more"),
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
        (b"lora: &a {rank: 2}\ntrain: *a\n", "an anchor or alias"),
        (b"train: !!python/object:os.system {}\n", "a tag"),
        (b"train: {epochs: 2, epochs: 3}\n", "'epochs' stands twice"),
        (b"1: 2\n", "the name 1 is not text"),
        (b"on: 2\n", "the name True is not text"),
        (b"? [a]\n: 1\n", "is not text"),
        (b"train: {epochs: 2024-13-45}\n", "train.epochs: .*got '2024-13-45'"),
        (b"train: {epochs: 0b_}\n", "a number that cannot be read"),
        (b"train: {epochs: " + b"9" * 5000 + b"}\n", "a number of 5,000 digits"),
        (b"train: {epochs: 0x" + b"f" * 5000 + b"}\n", "a number of 5,002 digits"),
        (b"train: {learning_rate: .nan}\n", "finite number, got nan"),
        (b"train: {learning_rate: 1.0e+400}\n", "finite number, got inf"),
        (b"[" * 90_000, "nested too deeply"),
        (b"- " * 40_000, "nested too deeply"),
        (b"x" * 10**6, "more than 100,000 characters"),
        (b"a: \0\n", "not YAML"),
    ],
)
def test_bad_recipe_files(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        load_settings(str(file))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 800


@pytest.mark.parametrize("name", ["x" * 300, "x/" * 3000, "a\0b", "\udcff", "", ".", "/dev/zero"])
def test_what_can_be_no_recipe_is_refused_in_a_line(name: str) -> None:
    with pytest.raises(UserError, match=r"no recipe|cannot read"):
        load_settings(name)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "value",
    [
        "&a [*a]",
        "[" * 10**5,
        "{a: " * 10**5,
        "9" * 10**5,
        "a" * 10**6,
        "\ud800",
        ": :",
        "!!int x",
    ],
)
def test_no_value_of_set_is_more_than_a_line_of_error(value: str) -> None:
    with pytest.raises(UserError) as caught:
        load_settings("default", parse_assignments([f"train.epochs={value}"]))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 800


def test_every_number_has_bounds_and_every_text_and_list_a_length() -> None:
    # Elsewhere there are records of ours that nobody writes by hand.
    models = [
        model
        for model in Settings.__subclasses__()
        if model.__module__.startswith("lianju.config.")
    ]
    assert RunSettings in models
    for model in models:
        for name, field in model.model_json_schema()["properties"].items():
            for kind in field.get("anyOf", [field]):
                if kind.get("type") in ("integer", "number") and "enum" not in kind:
                    assert {"maximum", "exclusiveMaximum"} & kind.keys(), name
                    assert {"minimum", "exclusiveMinimum"} & kind.keys(), name
                if kind.get("type") == "string" and "enum" not in kind:
                    assert "maxLength" in kind, name
                if kind.get("type") == "array":
                    assert "maxItems" in kind and "maxLength" in kind["items"], name


def test_paths_are_absolute_from_where_a_run_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    asked = {"data.source": "poems.json", "model.name": "models/mine"}
    settings = load_settings("default", asked)
    assert settings.data.source == str(tmp_path / "poems.json")
    assert settings.model.name == str(tmp_path / "models" / "mine")
    monkeypatch.chdir("/")
    assert validate(json.loads(settings.model_dump_json())) == settings
    assert load_settings("default", {"model.name": "org/name"}).model.name == "org/name"
    assert load_settings().data.source is None


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
