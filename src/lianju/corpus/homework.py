"""The homework's format and its 5,001 poems.

A file is a JSON list of objects with `instruction`, `input` (the couplet) and `output` (the
rest of the poem). The homework's own file is not shipped:
`data/hw5_ids.txt` names the poem behind each of its items, in order, and `rebuild` writes the
file from them byte for byte. Its 15 test couplets, the benchmark, are shipped with their
ground truths as `data/hw5_test.json`.
"""

import functools
import json
from collections.abc import Sequence
from importlib import resources

from lianju.config import INSTRUCTION
from lianju.corpus.poems import Example, Poem

TRAINING_FILE = "Tang_training_data.json"
# Of the official file; see `lianju.corpus.sources` for where it is published.
TRAINING_SHA256 = "b464f5acf5a0443f1cebb60604b4cc28dd4deb1d6e7edc1583283c1d9fc2783c"
_FIELDS = ("instruction", "input", "output")

_DATA = resources.files("lianju.corpus") / "data"
_TEST_FILE = "hw5_test.json"
_NO_BRACKETS = str.maketrans("", "", "[]")


@functools.cache
def homework_ids() -> tuple[str, ...]:
    """The poem ids of the homework's 5,001 training items, in their order.

    Where the large corpus has a text more than once, the poem nearest to its neighbours in
    the file was taken; two ids stand twice.
    """
    return tuple((_DATA / "hw5_ids.txt").read_text("ascii").split())


def rebuild(poems: Sequence[Poem]) -> bytes:
    """The homework's training file from the large corpus.

    The couplet is the poem's first paragraph, and the editors' square brackets are dropped.
    """
    by_id = {poem.id: poem for poem in poems}
    texts = [
        [paragraph.translate(_NO_BRACKETS) for paragraph in by_id[name].paragraphs]
        for name in homework_ids()
    ]
    records = [
        dict(zip(_FIELDS, (INSTRUCTION, text[0], "".join(text[1:])), strict=True)) for text in texts
    ]
    return json.dumps(records, ensure_ascii=False, indent=2).encode()


@functools.cache
def _test_records() -> tuple[dict[str, str], ...]:
    return tuple(json.loads((_DATA / _TEST_FILE).read_text("utf-8")))


def test_set() -> list[Example]:
    """The homework's 15 test couplets with their ground truths, punctuated as poems are."""
    return [
        Example(record["input"], record["output"], f"{_TEST_FILE}[{index}]")
        for index, record in enumerate(_test_records())
    ]
