"""`lianju export`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from lianju.cli.inputs import told_adapter
from lianju.console import TerminalReporter, print_line, print_table
from lianju.errors import UserError

if TYPE_CHECKING:
    from lianju.export import Upload

_HELP = """A run, its adapter or one of its checkpoints; default: the newest run in runs/, \
or the adapter that comes with the program.
Example: lianju export --to gguf --out tang && ollama create tang -f tang/Modelfile

What is written brings a tokenizer that spells verse as the model was trained, the prompt as a \
chat template whose only message is the couplet, and a model card. It is read back with other \
libraries and its logits are compared before it is called done."""


def export_command(
    source: Annotated[
        Path | None,
        Parameter(
            name="RUN|ADAPTER",
            help=_HELP,
            show_default=False,
        ),
    ] = None,
    /,
    *,
    to: Annotated[
        Literal["adapter", "merged", "gguf"],
        Parameter(
            help="adapter: for PEFT, beside the base model. merged: a whole model for "
            "transformers, in bf16. gguf: one file for llama.cpp and Ollama, with a Modelfile."
        ),
    ],
    out_: Annotated[Path, Parameter(name="--out", help="The folder to write; it must not exist.")],
    type_: Annotated[
        Literal["f16", "bf16", "q8_0"],
        Parameter(name="--type", help="gguf only: how weights are held; q8_0 halves the file."),
    ] = "f16",
    push: Annotated[
        str | None,
        Parameter(
            help="Send it to this hub repository, ORG/NAME, when it is done; a new one is private."
        ),
    ] = None,
    dry_run: Annotated[
        bool, Parameter(help="With --push: export, say what would be sent, and send nothing.")
    ] = False,
) -> None:
    """Turn a trained adapter into something that other programs use."""
    if dry_run and push is None:
        raise UserError("--dry-run goes with --push ORG/NAME")
    if type_ != "f16" and to != "gguf":
        raise UserError("--type goes with --to gguf")
    from lianju.export import check_login, check_name, find_source, plan_upload, write_export
    from lianju.export import push as send

    if push is not None:
        check_name(push)
        if not dry_run:
            check_login()
    found = find_source(source or told_adapter())
    write_export(found, to, out_, type_, TerminalReporter())
    print_line(f"Exported to {out_}")
    if to == "gguf":
        modelfile = shlex.quote(str(out_ / "Modelfile"))
        print_line(f"Try: ollama create tang -f {modelfile}")
    if push is not None:
        upload = plan_upload(out_, push)
        if dry_run:
            _print_plan(upload)
        else:
            print_line(
                f"Pushed to {send(upload)}; a new repository is private until you open it there"
            )


def _print_plan(upload: "Upload") -> None:
    """The files that a push would send."""
    total = sum(size for _, size in upload.files)
    print_line(
        f"Would push {len(upload.files)} files, {total / 1e6:.1f} MB, to {upload.repository}:"
    )
    print_table(((f"{size / 1e6:.3f} MB", name) for name, size in upload.files), "><")
