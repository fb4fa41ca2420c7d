"""What writes the data that the package carries: `python -m tools.NAME`."""
