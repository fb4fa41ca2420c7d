"""One name for one thing: what a reader meets in src/ is called as nothing else is."""

import ast
from collections import defaultdict
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"
MODULES = {
    path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(SOURCE.rglob("*.py"))
}


def test_no_two_public_classes_share_a_name() -> None:
    places = defaultdict(list)
    for path, module in MODULES.items():
        for node in module.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(path)
    assert not {name: paths for name, paths in places.items() if len(paths) > 1}


def test_no_function_has_the_name_of_its_module() -> None:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    assert not [
        path
        for path, module in MODULES.items()
        for node in module.body
        if isinstance(node, functions) and node.name == Path(path.removesuffix("/__init__.py")).stem
    ]
