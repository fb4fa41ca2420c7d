"""Reports are found by a look into three folders, and nothing else can be asked for."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.requests import Request
from starlette.responses import JSONResponse

from lianju.config import ServeSettings
from lianju.serve import Service, results
from lianju.serve.api_errors import ApiError

SUMMARY = {
    "model": {"name": "gemma-3-270m"},
    "data": {"used": 2000},
    "before": {"test": {"right": 0, "n": 15}, "validation": {"loss_per_character": 6.518}},
    "after": {"test": {"right": 14, "n": 15}, "validation": {"loss_per_character": 5.423}},
}
SWEEP = {
    "model": "gemma-3-270m",
    "adapter": "",
    "grid": {"temperature": [0.5, 1.0], "top_p": [0.3, 0.6, 1.0], "top_k": [0]},
    "openings": [{}, {}],
    "seeds": 4,
}


def refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return JSONResponse(error.body(), error.status)


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    app = FastAPI()
    app.include_router(results.router(Service(list, ServeSettings()), tmp_path))
    app.add_exception_handler(ApiError, refused)
    return TestClient(app)


def put(folder: Path, page: str, numbers: str, value: object, made: int) -> None:
    folder.mkdir(parents=True)
    (folder / page).write_text(f"<title>{folder.name}</title>", encoding="utf-8")
    (folder / numbers).write_text(json.dumps(value), encoding="utf-8")
    os.utime(folder / page, (made, made))


def listed(client: TestClient) -> list[dict[str, object]]:
    found: list[dict[str, object]] = client.get("/v1/results").json()["results"]
    return found


def test_nothing_is_found_where_nothing_is(client: TestClient) -> None:
    assert listed(client) == []


def test_reports_are_listed_newest_first_with_what_came_of_them(
    client: TestClient, tmp_path: Path
) -> None:
    put(tmp_path / "runs/first", "report.html", "summary.json", SUMMARY, 100)
    put(tmp_path / "evaluations/e", "report.html", "report.json", {"verdict": ["Good.", "x"]}, 300)
    put(tmp_path / "sweeps/s", "sweep.html", "sweep.json", SWEEP, 200)
    said = {"verdict": ["Best: a.", "x"], "verdict_zh": ["最佳：a。", "x"]}
    put(tmp_path / "comparisons/c", "comparison.html", "comparison.json", said, 400)
    (tmp_path / "runs/unfinished").mkdir()
    found = listed(client)
    assert found[0]["summary_zh"] == "最佳：a。"
    assert [(one["kind"], one["name"], one["created"]) for one in found] == [
        ("comparison", "c", 400),
        ("evaluation", "e", 300),
        ("sweep", "s", 200),
        ("run", "first", 100),
    ]
    assert [one["summary"] for one in found] == [
        "Best: a.",
        "Good.",
        "gemma-3-270m, untuned: 6 settings × 2 couplets × 4 poems",
        "gemma-3-270m, 2,000 poems: right shape 0 → 14 of 15, validation loss 6.52 → 5.42 nats a "
        "character",
    ]


@pytest.mark.parametrize("value", [None, [], {"verdict": []}, {"verdict": 3}, "x"])
def test_a_report_without_readable_numbers_is_listed_all_the_same(
    client: TestClient, tmp_path: Path, value: object
) -> None:
    put(tmp_path / "evaluations/e", "report.html", "report.json", value, 1)
    put(tmp_path / "runs/r", "report.html", "summary.json", value, 1)
    put(tmp_path / "sweeps/s", "sweep.html", "sweep.json", value, 1)
    assert [one["summary"] for one in listed(client)] == ["", "", ""]


DAMAGED = {
    "empty": b"",
    "cut": b'{"model": {"name": "gem',
    "no text": b"\xff{",
    "nested": b"[" * 100_000 + b"]" * 100_000,
    "huge": b'{"before": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_damaged_numbers_are_told_beside_the_report(
    client: TestClient, tmp_path: Path, data: bytes
) -> None:
    put(tmp_path / "runs/good", "report.html", "summary.json", SUMMARY, 2)
    put(tmp_path / "runs/bad", "report.html", "summary.json", None, 1)
    (tmp_path / "runs/bad/summary.json").write_bytes(data)
    good, bad = listed(client)
    assert "14 of 15" in str(good["summary"])
    assert (bad["name"], bad["summary"]) == ("bad", "summary.json is damaged")
    assert client.get(f"/v1/results/{bad['id']}").text == "<title>bad</title>"


def test_numbers_that_no_answer_can_hold_are_shown_as_far_as_they_go(
    client: TestClient, tmp_path: Path
) -> None:
    put(tmp_path / "runs/infinite", "report.html", "summary.json", SUMMARY, 2)
    text = json.dumps(SUMMARY).replace("5.423", "1" * 400)
    (tmp_path / "runs/infinite/summary.json").write_text(text)
    put(tmp_path / "evaluations/half", "report.html", "report.json", None, 1)
    half = '{"verdict": ["half \\ud800 of it' + "." * 10_000 + '"]}'
    (tmp_path / "evaluations/half/report.json").write_text(half)
    first, second = (one["summary"] for one in listed(client))
    assert first == "" and str(second).startswith("half ? of it...") and len(str(second)) == 300


def _folder(page: Path) -> None:
    page.mkdir()


def _link(page: Path) -> None:
    secret = page.parents[2] / "secret.html"
    secret.write_text("SECRET")
    page.symlink_to(secret)


def _pipe(page: Path) -> None:
    os.mkfifo(page)


def _socket(page: Path) -> None:
    with socket.socket(socket.AF_UNIX) as own:
        own.bind(str(page))


def _huge(page: Path) -> None:
    with page.open("wb") as file:
        file.truncate(2**33)


def _linked_folder(page: Path) -> None:
    elsewhere = page.parents[2] / "elsewhere"
    put(elsewhere, "report.html", "summary.json", SUMMARY, 1)
    page.parent.rmdir()
    page.parent.symlink_to(elsewhere)


BAD = [_folder, _link, _pipe, _socket, _huge, _linked_folder]


@pytest.mark.parametrize("make", BAD)
def test_what_is_no_file_of_its_folder_is_a_row_that_says_so(
    client: TestClient, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    put(tmp_path / "runs/good", "report.html", "summary.json", SUMMARY, 1)
    (tmp_path / "runs/bad").mkdir()
    make(tmp_path / "runs/bad/report.html")
    rows = {one["name"]: one for one in listed(client)}
    assert "14 of 15" in str(rows["good"]["summary"])
    assert str(rows["bad"]["summary"]).startswith("report.html cannot be shown: ")
    answer = client.get(f"/v1/results/{rows['bad']['id']}")
    assert answer.status_code == 404
    assert "cannot be shown" in answer.json()["error"]["message"] and "SECRET" not in answer.text


def test_numbers_are_read_from_a_file_of_their_folder_only(
    client: TestClient, tmp_path: Path
) -> None:
    put(tmp_path / "runs/r", "report.html", "summary.json", SUMMARY, 1)
    numbers = tmp_path / "runs/r/summary.json"
    numbers.rename(tmp_path / "summary.json")
    numbers.symlink_to(tmp_path / "summary.json")
    [one] = listed(client)
    assert one["summary"] == "summary.json cannot be shown: it is a link"


def test_a_folder_that_is_being_written_is_not_listed(client: TestClient, tmp_path: Path) -> None:
    put(tmp_path / "sweeps/.s.0123456789abcdef.part", "sweep.html", "sweep.json", SWEEP, 1)
    assert listed(client) == []


def test_a_report_that_is_written_again_is_summed_up_again(
    client: TestClient, tmp_path: Path
) -> None:
    put(tmp_path / "evaluations/e", "report.html", "report.json", {"verdict": ["Old."]}, 1)
    [old] = listed(client)
    (tmp_path / "evaluations/e/report.json").write_text('{"verdict": ["New."]}')
    os.utime(tmp_path / "evaluations/e/report.html", (2, 2))
    [new] = listed(client)
    assert (old["summary"], new["summary"]) == ("Old.", "New.")
    assert old["id"] == new["id"]


def test_a_report_is_shown_in_an_origin_of_its_own_without_network(
    client: TestClient, tmp_path: Path
) -> None:
    put(tmp_path / "runs/名 %2e#?", "report.html", "summary.json", SUMMARY, 1)
    [one] = listed(client)
    answer = client.get(f"/v1/results/{one['id']}")
    assert answer.text == "<title>名 %2e#?</title>"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(
        part.strip().partition(" ")[::2]
        for part in answer.headers["content-security-policy"].split(";")
    )
    assert policy["sandbox"] == "allow-scripts" and policy["default-src"] == "'none'"
    assert policy["style-src"] == policy["script-src"] == "'unsafe-inline'"
    assert "connect-src" not in policy and "allow-same-origin" not in policy["sandbox"]


@pytest.mark.parametrize(
    "name", ["../../secret", "..%2f..%2fsecret", "%2e%2e/secret", "run-first", "first", "run-", "x"]
)
def test_an_id_that_is_not_listed_names_nothing(
    client: TestClient, tmp_path: Path, name: str
) -> None:
    put(tmp_path / "runs/first", "report.html", "summary.json", SUMMARY, 1)
    (tmp_path.parent / "secret").mkdir(exist_ok=True)
    (tmp_path.parent / "secret/report.html").write_text("SECRET")
    answer = client.get(f"/v1/results/{name}")
    assert answer.status_code == 404 and "SECRET" not in answer.text
