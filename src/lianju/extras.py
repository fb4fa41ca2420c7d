"""Packages that only some verbs need, each in an extra, and what to say where it is missing."""

from importlib.util import find_spec

from lianju.errors import UserError
from lianju.verse import Bilingual

# By extra: what it is for, and the modules that it brings.
_EXTRAS = {
    "4bit": ("weights in 4 bits", "4 位元權重", ("bitsandbytes",)),
    "gguf": ("trying GGUF files in llama.cpp", "以 llama.cpp 試讀 GGUF", ("llama_cpp",)),
    "judge": ("asking a chat model, as judge or system", "詢問聊天模型（評審或受測）", ("openai",)),
    "parquet": ("Parquet files", "Parquet 檔", ("pyarrow",)),
    "plots": ("plots as PNG", "PNG 圖", ("resvg_py",)),
    "serve": (
        "the server",
        "伺服器",
        ("fastapi", "fastapi_offline", "prometheus_client", "uvicorn"),
    ),
    "tensorboard": ("logs for TensorBoard", "TensorBoard 紀錄", ("tensorboardX",)),
}


def lacking(extra: str) -> Bilingual | None:
    """What to do about an extra that is not installed, in a line; None where it is."""
    purpose, chinese, modules = _EXTRAS[extra]
    if all(find_spec(module) for module in modules):
        return None
    command = f"pip install 'lianju[{extra}]'"
    return Bilingual(
        f"{purpose}: not installed; {command}", f"{chinese}：尚未安裝，請執行 {command}"
    )


def require(extra: str) -> None:
    """Raise `UserError`, which says what to install, where an extra is not installed."""
    if found := lacking(extra):
        raise UserError(found)
