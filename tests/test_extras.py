"""What an installation without extras can do, and what it says of the rest."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

from lianju.extras import lacking

# The modules of the extras, as if they were not there.
_WITHOUT = (
    "import sys\n"
    "for name in 'fastapi fastapi_offline prometheus_client uvicorn openai resvg_py pyarrow '"
    "'bitsandbytes llama_cpp'.split():\n"
    "    sys.modules[name] = None\n"
)


def _bare(words: Iterable[str]) -> subprocess.CompletedProcess[str]:
    """`lianju` with these words where no extra is installed."""
    code = f"{_WITHOUT}from lianju.cli import main\nsys.argv[1:] = {list(words)!r}\nmain()"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize(
    "words",
    [["--help"], ["complete", "--help"], ["run", "--help"], ["evaluate", "--help"]],
    ids=" ".join,
)
def test_help_needs_no_extra(words: list[str]) -> None:
    assert _bare(words).returncode == 0


def test_a_poem_is_judged_without_extras() -> None:
    done = _bare(["check", "白日依山盡，黃河入海流。欲窮千里目，更上一層樓。"])
    assert done.returncode == 0 and "wujue" in done.stdout


def test_the_server_says_which_extra_it_needs() -> None:
    done = _bare(["serve", "--base"])
    assert done.returncode == 2 and "pip install 'lianju[serve]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_extra_that_is_asked_for_can_be_installed() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    source = Path("src/lianju/extras.py").read_text()
    for extra in re.findall(r'^    "(\w+)": \(', source, re.MULTILINE):
        assert extra in project["optional-dependencies"]
        said = lacking(extra)
        assert said is None or f"lianju[{extra}]" in said.zh
