"""Asks the server at argv[1] through litellm; prints JSON. Runs in litellm's own environment."""

import json
import sys
from typing import Any

COUPLET = "白日依山盡，黃河入海流。"


def main() -> None:
    """Ask in every way; the answers as JSON."""
    import litellm  # type: ignore[import-not-found]

    common: dict[str, Any] = {
        "api_base": f"{sys.argv[1]}/v1",
        "api_key": "key",
        "top_p": 1.0,
        "max_tokens": 30,
        "seed": 3,
        "timeout": 20,
        "num_retries": 0,
    }
    talk = common | {"model": "openai/tiny", "messages": [{"role": "user", "content": COUPLET}]}
    text = common | {"model": "text-completion-openai/tiny", "prompt": COUPLET}
    seen: dict[str, Any] = {}
    answer = litellm.completion(**talk, n=2, logprobs=True, top_logprobs=2)
    seen["chat"] = answer.model_dump()
    chunks = litellm.completion(**talk, stream=True, stream_options={"include_usage": True})
    seen["streamed"] = litellm.stream_chunk_builder(list(chunks)).model_dump()
    seen["completion"] = litellm.text_completion(**text, logprobs=1).model_dump()
    seen["completion_text"] = "".join(
        chunk.choices[0].text or "" for chunk in litellm.text_completion(**text, stream=True)
    )
    verse = talk | {"max_tokens": None, "extra_body": {"verse": {"form": "wujue"}}}
    seen["verse"] = litellm.completion(**verse).model_dump()
    seen["errors"] = {}
    for name, value in (("temperature", 99), ("model", "openai/gpt-4o")):
        try:
            litellm.completion(**talk | {name: value})
        except Exception as error:
            status = getattr(error, "status_code", None)
            seen["errors"][name] = [type(error).__name__, status, str(error)]
    print(json.dumps(seen, ensure_ascii=False, default=str))


if __name__ == "__main__":
    main()
