"""Whether every completion keeps the rules: the tuned model on couplets that it has not seen.

Run: `python -m benchmarks.forms ADAPTER OUT.jsonl [--couplets 1000]`. Every couplet is completed
in every form that fits it, at temperatures 0.1, 0.8 and 1.5, from all of the distribution
(top-p 1). The poems go to OUT.jsonl, for other checkers; the table counts those that keep length,
rhyme, tone and all, for legal couplets and for those that are legal only by rare readings; and for
those that cannot open regulated verse how often the new lines keep what is required of them. Goes
on where it stopped.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

from benchmarks.common import constrain, held_out, load
from lianju.config import VerseSettings, load_settings
from lianju.decode import Rules, complete, rules_for
from lianju.files import read_jsonl
from lianju.verse import (
    LEVEL,
    OBLIQUE,
    PATTERNS,
    check,
    groups,
    lines_of,
    may_follow,
    opening,
    standard,
)

TEMPERATURES = (0.1, 0.8, 1.5)
FORMS = {5: ("wujue", "wulu"), 7: ("qijue", "qilu")}
_PART = 100


def main() -> None:
    """Complete what is missing in the file, then count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adapter", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--couplets", type=int, default=1000)
    arguments = parser.parse_args()
    couplets = held_out(arguments.couplets)
    _write(arguments.adapter, arguments.out, couplets)
    _count(read_jsonl(arguments.out))


def _write(adapter: Path, out: Path, couplets: list[str]) -> None:
    done = {_key(row) for row in read_jsonl(out)} if out.is_file() else set()
    model, style = load(adapter)
    for length, forms in FORMS.items():
        fitting = [couplet for couplet in couplets if len(lines_of(couplet)[0]) == length]
        for form in forms:
            for temperature in TEMPERATURES:
                left = [c for c in fitting if (c, form, temperature) not in done]
                for start in range(0, len(left), _PART):
                    part = left[start : start + _PART]
                    settings = load_settings(
                        "default", {"decode.temperature": temperature, "decode.top_p": 1}
                    ).decode
                    rules = constrain(model, part, VerseSettings.model_validate({"form": form}))
                    results = complete(model, style, part, settings, constraints=rules)
                    with out.open("a", encoding="utf-8") as file:
                        for [item] in results:
                            row = {
                                "couplet": item.couplet,
                                "text": item.text,
                                "form": form,
                                "temperature": temperature,
                                "finish": item.finish,
                                "lines": lines_of(item.couplet + item.text),
                            }
                            file.write(json.dumps(row, ensure_ascii=False) + "\n")
                print(f"{form} {temperature}: {len(fitting)}", flush=True)


def _key(row: dict[str, object]) -> tuple[object, ...]:
    return row["couplet"], row["form"], row["temperature"]


def _count(rows: list[dict[str, object]]) -> None:
    table: dict[tuple[object, ...], Counter[str]] = {}
    for row in rows:
        couplet, text, form = str(row["couplet"]), str(row["text"]), str(row["form"])
        rules = rules_for(couplet, VerseSettings.model_validate({"form": form}))
        assert rules is not None
        legal, rare = not rules.faults, opening(lines_of(couplet)).rare
        verdict = check(couplet + text)
        counts = table.setdefault(
            ("rare" if rare else "legal" if legal else "other", form, row["temperature"]), Counter()
        )
        counts["n"] += 1
        counts["length"] += row["finish"] == "stop" and shaped(rules, text)
        counts["rhyme"] += verdict.rhymes
        counts["tone"] += verdict.scans
        counts["full"] += verdict.regular
        counts["required"] += verdict.regular if legal else keeps(rules, lines_of(text))
    names = ("n", "length", "rhyme", "tone", "full", "required")
    print(f"{'':24}" + "".join(f"{name:>10}" for name in names))
    for key, counts in sorted(table.items(), key=str):
        label = " ".join(map(str, key))
        print(f"{label:24}" + "".join(f"{counts[name]:10}" for name in names))


def shaped(rules: Rules, text: str) -> bool:
    """Whether the new lines have their length, their punctuation and their number."""
    lines = lines_of(text)
    marked = "".join(f"{line}{'，。'[i % 2]}" for i, line in enumerate(lines))
    return text == marked and len(lines) + 2 in rules.ends and {*map(len, lines)} == {rules.length}


def keeps(rules: Rules, lines: tuple[str, ...]) -> bool:
    """Whether new lines keep the rules, worked out from readings and patterns alone."""
    ends = [line[-1] for line in lines[1::2]]
    if len({*map(standard, ends)} | rules.used) != len(ends) + len(rules.used):
        return False
    for pattern, rhyme in rules.start:
        if rhyme and not any(
            all(groups(end) & 1 << index for end in ends) for index in _indices(rhyme)
        ):
            continue
        if _scans(pattern.type, rules.length, lines):
            return True
    return False


def _indices(groups: int) -> list[int]:
    return [index for index in range(groups.bit_length()) if groups >> index & 1]


def _scans(type: str, length: int, lines: tuple[str, ...]) -> bool:
    """Whether the lines follow each other in type from the third on."""
    if not type:
        return True
    open_ = {pattern for pattern in PATTERNS[length] if pattern.type == type}
    for number, line in enumerate(lines, 3):
        fitting = {
            pattern
            for pattern in open_
            if all(
                mark == "0" or groups(c) & (LEVEL if mark == "1" else OBLIQUE)
                for c, mark in zip(line, pattern.marks, strict=True)
            )
        }
        if not fitting:
            return False
        open_ = {
            after
            for pattern in fitting
            for after in PATTERNS[length]
            if may_follow(pattern, after, number)
        }
    return True


if __name__ == "__main__":
    main()
