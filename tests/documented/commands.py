"""Every command that README, docs and `--help` show to a reader, as it stands there."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cyclopts import App

from lianju.cli.app import app

ROOT = Path(__file__).parents[2]
# The log tells what was done once, with the code of its day.
PAGES = [ROOT / "README.md", *sorted(set(ROOT.glob("docs/*.md")) - {ROOT / "docs/log.md"})]
_PROGRAMS = r"(?:lianju|torchrun|accelerate|python|curl|make|git|pip|hf)\b"
_BLOCK = re.compile(r"^```.*?\n(.*?)^```", re.DOTALL | re.MULTILINE)
_PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(rf"`({_PROGRAMS} [^`]+)`")
_LINE = re.compile(rf"(?:\$ )?({_PROGRAMS} .*)")
_EXAMPLE = re.compile(rf"Example: ({_PROGRAMS} .+?)(?=, then |\n\n|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Command:
    """A command with the place where it stands; two are equal where they read alike."""

    text: str
    place: str

    @property
    def words(self) -> list[str]:
        """The command as a shell takes it apart."""
        return shlex.split(self.text, comments=True)

    def __str__(self) -> str:
        return " ".join(self.words)


@cache
def documented() -> list[Command]:
    """Each command once, in the order in which a reader meets it."""
    found: dict[str, Command] = {}
    for command in (*_in_pages(), *_in_help(app)):
        found.setdefault(str(command), command)
    return list(found.values())


def programs() -> dict[str, str]:
    """The Python that the pages show, by page."""
    shown = {page.name: _PYTHON.findall(page.read_text(encoding="utf-8")) for page in PAGES}
    return {page: "\n".join(blocks) for page, blocks in shown.items() if blocks}


def _in_pages() -> Iterator[Command]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        shown = [line for block in _BLOCK.findall(text) for line in block.splitlines()]
        for line in shown:
            if match := _LINE.fullmatch(line.strip()):
                yield Command(match[1], page.name)
        for inline in _INLINE.findall(_BLOCK.sub("", text)):
            yield Command(" ".join(inline.split()), page.name)


def _in_help(verb: App, words: tuple[str, ...] = ()) -> Iterator[Command]:
    """What stands after "Example:" in a verb's help and its parameters', and in its verbs'."""
    place = " ".join(("lianju", *words, "--help"))
    arguments = verb.assemble_argument_collection() if verb.default_command else ()
    helps = [verb.help or "", *(str(argument.parameter.help or "") for argument in arguments)]
    for text in helps:
        for example in _EXAMPLE.findall(text):
            yield Command(" ".join(example.split()), place)
    for name in verb:
        if name not in ("--help", "-h", "--version"):
            yield from _in_help(verb[name], (*words, name))
