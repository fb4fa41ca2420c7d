"""Training runs over HTTP: listed whatever has become of them, compared by ids out of that list."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lianju.serve import training_runs
from lianju.serve.api_errors import ApiError
from tests import tiny
from tests.experiments.test_run_list import DAMAGE, HOSTILE, change
from tests.reader import Reader
from tests.serve.conftest import CHROMIUM
from tests.serve.running import open_service, running, served
from tests.serve.test_results import refused


@pytest.fixture
def client(runs: Path) -> Iterator[TestClient]:
    app = FastAPI()
    app.include_router(training_runs.router())
    app.add_exception_handler(ApiError, refused)
    with TestClient(app) as client:
        yield client


def ids(client: TestClient) -> dict[str, str]:
    return {one["name"]: one["id"] for one in client.get("/v1/runs").json()["runs"]}


def test_runs_are_listed_with_what_sets_them_apart(client: TestClient, runs: Path) -> None:
    answer = client.get("/v1/runs").json()
    assert answer["settings"] == ["train.learning_rate"]
    rows = {one["name"]: one for one in answer["runs"]}
    said = json.loads((runs / "fast/summary.json").read_text())["after"]["validation"]
    assert rows["fast"]["loss"] == said["loss_per_character"]
    assert rows["slow"]["settings"] == {"train.learning_rate": 1e-5}


def test_damage_and_hostile_text_are_rows(client: TestClient, runs: Path) -> None:
    change(runs / "slow/settings.json", recipe=HOSTILE)
    for spoil in DAMAGE.values():
        spoil(runs / "fast/summary.json")
        rows = {one["name"]: one for one in client.get("/v1/runs").json()["runs"]}
        assert rows["fast"]["state"] == "damaged" and rows["slow"]["state"] == "finished"
        file = runs / "fast/summary.json"
        if file.is_dir():
            file.rmdir()
        else:
            file.unlink()
        file.write_text("")


def test_where_there_are_none_the_list_is_empty(tmp_path: Path) -> None:
    app = FastAPI()
    app.include_router(training_runs.router(tmp_path))
    assert TestClient(app).get("/v1/runs").json() == {"settings": [], "runs": []}


def test_picked_runs_are_a_page_that_reaches_nothing(client: TestClient) -> None:
    named = ids(client)
    answer = client.get("/v1/runs/compared", params={"run": [named["slow"], named["fast"]]})
    assert answer.status_code == 200 and "sandbox" in answer.headers["content-security-policy"]
    page = Reader(answer.text)
    assert "Lowest validation loss: train.learning_rate 0.005 (fast)" in page.text
    assert not page.named("script")


@pytest.mark.parametrize("id", ["run-000000000000", "fast", "../fast", "reference", ""])
def test_an_id_that_is_not_listed_names_nothing(client: TestClient, id: str) -> None:
    answer = client.get("/v1/runs/compared", params={"run": [ids(client)["slow"], id]})
    assert answer.status_code == 404 and "GET /v1/runs" in answer.json()["error"]["message"]


def test_what_cannot_be_compared_is_said(client: TestClient, runs: Path) -> None:
    named = ids(client)
    one = client.get("/v1/runs/compared", params={"run": [named["slow"]]})
    assert one.status_code == 422  # the server's own handler makes it 400
    (runs / "fast/summary.json").unlink()
    answer = client.get("/v1/runs/compared", params={"run": [*named.values()]})
    assert answer.status_code == 400
    assert "lianju run --resume runs/fast" in answer.json()["error"]["message"]


@pytest.fixture
def page(runs: Path) -> Iterator[Any]:
    """The tab Results in a browser, of a server at work where the runs are."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium here: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    model = served(tiny.model(), "tiny")
    with running(open_service(model)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(locale="en-US")
        wrong: list[str] = []
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{address}/#results")
        page.wait_for_selector(".runs tbody tr")
        yield page
        browser.close()
        assert not wrong, wrong


def test_the_page_sorts_runs_and_lays_those_picked_side_by_side(page: Any, runs: Path) -> None:
    (runs / "half").mkdir()
    shutil.copy(runs / "slow/settings.json", runs / "half")
    change(runs / "half/settings.json", train__learning_rate=1e-3)
    evil = "<b>fast"
    (runs / "fast").rename(runs / evil)
    page.get_by_role("button", name="Look again").click()
    page.get_by_text("unfinished: go on with").wait_for()

    def names() -> list[str]:
        return [
            str(name)
            for name in page.locator(".runs tbody th > span:first-child").all_inner_texts()
        ]

    for column, first in (("Validation loss", evil), ("train.learning_rate", "slow")):
        page.get_by_role("button", name=f"Sort by {column}").click()
        assert names()[0] == first
        page.get_by_role("button", name=f"Sort by {column}").click()
        assert names()[0] != first
        assert page.locator(".runs [aria-sort]").get_attribute("aria-sort") == "descending"
    page.get_by_role("button", name="Sort by Validation loss").click()
    assert names() == [evil, "slow", "half"], "what has no loss comes last"
    assert page.get_by_label("Pick half").is_disabled()
    compare = page.locator(".runs > button")
    page.get_by_label("Pick slow").check()
    assert compare.is_disabled()
    page.get_by_label(f"Pick {evil}").check()
    compare.click()
    frame = page.locator(".res-report iframe")
    frame.wait_for()
    page.wait_for_timeout(500)
    inside = "node => node.contentDocument.querySelector('.found')?.textContent"
    assert "Lowest validation loss: train.learning_rate 0.005" in frame.evaluate(inside)
    page.locator("#language").click()
    assert page.get_by_role("button", name="對照所選 2 次").is_visible()
    # The address keeps what is compared.
    page.reload()
    frame.wait_for()
    page.get_by_role("heading", name="對照 2 次訓練").wait_for()
