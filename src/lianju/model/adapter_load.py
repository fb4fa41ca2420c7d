"""What was trained, put back into its base model. Nothing that a file says is believed unseen."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from lianju.config import LoraSettings
from lianju.errors import UserError
from lianju.files import read_json, sha256
from lianju.model.adapter import attach
from lianju.model.adapter_folder import (
    FULL_VOCABULARY,
    FULL_WEIGHTS,
    MANIFEST,
    STATE,
    WEIGHTS,
    card_prompt,
    find_adapter,
    is_checkpoint,
    read_card,
    read_lora,
    run_of,
    run_settings,
)
from lianju.model.load import LanguageModel
from lianju.model.trimming import kept_ids
from lianju.model.vocabulary import Vocabulary

# A famous couplet; any text would do.
_PROBE = "床前明月光，疑是地上霜。"
# What rounding alone can change of a log-probability, in nats.
_NOISE = 1e-4
_NUMBERS = ("F32", "F16", "BF16")

Shape = tuple[int, ...]


def load_adapter(model: LanguageModel, folder: Path) -> LanguageModel:
    """`model` as it was trained into `folder`, ready for inference; see `restore_adapter`.

    An adapter is merged into 16-bit weights, in memory; on 4-bit weights it stays beside them.
    """
    from peft import PeftModel

    tuned = restore_adapter(model, folder)
    if tuned.bits == 4 or not isinstance(tuned.network, PeftModel):
        return tuned
    return replace(tuned, network=tuned.network.merge_and_unload(), start=None)


def restore_adapter(model: LanguageModel, folder: Path) -> LanguageModel:
    """`model` with what was trained into `folder`, an adapter beside the weights.

    `folder` is that of an adapter, of a run or of a checkpoint. Raises `UserError` for what was
    trained on another base model or with another prompt than the model now gets; for tensors that
    are missing, unexpected, of another shape or not finite; and for what changes nothing.
    """
    folder = find_adapter(folder)
    card = read_card(folder)
    _check_fits(model, card, folder)
    with _explained(folder):
        if is_checkpoint(folder):
            _check_digest(folder)
        if card.get("kind") == "full":
            before = _logprobs(model.network, model)
            _restore_full(model, folder)
            tuned = replace(model, tuned=True)
        else:
            lora, seed = _lora_of(folder)
            file, prefix = _file(folder, WEIGHTS), _prefix(folder)
            _check_lora(model, lora, file, prefix)
            tuned = attach(model, lora, seed)
            tuned.network.eval().requires_grad_(False)
            targets = _targets(tuned, folder)
            # A fresh adapter changes nothing. It is asked after the targets: on some CPUs
            # bitsandbytes packs weights when they first compute, and listing them undoes that.
            before = _logprobs(tuned.network, model)
            _fill(targets, file, prefix)
    return replace(tuned, changed=_change(tuned, before, folder))


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Within, what is wrong with the files becomes a `UserError` that names `folder`."""
    try:
        yield
    except (SafetensorError, OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
        what = "checkpoint" if is_checkpoint(folder) else "adapter in"
        raise UserError(
            f"the {what} {folder} is damaged: {reason}. Restore it, or train again"
        ) from error


def _check_fits(model: LanguageModel, card: Mapping[str, Any], folder: Path) -> None:
    if card["base_sha256"] != model.sha256:
        raise UserError(
            f"the adapter in {folder} was trained on {card['base']} "
            f"({card['base_sha256'][:12]}…), not on this {model.name} ({model.sha256[:12]}…)"
        )
    name = card_prompt(card).name
    frame = model.vocabulary.frames.get(name)
    now = frame.fingerprint if frame else "none"
    ids = model.vocabulary.prompt_digest(name) if frame else "none"
    # Adapters of before part 3 tell nothing of the ids, checkpoints of an unfinished run nothing.
    prompt = card.get("prompt", now)
    if prompt != now or card.get("prompt_ids", ids) != ids:
        raise UserError(
            f"the adapter in {folder} was trained with another prompt "
            f"({prompt}, now {now}); use the version that trained it"
        )


def _check_digest(checkpoint: Path) -> None:
    manifest = read_json(checkpoint / MANIFEST, "name another checkpoint")
    known = manifest.get("sha256") if isinstance(manifest, dict) else None
    if sha256(checkpoint / STATE) != known:
        raise ValueError(f"{STATE} is not what was written")


def _file(folder: Path, name: str) -> Path:
    return folder / (STATE if is_checkpoint(folder) else name)


def _prefix(folder: Path) -> str:
    return "weight/" if is_checkpoint(folder) else ""


def _lora_of(folder: Path) -> tuple[LoraSettings, int]:
    """How the adapter is built, and the seed it began with."""
    if not is_checkpoint(folder):
        return read_lora(folder), 0
    settings = run_settings(run_of(folder))
    return settings.lora, settings.seed


def _check_lora(model: LanguageModel, lora: LoraSettings, file: Path, prefix: str) -> None:
    """Refuse, before an adapter is made, ranks that are not in the file and foreign layers."""
    layers = [name for name, _ in model.network.named_modules()]
    for target in lora.targets:
        if not any(name == target or name.endswith(f".{target}") for name in layers):
            raise ValueError(f"it is for layers {target!r}, which {model.name} does not have")
    with safe_open(file, "pt") as stored:
        names = stored.keys()
        for name in names:
            if not name.startswith(prefix) or "lora_A" not in name:
                continue
            shape = stored.get_slice(name).get_shape()
            if shape[:1] != [lora.rank]:
                raise ValueError(f"its rank is said to be {lora.rank}, but {name} is {_by(shape)}")


def _targets(tuned: LanguageModel, folder: Path) -> dict[str, Tensor]:
    """What the weights of a fresh adapter are called in the file; they are to be overwritten."""
    from peft import get_peft_model_state_dict

    if not is_checkpoint(folder):
        state = get_peft_model_state_dict(tuned.network, save_embedding_layers=False)
        return dict(state)
    named = tuned.network.named_parameters()
    return {name: weight for name, weight in named if "lora_" in name}


@torch.no_grad()
def _fill(targets: Mapping[str, Tensor], file: Path, prefix: str) -> None:
    shapes = {name: tuple(weight.shape) for name, weight in targets.items()}
    for name, tensor in _tensors(file, shapes, prefix):
        targets[name].copy_(tensor)


@torch.no_grad()
def _restore_full(model: LanguageModel, folder: Path) -> None:
    """Overwrite every weight of `model`; of embeddings the rows that were trained."""
    words, checkpoint = model.vocabulary, is_checkpoint(folder)
    if checkpoint:
        trained = _trained_rows(words, run_settings(run_of(folder)).model.trim)
    else:
        trained = Vocabulary.read(folder / FULL_VOCABULARY).original_ids
    here, there = _rows(words, trained)
    ends = (model.network.get_input_embeddings(), model.network.get_output_embeddings())
    rows = {id(layer.weight) for layer in ends}
    weights = dict(model.network.named_parameters())
    shapes: dict[str, Shape] = {
        name: (len(trained) if id(weight) in rows else weight.shape[0], *weight.shape[1:])
        for name, weight in weights.items()
    }
    for name, tensor in _tensors(_file(folder, FULL_WEIGHTS), shapes, _prefix(folder)):
        if id(weights[name]) in rows:
            weights[name][here] = tensor[there].to(weights[name])
        else:
            weights[name].copy_(tensor)


def _trained_rows(words: Vocabulary, trim: bool) -> Sequence[int]:
    """The rows, by their ids in the whole model, that a run trained; `words` may be trimmed."""
    if not trim:
        return range(words.full_size)
    return words.original_ids if words.size < words.full_size else kept_ids(words)


def _rows(model: Vocabulary, trained: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Where the rows that both have stand in the model and in what was trained."""
    place = {original: row for row, original in enumerate(model.original_ids)}
    both = [(place[original], row) for row, original in enumerate(trained) if original in place]
    if not both:
        raise ValueError("its vocabulary has no token of the model's")
    here, there = torch.tensor(both).T
    return here, there


def _tensors(file: Path, shapes: Mapping[str, Shape], prefix: str) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a file by their names after `prefix`: exactly those of `shapes`, finite."""
    with safe_open(file, "pt") as stored:
        names = stored.keys()
        found = {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
        _check_names(found, {*shapes})
        for name, shape in shapes.items():
            piece = stored.get_slice(prefix + name)
            there = piece.get_shape()
            if (*there,) != shape or piece.get_dtype() not in _NUMBERS:
                raise ValueError(
                    f"{name} is {_by(there)} in {piece.get_dtype()}, not {_by(shape)} in F32"
                )
        for name in shapes:
            tensor = stored.get_tensor(prefix + name)
            if not tensor.isfinite().all():
                raise ValueError(f"{name} has values that are not finite")
            yield name, tensor


def _check_names(found: set[str], wanted: set[str]) -> None:
    missing, foreign = sorted(wanted - found), sorted(found - wanted)
    told = []
    if missing:
        told.append(f"it lacks {len(missing)} of {len(wanted)} tensors, first {missing[0]}")
    if foreign:
        told.append(f"it has {len(foreign)} that have no place in this model, first {foreign[0]}")
    if told:
        raise ValueError(", and ".join(told))


def _by(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape)) or "one number"


@torch.inference_mode()
def _logprobs(network: Any, model: LanguageModel) -> Tensor:
    """The log-probabilities of every next token of a couplet."""
    words = model.vocabulary
    start = [] if words.bos is None else [words.bos]
    ids = torch.tensor([[*start, *words.spell(_PROBE)]], device=model.device)
    logprobs: Tensor = network(input_ids=ids).logits.float().log_softmax(dim=-1)
    return logprobs


def _change(tuned: LanguageModel, before: Tensor, folder: Path) -> float:
    """By how much a log-probability is changed at most; `UserError` if that is nothing."""
    after = _logprobs(tuned.network, tuned)
    if not after.isfinite().all():
        raise UserError(
            f"the adapter in {folder} makes {tuned.name} compute numbers that are not finite: "
            "train it again, with a lower train.learning_rate"
        )
    changed = float((after - before).abs().max())
    if not changed > _NOISE:
        raise UserError(
            f"the adapter in {folder} changes nothing: the model answers as if it were not there. "
            "Train it again, or take the untouched model with --base"
        )
    return changed
