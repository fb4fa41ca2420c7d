"""`lianju complete` with rules, on the real base model."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from lianju.corpus import known_lines
from lianju.verse import check, lines_of, parallel
from tests.typed import lianju

COUPLET = "移舟泊煙渚，日暮客愁新。"
OLD = "千山鳥飛絕，萬徑人蹤滅。"


def complete(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return lianju("complete", *arguments, "--base", cwd=cwd)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """Three candidates each of a couplet that can open regulated verse and of one that cannot."""
    folder = tmp_path_factory.mktemp("complete")
    done = complete(COUPLET, OLD, "-n", "3", "--particles", "2", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert f"Note on {OLD}: it cannot open regulated verse" in done.stderr
    assert "keep what they can: length, rhyme." in done.stderr
    assert COUPLET not in done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_candidate_is_regular(rows: list[dict[str, object]]) -> None:
    for row in rows[:3]:
        assert row["couplet"] == COUPLET and row["finish"] == "stop" and not row["fault"]
        verdict = check(COUPLET + str(row["text"]))
        assert verdict.regular and verdict.rhyme == "真"
        assert row["form"] == verdict.form


def test_of_old_style_verse_the_rhyme_is_kept(rows: list[dict[str, object]]) -> None:
    for row in rows[3:]:
        verdict = check(OLD + str(row["text"]))
        assert row["couplet"] == OLD and verdict.why == "oblique rhyme" and verdict.rhyme == "屑"


def test_only_the_base_model_is_shown_poems(tmp_path: Path) -> None:
    for verb in (["complete", COUPLET], ["evaluate"]):
        done = lianju(*verb, "--shots=2", "--adapter=reference", cwd=tmp_path)
        assert done.returncode == 2 and "--shots are for the untouched base model" in done.stderr
    poem = complete(COUPLET, "--shots=2", "--form=wujue", "--json", cwd=tmp_path)
    assert poem.returncode == 0 and json.loads(poem.stdout)["verdict"]["regular"]


def test_candidates_are_ranked_by_their_rating(rows: list[dict[str, object]]) -> None:
    for group in (rows[:3], rows[3:]):
        scores = [row["rating"] for row in group]
        assert scores == sorted(scores, reverse=True)  # type: ignore[type-var]
        assert len(set(scores)) > 1


def test_a_poem_is_drawn_with_marks_rhymes_and_sources(tmp_path: Path) -> None:
    # An acrostic whose heads are those of the poem that this couplet opens.
    done = complete(COUPLET, "--acrostic", "野江", "-n", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("1/2 五絕 wujue · regulated verse 近體詩 with no fault · ")
    assert lines[1].split() == ["1", "移舟泊煙渚"]
    assert lines[2].split() == ["○", "○", "●", "○", "●"]
    assert lines[3].split() == ["2", "日暮客愁新", "上平聲十一真"]
    assert lines[5].split()[1].startswith("野") and lines[7].split()[1].startswith("江")
    assert set("".join(lines[8].split())) <= {"○", "●"}


def test_below_a_poem_of_eight_lines_it_says_what_is_parallel(tmp_path: Path) -> None:
    asked = (COUPLET, "--form", "wulu", "--seed", "4")
    done = complete(*asked, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)
    remarks = row["verdict"]["remarks"]
    seen = [(one["line"], one["found"]) for one in remarks if one["rule"] == "對仗"]
    poem = lines_of(COUPLET + row["text"])
    assert seen == [(n + 1, "可見" if parallel(*poem[n : n + 2]) else "未見") for n in (2, 4)]
    printed = complete(*asked, "--lang", "zh", cwd=tmp_path).stdout
    assert printed.endswith("".join(f"· {one['words_zh']}\n" for one in remarks) + "\n")


@pytest.mark.parametrize("rhymes", ["新人津春", "人？邻", "真"])
def test_even_lines_end_with_the_rhymes_that_are_given(rhymes: str, tmp_path: Path) -> None:
    asked = (COUPLET, "--rhymes", rhymes, "-n", "2", "--json", "--lang", "zh")
    done = complete(*asked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert ("有簡體字「邻」，讀作「人_鄰」" in done.stderr) == ("邻" in rhymes)
    wanted = rhymes.replace("邻", "鄰")
    wanted = wanted[1:] if len(wanted) == 4 else wanted
    for row in map(json.loads, done.stdout.splitlines()):
        verdict = check(COUPLET + row["text"])
        assert verdict.regular and row["finish"] == "stop"
        ends = [line[-1] for line in lines_of(row["text"])[1::2]]
        assert len(ends) == len(wanted)
        assert all(one in ("？", end) for one, end in zip(wanted, ends, strict=True))


def test_in_chinese_everything_is_chinese(tmp_path: Path) -> None:
    simplified = OLD.replace("鳥", "鸟")
    done = complete(simplified, COUPLET, "--lang", "zh", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if "「" in line]
    assert said[0] == f"「{simplified}」有簡體字「鸟」，讀作「{OLD}」"
    assert "不能作近體詩的首聯" in said[1] and "以下各句只守字數、押韻" in said[1]
    assert "近體詩，合律 · 每字 -" in done.stdout
    assert not re.search("[A-Za-z]", done.stdout + "".join(said))


def test_files_of_couplets_are_completed(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text(f"1. {COUPLET}\n\n2. 白日依山盡　黃河入海流\n")
    (tmp_path / "test.json").write_text(json.dumps([{"instruction": "x", "input": OLD}]))
    free = ("--json", "--form=free", "--max-length=4")
    done = complete("mine.txt", "test.json", COUPLET, *free, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    couplets = [json.loads(line)["couplet"] for line in done.stdout.splitlines()]
    assert couplets == [COUPLET, "白日依山盡，黃河入海流。", OLD, COUPLET]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "mine.json' is neither a file that exists nor a poem"),
        ("[]", "mine.json holds no records"),
        ('[{"input": ""}]', "mine.json[0].input: empty"),
        ('[{"poet": 1}]', "mine.json[0]: no field that holds a poem"),
    ],
)
def test_a_file_without_couplets_is_named(
    content: str | None, message: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "mine.json").write_text(content)
    done = complete("mine.json", cwd=tmp_path)
    assert done.returncode == 2 and message in done.stderr


def test_known_lines_are_found_with_author_and_title() -> None:
    known = known_lines()
    if known is None:
        pytest.skip("the large corpus has not been fetched: `lianju run` does it")
    [poem] = known.find("江清月近人")
    assert (poem.author, poem.title) == ("孟浩然", "宿建德江")
    assert known.find("江清月近人，") == known.find("江清月近人")
    assert len(known.find("白日依山盡")) > 1
    assert known.find("此句無人寫過") == []
