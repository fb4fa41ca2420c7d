"""What the benchmark of serving asks, and what it sees in the answers."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from benchmarks.load import Answer, Question
from lianju.verse import shape_of

# Others hold nothing back, unless told to.
SAMPLING = {"temperature": 1.0, "top_p": 0.3, "repetition_penalty": 1.0}
# As far as the free length goes that `lianju complete` grants.
_LENGTH = 128
# Only hanging up ends this one soon.
_ENDLESS = {"temperature": 2.0, "top_p": 1.0, "max_tokens": 1000}


def completion(couplet: str, seed: int, **more: Any) -> Question:
    """A completion without rules; `more` says otherwise, and which model."""
    asked = {"prompt": couplet, "seed": seed, "max_tokens": _LENGTH, **SAMPLING}
    return "/v1/completions", asked | more


def poem(couplet: str, seed: int, particles: int, **more: Any) -> Question:
    """A poem in rules, by the native call."""
    asked = {"couplet": couplet, "seed": seed, "verse": {"particles": particles}, **SAMPLING}
    return "/v1/poems", asked | more


def chat(couplet: str, seed: int, **more: Any) -> Question:
    """A completion without rules, as a chat."""
    asked = {"messages": [{"role": "user", "content": couplet}], "seed": seed, **SAMPLING}
    return "/v1/chat/completions", asked | more


def free(couplets: Sequence[str], **more: Any) -> Iterator[Question]:
    """Completions without rules, each with a seed of its own."""
    for seed in count():
        yield completion(couplets[seed % len(couplets)], seed, **more)


def ruled(couplets: Sequence[str], particles: int) -> Iterator[Question]:
    """Poems in rules, each with a seed of its own."""
    for seed in count():
        yield poem(couplets[seed % len(couplets)], seed, particles)


def shaped(couplets: Sequence[str], **more: Any) -> Iterator[Question]:
    """Completions by a server that knows no verse, made to have the shape of a quatrain."""
    for seed in count():
        couplet = couplets[seed % len(couplets)]
        line = f"[一-鿿]{{{len(couplet) // 2 - 1}}}"
        grammar = f'root ::= {line} "，" {line} "。"'
        yield completion(couplet, seed, grammar=grammar, **more)


def mixed(couplets: Sequence[str], model: str) -> Iterator[Question]:
    """A bit of everything, two of three as streams."""
    for seed in count():
        couplet = couplets[seed % len(couplets)]
        yield completion(couplet, seed, model=model)
        yield completion(couplet, seed, model=model, stream=True)
        yield poem(couplet, seed, 4)
        yield poem(couplet, seed, 4, stream=True, n=2)
        yield chat(couplet, seed, model=model, stream=True)
        more = {"stream": True, "verse": {}, "logprobs": 2, "max_tokens": None}
        yield completion(couplet, seed, model=model, **more)


def endless(couplets: Sequence[str], model: str) -> Iterator[Question]:
    """Completions that go on for long, in turn two streams and two that are not."""
    for seed in count():
        more = {**_ENDLESS, "model": model, "stream": seed % 4 < 2}
        yield completion(couplets[seed % len(couplets)], seed, **more)


def tokens_of(answer: Answer) -> int:
    """How many tokens an answer holds, those that end poems included."""
    value = answer.json
    if "usage" in value:
        tokens: int = value["usage"]["completion_tokens"]
        return tokens
    return sum(poem["tokens"] for poem in value["poems"])


def is_whole(answer: Answer) -> bool:
    """Whether an answer of status 200 came to its end without an error in it."""
    path, asked = answer.question
    if not asked.get("stream"):
        return bool(answer.json.get("choices") or answer.json.get("poems"))
    if b'"error"' in answer.body:
        return False
    if path == "/v1/poems":
        last = answer.body.rstrip(b"\n").rsplit(b"\n\n", 1)[-1]
        return last.startswith(b"event: done\n") and answer.body.endswith(b"\n\n")
    return answer.body.endswith(b"data: [DONE]\n\n")


def is_verse(answer: Answer) -> bool:
    """Whether a completion is the rest of a poem of one of the four forms."""
    choice = answer.json["choices"][0]
    stopped = choice["finish_reason"] == "stop"
    return not shape_of(answer.question[1]["prompt"], choice["text"], stopped).fault
