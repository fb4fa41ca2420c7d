"""The Modelfile by which Ollama takes up a GGUF file."""

from lianju.config import DecodeSettings
from lianju.errors import UserError
from lianju.export.tokenizer import ExportTokenizer


def modelfile_text(gguf: str, words: ExportTokenizer, decode: DecodeSettings) -> str:
    """The text of a Modelfile: the prompt around the couplet, the stops, the run's decoding.

    The beginning token is left to Ollama, which reads from the GGUF file that it comes first.
    """
    before, after = words.frame.before, words.frame.after
    if "{{" in before + after or '"""' in before + after:
        raise UserError("the prompt has signs that a Modelfile cannot hold: export --to merged")
    parameters: dict[str, float | int | str] = {
        "temperature": decode.temperature,
        "top_k": decode.top_k,
        "top_p": decode.top_p,
        # A penalty of other programs holds back commas, too, which verse must repeat.
        "repeat_penalty": 1.0,
        "num_predict": decode.free_length,
    }
    cuts = {"min_p": (decode.min_p, 0), "typical_p": (decode.typical_p, 1)}
    parameters |= {name: value for name, (value, off) in cuts.items() if value != off}
    lines = [
        f"FROM ./{gguf}",
        f'TEMPLATE """{before}{{{{ .Prompt }}}}{after}"""',
        *(f"PARAMETER {name} {value}" for name, value in parameters.items()),
        *(f'PARAMETER stop "{stop}"' for stop in words.stops()),
    ]
    return "\n".join(lines) + "\n"
