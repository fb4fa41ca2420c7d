"""`lianju explore`: what the decoding parameters do."""

from cyclopts import App

app = App(name="explore", help="See what temperature, top-k, top-p and the others do.")
app.command("lianju.cli.explore_next:next_", name="next")
app.command("lianju.cli.explore_sweep:sweep", name="sweep")
