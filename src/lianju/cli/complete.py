"""`lianju complete`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from lianju.cli.console import TerminalReporter, err, out
from lianju.cli.flags import DecodeFlags
from lianju.config import ModelSettings, load_settings
from lianju.corpus import simplified, traditional
from lianju.errors import UserError
from lianju.verse import couplet_fault, lines_of, shape_of

if TYPE_CHECKING:
    from lianju.decode import Completion
    from lianju.model import LanguageModel


_LONGEST = 200


def complete(
    couplets: Annotated[
        list[str], Parameter(help="The first couplet of a poem, in quotes; one or several.")
    ],
    /,
    *,
    n: Annotated[int, Parameter(name=["-n", "--candidates"], help="Completions a couplet.")] = 1,
    decoding: DecodeFlags | None = None,
    seed: Annotated[int, Parameter(help="The same seed gives the same poems.")] = 0,
    adapter: Annotated[
        Path | None,
        Parameter(help="The adapter of a run; default: the newest in runs/.", show_default=False),
    ] = None,
    base: Annotated[bool, Parameter(help="Use the untouched base model.")] = False,
    model: Annotated[
        str | None,
        Parameter(help="The base model; default: the adapter's own.", show_default=False),
    ] = None,
    as_json: Annotated[bool, Parameter(name="--json", help="One JSON object a line.")] = False,
) -> None:
    """Write the rest of a poem, given its first couplet.

    Example: lianju complete "空山新雨後，天氣晚來秋。" -n 4 --temperature 0.8
    """
    overrides = {"decode.candidates": n, "decode.seed": seed}
    settings = load_settings("default", overrides | (decoding.overrides() if decoding else {}))
    couplets = [_checked(couplet) for couplet in couplets]
    if base and adapter:
        raise UserError("--base and --adapter exclude each other")
    folder = None if base else adapter or _newest_adapter()
    network, style = _load(folder, model, settings.model.name, settings.prompt.style)

    from lianju.decode import complete as complete_all

    results = complete_all(network, style, couplets, settings.decode, TerminalReporter())
    for group in results:
        for number, completion in enumerate(group, 1):
            if as_json:
                out.print(json.dumps(_row(completion), ensure_ascii=False), markup=False)
            else:
                _show(completion, number, len(group))


def _checked(couplet: str) -> str:
    """The couplet to complete, with a word to the user where it is not what poems begin with."""
    if len(couplet) > _LONGEST:
        raise UserError(f"a couplet of {len(couplet)} characters is too long: at most {_LONGEST}")
    if not couplet.isprintable():
        raise UserError("the couplet has bytes that are no text: is the terminal set to UTF-8?")
    if not lines_of(couplet):
        raise UserError("the couplet is empty: give the first couplet of a poem, in quotes")
    if found := simplified(couplet):
        given, couplet = couplet, traditional(couplet)
        err.print(f"Note: {given} has simplified {found}; read as {couplet}", markup=False)
    if fault := couplet_fault(couplet):
        err.print(f"Note on {couplet}: {fault}. The model may not find a form.", markup=False)
    return couplet


def _newest_adapter() -> Path:
    found = sorted(Path("runs").glob("*/adapter/lianju.json"), key=lambda p: p.stat().st_mtime)
    if not found:
        raise UserError(
            "no adapter in ./runs yet: train one with `lianju run`, name one with --adapter, "
            "or see the untouched model with --base"
        )
    err.print(f"Adapter: {found[-1].parent}", markup=False)
    return found[-1].parent


def _load(
    folder: Path | None, name: str | None, default: str, style: str
) -> "tuple[LanguageModel, str]":
    """The model to ask, and the prompt style it knows."""
    from lianju.model import choose_device, load_adapter, load_base, read_card, weights_dtype
    from lianju.prompt import fingerprint, fixed_texts

    card: dict[str, Any] = read_card(folder) if folder else {"base": default, "style": style}
    settings = ModelSettings(name=name or card["base"])
    device = choose_device(settings)
    dtype = weights_dtype(device)
    network = load_base(settings, fixed_texts(), device, dtype, TerminalReporter())
    precision = str(dtype).removeprefix("torch.")
    err.print(f"{settings.name} on {device} in {precision}", markup=False)
    if folder:
        network = load_adapter(network, folder, fingerprint(card["style"]))
    return network, card["style"]


def _row(completion: "Completion") -> dict[str, Any]:
    shape = shape_of(completion.couplet, completion.text, completion.finish == "stop")
    form = shape.form.name if shape.form else None
    return {**asdict(completion), "form": form, "fault": shape.fault}


def _show(completion: "Completion", number: int, of: int) -> None:
    """The poem, a couplet a line, with its form or its fault."""
    shape = shape_of(completion.couplet, completion.text, completion.finish == "stop")
    verdict = f"{shape.form.chinese} {shape.form.name}" if shape.form else f"✗ {shape.fault}"
    heading = f"{number}/{of}  " if of > 1 else ""
    out.print(f"[dim]{heading}{verdict}[/dim]")
    out.print(completion.couplet, markup=False, style="bold")
    for line in completion.text.replace("。", "。\n").splitlines():
        out.print(line, markup=False)
    out.print()
