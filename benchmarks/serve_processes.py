"""What the benchmark of serving runs beside real servers, each in a process of its own.

    python -m benchmarks.serve_processes generate FOLDER PORT
    python -m benchmarks.serve_processes complete ADAPTER

`generate`: plain transformers behind FastAPI, as one would write it in an afternoon. `complete`:
`lianju complete` kept warm: takes and gives a line of JSON a poem.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from benchmarks.serve_questions import SAMPLING
from lianju.config import DecodeSettings, VerseSettings
from lianju.decode import Constraint, Masks, rules_for
from lianju.decode import complete as complete_all
from lianju.loading import load_model


class Asked(BaseModel):
    """What of OpenAI's completions is understood."""

    model: str
    prompt: str
    max_tokens: int
    temperature: float
    top_p: float
    seed: int


def generate(folder: str, port: int) -> None:
    """Serve a merged model at /v1/completions, one request at a time."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    app, lock = FastAPI(), asyncio.Lock()

    def write(asked: Asked) -> tuple[str, int, str]:
        prompt = tokenizer(asked.prompt, return_tensors="pt")
        torch.manual_seed(asked.seed)
        written = model.generate(
            **prompt,
            do_sample=True,
            temperature=asked.temperature,
            top_p=asked.top_p,
            max_new_tokens=asked.max_tokens,
        )[0, prompt["input_ids"].shape[1] :]
        text = tokenizer.decode(written, skip_special_tokens=True)
        stopped = written[-1] == tokenizer.eos_token_id
        return text, len(written), "stop" if stopped else "length"

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/v1/completions")
    async def completions(asked: Asked, request: Request) -> Any:
        async with lock:
            if await request.is_disconnected():
                return Response(status_code=499)
            text, tokens, finish = await run_in_threadpool(write, asked)
        choice = {"index": 0, "text": text, "finish_reason": finish, "logprobs": None}
        return {
            "object": "text_completion",
            "model": asked.model,
            "choices": [choice],
            "usage": {"completion_tokens": tokens},
        }

    uvicorn.run(app, port=port, log_level="warning", access_log=False)


def complete(adapter: Path) -> None:
    """For each line `{"couplet", "seed", "ruled"}` of standard input, complete, and say the text
    and how many seconds it took.
    """
    model, style = load_model(adapter, None)
    masks = Masks(model.vocabulary)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        couplet, settings = (
            asked["couplet"],
            DecodeSettings.model_validate({**SAMPLING, "seed": asked["seed"]}),
        )
        start = time.perf_counter()
        rules = rules_for(couplet, VerseSettings()) if asked["ruled"] else None
        constraints = [Constraint(rules, masks) if rules else None]
        [[done]] = complete_all(model, style, [couplet], settings, constraints=constraints)
        spent = time.perf_counter() - start
        print(json.dumps({"text": done.text, "tokens": done.tokens, "seconds": spent}), flush=True)


if __name__ == "__main__":
    kind, where, *rest = sys.argv[1:]
    if kind == "generate":
        generate(where, int(rest[0]))
    else:
        complete(Path(where))
