"""What stands around calls of transformers: its silence, its errors in a line, gaps in weights."""

import logging
import warnings
from typing import Any


def check_loaded(info: dict[str, Any]) -> None:
    """Refuse weights with gaps, which transformers fills with random numbers. `info` is what its
    loading tells.
    """
    if missing := sorted(info["missing_keys"]):
        raise ValueError(f"it lacks {len(missing)} of its tensors, among them {missing[0]}")


def first_line(error: Exception) -> str:
    """What an error of a library says, in one line of at most 200 characters."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def quiet() -> None:
    """Keep the libraries' own progress bars and advice out of our output."""
    import transformers

    warnings.filterwarnings("ignore", category=FutureWarning)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for library in ("bitsandbytes", "gguf"):
        logging.getLogger(library).setLevel(logging.ERROR)
