"""The fine-tuning of a run, which all its processes do together.

The main process leads with `share`, `trainable` and `fine_tune`; the others follow in `assist`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from lianju.config import RunSettings, validate
from lianju.errors import UserError
from lianju.finetune import Encoded, Interrupted, Outcome, finetune
from lianju.model import (
    Compute,
    LanguageModel,
    attach,
    choose_device,
    load_base,
    unfreeze,
    weights_dtype,
)
from lianju.processes import Processes
from lianju.progress import SILENT, Reporter
from lianju.prompt import LAYOUTS


@dataclass(frozen=True)
class Job:
    """What is to be fine-tuned, and how; nothing in the settings is left to decide."""

    settings: RunSettings
    compute: Compute
    resume: bool

    @property
    def sharded(self) -> bool:
        """Whether the weights are divided among the processes."""
        return self.settings.train.sharding == "on"

    def as_json(self) -> dict[str, Any]:
        """What `job_of` reads."""
        settings = self.settings.model_dump(mode="json")
        compute = {**asdict(self.compute), "device": None}
        return {"settings": settings, "compute": compute, "resume": self.resume}


def job_of(values: dict[str, Any]) -> Job:
    """The job that another process wrote `as_json`, on this one's device."""
    settings = validate(values["settings"])
    compute = Compute(**{**values["compute"], "device": choose_device(settings.model)})
    return Job(settings, compute, values["resume"])


def base(
    settings: RunSettings, compute: Compute, reporter: Reporter, whole: bool = True
) -> LanguageModel:
    """The base model on the device that computes, or, where it need not fit there `whole`, on
    the CPU.
    """
    dtype = weights_dtype(compute.device, compute.precision)
    if whole:
        return load_base(settings.model, LAYOUTS, compute.device, dtype, reporter)
    model = load_base(settings.model, LAYOUTS, torch.device("cpu"), dtype, reporter)
    if compute.device.type == "cuda":
        model.network.set_attn_implementation("sdpa")
    return model


def trainable(job: Job, processes: Processes, reporter: Reporter = SILENT) -> LanguageModel:
    """The base model with the weights that are to train.

    Every process has its own. Raises `UserError` where one has another model than the main one.
    """
    settings = job.settings
    model = base(settings, job.compute, reporter, whole=not job.sharded)
    if model.sha256 != processes.share(model.sha256):
        raise UserError(
            f"{model.name} is not the same on this machine as on the main one: remove it from the "
            "cache here, or give both the same folder"
        )
    full = settings.train.method == "full"
    model = unfreeze(model) if full else attach(model, settings.lora, settings.seed)
    job.compute.lighten(model.network)
    return model


def fine_tune(
    job: Job,
    model: LanguageModel,
    train: Sequence[Encoded],
    validation: Sequence[Encoded],
    folder: Path,
    processes: Processes,
    reporter: Reporter = SILENT,
) -> Outcome:
    """Fine-tune `model` on the main process's examples, into its `folder`; see `finetune`."""
    told = processes.share([[asdict(item) for item in part] for part in (train, validation)])
    train, validation = ([Encoded(**item) for item in part] for part in told)
    return finetune(
        model,
        job.settings.train,
        train,
        validation,
        folder,
        job.compute,
        seed=job.settings.seed,
        resume=job.resume,
        reporter=reporter,
        processes=processes,
    )


def assist(processes: Processes) -> None:
    """Take part, silently, in what the main process fine-tunes, until there is nothing to do."""
    while (order := processes.share()) is not None:
        job = job_of(order)
        model = trainable(job, processes)
        try:
            fine_tune(job, model, [], [], Path(), processes)
        except Interrupted:
            return
    processes.part()
