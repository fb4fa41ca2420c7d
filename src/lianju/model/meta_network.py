"""A network of a given shape that takes no memory, and what a real one would need.

It stands on the `meta` device, where numbers have a shape and no place.
"""

from copy import deepcopy
from typing import Any

import torch

from lianju.config import RunSettings
from lianju.errors import UserError
from lianju.model.transformers_calls import quiet

# Rows that a trimmed model keeps at most: Gemma, with the largest vocabulary, keeps 10,304.
TRIMMED_ROWS = 11_000
# Bytes a weight in NF4 with double quantisation: half a byte; for 64 weights a byte; for 256 of
# those four bytes more (Dettmers et al., QLoRA, 2023, section 3).
NF4 = 0.5 + 1 / 64 + 4 / (64 * 256)


def empty(config: Any, dtype: torch.dtype) -> Any:
    """The network of `config` on the `meta` device, where numbers have a shape and no place."""
    from transformers import AutoModelForCausalLM

    quiet()
    with torch.device("meta"):
        network = AutoModelForCausalLM.from_config(
            config, dtype=dtype, attn_implementation="eager", trust_remote_code=False
        )
    return network.requires_grad_(False)


def trimmed(config: Any) -> Any:
    """The configuration of the same model with as many rows as it keeps at most."""
    small = deepcopy(config)
    text = small.get_text_config()
    text.vocab_size = min(text.vocab_size, TRIMMED_ROWS)
    text.pad_token_id = None
    return small


def size(network: Any) -> int:
    """How many numbers the network has, tied ones once."""
    return sum(weight.numel() for weight in network.parameters())


def matrices(network: Any) -> list[int]:
    """The sizes of what 4 bits apply to: all matrices but the output layer."""
    output = network.get_output_embeddings()
    return [
        module.weight.numel()
        for module in network.modules()
        if isinstance(module, torch.nn.Linear) and module is not output
    ]


def held(network: Any, bits: int) -> int:
    """The bytes of the weights."""
    width = int(network.dtype.itemsize)
    inner = sum(matrices(network))
    return (size(network) - inner) * width + int(inner * (NF4 if bits == 4 else width))


def cache_of_a_token(network: Any) -> int:
    """The bytes of the keys and values that generation keeps of a token."""
    with torch.no_grad():
        kept = network(**_inputs(network, 1, 1), use_cache=True).past_key_values
    return sum(int(layer.keys.nbytes + layer.values.nbytes) for layer in kept.layers)


def one_step(
    network: Any, settings: RunSettings, device_type: str, longest: int
) -> tuple[int, int, int]:
    """The numbers that train, the bytes that are held beside the base weights, and the bytes
    that one forward pass keeps for its backward pass.
    """
    mixed = network.dtype != torch.float32
    if settings.train.method == "full":
        network.requires_grad_(True)
        trained = size(network)
        # The masters are counted with what trains; autocast keeps low copies of matrices.
        on_top = (2 * sum(matrices(network)) if mixed else 0) - held(network, 16)
    else:
        network = _adapted(network, settings)
        trained = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
        on_top = 0
        if mixed:
            _as_under_autocast(network)
        if device_type == "cuda":
            _fuse_dropout(network)
    return trained, on_top, _saved(network.train(), settings.train.batch_size, longest)


def _adapted(network: Any, settings: RunSettings) -> Any:
    from peft import LoraConfig, get_peft_model

    lora = settings.lora
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=lora.rank,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets),
        use_dora=lora.variant == "dora",
        init_lora_weights=False,
    )
    try:
        return get_peft_model(network, config, autocast_adapter_dtype=False)
    except ValueError as error:
        names = ", ".join(lora.targets)
        raise UserError(
            f"lora.targets ({names}) names no layer of {settings.model.name}: {error}"
        ) from error


def _as_under_autocast(network: Any) -> None:
    """Each adapter keeps a 16-bit copy of its input, since PEFT widens it and autocast narrows
    it again; autocast itself knows nothing of `meta`.
    """
    for name, module in network.named_modules():
        if "lora_A." in name:
            module.register_forward_pre_hook(lambda _, inputs: (inputs[0].clone(),))


class _Fused(torch.nn.Module):
    """Dropout as a GPU computes it, which keeps a byte a number instead of a float."""

    def __init__(self, share: float):
        super().__init__()
        self.share = share

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The same shape, and a mask kept for the backward pass."""
        return torch.native_dropout(x, self.share, True)[0]


def _fuse_dropout(network: Any) -> None:
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.Dropout):
                setattr(module, name, _Fused(child.p))


def _saved(network: Any, batch: int, length: int) -> int:
    """The bytes that autograd keeps of one forward pass up to the output layer."""
    own = {weight.untyped_storage()._cdata for weight in network.parameters()}
    own |= {buffer.untyped_storage()._cdata for buffer in network.buffers()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        # What is kept stays in its place, and so counts once, as long as the outcome lives.
        outcome = network(**_inputs(network, batch, length), use_cache=False, logits_to_keep=1)
        assert outcome.logits.requires_grad
    return sum(kept.values())


def _inputs(network: Any, batch: int, length: int) -> dict[str, torch.Tensor]:
    # With a mask of four dimensions transformers looks at no value, and `meta` has none.
    mask = torch.zeros(batch, 1, length, length, dtype=network.dtype, device="meta")
    ids = torch.zeros(batch, length, dtype=torch.long, device="meta")
    return {"input_ids": ids, "attention_mask": mask}
