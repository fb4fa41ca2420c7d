"""What is said of a couplet and of a file that a user gives; it stands in sentences.toml."""

from lianju.verse import Sentences

say = Sentences("lianju.corpus", "sentences.toml")
