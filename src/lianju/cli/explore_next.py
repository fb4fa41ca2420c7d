"""`lianju explore next`."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter, validators
from rich.console import RenderableType

from lianju.cli.flags import DecodeFlags, ModelFlags, VerseFlags, decode_overrides
from lianju.cli.inputs import adapter_folder, rules_for_couplets, text_with_notes, verse_settings
from lianju.config import load_settings
from lianju.console import TerminalReporter, err, out
from lianju.corpus import check_text, interpret_couplet, to_traditional
from lianju.errors import UserError
from lianju.files import write_text
from lianju.verse import FORMS, names

if TYPE_CHECKING:
    from lianju.config import DecodeSettings
    from lianju.decode import Constraint, Rules, Walk
    from lianju.explore import PageContext
    from lianju.model import LanguageModel

    Asked = tuple[LanguageModel, str, str, DecodeSettings, Constraint | None]


@Parameter(name="*")
@dataclass(frozen=True)
class Outputs:
    """What is context, and where."""

    top: Annotated[
        int,
        Parameter(
            help="How many of the likeliest tokens to show.",
            validator=validators.Number(gte=1, lte=100),
        ),
    ] = 12
    steps: Annotated[
        bool,
        Parameter(
            help="Every token of one whole completion, and how the poem would have gone on from "
            "others."
        ),
    ] = False
    html: Annotated[
        Path | None, Parameter(help="Write a page that explains it.", show_default=False)
    ] = None
    svg: Annotated[
        Path | None, Parameter(help="Write the bar chart of one step.", show_default=False)
    ] = None
    as_json: Annotated[bool, Parameter(name="--json", help="Print one JSON object.")] = False


def next_command(
    couplet: Annotated[str, Parameter(help="The first couplet of a poem, in quotes.")],
    /,
    *,
    after: Annotated[
        str, Parameter(help="What stands after the couplet already.", show_default=False)
    ] = "",
    outputs: Outputs | None = None,
    rules: VerseFlags | None = None,
    decoding: DecodeFlags | None = None,
    seed: Annotated[int, Parameter(help="With --steps: the same seed gives the same poem.")] = 0,
    writer: ModelFlags | None = None,
) -> None:
    """See what the next character could be, and what each decoding parameter makes of that.

    The parameters act in this order: the form's rules, repetition penalty, temperature, top-k,
    top-p, min-p, typical. With --steps, the completion is that of `lianju complete` with one
    particle.

    Example: lianju explore next "空山新雨後，天氣晚來秋。" --top-k 20 --top-p 0.9
    """
    outputs = outputs or Outputs()
    if outputs.steps and outputs.svg:
        raise UserError("--svg draws one step: leave out --steps, or write a page with --html")
    settings = load_settings("default", decode_overrides(decoding, seed=seed))
    check_text(after, "--after")
    couplet, after = (
        text_with_notes(interpret_couplet(couplet)),
        text_with_notes(to_traditional(after)),
    )
    verse = verse_settings(rules)
    writer = writer or ModelFlags()
    folder = adapter_folder(writer)
    kept = rules_for_couplets([couplet], verse)

    from lianju.decode import constrain
    from lianju.explore import PageContext
    from lianju.loading import load_model

    network, style = load_model(folder, writer.model, TerminalReporter(), exact=writer.exact)

    [constraint] = constrain(network.vocabulary, kept)
    asked = (network, style, couplet, settings.decode, constraint)
    context = PageContext(
        couplet, network.name, folder is not None, settings.decode, _rules(kept[0])
    )
    err.print(f"Rules: {context.rules or 'none'}", markup=False)
    (_walk if outputs.steps else _step)(asked, after, context, outputs)


def _rules(rules: "Rules | None") -> str:
    """The forms that the poem may have, what its lines keep, and the rhymes that they may have."""
    if rules is None:
        return ""
    forms = [
        f"{form.name} {form.chinese}"
        for form in FORMS
        if form.characters == rules.length and form.lines in rules.ends
    ]
    rhymes = 0
    for _, groups in rules.start:
        rhymes |= groups
    rhyme = f" · rhyme 韻 {names(rhymes)}" if rhymes else ""
    return f"{' or '.join(forms)}{rhyme} · keeping {rules.kept}"


def _step(asked: "Asked", after: str, context: "PageContext", outputs: Outputs) -> None:
    """Find one step and show it."""
    from lianju.decode import next_tokens
    from lianju.explore import chart_file, step_lines, step_page

    step = next_tokens(*asked, after, outputs.top)
    if outputs.svg:
        write_text(outputs.svg, chart_file(step, context.couplet, context.settings))
        err.print(f"Chart: {outputs.svg}", markup=False)
    _page(outputs, step_page(step, context))
    row = {"couplet": context.couplet, **step.as_row()}
    _print(
        outputs,
        f"{context.couplet}{step.prefix}",
        row,
        step_lines(step, context.settings, out.width),
    )


def _walk(asked: "Asked", after: str, context: "PageContext", outputs: Outputs) -> None:
    """Find a whole completion and show it."""
    from lianju.decode import walk
    from lianju.explore import walk_lines, walk_page

    found = walk(*asked, reporter=TerminalReporter(), prefix=after, top=outputs.top)
    _page(outputs, walk_page(found, context))
    _print(outputs, f"{context.couplet}{after}", _walk_row(found), walk_lines(found))


def _page(outputs: Outputs, page: str) -> None:
    if outputs.html:
        write_text(outputs.html, page)
        err.print(f"Page: {outputs.html}", markup=False)


def _print(
    outputs: Outputs, heading: str, row: dict[str, Any], lines: Iterable[RenderableType]
) -> None:
    if outputs.as_json:
        out.print(json.dumps(row, ensure_ascii=False), markup=False)
        return
    out.print(heading, style="bold", markup=False)
    for line in lines:
        out.print(line)


def _walk_row(walk: "Walk") -> dict[str, Any]:
    return {
        "couplet": walk.completion.couplet,
        "text": walk.completion.text,
        "finish": walk.completion.finish,
        "positions": [
            {
                **position.step.as_row(),
                "taken": position.taken.as_row(),
                "alternatives": [
                    {
                        **alternative.choice.as_row(),
                        "completion": alternative.completion.text,
                        "finish": alternative.completion.finish,
                    }
                    for alternative in position.alternatives
                ],
            }
            for position in walk.positions
        ],
    }
