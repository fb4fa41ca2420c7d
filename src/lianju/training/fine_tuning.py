"""The fine-tuning of a run, which all its processes do together.

The main process shares what is to be done and does it; the others follow in `assist`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import torch

from lianju.config import RunSettings, validate
from lianju.errors import UserError
from lianju.likelihood import Encoded
from lianju.model import (
    Compute,
    LanguageModel,
    attach,
    choose_device,
    load_base,
    unfreeze,
    weights_dtype,
)
from lianju.progress import SILENT, Reporter
from lianju.prompt import layouts_of
from lianju.training.loop import Hear, Interrupted, finetune
from lianju.training.outcome import Outcome
from lianju.training.processes import Processes


@dataclass(frozen=True)
class FineTuning:
    """What is to be fine-tuned, and how; nothing in the settings is left to decide."""

    settings: RunSettings
    compute: Compute
    resume: bool

    def as_json(self) -> dict[str, Any]:
        """What `of_json` reads."""
        settings = self.settings.model_dump(mode="json")
        compute = {**asdict(self.compute), "device": None}
        return {"settings": settings, "compute": compute, "resume": self.resume}

    @classmethod
    def of_json(cls, values: dict[str, Any]) -> Self:
        """What another process wrote `as_json`, on this one's device."""
        settings = validate(values["settings"])
        compute = Compute(**{**values["compute"], "device": choose_device(settings.model)})
        return cls(settings, compute, values["resume"])

    def model(self, processes: Processes, reporter: Reporter = SILENT) -> LanguageModel:
        """The base model with the weights that are to train.

        Every process has its own. Raises `UserError` where one has another than the main one.
        """
        settings = self.settings
        model = base_model(settings, self.compute, reporter, settings.train.sharding != "on")
        if model.sha256 != processes.share(model.sha256):
            raise UserError(
                f"{model.name} is not the same on this machine as on the main one: remove it from "
                "the cache here, or give both the same folder"
            )
        full = settings.train.method == "full"
        model = unfreeze(model) if full else attach(model, settings.lora, settings.seed)
        self.compute.lighten(model.network)
        return model

    def train(
        self,
        model: LanguageModel,
        train: Sequence[Encoded],
        validation: Sequence[Encoded],
        folder: Path,
        processes: Processes,
        reporter: Reporter = SILENT,
        hear: Hear = lambda rows: None,
    ) -> Outcome:
        """Train `model` on the main process's examples, into its `folder`; see `finetune`."""
        told = processes.share([[asdict(item) for item in part] for part in (train, validation)])
        train, validation = ([Encoded(**item) for item in part] for part in told)
        return finetune(
            model,
            self.settings.train,
            train,
            validation,
            folder,
            self.compute,
            seed=self.settings.seed,
            resume=self.resume,
            reporter=reporter,
            processes=processes,
            hear=hear,
        )


def base_model(
    settings: RunSettings, compute: Compute, reporter: Reporter, whole: bool = True
) -> LanguageModel:
    """The base model on the device that computes, or, where it need not fit there `whole`, on
    the CPU.
    """
    dtype = weights_dtype(compute.device, compute.precision)
    layouts = layouts_of(settings.prompt)
    if whole:
        return load_base(settings.model, layouts, compute.device, dtype, reporter)
    model = load_base(settings.model, layouts, torch.device("cpu"), dtype, reporter)
    if compute.device.type == "cuda":
        model.network.set_attn_implementation("sdpa")
    return model


def assist(processes: Processes) -> None:
    """Take part, silently, in what the main process fine-tunes, until there is nothing to do."""
    while (order := processes.share()) is not None:
        task = FineTuning.of_json(order)
        model = task.model(processes)
        try:
            task.train(model, [], [], Path(), processes)
        except Interrupted:
            return
    processes.part()
