"""`lianju explore`: what the decoding parameters do."""

from cyclopts import App

app = App(name="explore", help="See what temperature, top-k, top-p and the others do.")
for name, where, text in (
    ("next", "explore_next:next_", "The next character's lot, stage by stage, or a whole poem's."),
    ("sweep", "explore_sweep:sweep", "A grid of parameters on the same couplets, laid out."),
):
    app.command(f"lianju.cli.{where}", name=name, help=text)
