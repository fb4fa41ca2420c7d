"""Requests for poems, read for the engine: the same for the native API and for OpenAI's."""

import secrets
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from lianju.config import DecodeSettings
from lianju.decode import Candidate, Ended, Grown
from lianju.errors import UserError
from lianju.request import PoemRequest, read_request
from lianju.serve.api_errors import ApiError, log
from lianju.serve.models import Served
from lianju.serve.native_schema import CoupletRequest
from lianju.serve.openai_schema import OpenAIRequest
from lianju.serve.service import Service
from lianju.verse import Bilingual

# What one request may have the engine write side by side.
_ROWS = 256


@dataclass(frozen=True)
class PoemCall:
    """What a request asks a model to write: so many candidates for each of its couplets."""

    service: Service
    served: Served
    seed: int
    requests: list[PoemRequest]

    @property
    def candidates(self) -> list[Candidate]:
        """All of them, couplet by couplet."""
        return [one for request in self.requests for one in request.candidates]

    def events(self, growing: bool) -> AsyncGenerator[Grown | Ended, None]:
        """See `Service.events`."""
        return self.service.events(self.served.name, self.candidates, growing)


def read_call(
    service: Service,
    body: CoupletRequest | OpenAIRequest,
    openings: Sequence[tuple[str, str]],
    *,
    n: int = 1,
    length: int | None = None,
    seed: int | None = None,
    top: int = 0,
    until: Sequence[str] = (),
) -> PoemCall:
    """Read a request for `n` poems of each couplet, which has a beginning of the poem beside it.

    `length`: the most tokens that a poem may have. `seed`: None or -1 to draw one. `top`, `until`:
    see `Candidate`. Raises `ApiError` naming the field at fault.
    """
    served = service.served(body.model)
    seed = secrets.randbelow(2**31) if seed in (None, -1) else seed % 2**63
    given = body.model_dump(include={*DecodeSettings.model_fields} - {"seed"}, exclude_none=True)
    if body.verse:
        given |= {"particles": body.verse.particles, "taste": body.verse.taste}
    # A request may ask for more tokens than settings can, and then gets fewer.
    decode = DecodeSettings(**given, candidates=n, seed=seed)
    decode = decode.model_copy(update={"max_length": length})
    ruled = body.rules.form != "free"
    _check_rows(len(openings) * n * (decode.particles if ruled else 1))
    requests = []
    for couplet, begun in openings:
        if service.settings.log_prompts:
            # As Python writes it: a line end or an escape in a couplet would forge a line.
            log.info("%s: %r", served.name, couplet)
        try:
            requests.append(
                read_request(
                    served.masks,
                    couplet,
                    body.rules,
                    decode,
                    begun,
                    called="max_tokens",
                    most=service.settings.tokens,
                    top=top,
                    until=tuple(until),
                )
            )
        except UserError as error:
            param = body.params.get(error.field or "", error.field)
            raise ApiError(400, error.words, param) from None
    return PoemCall(service, served, seed, requests)


def _check_rows(count: int) -> None:
    if count > _ROWS:
        raise ApiError(
            400,
            Bilingual(
                f"{count} rows: at most {_ROWS}; ask for fewer candidates, particles or prompts",
                f"一次要寫 {count} 列，至多 {_ROWS}：請減少首數",
            ),
            "n",
        )
