"""`lianju explore`: what the parameters of decoding and of training do."""

from cyclopts import App

app = App(
    name="explore",
    help="See what temperature, top-k, top-p and the others do, and what training settings do.",
)
for name, where in (
    ("next", "explore_next:next_command"),
    ("sweep", "explore_sweep:sweep_command"),
    ("train", "explore_train:train_command"),
):
    app.command(f"lianju.cli.{where}", name=name)
