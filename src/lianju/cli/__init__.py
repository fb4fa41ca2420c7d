"""The command line: parse, call one function, print.

Importing this stays light, so that `lianju --help` is quick: what needs torch is imported
inside the verbs.
"""

from lianju.cli.app import main

__all__ = ["main"]
