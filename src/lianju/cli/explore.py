"""`lianju explore`: what the decoding parameters do."""

from cyclopts import App

app = App(name="explore", help="See what temperature, top-k, top-p and the others do.")
for name, where in (
    ("next", "explore_next:next_command"),
    ("sweep", "explore_sweep:sweep_command"),
):
    app.command(f"lianju.cli.{where}", name=name)
