"""Settings from recipes, flags and keywords; errors name every one that is wrong."""

from collections.abc import Callable, Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from lianju.config.messages import short, told, unknown
from lianju.config.settings import DecodeSettings, RunSettings, Settings
from lianju.config.verse import VerseSettings
from lianju.config.yaml_values import LONGEST, read_yaml
from lianju.errors import UserError

_TEXTS = ("prompt.system", "prompt.instruction", "prompt.template")


def recipe_names() -> list[str]:
    """The recipes that come with the package."""
    folder = resources.files("lianju") / "recipes"
    return sorted(file.name.removesuffix(".yaml") for file in folder.iterdir() if file.is_file())


def load_settings(
    recipe: str | RunSettings = "default", overrides: Mapping[str, Any] | None = None
) -> RunSettings:
    """Read a recipe, by name or as a YAML file, or take settings; and lay `overrides` over them.

    Keys of `overrides` are dotted names such as `train.learning_rate`; values are given as
    in YAML. Paths are made absolute, so that a run can be resumed from any folder. Raises
    `UserError` naming every key that is unknown or has a bad value.
    """
    if isinstance(recipe, RunSettings):
        values = recipe.model_dump(mode="json")
    else:
        values = _read_recipe(recipe)
    for key, value in (overrides or {}).items():
        _put(values, key, value)
    settings = validate(values)
    data, model = settings.data, settings.model.name
    paths = {"source": data.source, "leave_out": data.leave_out}
    return settings.model_copy(
        update={
            "data": data.model_copy(update={k: v and _absolute(v) for k, v in paths.items()}),
            "model": settings.model.model_copy(
                update={"name": _absolute(model) if _is_path(model) else model}
            ),
        }
    )


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())


def _is_path(model: str) -> bool:
    """Whether a model's name is that of a file or folder here, and not of the catalogue."""
    try:
        return ("/" in model or model.endswith(".gguf")) and Path(model).expanduser().exists()
    except (OSError, ValueError):
        return False


def validate(values: Any) -> RunSettings:
    """Settings from plain values, as a recipe or a run's `settings.json` holds them."""
    return _validated(RunSettings, values)


_Model = TypeVar("_Model", bound=Settings)


def from_flags(model: type[_Model], values: Mapping[str, Any]) -> _Model:
    """Settings from what flags of their names gave. Raises `UserError` naming the bad flags."""
    return _validated(model, values, lambda name: f"--{name.replace('_', '-')}")


def writing_settings(asked: Mapping[str, Any]) -> tuple[VerseSettings, DecodeSettings]:
    """The rules and the decoding that keywords of both ask for; the recipe's where they do not.

    Raises `UserError` naming the keywords with a bad value, and one that is unknown with the
    nearest that there is.
    """
    verse, decode = VerseSettings.model_fields, DecodeSettings.model_fields
    for name in asked:
        if name not in verse and name not in decode:
            raise UserError(unknown(name, [*verse, *decode]))
    rules = _validated(VerseSettings, {name: asked[name] for name in asked if name in verse})
    given = {name: asked[name] for name in asked if name in decode}
    base = load_settings().decode.model_dump()
    return rules, _validated(DecodeSettings, base | given)


def _validated(model: type[_Model], values: Any, called: Callable[[str], str] = str) -> _Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(told(error, setting_names(), called)) from None


def changed(settings: _Model, values: Mapping[str, Any]) -> _Model:
    """The settings with other values. Raises `UserError` naming the bad ones, whose `field` is the
    first of them.
    """
    try:
        return type(settings).model_validate({**settings.model_dump(), **values})
    except ValidationError as error:
        field = str(next(iter(error.errors()[0]["loc"]), "")) or None
        raise UserError(told(error, setting_names(), str), field) from None


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """`["train.epochs=2"]` as `{"train.epochs": 2}`; values are read as YAML, but texts of a prompt
    as they stand, unless they are in quotes.
    """
    parsed: dict[str, Any] = {}
    for assignment in assignments:
        key, sign, value = assignment.partition("=")
        if not sign:
            raise UserError(f"--set takes name=value, not {short(repr(assignment))}")
        name = key.strip()
        # In YAML braces and colons would make something else of them.
        if name in _TEXTS and value != "null" and not value.startswith(("'", '"')):
            parsed[name] = value
        else:
            parsed[name] = read_yaml(value, f"the value of --set {short(name)}")
    return parsed


def _read_recipe(recipe: str) -> dict[str, Any]:
    name = recipe
    if recipe in recipe_names():
        text = (resources.files("lianju") / "recipes" / f"{recipe}.yaml").read_text("utf-8")
    else:
        name, text = Path(recipe).stem, _recipe_file(recipe)
    values = read_yaml(text, recipe) or {}
    if not isinstance(values, dict):
        raise UserError(f"{recipe} is no recipe: it must hold `name: value` lines")
    return {"recipe": name, **values}


def _recipe_file(recipe: str) -> str:
    try:
        if Path(recipe).is_file():
            with Path(recipe).open(encoding="utf-8") as file:
                return file.read(LONGEST + 1)
    except UnicodeDecodeError:
        raise UserError(f"{recipe} is not UTF-8 text") from None
    except OSError as error:
        raise UserError(f"cannot read {short(recipe)}: {error.strerror or error}") from None
    known = ", ".join(recipe_names())
    raise UserError(f"no recipe {short(repr(recipe))}: give one of {known}, or a YAML file")


def _put(values: dict[str, Any], dotted: str, value: Any) -> None:
    section, dot, name = dotted.rpartition(".")
    if dotted not in setting_names() and (dot or dotted not in RunSettings.model_fields):
        raise UserError(unknown(dotted, setting_names()))
    if dot:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise UserError(f"{section} is a section of settings, not {short(repr(values))}")
    values[name] = value


def setting_names() -> list[str]:
    """Every setting's dotted name."""
    names = []
    for name, field in RunSettings.model_fields.items():
        if isinstance(field.default, Settings):
            names += [f"{name}.{inner}" for inner in type(field.default).model_fields]
        else:
            names.append(name)
    return names
