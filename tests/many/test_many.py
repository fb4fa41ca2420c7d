"""Files of couplets completed by the tiny model: rows, faults, shards, manifests, memory."""

import csv
import json
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianju.decode.batch import Batch
from lianju.decode.candidate import Candidate
from lianju.errors import UserError
from lianju.many import open_job
from lianju.progress import Reporter
from lianju.shards import WHOLE, Shard
from tests.many.files import COUPLET, asked, done, jsonl, lines, rows, writer
from tests.tiny import COUPLETS


def test_every_row_has_the_poems_that_it_has_alone_in_the_order_of_the_rows(
    tmp_path: Path,
) -> None:
    ruled = {"couplet": COUPLET, "form": "五絕", "rhyme": "off", "tone": "off"}
    values, what = [*rows(20), ruled], asked(candidates=2, max_length=70)
    job = done(jsonl(tmp_path / "c.jsonl", values), tmp_path / "p.jsonl", what)
    assert job.reached.couplets == 21 and not job.files.faults.exists()
    found = lines(tmp_path / "p.jsonl")
    assert [(line["row"], line["candidate"]) for line in found] == [
        (row, candidate) for row in range(1, 22) for candidate in (1, 2)
    ]
    assert [line["id"] for line in found[::2]] == [*(f"p{n}" for n in range(20)), 21]
    by = writer()
    for value, pair in zip(values[:20:7], zip(found[::14], found[1::14], strict=True), strict=True):
        poems = by.write(value["couplet"], 2, form="free", max_length=70, seed=value["seed"])
        own = [
            {k: v for k, v in line.items() if k not in ("id", "row", "candidate")} for line in pair
        ]
        assert [json.loads(json.dumps(poem.as_row())) for poem in poems] == own
    assert found[-1]["form"] == "wujue" and len(found[-1]["text"]) == 12


def test_the_batch_is_as_full_as_that_of_couplets_in_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a file goes at the same rate."""
    rows_of_steps: list[int] = []
    step = Batch.step

    def counted(self: Batch) -> list[Candidate]:
        rows_of_steps.append(self.rows)
        return step(self)

    monkeypatch.setattr(Batch, "step", counted)
    couplets = [couplet for couplet, _ in COUPLETS] * 25
    assert len(list(writer().write_many(couplets, form="free", max_length=6))) == 150
    alone, rows_of_steps = rows_of_steps, []
    values = [{"couplet": couplet} for couplet in couplets]
    done(jsonl(tmp_path / "c.jsonl", values), tmp_path / "p.jsonl")
    assert rows_of_steps == alone and max(alone) == 64


FAULTS: list[tuple[Any, str | None, str]] = [
    ("{", None, "not JSON"),
    ("[" * 3000, None, "nested too deeply"),
    ('{"couplet": "x", "couplet": "y"}', None, "couplet stands twice in the row"),
    ([1], None, "a list, not an object"),
    ({"id": "a"}, "couplet", "missing"),
    ({"couplet": 5}, "couplet", "no text"),
    ({"couplet": "  "}, "couplet", "missing"),
    ({"couplet": "春" * 300}, "couplet", "300 characters is too long"),
    ({"couplet": "春\0秋"}, "couplet", "bytes that are no text"),
    ({"couplet": COUPLET, "id": 1.5}, "id", "a text or a whole number"),
    ({"couplet": COUPLET, "id": True}, "id", "a text or a whole number"),
    ({"couplet": COUPLET, "id": "a" * 300}, "id", "at most 200"),
    ({"couplet": COUPLET, "id": "a\nb"}, "id", "visible"),
    ({"couplet": COUPLET, "form": "sonnet"}, "form", "form: input should be 'auto'"),
    ({"couplet": COUPLET, "form": "qijue"}, "verse", "lines of 7"),
    ({"couplet": COUPLET, "lines": 5}, "lines", "their number is even"),
    ({"couplet": COUPLET, "seed": -1}, "seed", "seed: input should be greater"),
    ({"couplet": COUPLET, "form": "wujue"}, "max_length", "6 is too short"),
]


def test_what_is_wrong_with_a_row_stands_beside_the_poems(tmp_path: Path) -> None:
    values: list[Any] = [{"couplet": COUPLET}]
    for fault, _, _ in FAULTS:
        values += [fault, {"couplet": COUPLET}]
    couplets = jsonl(tmp_path / "c.jsonl", values)
    couplets.write_bytes(couplets.read_bytes() + b'{"couplet": "\xff\xfe"}\n')
    job = done(couplets, tmp_path / "p.jsonl")
    assert [line["row"] for line in lines(tmp_path / "p.jsonl")] == list(range(1, 38, 2))
    found = lines(tmp_path / "p.errors.jsonl")
    assert [line["row"] for line in found] == [*range(2, 38, 2), 38]
    for line, (_, field, said) in zip(found, [*FAULTS, (0, "couplet", "UTF-8")], strict=True):
        assert line["field"] == field and said in line["error"], line
        assert line["id"] == ("a" if line["row"] == 10 else line["row"])
    assert (job.reached.couplets, job.reached.faults) == (19, 19)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert done(couplets, tmp_path / "p.jsonl").finished
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("kind", ["csv", "tsv", "txt", "parquet"])
def test_other_kinds_of_files_have_the_same_poems(kind: str, tmp_path: Path) -> None:
    values = [
        {"id": f"p{n}", "input": COUPLETS[n % 6][0], "seed": str(n) if n % 2 else "", "form": ""}
        for n in range(8)
    ]
    plain = [{"couplet": value["input"], "seed": value["seed"]} for value in values]
    path = tmp_path / f"c.{kind}"
    if kind == "txt":
        path.write_text(
            "\ufeff" + "\r\n\r\n".join(f"{n}. {v['input']}" for n, v in enumerate(values))
        )
        plain = [{"couplet": value["couplet"]} for value in plain]
    elif kind == "parquet":
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(values), path, row_group_size=3)
    else:
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            table = csv.DictWriter(
                file, ["id", "form", "input", "seed"], delimiter=",\t"[kind == "tsv"]
            )
            table.writeheader()
            table.writerows(values)
    done(path, tmp_path / "p.jsonl")
    done(jsonl(tmp_path / "same.jsonl", plain), tmp_path / "q.jsonl")
    found, same = lines(tmp_path / "p.jsonl"), lines(tmp_path / "q.jsonl")
    assert [line.pop("id") for line in found] == (
        list(range(1, 9)) if kind == "txt" else [f"p{n}" for n in range(8)]
    )
    assert [{**line, "id": line["row"]} for line in found] == same
    # From the middle on, as a shard reads it.
    done(path, tmp_path / "p.jsonl", shard=Shard(2, 2))
    assert [line["row"] for line in lines(tmp_path / "p-2-of-2.jsonl")] == [5, 6, 7, 8]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("c.jsonl", "", "no row with a couplet: it is empty"),
        ("c.jsonl", '{"title": "x"}\n', "no row with a couplet: row 1: no couplet"),
        ("c.jsonl", "白日依山盡，黃河入海流。".encode("big5"), "BIG5"),
        ("c.csv", "id,title\n1,x\n", "names no column with couplets: couplet / input / 首聯"),
        ("c.csv", "couplet,id,id\n1,x,y\n", "a column stands twice"),
        ("c.csv", b"couplet\n" + "白日依山盡".encode("gb18030"), "UTF-8"),
        ("c.parquet", "PAR1", "cannot read"),
        ("c.json", "[]", r"these kinds: \.jsonl, \.csv, \.tsv, \.parquet, \.txt"),
        ("c.jsonl", None, "c.jsonl"),
    ],
)
def test_a_file_without_couplets_is_refused(
    name: str, content: str | bytes | None, said: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UserError, match=said):
        done(tmp_path / name, tmp_path / "p.jsonl")
    assert {path.name for path in tmp_path.iterdir()} <= {name}


@pytest.mark.parametrize("second", ["7", 7, None])
def test_an_id_that_stands_twice_is_refused_before_anything_is_written(
    second: object, tmp_path: Path
) -> None:
    values = [{"couplet": COUPLET} for _ in range(9)]
    values[2] = {"couplet": COUPLET, "id": "7"}
    if second is not None:
        values[4] = {"couplet": COUPLET, "id": second}  # type: ignore[dict-item]
    twice = "rows 3 and 7" if second is None else "rows 3 and 5"
    with pytest.raises(UserError, match=f"{twice} have the same id '7'"):
        done(jsonl(tmp_path / "c.jsonl", values), tmp_path / "p.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["c.jsonl"]


@given(st.integers(0, 300), st.integers(1, 40))
def test_shards_are_all_rows_each_once(total: int, count: int) -> None:
    shards = [Shard(number, count) for number in range(1, count + 1)]
    assert [row for shard in shards for row in shard.rows(total)] == list(range(1, total + 1))
    sizes = {len(shard.rows(total)) for shard in shards}
    assert max(sizes) - min(sizes) <= 1
    assert sorted(i for shard in shards for i in shard.every(total)) == list(range(total))
    names = [str(shard.beside(Path("x/p.jsonl"))) for shard in shards]
    assert names == sorted(names) and len(set(names)) == count


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/0", "-1/3", "1/3/5", "a/b", ""])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--shard"):
        Shard.read(text)


def test_shards_laid_end_to_end_are_the_whole(tmp_path: Path) -> None:
    values: list[Any] = rows(23)
    values[11] = {"couplet": ""}
    couplets = jsonl(tmp_path / "c.jsonl", values)
    done(couplets, tmp_path / "whole.jsonl")
    for number in random.Random(0).sample(range(1, 13), 12):
        done(couplets, tmp_path / "p.jsonl", shard=Shard(number, 12))
    parts = sorted(tmp_path.glob("p-*-of-12.jsonl"))
    joined = b"".join(part.read_bytes() for part in parts)
    assert joined == (tmp_path / "whole.jsonl").read_bytes() and len(lines(parts[0]))
    faults = b"".join(part.read_bytes() for part in tmp_path.glob("p-*.errors.jsonl"))
    assert faults == (tmp_path / "whole.errors.jsonl").read_bytes()


def test_more_shards_than_rows_is_no_error(tmp_path: Path) -> None:
    couplets = jsonl(tmp_path / "c.jsonl", rows(2))
    jobs = [done(couplets, tmp_path / "p.jsonl", shard=Shard(n, 5)) for n in range(1, 6)]
    assert sum(job.reached.couplets for job in jobs) == 2


class _Stopping(Reporter):
    """Presses Ctrl-C when so many rows are done."""

    def __init__(self, after: int):
        self.left = after

    def task(self, name: str, total: int) -> Any:
        context = super().task(name, total)
        stopping = self

        class _Task:
            def advance(self, units: int = 1, note: str = "") -> None:
                stopping.left -= units * (name == "Completing")
                if stopping.left < 0:
                    raise KeyboardInterrupt

        class _Context:
            def __enter__(self) -> Any:
                context.__enter__()
                return _Task()

            def __exit__(self, *error: object) -> None:
                context.__exit__(None, None, None)

        return _Context()


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_ctrl_c_keeps_what_was_written_and_the_rest_is_as_without(
    suffix: str, tmp_path: Path
) -> None:
    values: list[Any] = rows(60)
    values[20] = values[50] = {"couplet": ""}
    couplets = jsonl(tmp_path / "c.jsonl", values)
    whole = done(couplets, tmp_path / f"whole.{suffix}").files
    for after in (0, 7, 30):
        with pytest.raises(KeyboardInterrupt):
            done(couplets, tmp_path / f"p.{suffix}", reporter=_Stopping(after))
        # A cut last line, as a killed process leaves it.
        with (tmp_path / f"p.{suffix}").with_suffix(".errors.jsonl").open("ab") as file:
            file.write(b'{"id": 1, "ro')
    files = done(couplets, tmp_path / f"p.{suffix}").files
    assert files.output.read_bytes() == whole.output.read_bytes()
    assert not files.lines.exists() or suffix == "jsonl"
    if suffix == "jsonl":
        assert lines(files.faults) == lines(whole.faults)


def test_parquet_has_the_columns_of_the_lines(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    couplets = jsonl(tmp_path / "c.jsonl", [*rows(5), {"couplet": COUPLET.replace("黃", "黄")}])
    done(couplets, tmp_path / "p.jsonl")
    done(couplets, tmp_path / "p2.parquet")
    table = parquet.read_table(tmp_path / "p2.parquet").to_pylist()
    for row, line in zip(table, lines(tmp_path / "p.jsonl"), strict=True):
        nested = {name: json.loads(row[name]) for name in ("verdict", "copied")}
        assert {**row, **nested} == {**line, "id": str(line["id"])}
    assert table[-1]["notes"] and table[-1]["notes_zh"]


def _edit(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / "p.jsonl.manifest.json"
        value = json.loads(path.read_text())
        change(value)
        path.write_text(json.dumps(value))

    return edit


SPOILED: list[tuple[Callable[[Path], object], str]] = [
    (lambda folder: (folder / "p.jsonl.manifest.json").unlink(), "exists already, without"),
    (lambda folder: (folder / "p.jsonl.manifest.json").write_text(""), "is damaged"),
    (lambda folder: (folder / "p.jsonl.manifest.json").write_text("[1]"), "not as Lianju writes"),
    (_edit(lambda value: value.pop("reached")), "reached: Field required"),
    (_edit(lambda value: value.update(mine=1)), "mine: Extra inputs"),
    (_edit(lambda value: value["model"].update(engine="other")), "engine: other, now pytorch"),
    (_edit(lambda value: value["model"].update(weights="1" * 64)), "base model's weights"),
    (lambda folder: (folder / "p.jsonl").unlink(), "it was changed or moved"),
    (lambda folder: (folder / "p.jsonl").write_text("{}\n"), "has 3 bytes"),
    (lambda folder: jsonl(folder / "c.jsonl", rows(31)), "the couplets of --input"),
]


@pytest.mark.parametrize(("spoil", "said"), SPOILED)
def test_what_was_spoiled_is_refused_and_left_as_it_is(
    spoil: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    couplets = jsonl(tmp_path / "c.jsonl", rows(30))
    with pytest.raises(KeyboardInterrupt):
        done(couplets, tmp_path / "p.jsonl", reporter=_Stopping(9))
    spoil(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UserError, match=said):
        done(couplets, tmp_path / "p.jsonl")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (asked(seed=1), "seed: 0, now 1"),
        (asked(candidates=2), "candidates: 1, now 2"),
        (asked("auto", max_length=6, temperature=0.5), "form: free, now auto; temperature: 1.0"),
        (asked(model="other"), "model: tiny, now other"),
    ],
)
def test_another_command_on_the_same_output_is_refused(
    what: Any, said: str, tmp_path: Path
) -> None:
    couplets = jsonl(tmp_path / "c.jsonl", rows(3))
    done(couplets, tmp_path / "p.jsonl")
    with pytest.raises(UserError, match=said):
        done(couplets, tmp_path / "p.jsonl", what)


def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    couplets = jsonl(tmp_path / "c.jsonl", rows(3))
    with (
        open_job(couplets, tmp_path / "p.jsonl", asked(), WHOLE),
        pytest.raises(UserError, match="another process is at work"),
        open_job(couplets, tmp_path / "p.jsonl", asked(), WHOLE),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["c.jsonl"]


BROKEN = "千山鳥飛絕，萬徑人蹤滅。"


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Couplets at which the model breaks when it reads them."""
    couplets: list[str] = []
    join = Batch.join

    def joined(self: Batch, candidates: Sequence[Candidate]) -> None:
        if any(one.couplet in couplets for one in candidates):
            raise RuntimeError("out of memory")
        join(self, candidates)

    monkeypatch.setattr(Batch, "join", joined)
    return couplets


def test_a_row_at_which_the_model_breaks_is_a_fault_and_others_are_written(
    breaking: list[str], tmp_path: Path
) -> None:
    couplets = jsonl(tmp_path / "c.jsonl", rows(90))
    done(couplets, tmp_path / "whole.jsonl")
    breaking.append(BROKEN)
    done(couplets, tmp_path / "p.jsonl")
    broken = [row for row in range(1, 91) if rows(90)[row - 1]["couplet"] == BROKEN]
    faults = lines(tmp_path / "p.errors.jsonl")
    assert [line["row"] for line in faults] == broken
    assert {line["error"] for line in faults} == {"internal error, RuntimeError: out of memory"}
    whole = lines(tmp_path / "whole.jsonl")
    assert lines(tmp_path / "p.jsonl") == [line for line in whole if line["row"] not in broken]


def test_where_the_model_breaks_at_every_row_the_same_command_tries_them_again(
    breaking: list[str], tmp_path: Path
) -> None:
    couplets = jsonl(tmp_path / "c.jsonl", rows(100))
    breaking += [couplet for couplet, _ in COUPLETS]
    with pytest.raises(RuntimeError, match="out of memory"):
        done(couplets, tmp_path / "p.jsonl")
    breaking.clear()
    job = done(couplets, tmp_path / "p.jsonl")
    assert (job.reached.couplets, job.reached.faults) == (100, 0)


def _peak(work: Callable[[], object]) -> int:
    """By how many bytes the process grows at most."""
    Path("/proc/self/clear_refs").write_text("5")

    def read(name: str) -> int:
        status = Path("/proc/self/status").read_text()
        return int(re.findall(rf"{name}:\s+(\d+) kB", status)[0]) * 1024

    before = read("VmRSS")
    work()
    return read("VmHWM") - before


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux measures it")
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    done(jsonl(tmp_path / "small.jsonl", rows(200)), tmp_path / "small-p.jsonl")
    path, note = tmp_path / "c.jsonl", "註" * 60
    with path.open("w", encoding="utf-8") as file:
        for number in range(200_000):
            value = {"id": f"row {number}", "couplet": "", "note": note}
            value |= {"couplet": COUPLET} if number % 2000 == 0 else {}
            file.write(json.dumps(value, ensure_ascii=False) + "\n")
    assert path.stat().st_size > 40 * 2**20
    grown = _peak(lambda: done(path, tmp_path / "p.jsonl"))
    assert len(lines(tmp_path / "p.jsonl")) == 100
    assert grown < 16 * 2**20
