"""YAML as settings need it: plain values written out, of bounded size and depth.

>>> read_yaml("train: {epochs: 2}", "the recipe")
{'train': {'epochs': 2}}
"""

from typing import Any

import yaml

from lianju.errors import UserError

# No recipe comes near these: characters of a text, sections within sections, digits.
LONGEST = 100_000
_DEEPEST, _LONGEST_NUMBER = 10, 40
# A date is text, and so is a lone =.
_NOT_RESOLVED = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")


class _Loader(yaml.SafeLoader):
    """Refuses names that are not text, and those that stand twice in a section."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (so PyYAML has it)
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in _NOT_RESOLVED]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The names and values of a section."""
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            name = self.construct_object(key_node, deep=True)
            if not isinstance(name, str):
                raise yaml.MarkedYAMLError(
                    problem=f"the name {name!r} is not text", problem_mark=key_node.start_mark
                )
            if name in found:
                raise yaml.MarkedYAMLError(
                    problem=f"{name!r} stands twice", problem_mark=key_node.start_mark
                )
            found[name] = self.construct_object(value_node, deep=deep)
        return found

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """A whole number that a setting could have."""
        if len(node.value) > _LONGEST_NUMBER:
            raise ValueError(f"a number of {len(node.value):,} digits")
        return int(super().construct_yaml_int(node))


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def read_yaml(text: str, what: str) -> Any:
    """The value of a YAML text; `what` names it in messages.

    Raises `UserError` where it is no YAML, too long or too deep, and for what could make a short
    text a huge value or another type: anchors, aliases and tags.
    """
    if len(text) > LONGEST:
        raise UserError(f"{what} has more than {LONGEST:,} characters: is it a recipe?")
    try:
        _check(text, what)
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise UserError(f"{what} is not YAML: {' '.join(str(error).split())}") from None
    except ValueError as error:
        raise UserError(f"{what} has a number that cannot be read: {error}") from None


def _check(text: str, what: str) -> None:
    depth = 0
    # Read lazily, so that what is too deep is refused before it costs anything.
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise UserError(f"{what} has an anchor or alias (& or *): write each value out")
        if getattr(event, "tag", None):
            raise UserError(f"{what} has a tag (!): write plain values")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise UserError(f"{what} is nested too deeply to be settings")
