"""The reading test: what the page gives away, what the browser does, what choices amount to."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from lianju.cli.app import _guarded
from lianju.corpus import test_set as homework_couplets
from lianju.errors import UserError
from lianju.evaluate.blind import KEY, PAGE, blind_results, build_reading_test
from lianju.evaluate.blind.reading_test import BlindKey, sides
from lianju.evaluate.blind.results import agreement
from lianju.evaluate.pairs import Pair, Pairs
from tests.evaluate import reports

SCRIPT = Path(__file__).parents[2] / "src/lianju/evaluate/blind/blind.js"


def pairs(n: int = 7) -> Pairs:
    """The first system is always 春, the second always 秋."""
    found = [
        Pair(
            "hw5",
            item.couplet,
            f"春來第{number}首，不覺到天明。",
            f"秋去第{number}首，不覺到天明。",
        )
        for number, item in zip("一二三四五六七八九", homework_couplets()[:n], strict=False)
    ]
    return Pairs(("tuned-Label", "other-Label"), found, {"two equal poems": 2})


class Shown(HTMLParser):
    """The lines of each article of a page, its headings left out, and whether it is hidden."""

    def __init__(self, page: str):
        super().__init__()
        self.articles: list[list[str]] = []
        self.hidden: list[bool] = []
        self._in_line = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "article":
            self.articles.append([])
            self.hidden.append("hidden" in names)
        self._in_line = names.get("class") == "line"

    def handle_data(self, data: str) -> None:
        if self._in_line and self.articles and data.strip():
            self.articles[-1].append(data.strip())


# --- the page ------------------------------------------------------------------------------


def test_the_page_shows_the_pairs_of_the_key_and_does_not_tell_who_is_who(tmp_path: Path) -> None:
    key = build_reading_test(pairs(), tmp_path, same_form=True)
    page = (tmp_path / PAGE).read_text(encoding="utf-8")
    shown = Shown(page)
    assert all(shown.hidden)
    assert ["".join(lines) for lines in shown.articles] == [
        pair.couplet + "".join(sides(pair)) for pair in key.pairs
    ]
    assert {pair.couplet for pair in key.pairs} == {pair.couplet for pair in pairs().pairs}
    on_the_left = [lines[2].startswith("春") for lines in shown.articles]
    assert on_the_left == [pair.left == "first" for pair in key.pairs]
    for secret in ("tuned", "Label", "first", "hw5", str(key.seed), KEY):
        assert secret not in re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.S)
    assert BlindKey.model_validate_json((tmp_path / KEY).read_text("utf-8")) == key


def test_sides_and_order_come_from_the_seed_and_sides_are_even(tmp_path: Path) -> None:
    keys = [
        build_reading_test(pairs(), tmp_path / str(at), True, seed)
        for at, seed in enumerate((1, 1, 2, None))
    ]
    assert keys[0].pairs == keys[1].pairs
    assert keys[0].digest == keys[1].digest
    assert keys[0].pairs != keys[2].pairs
    assert keys[0].digest != keys[2].digest
    assert keys[3].seed > 2**20
    assert [pair.couplet for pair in keys[0].pairs] != [pair.couplet for pair in pairs().pairs]
    for key in keys:
        assert sum(pair.left == "first" for pair in key.pairs) in (3, 4)
    orders = {tuple(pair.left for pair in key.pairs) for key in keys}
    assert len(orders) > 1
    assert all(len(set(order)) == 2 for order in orders)


def test_the_page_needs_nothing_and_runs_only_its_script(tmp_path: Path) -> None:
    found = pairs()
    hostile = Pair("hw5", "白日依山盡，黃河入海流。", '<script>alert("x")</script>', "a\u202eb")
    build_reading_test(Pairs(found.labels, [hostile], {}), tmp_path, same_form=False)
    page = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "may differ in form" in page
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.S)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert not re.search(r"(?:src|href)=|url\(|@import|https?://", page)


def test_a_test_is_not_written_over(tmp_path: Path) -> None:
    build_reading_test(pairs(), tmp_path, same_form=True)
    with pytest.raises(UserError, match="holds a reading test already"):
        build_reading_test(pairs(), tmp_path, same_form=True)


# --- the script ----------------------------------------------------------------------------

_CHECKS = r"""
const assert = require("node:assert");
const { fresh, choose, undo, restore, file, place } = require(process.argv[1]);
let state = fresh("r");
state = choose(choose(state, "left", 2), "same", 2);
assert.deepEqual(state, { reader: "r", choices: ["left", "same"] });
assert.deepEqual(choose(state, "right", 2), state);
const before = undo(state);
assert.deepEqual(before.choices, ["left"]);
assert.deepEqual(state.choices, ["left", "same"]);
assert.deepEqual(undo(fresh("r")), fresh("r"));
assert.deepEqual(restore(JSON.stringify(state), 2), state);
for (const bad of [
  null, "", "[]", "{", '{"reader":"r"}', '{"reader":"","choices":[]}',
  '{"reader":"r","choices":["up"]}', '{"reader":"r","choices":["left","left","left"]}',
  '{"reader":"r","choices":"left"}', '{"reader":1,"choices":[]}',
]) assert.equal(restore(bad, 2), null, String(bad));
assert.deepEqual(JSON.parse(file(state, "d", "now")), {
  kind: "lianju-blind-choices", version: 1, digest: "d", reader: "r", made: "now",
  choices: ["left", "same"],
});
assert.deepEqual(place(0, 2)[0], "Pair 1 of 2");
assert.deepEqual(place(2, 2)[0], "All 2 pairs done");
"""


@pytest.mark.skipif(not shutil.which("node"), reason="the page's script is tried in node")
def test_the_state_of_a_reader() -> None:
    ran = subprocess.run(
        ["node", "-e", _CHECKS, str(SCRIPT)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


_BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
# Presses keys as a reader does, then saves, and leaves on the page what the page handed out.
_DRIVER = """
const wait = (time) => new Promise((done) => setTimeout(done, time));
const press = async (key, more) => {
  document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, ...more }));
  await wait(300);
};
(async () => {
  await press("1"); await press("ArrowRight"); await press("3"); await press("ArrowLeft");
  await press("u"); await press("2", { ctrlKey: true }); await press("2", { repeat: true });
  document.querySelector("[data-choice=right]").click(); await wait(300);
  let name;
  HTMLAnchorElement.prototype.click = function () { name = this.download; };
  document.getElementById("save").click();
  document.title = name;
  const text = document.getElementById("text");
  text.textContent = text.value;
  document.getElementById("anew").remove();
})();
"""


def _browse(page: Path, profile: Path) -> str:
    """The page as it stands some seconds after it was opened."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    flags += ["--disable-background-networking", "--disable-component-update"]
    flags += [f"--user-data-dir={profile}", "--virtual-time-budget=8000", "--dump-dom"]
    return subprocess.run(
        [str(_BROWSER), *flags, page.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout


@pytest.mark.skipif(not _BROWSER, reason="the page is tried in Chromium")
def test_a_reader_in_a_browser(tmp_path: Path) -> None:
    key = build_reading_test(pairs(), tmp_path, same_form=True, seed=1)
    page = (tmp_path / PAGE).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(_DRIVER.encode()).digest()).decode()
    driven = tmp_path / "driven.html"
    driven.write_text(
        page.replace("script-src ", f"script-src 'sha256-{digest}' ").replace(
            "</body>", f"<script>{_DRIVER}</script></body>"
        ),
        encoding="utf-8",
    )
    after = _browse(driven, tmp_path / "profile")
    assert Shown(after).hidden == [True, True, True, True, False, True, True]
    assert "Pair 5 of 7" in after
    assert "<title>choices.json</title>" in after
    handed = re.search(r"<textarea[^>]*>(.*?)</textarea>", after, flags=re.S)
    assert handed
    choices = tmp_path / "choices.json"
    choices.write_text(handed[1].replace("&quot;", '"'), encoding="utf-8")
    assert json.loads(choices.read_text("utf-8"))["choices"] == ["left", "right", "same", "right"]
    found = blind_results([choices], tmp_path / KEY)
    wanted = [key.pairs[0].left == "first", key.pairs[1].left != "first"]
    wanted.append(key.pairs[3].left != "first")
    assert found.together.wins == sum(wanted)
    # The page itself, opened again, goes on where the reader stopped.
    again = _browse(tmp_path / PAGE, tmp_path / "profile")
    assert Shown(again).hidden.index(False) == 4


# --- results -------------------------------------------------------------------------------


@pytest.fixture
def reader(tmp_path: Path) -> Callable[..., Path]:
    """Writes the choices of a reader who prefers 春 (w), 秋 (l) or neither (t), pair by pair."""
    key = build_reading_test(pairs(), tmp_path, same_form=True)

    def write(name: str, outcomes: str, **other: Any) -> Path:
        choices = []
        for pair, outcome in zip(key.pairs, outcomes, strict=False):
            liked = {"w": "first", "l": "second"}.get(outcome)
            choices.append("same" if not liked else "left" if pair.left == liked else "right")
        value = {
            "kind": "lianju-blind-choices",
            "version": 1,
            "digest": key.digest,
            "reader": name,
            "made": "2026-11-22T20:00:00.000Z",
            "choices": choices,
            **other,
        }
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(value), encoding="utf-8")
        return path

    return write


def test_one_reader(reader: Callable[..., Path], tmp_path: Path) -> None:
    found = blind_results([reader("anna", "wwwtwlw")], tmp_path / KEY)
    one = found.readers[0].preference
    assert (one.wins, one.ties, one.losses) == (5, 1, 1)
    assert one.share.value == pytest.approx(5.5 / 7)
    assert one.p == pytest.approx(2 * 7 / 2**6)
    assert found.together == one
    assert found.agreement is None
    assert found.labels == ("tuned-Label", "other-Label")
    assert [pair.first[0] for pair in found.pairs] == ["春"] * 7
    assert [pair.chosen for pair in found.pairs][3:6] == [{"tie": 1}, {"first": 1}, {"second": 1}]


def test_several_readers_count_by_pairs_and_their_agreement_is_told(
    reader: Callable[..., Path], tmp_path: Path
) -> None:
    """Majorities: w, w, tie of w and l, l over t, t, and one pair that only one read."""
    files = [reader("a", "wwwltw"), reader("b", "wwllt"), reader("c", "wl")]
    found = blind_results(files, tmp_path / KEY)
    together = found.together
    assert (together.wins, together.ties, together.losses, together.share.n) == (3, 2, 1, 6)
    assert found.agreement
    # Pairs of readers: 3 of 3 alike on the first, 1 of 3, 0 of 1, 1 of 1, 1 of 1.
    assert found.agreement.same.value == pytest.approx(6 / 9)
    assert [one.name for one in found.readers] == [str(path) for path in files]


def test_krippendorffs_own_example() -> None:
    """Four observers, twelve units, missing data: nominal alpha 0.743 in his text of 2011."""
    rows = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]
    units = [[row[at] for row in rows if row[at] != "."] for at in range(12)]
    found = agreement(units)
    assert found
    assert found.alpha == pytest.approx(0.743, abs=5e-4)


@pytest.mark.parametrize(
    ("units", "alpha"),
    [
        ([["a", "a"], ["b", "b"]], 1.0),
        ([["a", "b"], ["b", "a"]], -0.5),
        ([["a", "a"], ["a", "a"]], None),
    ],
)
def test_the_ends_of_agreement(units: Sequence[Sequence[str]], alpha: float | None) -> None:
    found = agreement(units)
    assert found
    assert found.alpha == (alpha if alpha is None else pytest.approx(alpha))


@pytest.mark.parametrize(
    ("outcomes", "other", "message"),
    [
        ("ww", {"digest": "0" * 64}, "another page"),
        ("ww", {"choices": ["left"] * 8}, "more choices than the page has pairs"),
        ("ww", {"choices": ["up"]}, r"\(choices\.0: .*give the choices of a reader"),
        ("ww", {"version": 2}, "version"),
        ("ww", {"more": 1}, "more"),
        ("", {}, "no choice yet"),
    ],
)
def test_choices_that_do_not_fit_are_refused(
    reader: Callable[..., Path], tmp_path: Path, outcomes: str, other: Any, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        blind_results([reader("a", outcomes, **other)], tmp_path / KEY)


def test_one_reader_twice_and_files_that_are_none(
    reader: Callable[..., Path], tmp_path: Path
) -> None:
    good, same = reader("a", "www"), reader("b", "ww", reader="a")
    with pytest.raises(UserError, match=r"of the same reader as .*a\.json"):
        blind_results([good, same], tmp_path / KEY)
    with pytest.raises(UserError, match="give the key of a reading test"):
        blind_results([good], good)
    with pytest.raises(UserError, match="cannot read"):
        blind_results([tmp_path / "none.json"], tmp_path / KEY)
    with pytest.raises(UserError, match="give the choices of a reader"):
        blind_results([tmp_path / PAGE], tmp_path / KEY)


# --- the commands --------------------------------------------------------------------------


def test_the_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [
        reports.couplet(
            reports.poem(item.completion), couplet=item.couplet, truth=reports.OFF_RHYME
        )
        for item in homework_couplets()
    ]
    report = reports.report(reports.system("tuned", reports.suite(rows, "hw5")))
    Path("report.json").write_text(report.model_dump_json(), encoding="utf-8")
    assert _guarded(["evaluate", "--blind", "report.json"], False) == 2
    assert "name a second report" in capsys.readouterr().err
    arguments = ["evaluate", "--blind", "report.json", "--real", "--pairs", "2"]
    assert _guarded(arguments, False) == 0
    said = capsys.readouterr().out
    assert "2 pairs of tuned and the poets" in said
    assert "left out: poems of unequal length" in said
    key = BlindKey.model_validate_json(Path("blind", KEY).read_text("utf-8"))
    value = {
        "kind": "lianju-blind-choices",
        "version": 1,
        "digest": key.digest,
        "reader": "r",
        "made": "now",
        "choices": ["left" if pair.left == "first" else "right" for pair in key.pairs],
    }
    Path("choices.json").write_text(json.dumps(value), encoding="utf-8")
    assert _guarded(["evaluate", "--blind-results", "choices.json"], False) == 0
    assert "choices.json: tuned preferred: 100% (34.2–100%) of 2; 2 better, 0 equal, 0 worse" in (
        said := " ".join(capsys.readouterr().out.split())
    )
    left = value["choices"].count("left")  # type: ignore[attr-defined]
    assert f"left poem chosen: {left} of 2" in said
    Path("blind", KEY).rename(KEY)
    assert _guarded(["evaluate", "--blind-results", "choices.json"], False) == 2
    assert "name it with --key" in " ".join(capsys.readouterr().err.split())
    assert json.loads(Path("blind/blind-results.json").read_text("utf-8"))["labels"][0] == "tuned"
