"""The checkpoints of a run, judged: each writes on the same couplets with the same random numbers.

Step 0 is the base model. The folder holds `settings.json`, all on which what is written depends,
and `parts/step-NNNNNN.json`, one file a judged checkpoint. What is measured is computed from these
files without the model.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from lianju.config import DecodeSettings, RunSettings, Settings, VerseSettings
from lianju.corpus import Example, RunPoems, run_poems
from lianju.decode import Completion
from lianju.errors import UserError
from lianju.evaluate import cached_result, markup, model_identity, write_poems
from lianju.explore.sweep import SweepCouplet
from lianju.files import read_json, weights_digest
from lianju.likelihood import true_losses
from lianju.model import card_prompt, checkpoints_in, read_card, run_settings
from lianju.progress import SILENT, Reporter
from lianju.work_folder import FolderKind, WorkFolder

if TYPE_CHECKING:
    from lianju.model import LanguageModel

SHOWN = 5
"""So many test couplets are shown as each checkpoint finishes them."""
_COMPLETIONS = TypeAdapter(list[Completion])
_FREE = VerseSettings(form="free")


class CheckpointPlan(Settings):
    """All on which a judging depends beside the checkpoints themselves."""

    version: Literal[1] = 1
    model: str
    style: str
    precision: str
    """That of matrix products where poems are scored."""
    shown: tuple[SweepCouplet, ...]
    """Test couplets, to be looked at."""
    unseen: tuple[SweepCouplet, ...]
    """Validation poems: on their couplets is written, and they are scored."""
    trained: tuple[SweepCouplet, ...]
    """Poems that the run was trained on, which are scored too."""
    decode: DecodeSettings
    exact: bool

    @classmethod
    def of(
        cls, run: Path, couplets: int, exact: bool = False, reporter: Reporter = SILENT
    ) -> "CheckpointPlan":
        """The plan for the run in the folder `run`, on its first `couplets` validation poems.

        Raises `UserError` where it has no checkpoints, or other poems than it began with.
        """
        card = read_card(_newest(run))
        settings = run_settings(run)
        poems = _poems(run, settings, reporter)
        precision = card.get("precision", "fp32")
        return cls(
            model=card["base"],
            style=card_prompt(card).name,
            precision="fp32" if precision == "auto" else precision,
            shown=_all(poems.test[:SHOWN]),
            unseen=_all(poems.split.validation[:couplets]),
            trained=_all(_spread(poems.train, couplets)),
            decode=settings.decode.model_copy(update={"candidates": 1, "particles": 1}),
            exact=exact,
        )


class JudgedCheckpoint(BaseModel):
    """What one checkpoint wrote, and its loss on each poem in nats a character."""

    model_config = ConfigDict(ser_json_inf_nan="constants")

    step: int
    weights: str
    """What `files.weights_digest` has of it; empty for the base model."""
    seconds: float
    shown: list[dict[str, Any]]
    written: list[dict[str, Any]]
    unseen: list[float]
    trained: list[float]

    def poems(self, name: Literal["shown", "written"]) -> list[Completion]:
        """What it wrote on the couplets that are shown, or on those that are measured."""
        return _COMPLETIONS.validate_python(getattr(self, name))


@dataclass
class CheckpointJudging(WorkFolder):
    """The folder of a judging of the checkpoints of `run`."""

    KIND: ClassVar[FolderKind] = FolderKind(
        "a judging of checkpoints", "judging", "settings.json", parts=("parts",)
    )

    run: Path = field(kw_only=True)
    plan: CheckpointPlan = field(kw_only=True)

    def places(self) -> dict[int, Path | None]:
        """What there is to judge, by step: the base model, then every checkpoint."""
        return {0: None, **checkpoints_in(self.run / "checkpoints")}

    def missing(self) -> list[int]:
        """The steps of what is not judged yet, the base model last: it may be in the cache."""
        left = [step for step in self.places() if not self._is_judged(step)]
        return sorted(left, key=lambda step: step or float("inf"))

    def judged(self) -> list[JudgedCheckpoint]:
        """All, by step; none may be missing."""
        return [self.read(_file(step), JudgedCheckpoint) for step in self.places()]

    def judge(self, load: Callable[[Path | None], "LanguageModel"]) -> None:
        """Judge what is missing with the models that `load` gives, and say how long it takes."""
        missing, begun = self.missing(), time.monotonic()
        for done, step in enumerate(missing, 1):
            work = partial(self._judge, step, load)
            one = self.once(_file(step), JudgedCheckpoint, work, partial(self._check, step))
            left = (time.monotonic() - begun) / done * (len(missing) - done)
            rest = f": about {markup.duration(left)} left" if left else ""
            said = f"{done} of {len(missing)}: {_name(step)} in {markup.duration(one.seconds)}"
            self.reporter.say(said + rest)

    def _judge(self, step: int, load: Callable[[Path | None], "LanguageModel"]) -> JudgedCheckpoint:
        started, place = time.monotonic(), self.places()[step]
        model = load(place)

        def work(name: str) -> dict[str, Any]:
            return self._work(model, name)

        if place:
            found = work(_name(step))
        else:
            plan = self.plan.model_dump(mode="json", exclude={"exact"})
            asked = model_identity(model, self.plan.style) | {"checkpoints": plan}
            found = cached_result(_name(step), asked, work, self.reporter)
        seconds = time.monotonic() - started
        weights = weights_digest(place) if place else ""
        return JudgedCheckpoint(step=step, weights=weights, seconds=seconds, **found)

    def _work(self, model: "LanguageModel", name: str) -> dict[str, Any]:
        """What a model writes, and its losses, as `JudgedCheckpoint` has them."""
        plan, reporter = self.plan, self.reporter
        couplets = [one.couplet for one in (*plan.shown, *plan.unseen)]
        asked = (model, plan.style, couplets, _FREE, plan.decode)
        groups = write_poems(*asked, reporter, f"Couplets, {name}")
        rows = [_COMPLETIONS.dump_python(group)[0] for group in groups]
        examples = [one.example() for one in (*plan.unseen, *plan.trained)]
        how = (plan.precision, reporter, f"Loss, {name}")
        losses = true_losses(model, plan.style, examples, *how)
        shown, unseen = len(plan.shown), len(plan.unseen)
        return {
            "shown": rows[:shown],
            "written": rows[shown:],
            "unseen": losses[:unseen],
            "trained": losses[unseen:],
        }

    def _is_judged(self, step: int) -> bool:
        try:
            self.read(_file(step), JudgedCheckpoint, partial(self._check, step))
        except UserError:
            return False
        return True

    def _check(self, step: int, found: JudgedCheckpoint) -> None:
        """Raise `ValueError` where a file is of other weights, or not whole."""
        plan, place = self.plan, self.places()[step]
        sizes = [len(found.poems("shown")), len(found.poems("written"))]
        sizes += [len(found.unseen), len(found.trained)]
        if sizes != [*map(len, (plan.shown, plan.unseen, plan.unseen, plan.trained))]:
            raise ValueError("some of it is lost")
        if found.step != step or found.weights != (weights_digest(place) if place else ""):
            raise ValueError("it is of other weights")


def _file(step: int) -> str:
    return f"parts/step-{step:06d}.json"


def _name(step: int) -> str:
    return f"step {step:,}" if step else "base model"


def _newest(run: Path) -> Path:
    """The newest checkpoint of a run."""
    found = [*checkpoints_in(run / "checkpoints").values()]
    if not found:
        raise UserError(f"{run} has no checkpoints: give the folder of a run that has trained")
    return found[-1]


def _poems(run: Path, settings: RunSettings, reporter: Reporter) -> RunPoems:
    """The poems of a run; `UserError` where they are not those that it began with."""
    poems = run_poems(**settings.data.model_dump(), seed=settings.seed, reporter=reporter)
    stage = read_json(run / "stages/poems.json", "go on with the run first")
    began = stage.get("result", stage) if isinstance(stage, dict) else {}
    if began.get("sha256") != poems.sha256:
        raise UserError(
            f"the poems are not those that {run} began with: bring back its source "
            "(settings.json names it)"
        )
    return poems


def _spread(examples: Sequence[Example], count: int) -> list[Example]:
    """So many of `examples` from first to last, or all: they may stand in an order."""
    every = max(1, len(examples) // count)
    return list(examples[::every][:count])


def _all(examples: Sequence[Example]) -> tuple[SweepCouplet, ...]:
    return tuple(map(SweepCouplet.of, examples))
