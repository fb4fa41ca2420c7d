"""Work divided among processes, on one machine or many, that need not know of each other."""

import glob
import re
from dataclasses import dataclass
from pathlib import Path

from lianju.errors import UserError


@dataclass(frozen=True)
class Shard:
    """Part `number` of `count`, counted from 1; all parts together are the whole, each once."""

    number: int = 1
    count: int = 1

    @classmethod
    def read(cls, text: str) -> "Shard":
        """`3/8` as a user writes it. Raises `UserError`."""
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip(), re.ASCII)
        if not found:
            raise UserError(f"--shard takes a part and how many there are, such as 3/8, not {text}")
        shard = cls(int(found[1]), int(found[2]))
        if not 1 <= shard.number <= shard.count:
            raise UserError(
                f"--shard {text}: parts are counted from 1, so there are 1/{max(shard.count, 1)} "
                f"to {max(shard.count, 1)}/{max(shard.count, 1)}"
            )
        return shard

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def beside(self, path: Path) -> Path:
        """The name of this part of a file or folder: `poems-03-of-12.jsonl`; all parts in the
        order of their names are in their own order. The whole has the name itself.
        """
        if self.count == 1:
            return path
        number = str(self.number).zfill(len(str(self.count)))
        return path.with_name(f"{path.stem}-{number}-of-{self.count}{path.suffix}")

    def rows(self, total: int) -> range:
        """Its numbers of those from 1 to `total`: as many as in any other part, or one less or
        more, next to each other.
        """
        first, last = ((self.number - 1 + more) * total // self.count for more in (0, 1))
        return range(first + 1, last + 1)

    def every(self, total: int) -> range:
        """Its indices of those from 0: every `count`-th, so that parts are alike where what is
        near is alike.
        """
        return range(self.number - 1, total, self.count)


WHOLE = Shard()


def parts_beside(path: Path) -> list[Path]:
    """The parts that `Shard.beside` named for a file or folder, as far as they are there."""
    place = path.absolute()
    pattern = f"{glob.escape(place.stem)}-*-of-*{glob.escape(place.suffix)}"
    return sorted(place.parent.glob(pattern))
