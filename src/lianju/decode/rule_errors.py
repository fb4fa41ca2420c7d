"""What is said of rules that cannot be kept, and of requests that contradict themselves.

The sentences stand in rule_errors.toml.
"""

from collections.abc import Iterable

from lianju.verse import Bilingual, Sentences

say = Sentences("lianju.decode", "rule_errors.toml")


def one_of(numbers: Iterable[int]) -> Bilingual:
    """Numbers of which one is to be chosen."""
    told = [str(number) for number in numbers]
    return Bilingual(" or ".join(told), "或".join(told))


def unwritable(characters: Iterable[str], remedy: Bilingual) -> Bilingual:
    """Of characters that do not occur in Tang verse."""
    return say("unwritable", characters="".join(sorted(characters)), remedy=remedy)
