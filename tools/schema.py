"""Write `docs/evaluation.schema.json`: what an evaluation's report.json holds, as a JSON schema.

Run from a checkout, after every change of `lianju.evaluate.schema`: `python -m tools.schema`.
"""

from pathlib import Path

from lianju.evaluate.schema import Report
from lianju.files import write_json

OUT = Path(__file__).parents[1] / "docs/evaluation.schema.json"

if __name__ == "__main__":
    write_json(OUT, Report.model_json_schema())
