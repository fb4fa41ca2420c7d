"""The folder of an evaluation: what is asked, and a file for each system on each suite."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel

from lianju import __version__
from lianju.evaluate import schema
from lianju.evaluate.suites import Name
from lianju.work_folder import FolderKind, WorkFolder


@dataclass(frozen=True)
class EvaluationPlan:
    """What to evaluate on.

    `suites`: names. `couplets`: of each suite so many at most. `poems`: poems a couplet.
    `ranks`: on so many couplets of each suite the real continuation is ranked among others.
    """

    suites: tuple[Name, ...]
    couplets: int | None = None
    poems: int = 1
    ranks: int = 30


class EvaluationAsked(BaseModel):
    """All on which an evaluation depends."""

    plan: EvaluationPlan
    systems: list[dict[str, Any]]
    suites: dict[str, str]
    metrics: dict[str, int]
    lianju: str = __version__


class EvaluationFolder(WorkFolder):
    """The folder of an evaluation: in parts/, by number, what each system did."""

    KIND = FolderKind("an evaluation", "evaluation", "settings.json", parts=("parts/*",))

    def take(self, asked: EvaluationAsked) -> None:
        """Take the parts that are missing here from the folders of shards beside this one."""
        files = [
            suite_file(number, name)
            for number in range(1, len(asked.systems) + 1)
            for name in asked.plan.suites
        ]
        for other in self.shards(asked):
            here = [file for file in files if not (self.folder / file).is_file()]
            found = [file for file in here if (other.folder / file).is_file()]
            for file in found:
                self.once(file, schema.Suite, partial(other.read, file, schema.Suite))
            self.reporter.say(f"Parts taken from {other.folder}: {len(found)}")


def suite_file(number: int, name: Name) -> str:
    """Where the part of a system, by its number from 1, on a suite stands."""
    return f"parts/{number}/{name}.json"
