"""What a vocabulary can spell: its tokens, sorted by what they mean for verse.

Built once for a vocabulary and kept in the cache.
"""

import hashlib
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from lianju.errors import UserError
from lianju.files import cache_dir, locked, writing
from lianju.model import Vocabulary
from lianju.verse import GROUPS, LEVEL, OBLIQUE, alphabet, anywhere, edition, rhymes, standard

COMMA, STOP = "，", "。"
_VERSION = "4"
_PAD = -1

Ids = NDArray[np.int32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Table:
    """The tokens of a vocabulary that verse can use.

    `characters`: the alphabet of verse and two punctuation marks, as far as the vocabulary can
    spell them. `single_ids` and `single_characters`: tokens that are one character, and its
    index. `word_ids` and `word_characters`: tokens of several characters, without punctuation,
    a row of indices each, padded with -1. `other_ids`: tokens that hold a part of a character,
    or punctuation among others. `by_bytes`: whether each character can be spelled by bytes.
    `standards`: the standard form of each character. `members`: (groups, characters) which may
    rhyme in which group. `tones`: (3, characters) which suit the marks 0 any, 1 level, 2 oblique.
    Characters beyond the alphabet, if there are any, suit no mark and no rhyme.
    """

    characters: str
    single_ids: Ids
    single_characters: Ids
    word_ids: Ids
    word_characters: Ids
    other_ids: Ids
    by_bytes: Flags
    standards: str
    members: Flags
    tones: Flags

    @cached_property
    def index(self) -> dict[str, int]:
        """Character to its index."""
        return {character: index for index, character in enumerate(self.characters)}

    @cached_property
    def rhymes(self) -> list[int]:
        """The groups that each character may rhyme in, as a set."""
        packed = np.packbits(self.members, axis=0, bitorder="little")
        return [int.from_bytes(column.tobytes(), "little") for column in packed.T]

    @cached_property
    def prefixes(self) -> dict[bytes, Ids]:
        """The beginnings of a character, to those that begin so and can be spelled by bytes."""
        found: dict[bytes, list[int]] = {}
        for index, character in enumerate(self.characters):
            raw = character.encode()
            if self.by_bytes[index]:
                for length in range(1, len(raw)):
                    found.setdefault(raw[:length], []).append(index)
        return {prefix: np.array(indices, dtype=np.int32) for prefix, indices in found.items()}

    @cached_property
    def lengths(self) -> Ids:
        """The most tokens that each character can take."""
        sizes = [len(character.encode()) for character in self.characters]
        return np.where(self.by_bytes, sizes, 1).astype(np.int32)

    @cached_property
    def same(self) -> dict[str, list[int]]:
        """Standard form to the indices of the characters that are variants of it."""
        found: dict[str, list[int]] = {}
        for index, form in enumerate(self.standards):
            found.setdefault(form, []).append(index)
        return found


def table_of(vocabulary: Vocabulary, beyond: str = "") -> Table:
    """The table of a vocabulary: read from the cache, else built and stored there.

    A damaged file is no use and no loss: the table is built anew. One with characters `beyond`
    the alphabet is for a single poem and not stored.
    """
    if beyond:
        return _build(vocabulary, beyond)
    path = cache_dir() / "constraint" / f"{_fingerprint(vocabulary)}.npz"
    if path.is_file():
        with suppress(OSError, EOFError, KeyError, TypeError, ValueError, BadZipFile, zlib.error):
            return _read(path)
    table = _build(vocabulary)
    # Without a place to keep it, it is built again the next time.
    with (
        suppress(UserError),
        locked(path),
        writing(path) as temporary,
        temporary.open("wb") as file,
    ):
        arrays = {item.name: np.array(getattr(table, item.name)) for item in fields(table)}
        np.savez(file, allow_pickle=False, **arrays)
    return table


def _read(path: Path) -> Table:
    with np.load(path, allow_pickle=False) as stored:
        values = {name: stored[name] for name in stored.files}
    texts = {name: str(values[name]) for name in ("characters", "standards")}
    return Table(**{**values, **texts})


def _fingerprint(vocabulary: Vocabulary) -> str:
    digest = hashlib.sha256(f"{_VERSION}\0{edition()}\0".encode())
    for token in vocabulary.tokens:
        digest.update(b"\xff" if token is None else token + b"\xfe")
    return digest.hexdigest()[:24]


def _build(vocabulary: Vocabulary, beyond: str = "") -> Table:
    tokens = vocabulary.tokens
    whole = {token for token in tokens if token}
    letters = {byte for byte in range(256) if bytes([byte]) in whole}
    every = [*alphabet(), *beyond, COMMA, STOP]
    by_bytes = {c: letters.issuperset(c.encode()) for c in every}
    characters = "".join(c for c in every if by_bytes[c] or c.encode() in whole)
    if not characters.endswith(COMMA + STOP):
        raise UserError(f"this model's vocabulary cannot spell {COMMA} and {STOP}, so no verse")
    index = {character: number for number, character in enumerate(characters)}
    parts = {c.encode()[:n] for c in characters if by_bytes[c] for n in range(1, len(c.encode()))}
    singles: list[tuple[int, int]] = []
    words: list[tuple[int, list[int]]] = []
    others: list[int] = []
    for token, raw in enumerate(tokens):
        spelled = _spelled(raw, index) if raw else None
        if spelled is None:
            if raw and _can_join(raw, index, parts):
                others.append(token)
        elif len(spelled) == 1:
            singles.append((token, spelled[0]))
        elif any(characters[number] in COMMA + STOP for number in spelled):
            others.append(token)
        else:
            words.append((token, spelled))
    longest = max((len(spelled) for _, spelled in words), default=0)
    padded = [spelled + [_PAD] * (longest - len(spelled)) for _, spelled in words]
    return Table(
        characters,
        _ids([token for token, _ in singles]),
        _ids([number for _, number in singles]),
        _ids([token for token, _ in words]),
        _ids(padded).reshape(len(words), longest),
        _ids(others),
        np.array([by_bytes[c] for c in characters]),
        *_sounds(characters, beyond),
    )


def _sounds(characters: str, beyond: str) -> tuple[str, Flags, Flags]:
    """Standard forms, rhyme groups and tones of the characters; the last two are punctuation."""
    letters = characters[:-2]
    silent = {*beyond, COMMA, STOP}
    sets = [0 if c in silent else rhymes(c) for c in characters]
    members = [[groups >> index & 1 for groups in sets] for index in range(len(GROUPS))]
    known = [0 if c in silent else anywhere(c) for c in characters]
    tones = [[groups & tone > 0 for groups in known] for tone in (LEVEL | OBLIQUE, LEVEL, OBLIQUE)]
    standards = "".join(map(standard, letters)) + characters[-2:]
    return standards, np.array(members, dtype=np.bool_), np.array(tones)


def _ids(values: Sequence[object]) -> Ids:
    return np.array(values, dtype=np.int32)


def _spelled(raw: bytes, index: dict[str, int]) -> list[int] | None:
    """The indices of the characters that `raw` is made of, if it is of whole ones of ours."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    numbers = [index.get(character, _PAD) for character in text]
    return None if _PAD in numbers else numbers


def _can_join(raw: bytes, index: dict[str, int], parts: set[bytes]) -> bool:
    """Whether `raw` is the end of a character, whole ones, the beginning of one, in this order."""
    start = 0
    while start < len(raw) and raw[start] & 0xC0 == 0x80:
        start += 1
    if start > 3:
        return False
    for end in range(len(raw), max(start, len(raw) - 4) - 1, -1):
        middle, tail = raw[start:end], raw[end:]
        if (not tail or tail in parts) and (not middle or _spelled(middle, index) is not None):
            return True
    return False
