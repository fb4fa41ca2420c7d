"""Batched generation: all couplets of a call go through the model together."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lianju.config import DecodeSettings
from lianju.decode.sampling import distribution, draw
from lianju.model import LanguageModel
from lianju.progress import SILENT, Reporter, Task
from lianju.prompt import render

# More rows in one forward pass need more memory and gain no speed.
_ROWS = 64


@dataclass(frozen=True)
class Completion:
    """What the model wrote after `couplet`.

    `finish` is "stop" when it ended by itself, "length" when `max_length` cut it off.
    `logprob` is the sum over its `tokens` (the stop token included) of the natural
    log-probability under the model as it is, before temperature and cuts.
    """

    couplet: str
    text: str
    finish: str
    tokens: int
    logprob: float


def complete(
    model: LanguageModel,
    style: str,
    couplets: Sequence[str],
    settings: DecodeSettings,
    reporter: Reporter = SILENT,
    name: str = "Completing",
) -> list[list[Completion]]:
    """`settings.candidates` completions of each couplet, in the order given.

    A poem depends on its couplet, its number among the candidates and the seed, not on what
    else is asked in the same call.
    """
    jobs = [(couplet, number) for couplet in couplets for number in range(settings.candidates)]
    results: dict[int, Completion] = {}
    # Prompts of one length stand together, so that little is padded.
    order = sorted(range(len(jobs)), key=lambda index: len(jobs[index][0]))
    with reporter.task(name, len(jobs)) as task:
        for start in range(0, len(order), _ROWS):
            part = order[start : start + _ROWS]
            batch = _Batch(model, style, [jobs[index] for index in part], settings)
            for row, completion in batch.run(task):
                results[part[row]] = completion
                task.advance()
    flat = [results[index] for index in range(len(jobs))]
    size = settings.candidates
    return [flat[start : start + size] for start in range(0, len(flat), size)]


class _Batch:
    """Rows that are generated together. Finished rows leave, so the batch gets smaller."""

    def __init__(
        self,
        model: LanguageModel,
        style: str,
        jobs: list[tuple[str, int]],
        settings: DecodeSettings,
    ):
        from transformers import DynamicCache

        self.model, self.settings, self.jobs = model, settings, jobs
        device, vocabulary = model.device, model.vocabulary
        prompts = [render(style, vocabulary, couplet) for couplet, _ in jobs]
        width = max(map(len, prompts))
        padded = [[vocabulary.pad] * (width - len(ids)) + ids for ids in prompts]
        self.ids = torch.tensor(padded, device=device)
        self.attention = torch.tensor(
            [[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts], device=device
        )
        self.seen = torch.zeros(len(jobs), vocabulary.size, dtype=torch.bool, device=device)
        for row, ids in enumerate(prompts):
            self.seen[row, ids] = True
        self.chances = torch.stack([_chances(job, settings) for job in jobs]).to(device)
        self.rows = list(range(len(jobs)))
        self.written: list[list[int]] = [[] for _ in jobs]
        self.logprobs = [0.0] * len(jobs)
        self.cache = DynamicCache(config=model.network.config)

    @torch.inference_mode()
    def run(self, task: Task) -> Iterator[tuple[int, Completion]]:
        """Write until every row has stopped or reached the longest length; rows as they end."""
        for step in range(self.settings.max_length):
            logits = self._forward()
            probabilities = distribution(logits, self.seen, self.settings)
            chosen = draw(probabilities, self.chances[:, step])
            self.seen.scatter_(-1, chosen.unsqueeze(-1), True)
            picked = logits.log_softmax(dim=-1).gather(-1, chosen.unsqueeze(-1)).squeeze(-1)
            for row, token, logprob in zip(
                self.rows, chosen.tolist(), picked.tolist(), strict=True
            ):
                self.written[row].append(token)
                self.logprobs[row] += logprob
            stopped = chosen == self.model.vocabulary.stop
            for index in stopped.nonzero().squeeze(-1).tolist():
                yield self.rows[index], self._completion(self.rows[index])
            going = (~stopped).nonzero().squeeze(-1)
            task.advance(0, f"token {step + 1} of at most {self.settings.max_length}")
            if not len(going):
                return
            self.ids = chosen.unsqueeze(-1)
            if len(going) < len(self.rows):
                self._keep(going)
            self.attention = torch.cat(
                [self.attention, self.attention.new_ones(len(self.rows), 1)], dim=-1
            )
        for row in self.rows:
            yield row, self._completion(row)

    def _forward(self) -> Tensor:
        """Logits (rows, vocabulary) of the next token, in fp32."""
        positions = (self.attention.cumsum(dim=-1) - 1).clamp(min=0)
        output = self.model.network(
            input_ids=self.ids,
            attention_mask=self.attention,
            position_ids=positions[:, -self.ids.shape[1] :],
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: Tensor = output.logits[:, -1].float()
        return logits

    def _keep(self, going: Tensor) -> None:
        """Let the rows that have stopped leave the batch."""
        self.rows = [self.rows[index] for index in going.tolist()]
        self.ids, self.attention = self.ids[going], self.attention[going]
        self.seen, self.chances = self.seen[going], self.chances[going]
        self.cache.batch_select_indices(going)

    def _completion(self, row: int) -> Completion:
        ids = self.written[row]
        stopped = ids[-1] == self.model.vocabulary.stop
        return Completion(
            couplet=self.jobs[row][0],
            text=self.model.vocabulary.decode(ids),
            finish="stop" if stopped else "length",
            tokens=len(ids),
            logprob=self.logprobs[row],
        )


def _chances(job: tuple[str, int], settings: DecodeSettings) -> Tensor:
    """A row's own random numbers in [0, 1), one a step."""
    couplet, number = job
    digest = hashlib.sha256(f"{settings.seed}\0{number}\0{couplet}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
    return torch.rand(settings.max_length, generator=generator)
