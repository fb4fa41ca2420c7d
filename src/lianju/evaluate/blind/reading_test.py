"""The page for readers, and the key that says which side is whose.

The page names no system, the order of the pairs is random, and each system stands on the left in
half of them, which half only the key's seed tells. What a page cannot hide is a poem that the
reader knows.
"""

import random
import secrets
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from lianju.errors import UserError
from lianju.evaluate import frame
from lianju.evaluate.pairs import Pair, Pairs
from lianju.files import digest, write_text

PAGE, KEY = "blind.html", "blind-key.json"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class KeyPair(_Part):
    """A pair as the page shows it."""

    suite: str
    couplet: str
    first: str
    """What the first system wrote."""
    second: str
    left: Literal["first", "second"]
    """Who stands on the left: A 甲."""


class BlindKey(_Part):
    """What the page does not tell."""

    kind: Literal["lianju-blind-key"] = "lianju-blind-key"
    version: Literal[1] = 1
    digest: str
    """Of what the page shows; choices made on another page have another."""
    seed: int
    labels: tuple[str, str]
    left_out: dict[str, int]
    """By reason, the couplets that are not in the test."""
    pairs: list[KeyPair]


def build_reading_test(
    pairs: Pairs, folder: Path, same_form: bool, seed: int | None = None
) -> BlindKey:
    """Write `blind.html` and `blind-key.json` into `folder`; `seed` is secret unless given.

    `same_form` says that the pairs were chosen so, which the page tells its readers. Raises
    `UserError` if the folder holds a test already: without its key, choices made on that are lost.
    """
    if (folder / KEY).exists():
        raise UserError(f"{folder} holds a reading test already: name another folder with --out")
    seed = secrets.randbits(64) if seed is None else seed
    shown = _arranged(pairs.pairs, random.Random(seed))
    key = BlindKey(
        digest=_digest(shown),
        seed=seed,
        labels=pairs.labels,
        left_out=pairs.left_out,
        pairs=shown,
    )
    write_text(folder / KEY, key.model_dump_json(indent=2) + "\n")
    write_text(folder / PAGE, _page(key, same_form))
    return key


def sides(pair: KeyPair) -> tuple[str, str]:
    """What stands on the left, and on the right."""
    return (pair.first, pair.second) if pair.left == "first" else (pair.second, pair.first)


def _arranged(pairs: list[Pair], chance: random.Random) -> list[KeyPair]:
    order = chance.sample(pairs, len(pairs))
    left: list[Literal["first", "second"]] = ["first", "second"] * (len(pairs) // 2)
    if len(left) < len(pairs):
        left.append(chance.choice(("first", "second")))
    chance.shuffle(left)
    return [
        KeyPair(
            suite=pair.suite,
            couplet=pair.couplet,
            first=pair.first,
            second=pair.second,
            left=side,
        )
        for pair, side in zip(order, left, strict=True)
    ]


def _digest(shown: list[KeyPair]) -> str:
    return digest([[pair.couplet, *sides(pair)] for pair in shown])


def _page(key: BlindKey, same_form: bool) -> str:
    count = len(key.pairs)
    pairs = [(pair, *sides(pair)) for pair in key.pairs]
    body = frame.rendered(__package__, "blind.html", key=key, same_form=same_form, pairs=pairs)
    return frame.page(
        title="Which continuation is better? 孰佳 · Lianju 聯句",
        heading='Which continuation is better? <span lang="zh-Hant">孰佳</span>',
        under=f'A reading test of {count} pairs <span lang="zh-Hant">盲讀，共 {count} 對</span>',
        body=body,
        styles=[frame.resource(__package__, "blind.css")],
        script=frame.resource(__package__, "blind.js"),
    )
