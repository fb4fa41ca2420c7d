"""The server keeps to its own OpenAPI document, whatever is sent to it.

Schemathesis makes requests out of the document, right ones and wrong ones: no answer may be a
server error, have a status, type or body that is not documented, or accept what is wrong.
"""

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from schemathesis.config import SchemathesisConfig

from lianju.config import ServeSettings
from lianju.serve import Service, create_app
from tests import tiny
from tests.serve.running import open_service, running, served

pytestmark = pytest.mark.slow

CONFIG = {
    "seed": 6,
    "checks": {
        # A document cannot say all that makes a request wrong, such as rules that a couplet
        # contradicts.
        "positive_data_acceptance": {"enabled": False},
    },
    "generation": {"max-examples": 15, "deterministic": True, "database": "none"},
    "phases": {"stateful": {"enabled": False}},
}
# What is dear is asked for in small amounts; what is out of range stays so.
CHEAP = {"n": (2, 16), "particles": (2, 64), "max_tokens": (12, 4096), "best_of": (2, 16)}
# Hardly any text is the name of a model or of a rhyme. A text that is too long stays so.
KNOWN = {
    "model": ("gemma-3-270m", 300),
    "rhyme": ("off", 10),
    "acrostic": ("", 100),
    "rhymes": ("", 100),
}

# The document needs no model.
schema = schemathesis.openapi.from_dict(
    create_app(Service(list, ServeSettings())).openapi(),
    config=SchemathesisConfig.from_dict(CONFIG),
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    # Under the name that the document's examples have.
    model = served(tiny.model(), "gemma-3-270m")
    with running(open_service(model, tokens=128)) as address:
        yield address


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@schema.parametrize()
@hypothesis.settings(suppress_health_check=list(hypothesis.HealthCheck), deadline=None)
def test_what_is_documented_is_what_is_answered(
    case: schemathesis.Case[Any], address: str, session: requests.Session
) -> None:
    case.body = cheap(case.body)
    case.call_and_validate(address, session)


def cheap(body: Any) -> Any:
    """The same request with fewer and shorter poems."""
    if isinstance(body, list):
        return [cheap(item) for item in body]
    if not isinstance(body, dict):
        return body
    body = {name: cheap(value) for name, value in body.items()}
    if isinstance(prompts := body.get("prompt"), list) and len(prompts) <= 16:
        body["prompt"] = prompts[:2]
    for name, (least, most) in CHEAP.items():
        value = body.get(name)
        if type(value) is int and least < value <= most:
            body[name] = least
    for name, (text, longest) in KNOWN.items():
        value = body.get(name)
        if isinstance(value, str) and len(value) <= longest:
            body[name] = text
    return body
