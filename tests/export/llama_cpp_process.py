"""What llama.cpp makes of a GGUF file, in a process of its own: if it dies, one test fails."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]


class Heard(NamedTuple):
    """A prompt as llama.cpp reads it, and the likeliest tokens that it adds, by their numbers in
    the file; `text`: these tokens spelt out.
    """

    prompt: list[int]
    added: list[int]
    text: str


def heard(file: Path, prompts: list[str], tokens: int) -> list[Heard]:
    """What llama.cpp makes of each of `prompts`, adding `tokens` to it. Skips the test where it is
    not installed.
    """
    if find_spec("llama_cpp") is None:
        pytest.skip("install the extra: pip install 'lianju[gguf]'")
    done = subprocess.run(
        [sys.executable, "-m", "tests.export.llama_cpp_process", str(file), str(tokens)],
        input=json.dumps(prompts),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
    )
    assert not done.returncode, done.stderr
    return [Heard(*one) for one in json.loads(done.stdout)]


def _main(file: str, tokens: str) -> None:
    from llama_cpp import Llama

    llama: Any = Llama(file, n_ctx=256, n_threads=1, type_k=0, type_v=0, verbose=False)
    told = []
    for prompt in json.load(sys.stdin):
        ids = llama.tokenize(prompt.encode(), special=True)
        llama.reset()
        drawn = llama.generate(ids, temp=0.0, repeat_penalty=1.0)
        added = [next(drawn) for _ in range(int(tokens))]
        told.append(Heard(ids, added, llama.detokenize(added).decode(errors="replace")))
    print(json.dumps(told))


if __name__ == "__main__":
    _main(*sys.argv[1:])
