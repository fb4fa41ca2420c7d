"""What the corpus room hands out: poems, examples, and what became of each record."""

from dataclasses import dataclass

# What the names of Song poems begin with.
SONG = "song/"


@dataclass(frozen=True, slots=True)
class Poem:
    """One poem of the large corpus, as its editors print it: brackets and notes included."""

    id: str
    author: str
    title: str
    paragraphs: tuple[str, ...]

    @property
    def text(self) -> str:
        """The whole poem on one line."""
        return "".join(self.paragraphs)


@dataclass(frozen=True, slots=True)
class Example:
    """A couplet and the rest of its poem; `source` is a poem id, or FILE and a place."""

    couplet: str
    completion: str
    source: str

    @property
    def text(self) -> str:
        """The whole poem on one line."""
        return self.couplet + self.completion


@dataclass(frozen=True, slots=True)
class Dropped:
    """A record that is not trained on: its place in the file, why, and its text."""

    index: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """The cleaned training poems; `total` records came from `origin`.

    `notes`: how records were read that did not stand as verse is written, a line for each kind.
    """

    examples: list[Example]
    dropped: list[Dropped]
    origin: str
    total: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Split:
    """What to train on and what to validate on; `note` says in a sentence how it was cut."""

    pool: list[Example]
    validation: list[Example]
    note: str
