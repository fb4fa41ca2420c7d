"""A real server on this machine, with the real base model and an adapter, and a real browser."""

import copy
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import uvicorn

from lianju.config import LoraSettings, ServeSettings
from lianju.decode import Masks
from lianju.model import LanguageModel, attach, load_adapter, made_ready, save_adapter
from lianju.prompt import fingerprint
from lianju.serve import Served, Server, Service, create_app

CHROMIUM = shutil.which("chromium")


def made_adapter(model: LanguageModel, folder: Path, strength: float = 0.02) -> Path:
    """An adapter that changes a model by so much, at random; 0: one that does nothing."""
    network = copy.deepcopy(model.network)
    own = replace(model, network=network)
    tuned = attach(own, LoraSettings(rank=2), seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weight in tuned.network.named_parameters():
            if "lora_B" in name:
                weight.copy_(torch.randn(weight.shape, generator=generator) * strength)
    card = {
        "base": model.name,
        "base_sha256": model.sha256,
        "prompt": fingerprint("plain", model.vocabulary),
        "prompt_ids": model.vocabulary.prompt_digest("plain"),
        "style": "plain",
    }
    save_adapter(tuned, folder, card)
    return folder


def served(model: LanguageModel, name: str = "tang", folder: Path | None = None) -> Served:
    """A model as the server holds it."""
    model = replace(model, changed=1.0 if folder else 0.0)
    words = model.vocabulary
    return Served(model, "plain", model.name, folder, name, Masks(words), f"test-{name}")


@contextmanager
def running(service: Service, hosts: Sequence[str] = ()) -> Iterator[str]:
    """A server in a thread; its address."""
    with started(service, hosts) as (_, address):
        yield address


@contextmanager
def started(service: Service, hosts: Sequence[str] = ()) -> Iterator[tuple[Server, str]]:
    """A server in a thread, and its address."""
    config = uvicorn.Config(create_app(service, hosts), log_level="warning", access_log=False)
    server = Server(service, config)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.02)
    try:
        yield server, f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="session")
def tuned(gemma: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    """The real base model with a random adapter in it."""
    folder = made_adapter(gemma, tmp_path_factory.mktemp("served") / "tang" / "adapter")
    tuned = load_adapter(replace(gemma, network=copy.deepcopy(gemma.network)), folder)
    return made_ready(tuned)


@pytest.fixture(scope="session")
def service(gemma: LanguageModel, tuned: LanguageModel) -> Service:
    """The base model and a tuned one, made ready as `lianju serve` makes them."""
    base = replace(gemma, network=copy.deepcopy(gemma.network))
    service = Service(list, ServeSettings())
    service.open([served(tuned, "tang", Path("tang")), served(made_ready(base), "base")])
    return service


@pytest.fixture(scope="session")
def server(service: Service) -> Iterator[str]:
    """The address of a server with the real base model, `base`, and a tuned one, `tang`."""
    with running(service) as address:
        yield address


# For a module: playwright's event loop would be in the way of tests that run one of their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium without a window, driven by playwright."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium here: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def browser_page(browser: Any, server: str) -> Iterator[Any]:
    """A page that fails the test for an error in its console or a request to anywhere else."""
    context = browser.new_context(locale=os.environ.get("PAGE_LOCALE", "en-US"))
    page = context.new_page()
    page.set_default_timeout(30_000)
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    own = (server, "data:", "blob:", "about:")
    page.on("request", lambda r: None if r.url.startswith(own) else wrong.append(r.url))
    yield page
    context.close()
    assert not wrong, wrong
