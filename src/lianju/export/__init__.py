"""What was trained, for other programs: a PEFT adapter, a merged model, a GGUF file.

`find_source` finds what to export, `export` writes it, reads it back with other libraries and
compares, and `push` sends it to the hub. Every export spells verse one token a character, as the
model was trained, and brings its prompt along.
"""

from lianju.export.card import about_run
from lianju.export.pipeline import Export, Target, write_export
from lianju.export.rounding import FileType
from lianju.export.source import ExportSource, find_source
from lianju.export.upload import Upload, check_login, check_name, plan_upload, push

__all__ = [
    "Export",
    "ExportSource",
    "FileType",
    "Target",
    "Upload",
    "about_run",
    "check_login",
    "check_name",
    "find_source",
    "plan_upload",
    "push",
    "write_export",
]
